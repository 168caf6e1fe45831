/**
 * Stage "picture": the pictures of Figures 5, 7 and 8: the segmentation map over an image, and good images
 * with generated defects.
 *
 * Payload: `0.png`, `1.png`, …; `pictures.json`, what each shows.
 *
 * @module
 */
import { childSeed, RandomState } from "../../base/random.ts";
import { encodePng } from "../../images/decode.ts";
import { pixelReader } from "../../images/pixels.ts";
import type { Dataset, ImageSource, Sample } from "../../images/sample.ts";
import {
  type GeneratedDefect,
  type GeneratedDefectKind,
  generatedDefectKinds,
  generateDefect,
} from "../../segments/generated_defects.ts";
import { paintSegments, segmentColour } from "../../segments/segment_picture.ts";
import type { SegmentationMap } from "../../segments/segmentation_map.ts";
import {
  type LabelFile,
  openImageMap,
  openSegmentation,
  type PlannedMap,
  type PlannedSegmentation,
} from "../planned_segmentation.ts";
import { makeStage, type Stage } from "../stage.ts";
import { jsonFile, type StageKind, stageKind } from "../stage_kind.ts";
import type { Json } from "../../base/digest.ts";

/** What a picture shows. */
export interface PictureCaption {
  /** Name of the payload file, a PNG. */
  readonly file: string;
  /** One sentence, without markup. */
  readonly caption: string;
}

interface Parameters {
  readonly shows: "segmentation" | "generated";
  readonly size: number;
  /** The images that may be shown, by content. */
  readonly images: readonly string[];
  readonly segmentation: string;
  readonly seed: number;
}

interface Locations {
  readonly source: ImageSource;
  readonly samples: readonly Sample[];
  readonly segmentation: PlannedMap | null;
  /** The file of the first image, where each has a map of its own. */
  readonly own: { readonly segments: readonly string[]; readonly file: LabelFile } | null;
}

/** Reads the images where they lie; gives `0.png`, … and `pictures.json`. */
export const pictureKind: StageKind = stageKind<Parameters, Locations>({
  revision: 2,
  async run({ parameters: { shows, size, seed }, locations }) {
    const { source, samples, segmentation, own } = locations;
    const read = pixelReader(source, size);
    const map = own === null
      ? await openSegmentation(segmentation!, size)
      : await openImageMap({ spec: "of the image", segments: own.segments }, own.file, size, size);
    const pictures = shows === "segmentation"
      ? [segmentationPicture(await read(samples[0]), map, samples[0])]
      : await generatedPictures(samples, read, map, seed);
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const [i, { data, width, height }] of pictures.entries()) {
      const enlarged = enlarge(data, width, height, Math.max(1, Math.round(256 / size)));
      files.set(`${i}.png`, Uint8Array.from(await encodePng(enlarged)));
    }
    const captions: PictureCaption[] = pictures.map(({ caption }, i) => ({
      file: `${i}.png`,
      caption,
    }));
    files.set("pictures.json", jsonFile(captions as unknown as Json));
    return files;
  },
});

interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGB `[height, width, 3]`. */
  readonly data: Uint8Array;
  readonly caption: string;
}

/** The image, and beside it the same in grey under its segments, so that their colours stay their own. */
function segmentationPicture(pixels: Uint8Array, map: SegmentationMap, sample: Sample): Picture {
  const { width, height, segments } = map;
  const legend = segments.map((name, label) => `${name} ${segmentColour(label).name}`);
  return {
    ...beside([pixels, paintSegments(inGrey(pixels), map)], width, height),
    caption: `${sample.class === "vad" ? "" : `${sample.class}: `}a good image and its L = ` +
      `${segments.length} segments: ${legend.join(", ")}`,
  };
}

/** Images that are looked through for pictures of generated defects. */
const searchedImages = 40;

/**
 * For each kind of generated defect, among the first images: a good image, the same one with the
 * defect, and where it is. Of each kind the defect with the most changed pixels is shown, since the
 * smallest cannot be seen in print.
 */
async function generatedPictures(
  samples: readonly Sample[],
  read: (sample: Sample) => Promise<Uint8Array>,
  map: SegmentationMap,
  seed: number,
): Promise<Picture[]> {
  const { width, height } = map;
  const largest = new Map<GeneratedDefectKind, GeneratedDefect & { readonly good: Uint8Array }>();
  for (const sample of samples.slice(0, searchedImages)) {
    const good = await read(sample);
    const random = new RandomState(childSeed(seed, "generated", sample.digest));
    const defect = generateDefect(good, map, random);
    const before = largest.get(defect.kind);
    if (before !== undefined && changed(before) >= changed(defect)) continue;
    largest.set(defect.kind, { ...defect, good });
  }
  return generatedDefectKinds.flatMap((kind): Picture[] => {
    const found = largest.get(kind);
    if (found === undefined) return [];
    const { good, pixels, mask, segment } = found;
    return [{
      ...beside([good, pixels, inRed(inGrey(pixels), mask)], width, height),
      caption: `${kind}: a good image, the same one with a defect in segment ${segment}, and the ` +
        "changed pixels in red",
    }];
  });
}

function changed({ mask }: Pick<GeneratedDefect, "mask">): number {
  return mask.reduce((sum, value) => sum + value, 0);
}

/** The mean of the three channels in each of them. */
function inGrey(pixels: Uint8Array): Uint8Array {
  const grey = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    grey.fill(Math.round((pixels[i] + pixels[i + 1] + pixels[i + 2]) / 3), i, i + 3);
  }
  return grey;
}

/** `pixels` with those of the mask in red; changed in place. */
function inRed(pixels: Uint8Array, mask: Uint8Array): Uint8Array {
  mask.forEach((value, i) => {
    if (value === 1) pixels.set([196, 40, 60], 3 * i);
  });
  return pixels;
}

/** Images of one size in a row, with white between them. */
function beside(
  images: readonly Uint8Array[],
  width: number,
  height: number,
): { readonly width: number; readonly height: number; readonly data: Uint8Array } {
  const gap = 4;
  const total = images.length * width + (images.length - 1) * gap;
  const data = new Uint8Array(total * height * 3).fill(255);
  images.forEach((image, k) => {
    for (let y = 0; y < height; y++) {
      const row = image.subarray(y * width * 3, (y + 1) * width * 3);
      data.set(row, (y * total + k * (width + gap)) * 3);
    }
  });
  return { width: total, height, data };
}

/** Every pixel as a square of `factor` x `factor` pixels. */
function enlarge(
  source: Uint8Array,
  width: number,
  height: number,
  factor: number,
): { readonly width: number; readonly height: number; readonly data: Uint8Array } {
  const data = new Uint8Array(source.length * factor * factor);
  for (let y = 0, to = 0; y < height * factor; y++) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < width * factor; x++, to += 3) {
      const from = (row + Math.floor(x / factor)) * 3;
      data.set(source.subarray(from, from + 3), to);
    }
  }
  return { width: width * factor, height: height * factor, data };
}

/** The segmentation of the first of `samples`, or their generated defects. */
export function pictureStage(
  shows: "segmentation" | "generated",
  dataset: Dataset,
  samples: readonly Sample[],
  segmentation: PlannedSegmentation,
  size: number,
  seed: number,
): Stage {
  const own = segmentation.kind === "images"
    ? { segments: segmentation.segments, file: segmentation.files[samples[0].id] }
    : null;
  return makeStage({
    stage: "picture",
    revision: pictureKind.revision,
    parameters: {
      shows,
      size,
      images: samples.map(({ digest }) => digest),
      segmentation: own === null ? segmentation.digest : own.file.digest,
      seed,
    },
    needs: {},
    locations: {
      source: dataset.source as unknown as Json,
      samples: samples as unknown as Json,
      segmentation: own === null ? segmentation as unknown as Json : null,
      own: own as unknown as Json,
    },
    label: shows === "segmentation"
      ? `picture of the segmentation of ${samples[0].class}`
      : "picture of generated defects",
    seconds: 1,
    mebibytes: 200,
  });
}
