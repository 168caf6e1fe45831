/**
 * `segmap make`, `segmap show` and `segmap edit`: a segmentation map is a user's first obstacle with
 * SegAD, so there are three ways over it: a first draft from images of good parts, a picture to judge a
 * map by, and drawing in the browser.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { DataError, UsageError } from "../base/errors.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import type { RgbImage } from "../images/resize.ts";
import {
  loadSegmentationMap,
  parseLegend,
  readLabelMap,
  resizeSegmentationMap,
  ringsMap,
  type SegmentationMap,
} from "../segments/segmentation_map.ts";
import { segmentColour } from "../segments/segment_picture.ts";
import { type CommandGroup, defineCommand, type OptionSpecs } from "./arguments.ts";
import { alignedLines } from "./output.ts";
import { portOption } from "./port_option.ts";

/** Most images that a draft is made from. */
const draftImages = 25;

const makeOptions = {
  images: {
    type: "string",
    value: "PATH",
    repeatable: true,
    description: "image of a good part, or a folder of them (25 of it are used)",
  },
  by: {
    type: "string",
    value: "WAY",
    default: "threshold",
    description: "threshold (part and ground), colours:N (N regions of like colour), or rings:N",
  },
} as const satisfies OptionSpecs;

const make = defineCommand({
  name: "make",
  summary: "Make a first draft of a map from images of good parts.",
  description:
    "Writes a label PNG and its legend at the size of the images. Look at it with segmap show, and " +
    "draw it finer with segmap edit.",
  examples: [
    {
      command: "segmap make part.png --images my-product/train/good --by colours:5",
      description: "five regions of like colour",
    },
    { command: "segmap make part.png --images good.png --by rings:4", description: "four rings" },
  ],
  options: makeOptions,
  positionals: [{ name: "out", description: "the label PNG to write" }],
  async run({ output }, { options, positionals: [out] }) {
    requirePng(out);
    if (options.images.length === 0) {
      throw new UsageError("Cannot make a segmentation map: no image is given", {
        remedy: "Add --images with an image of a good part, or the folder of them.",
      });
    }
    const { colourMap, medianImage, thresholdMap } = await import("../segments/made_maps.ts");
    const { writeSegmentationMap } = await import("../segments/write_map.ts");
    const images = await readImages(options.images);
    const image = medianImage(images);
    const [way, count] = options.by.split(":");
    const map = way === "threshold" && count === undefined
      ? thresholdMap(image)
      : way === "colours"
      ? colourMap(image, Number(count))
      : way === "rings" && /^\d+$/.test(count ?? "")
      ? ringsOf(image, options.by)
      : undefined;
    if (map === undefined) {
      throw new UsageError(`Cannot make a segmentation map by ${JSON.stringify(options.by)}`, {
        remedy: "Ways are threshold, colours:N and rings:N.",
      });
    }
    await writeSegmentationMap(out, map, {
      source: `segmap make --by ${options.by}, from ${images.length} images`,
    });
    output.result(
      { out, width: map.width, height: map.height, segments: map.segments },
      () =>
        `Wrote ${out} (${map.width} x ${map.height}, ${map.segments.length} segments) from ` +
        `${images.length} images.\nUse it with --segmap ${out}.\n`,
    );
    return 0;
  },
});

const show = defineCommand({
  name: "show",
  summary: "Write a picture of a map over an image.",
  description: "As in Figures 5 and 7: the segments in colours over the image.",
  examples: [{
    command: "segmap show vad test/good/0001.png --out map.png",
    description: "the named map of VAD over an image",
  }],
  options: {
    out: {
      type: "string",
      value: "FILE",
      default: "segmap.png",
      description: "the picture to write",
    },
    opacity: {
      type: "number",
      value: "SHARE",
      default: 0.45,
      description: "of the segments, 0 to 1; without an image they are shown alone",
    },
  },
  positionals: [
    { name: "map", description: "vad, rings:N, whole or a label PNG" },
    { name: "image", description: "the image below it", optional: true },
  ],
  async run({ output }, { options, positionals: [spec, path] }) {
    if (!(options.opacity >= 0 && options.opacity <= 1)) {
      throw new UsageError(`Cannot show a map with opacity ${options.opacity}`, {
        remedy: "Give --opacity a number from 0 to 1.",
      });
    }
    const [{ paintSegments }, { encodePng }] = await Promise.all([
      import("../segments/segment_picture.ts"),
      import("../images/decode.ts"),
    ]);
    const image = path === undefined ? undefined : await readImage(path);
    const map = await mapFor(spec, image);
    const { width, height } = map;
    const below = image?.data ?? new Uint8Array(width * height * 3).fill(255);
    const data = paintSegments(below, map, image === undefined ? 1 : options.opacity);
    await writeFileAtomic(options.out, await encodePng({ width, height, data }));
    const segments = shares(map).map(({ segment, share, colour }) => ({ segment, share, colour }));
    output.result(
      { out: options.out, width, height, segments },
      () =>
        [
          `Wrote ${options.out}: ${spec}, ${map.segments.length} segments`,
          ...alignedLines(
            segments.map((
              { segment, share, colour },
            ) => [`  ${segment}`, colour, `${(100 * share).toFixed(1)} %`]),
          ),
          "",
        ].join("\n"),
    );
    return 0;
  },
});

const edit = defineCommand({
  name: "edit",
  summary: "Draw a map over an image in the browser.",
  description:
    "Serves an editor on 127.0.0.1 below a secret path: polygons, ellipses, rings, brush and fill, " +
    "with mouse or keyboard. It saves a label PNG and its legend, as --segmap reads them. Ctrl-C " +
    "ends it.",
  examples: [
    { command: "segmap edit my-product/train/good/0001.png", description: "draw a new map" },
    {
      command: "segmap edit good.png --from rings:4 --out rings.png",
      description: "begin with four rings",
    },
  ],
  options: {
    out: {
      type: "string",
      value: "FILE",
      description: "the label PNG to write (IMAGE-segments.png, here)",
    },
    from: {
      type: "string",
      value: "MAP",
      description: "begin with this map: vad, rings:N, a label PNG (what --out holds already)",
    },
    ...portOption,
  },
  positionals: [{ name: "image", description: "image of a good part" }],
  async run({ output, signal }, { options, positionals: [path] }) {
    const image = await readImage(path);
    const out = options.out ?? `${basename(path, extname(path))}-segments.png`;
    requirePng(out);
    const from = options.from ?? (await readFileIfThere(out) === undefined ? "whole" : out);
    const map = await mapFor(from, image);
    const { serveEditor } = await import("./segmap_editor.ts");
    const page = serveEditor({
      image,
      name: basename(path),
      map,
      colours: await legendColours(from),
      out,
      port: options.port,
      signal,
    });
    output.result(
      { address: page.address, out },
      () => `Open ${page.address}\nIt saves to ${out}. Only this machine can; Ctrl-C ends it.\n`,
    );
    await page.finished;
    return 0;
  },
});

/** `segmap make`, `segmap show` and `segmap edit`. */
export const segmapCommands: CommandGroup = {
  name: "segmap",
  summary: "Make, show and draw segmentation maps.",
  commands: [make, show, edit],
};

/** The map that `spec` names at the size of `image`, or at its own. */
async function mapFor(spec: string, image: RgbImage | undefined): Promise<SegmentationMap> {
  if (spec === "whole" || spec.startsWith("rings:")) {
    const { width, height } = image ?? { width: 512, height: 512 };
    const map = await loadSegmentationMap(spec, Math.max(width, height));
    return resizeSegmentationMap(map, height, width);
  }
  const { map, isNamed } = await readLabelMap(spec);
  if (image === undefined) return map;
  const fits = isNamed
    ? map.width * image.height === map.height * image.width
    : map.width === image.width && map.height === image.height;
  if (!fits) {
    throw new DataError(
      `Cannot lay segmentation map ${spec} over the image: it has ${map.width} x ${map.height} ` +
        `pixels, and the image ${image.width} x ${image.height}`,
      { remedy: "Give an image of the product that the map was drawn on." },
    );
  }
  return resizeSegmentationMap(map, image.height, image.width);
}

function ringsOf({ width, height }: RgbImage, spec: string): SegmentationMap {
  const count = Number(spec.slice("rings:".length));
  if (count < 1 || count > 64) {
    throw new UsageError(`Cannot make ${count} rings`, { remedy: "Give a number from 1 to 64." });
  }
  return resizeSegmentationMap(ringsMap(count, Math.max(width, height)), height, width);
}

/** Share of the pixels and colour of each segment. */
function shares(
  { labels, segments }: SegmentationMap,
): { readonly segment: string; readonly share: number; readonly colour: string }[] {
  const counts = new Float64Array(256);
  for (const label of labels) counts[label]++;
  return segments.map((segment, label) => ({
    segment,
    share: counts[label] / labels.length,
    colour: segmentColour(label).name,
  }));
}

/** Images, and of folders up to 25 each, evenly spread over their names in order. */
async function readImages(paths: readonly string[]): Promise<RgbImage[]> {
  const files: string[] = [];
  for (const path of paths) {
    const info = await Deno.stat(path).catch(() => undefined);
    if (info?.isDirectory !== true) {
      files.push(path);
      continue;
    }
    const names = (await Array.fromAsync(Deno.readDir(path))).filter(({ name, isFile }) =>
      isFile && /\.(png|jpe?g|webp|tiff?|bmp)$/i.test(name)
    ).map(({ name }) => name).sort();
    if (names.length === 0) {
      throw new DataError(`Cannot make a segmentation map: ${path} holds no images`, {
        remedy: "Give the folder of the good images itself.",
      });
    }
    const used = Math.min(draftImages, names.length);
    for (let i = 0; i < used; i++) {
      files.push(join(path, names[Math.floor(i * names.length / used)]));
    }
  }
  const images: RgbImage[] = [];
  for (const file of files) images.push(await readImage(file));
  return images;
}

async function readImage(path: string): Promise<RgbImage> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined) {
    throw new DataError(`Cannot read ${path}: there is no such file`, {
      remedy: "Give the path of an image.",
    });
  }
  const { decodeImage } = await import("../images/decode.ts");
  return await decodeImage(bytes, path);
}

/** The colours that the editor wrote into the legend of a map; none where there are none. */
async function legendColours(map: string): Promise<readonly string[]> {
  const { legendPath } = await import("../segments/write_map.ts");
  const path = legendPath(map);
  const bytes = /\.png$/i.test(map) ? await readFileIfThere(path) : undefined;
  return bytes === undefined ? [] : parseLegend(bytes, path).colours ?? [];
}

function requirePng(path: string): void {
  if (!/\.png$/i.test(path)) {
    throw new UsageError(`Cannot write a segmentation map as ${path}: it is a PNG`, {
      remedy: "Give a name that ends with .png.",
    });
  }
}
