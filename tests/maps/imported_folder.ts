/**
 * Seeded maps in the layout of the public SegAD code: the same ones that
 * `tests/fixtures/public_code/generate.py` draws with NumPy, image by image in the same order.
 *
 * @module
 */
import { join } from "node:path";
import { npyBytes } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { visaSegmentCounts } from "../../lib/maps/imported_maps.ts";

const size = 24;
const parts = [["train", 0, 90], ["test", 0, 100], ["test", 1, 100]] as const;

/** Folders of the models, in the order of the draws. */
export const drawnModels = ["efficient_ad", "rd4ad"] as const;

/** One image: its segmentation and a map of each model, row-major `[24, 24]`. */
export interface DrawnMaps {
  readonly split: "train" | "test";
  readonly label: 0 | 1;
  readonly name: string;
  readonly segments: Int32Array;
  readonly maps: readonly Float32Array[];
}

/** The images of a class of VisA. */
export function drawnClass(name: string): DrawnMaps[] {
  const count = visaSegmentCounts[name];
  const random = new RandomState(1000 + Object.keys(visaSegmentCounts).indexOf(name));
  return parts.flatMap(([split, label, images]) =>
    Array.from({ length: images }, (_, i) => ({
      split,
      label,
      name: `${split}_${String(i).padStart(3, "0")}`,
      ...drawImage(random, count, label === 1),
    }))
  );
}

/** Writes the given classes, with float32 maps as the public code saves them. */
export async function writeImportedFolder(root: string, classes: readonly string[]): Promise<void> {
  for (const name of classes) {
    const images = drawnClass(name);
    for (const [k, model] of drawnModels.entries()) {
      const folder = join(root, "anomaly_maps", model, name);
      for (const part of ["good", "bad"]) {
        await Deno.mkdir(join(folder, "anomaly_maps", part), { recursive: true });
      }
      for (const [split, file] of [["train", "df_training.csv"], ["test", "df_test.csv"]]) {
        const rows = images.filter((image) => image.split === split).map((image, i) => {
          // As pandas writes them: an index, paths of another machine, scores with all their digits.
          const path = `/data/${placeOf(image)}`;
          return `${i},${path},./output/${model}/${name}/${placeOf(image)}.npy,${image.label},${
            Math.max(...image.maps[k])
          }`;
        });
        const head = ",filepath,an_map_path,label,prediction_an_det";
        await Deno.writeTextFile(join(folder, file), [head, ...rows, ""].join("\n"));
      }
      for (const image of images) {
        const bytes = npyBytes({ shape: [size, size], data: image.maps[k] });
        await Deno.writeFile(join(folder, "anomaly_maps", `${placeOf(image)}.npy`), bytes);
      }
    }
    for (const part of ["good", "bad"]) {
      await Deno.mkdir(join(root, "visa_segm", name, part), { recursive: true });
    }
    for (const image of images) {
      const bytes = npyBytes({ shape: [size, size], data: image.segments });
      await Deno.writeFile(join(root, "visa_segm", name, `${placeOf(image)}.npy`), bytes);
    }
  }
}

function placeOf({ label, name }: DrawnMaps): string {
  return `${label === 0 ? "good" : "bad"}/${name}`;
}

function drawImage(
  random: RandomState,
  count: number,
  bad: boolean,
): Pick<DrawnMaps, "segments" | "maps"> {
  const shift = Math.floor(random.random() * 4);
  const segments = new Int32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = Math.abs(y - 12) < 8 && Math.abs(x - 10 - shift) < 8;
      segments[y * size + x] = inside ? 1 + Math.floor(y / 3) % (count - 1) : 0;
    }
  }
  segments[0] = count; // a label that has no segment
  const top = Math.floor(random.random() * 18);
  const left = Math.floor(random.random() * 18);
  const strength = bad ? random.random() * 2 : 0;
  const maps = drawnModels.map((_, k) => {
    const sums = new Float64Array(size * size);
    for (let part = 0; part < 3; part++) {
      for (let i = 0; i < sums.length; i++) sums[i] += random.random();
    }
    for (let y = top; y < top + 6; y++) {
      for (let x = left; x < left + 6; x++) sums[y * size + x] += strength * (0.6 + 0.4 * k);
    }
    return Float32Array.from(sums);
  });
  return { segments, maps };
}
