/**
 * Stage "aupro": the area under the per-region overlap curve of a detector's maps on the test images of
 * a class and seed, whose bad images have masks (`metrics/aupro.ts`, the pooled definition of MVTec AD).
 *
 * Payload: `aupro.json`, `{"aupro": …}` in [0, 1].
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { sha256 } from "../../base/digest.ts";
import { DataError } from "../../base/errors.ts";
import { readFileIfThere } from "../../base/files.ts";
import { parseFloat32Npy } from "../../base/npy.ts";
import { decodeImage } from "../../images/decode.ts";
import { type MapReading, readAnomalyMap } from "../../maps/anomaly_map.ts";
import { aupro, type PixelTruth } from "../../metrics/aupro.ts";
import { resizeSegmentationMap } from "../../segments/segmentation_map.ts";
import { makeStage, type Stage } from "../stage.ts";
import { jsonFile, type StageKind, stageKind } from "../stage_kind.ts";

/** Where the mask of a bad image lies. */
export interface MaskFile {
  /** Where it lies on this machine. */
  readonly path: string;
  /** SHA-256 of its content. */
  readonly digest: string;
}

interface Parameters {
  readonly size: number;
  readonly reading: MapReading;
  /** Rows of the test images in each of the map stages. */
  readonly rows: readonly (readonly number[])[];
  /** For each row the digest of its mask; null for a good image. */
  readonly masks: readonly (readonly (string | null)[])[];
}

interface Locations {
  /** The files of the masks that are not null, in order. */
  readonly files: readonly string[];
}

/** Reads "maps" and the masks of their images; gives `aupro.json`. */
export const auproKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { size, reading, rows, masks }, locations: { files }, read }) {
    const images: PixelTruth[] = [];
    let next = 0;
    for (const [pack, chosen] of rows.entries()) {
      const { shape: [, height, width], data } = parseFloat32Npy(
        (await read("maps", pack, ["maps.npy"])).get("maps.npy")!,
      );
      for (const [i, row] of chosen.entries()) {
        const native = data.subarray(row * height * width, (row + 1) * height * width);
        const digest = masks[pack][i];
        images.push({
          map: readAnomalyMap(native, height, width, size, reading),
          mask: digest === null ? null : await readMask({ path: files[next++], digest }, size),
          height: size,
          width: size,
        });
      }
    }
    return new Map([["aupro.json", jsonFile({ aupro: aupro(images) })]]);
  },
});

/**
 * A ground truth mask at `size` x `size`: 1 where any channel is above 0, each pixel that at its centre.
 *
 * @throws {DataError} when the file is gone or has changed
 */
export async function readMask({ path, digest }: MaskFile, size: number): Promise<Uint8Array> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined || sha256(bytes) !== digest) {
    throw new DataError(`Cannot use the mask ${path}: it changed while the run went on`, {
      remedy: "Start the same command again.",
    });
  }
  const { width, height, data } = await decodeImage(bytes, path);
  const labels = new Uint8Array(width * height);
  for (let i = 0; i < labels.length; i++) {
    labels[i] = data[3 * i] > 0 || data[3 * i + 1] > 0 || data[3 * i + 2] > 0 ? 1 : 0;
  }
  const mask = { name: "mask", height, width, labels, segments: ["good", "defect"] };
  return resizeSegmentationMap(mask, size, size).labels;
}

/** What the AUPRO of a cell is planned from. */
export interface AuproTask {
  /** Map stages with the rows of the test images in them. */
  readonly maps: readonly { readonly stage: Stage; readonly rows: readonly number[] }[];
  /** The mask of each of these images, null for a good one, stage by stage. */
  readonly masks: readonly (readonly (MaskFile | null)[])[];
  /** How a map's values are read: upsampling, blur, border. */
  readonly reading: MapReading;
  /** Side in pixels that maps and masks are compared at. */
  readonly size: number;
  /** What the label of the stage says after "AUPRO of". */
  readonly label: string;
}

/** The AUPRO of a detector on a test set. */
export function auproStage({ maps, masks, reading, size, label }: AuproTask): Stage {
  const images = maps.reduce((sum, { rows }) => sum + rows.length, 0);
  return makeStage({
    stage: "aupro",
    revision: auproKind.revision,
    parameters: {
      size,
      reading: reading as unknown as Json,
      rows: maps.map(({ rows }) => rows),
      masks: masks.map((list) => list.map((mask) => mask?.digest ?? null)),
    },
    needs: { maps: maps.map(({ stage }) => stage) },
    locations: { files: masks.flat().flatMap((mask) => mask?.path ?? []) },
    label: `AUPRO of ${label}`,
    seconds: 0.02 * images,
    mebibytes: 100 + images * size * size * 24 / 2 ** 20,
  });
}
