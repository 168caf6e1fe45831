/**
 * The program's side of `segmap edit`: hands the image and the map to the page, and saves what it
 * sends.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { decodeLabels, encodePng } from "../images/decode.ts";
import type { RgbImage } from "../images/resize.ts";
import { editorPage } from "../report/editor_page.ts";
import { parseLegend, type SegmentationMap } from "../segments/segmentation_map.ts";
import { segmentColour } from "../segments/segment_picture.ts";
import { writeSegmentationMap } from "../segments/write_map.ts";
import {
  bytesResponse,
  htmlResponse,
  jsonOrProblem,
  type LocalPage,
  serveLocally,
} from "./local_page.ts";

/** What is edited. */
export interface EditorOptions {
  /** What is drawn on; the map has its size. */
  readonly image: RgbImage;
  /** Name of the image, for people. */
  readonly name: string;
  /** The map to begin with, of the image's size. */
  readonly map: SegmentationMap;
  /** Colours of its segments, `#rrggbb`; further segments have those of pictures. */
  readonly colours?: readonly string[];
  /** The label PNG to write. */
  readonly out: string;
  /** Of the local address; 0 takes a free one. */
  readonly port: number;
  /** Ends the serving. */
  readonly signal: AbortSignal;
}

/** Serves the editor. */
export function serveEditor(options: EditorOptions): LocalPage {
  const { image, name, map, colours = [], out, port, signal } = options;
  const html = editorPage(name, {
    width: map.width,
    height: map.height,
    labels: map.labels.toBase64(),
    segments: map.segments.map((segment, label) => ({
      name: segment,
      colour: colours[label] ?? hexColour(segmentColour(label).rgb),
    })),
    colours: Array.from({ length: 10 }, (_, label) => hexColour(segmentColour(label).rgb)),
    out,
  });
  return serveLocally({
    port,
    signal,
    async handle(path, request) {
      switch (`${request.method} ${path}`) {
        case "GET ":
          return htmlResponse(html);
        case "GET image":
          return bytesResponse("image/png", await encodePng(image));
        case "POST save":
          return await jsonOrProblem(async () => {
            const drawn = drawnMap(await readBody(request, image), image, name);
            await writeSegmentationMap(out, drawn.map, {
              source: `drawn over ${name} with segmap edit`,
              colours: drawn.colours,
            });
            return { out, segments: drawn.map.segments.length };
          });
        case "POST import":
          return await jsonOrProblem(async () =>
            importedMap(await readBody(request, image), image)
          );
      }
    },
  });
}

/** The body of a request; a map is no larger than its labels in base64, its names and colours. */
async function readBody(request: Request, { width, height }: RgbImage): Promise<Uint8Array> {
  const limit = 2 * width * height + 1_000_000;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > limit) {
      throw new UsageError(`Cannot read what the page sent: it has more than ${limit} bytes`, {
        remedy: "Choose a label image of the size of the image.",
      });
    }
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** The map as the page sends it. */
function drawnMap(
  body: Uint8Array,
  { width, height }: RgbImage,
  name: string,
): { readonly map: SegmentationMap; readonly colours: readonly string[] } {
  const wrong = () =>
    new UsageError("Cannot save the segmentation map: the page sent something else", {
      remedy: "Reload the page.",
    });
  let value: { readonly labels?: unknown; readonly segments?: unknown };
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    throw wrong();
  }
  const { labels, segments } = value;
  const isSegment = (one: unknown): one is { name: string; colour: string } => {
    const { name, colour } = (one ?? {}) as { readonly name?: unknown; readonly colour?: unknown };
    return typeof name === "string" && typeof colour === "string" && /^#[0-9a-f]{6}$/i.test(colour);
  };
  if (typeof labels !== "string" || !Array.isArray(segments) || !segments.every(isSegment)) {
    throw wrong();
  }
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(labels);
  } catch {
    throw wrong();
  }
  return {
    map: { name, width, height, labels: bytes, segments: segments.map((one) => one.name.trim()) },
    colours: segments.map(({ colour }) => colour),
  };
}

/** What the page gets for the files that the user chose. */
interface ImportedMap {
  /** uint8 `[height, width]` in base64. */
  readonly labels: string;
  /** Names by label, and their colours where the legend has some; none without a legend. */
  readonly legend: { readonly name: string; readonly colour: string | undefined }[];
}

/** The map in a label PNG, and in its legend where one was chosen with it. */
function importedMap(body: Uint8Array, { width, height }: RgbImage): ImportedMap {
  const { labels: png, legend: text } = parseImport(body);
  const labels = decodeLabels(png, "the label image");
  if (labels.width !== width || labels.height !== height) {
    throw new UsageError(
      `Cannot import the label image: it has ${labels.width} x ${labels.height} pixels, and the ` +
        `image ${width} x ${height}`,
      { remedy: "Choose a label image that was drawn over this image." },
    );
  }
  if (text === undefined) return { labels: labels.data.toBase64(), legend: [] };
  const legend = parseLegend(text, "the legend");
  if ((legend.width ?? width) !== width || (legend.height ?? height) !== height) {
    throw new UsageError(
      `Cannot import the legend: it is of a label image of ${legend.width} x ${legend.height} ` +
        "pixels",
      { remedy: "Choose image and legend of one map." },
    );
  }
  return {
    labels: labels.data.toBase64(),
    legend: legend.segments.map((name, i) => ({ name, colour: legend.colours?.[i] })),
  };
}

/** The bytes of the files that the page sends, as base64 in JSON. */
function parseImport(
  body: Uint8Array,
): { readonly labels: Uint8Array; readonly legend: Uint8Array | undefined } {
  try {
    const { labels, legend } = JSON.parse(new TextDecoder().decode(body));
    return {
      labels: Uint8Array.fromBase64(labels),
      legend: legend === undefined ? undefined : Uint8Array.fromBase64(legend),
    };
  } catch {
    throw new UsageError("Cannot import the label image: the page sent something else", {
      remedy: "Reload the page.",
    });
  }
}

function hexColour(rgb: readonly number[]): string {
  return `#${rgb.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
