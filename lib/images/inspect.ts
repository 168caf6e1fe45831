/**
 * What a folder of images holds and everything that is wrong with it, file by file. Every image is
 * decoded, since a file that is cut short is known only then. Pure data; `describeInspection` makes
 * lines of it.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { HarnessError } from "../base/errors.ts";
import { folderProblem, layoutOf } from "./datasets.ts";
import { checkFileSize, decodeImage, describeImage, type ImageDescription } from "./decode.ts";
import { listFolder, readError } from "./image_folder.ts";
import { extensionOf } from "./image_header.ts";
import { duplicateSamples, type Layout, type ListedSample } from "./layout.ts";
import { compareSamples, compareText, type LayoutName, type Sample } from "./sample.ts";
import { shownList, shownPath } from "./shown_path.ts";

/** A file or folder that something is wrong with. */
export interface InspectionProblem {
  /** "error": the data set cannot be used; "warning": it can, with other results than expected. */
  readonly severity: "error" | "warning";
  /** Path relative to the folder, or none for the folder as a whole. */
  readonly path?: string;
  /** A sentence. */
  readonly message: string;
}

/** The images of one class folder. */
export interface InspectedGroup {
  /** Path relative to the folder, e.g. "train/good". */
  readonly path: string;
  /** Files with the extension of an image, unreadable ones included. */
  readonly images: number;
  /** How many of them cannot be decoded; each is a problem of the inspection too. */
  readonly unreadable: number;
  /** Size of all of them on disk. */
  readonly bytes: number;
  /** Number of readable images by format, e.g. "png". */
  readonly formats: Readonly<Record<string, number>>;
  /** By mode as PIL names it, e.g. "RGB". */
  readonly modes: Readonly<Record<string, number>>;
  /** By width and height in pixels, e.g. "512x512". */
  readonly sizes: Readonly<Record<string, number>>;
}

/** What `inspectFolder` finds. */
export interface Inspection {
  /** The folder as it was named by the caller. */
  readonly root: string;
  /** Absent where the folder has the layout of none of the data sets. */
  readonly layout?: Exclude<LayoutName, "synthetic">;
  /** In canonical order of their samples. */
  readonly groups: readonly InspectedGroup[];
  /** Number of names in each low-shot list. */
  readonly lowShot?: Readonly<Record<string, number>>;
  /** The published data set of the layout: its numbers of images, and those found. */
  readonly published?: {
    readonly name: string;
    readonly counts: readonly {
      readonly part: string;
      readonly published: number;
      readonly found: number;
    }[];
  };
  /** Sets of files with the same content. */
  readonly duplicates: {
    readonly acrossSplits: readonly (readonly [string, string])[];
    readonly acrossLabels: readonly (readonly [string, string])[];
    readonly within: readonly (readonly [string, string])[];
  };
  /** Errors first. */
  readonly problems: readonly InspectionProblem[];
  /** What the folder should hold, where it has faults of its layout. */
  readonly expected?: string;
}

/** What `inspectFolder` may be told. */
export interface InspectOptions {
  /**
   * Images decoded at a time.
   * @default {2}
   */
  readonly lanes?: number;
  /** Called after each image with how many are done; for a progress line. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** One image, decoded on trial. */
interface InspectedImage {
  readonly sample: ListedSample;
  readonly bytes: number;
  readonly digest: string;
  readonly description?: ImageDescription;
  /** Why it cannot be read. */
  readonly reason?: string;
}

/**
 * Inspects a folder. What is wrong with it is part of the result, also that it is not there.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { problems } = await inspectFolder("no-such-folder");
 * assert.match(problems[0].message, /no such folder/);
 * ```
 */
export async function inspectFolder(
  root: string,
  options: InspectOptions = {},
): Promise<Inspection> {
  const empty = { acrossSplits: [], acrossLabels: [], within: [] };
  const listing = await listFolder(root).catch((error: unknown) => {
    if (error instanceof HarnessError) return error;
    throw error;
  });
  const layout = listing === undefined || listing instanceof Error
    ? undefined
    : await layoutOf(root, listing);
  if (layout === undefined) {
    const error = listing instanceof Error ? listing : await folderProblem(root, listing);
    const message = [`${error.message}.`, error.remedy].filter((part) => part).join(" ");
    return { root, groups: [], duplicates: empty, problems: [{ severity: "error", message }] };
  }
  const { samples, lowShot, faults, warnings } = await layout.list(root);
  const images = await readAll(root, samples, options);
  const duplicates = duplicateSamples(
    images.filter(({ digest }) => digest !== "").map(({ sample, digest }) => ({
      ...sample,
      digest,
    })),
  );
  const problems: InspectionProblem[] = [
    ...faults.map((fault) => ({ severity: "error" as const, message: sentence(fault) })),
    ...unreadableProblems(images),
    ...duplicateProblems(duplicates),
    ...warnings.map((message) => ({ severity: "warning" as const, message })),
    ...clippedProblems(images),
    ...tellTaleProblems(images),
    ...oddProblems(images),
  ];
  return {
    root,
    layout: layout.name,
    groups: groupsOf(images),
    ...(lowShot === undefined
      ? {}
      : { lowShot: Object.fromEntries(Object.entries(lowShot).map(([k, v]) => [k, v.length])) }),
    published: { name: layout.published.name, counts: publishedCounts(layout, samples) },
    duplicates,
    problems: problems.sort((a, b) =>
      Number(a.severity === "warning") - Number(b.severity === "warning")
    ),
    ...(faults.length === 0 ? {} : { expected: layout.shape }),
  };
}

/** Lines of plain text that tell the inspection to a reader. */
export function describeInspection(inspection: Inspection): string[] {
  const { root, layout, groups, lowShot, published, problems, expected } = inspection;
  const total = groups.reduce((sum, group) => sum + group.images, 0);
  const lines: string[] = [];
  if (layout !== undefined) {
    lines.push(`${shownPath(root)}: layout ${layout}, ${plural(total, "image")}`);
  }
  const width = Math.max(0, ...groups.map(({ path }) => shownPath(path).length));
  for (const { path, images, unreadable, bytes, formats, modes, sizes } of groups) {
    const parts = [
      String(images).padStart(6),
      `${(bytes / 1e6).toFixed(1)} MB`,
      tally(formats),
      tally(modes),
      tally(sizes),
      ...(unreadable > 0 ? [`${unreadable} unreadable`] : []),
    ];
    lines.push(`  ${shownPath(path).padEnd(width)} ${parts.filter((part) => part).join("  ")}`);
  }
  if (lowShot !== undefined) {
    const lists = Object.entries(lowShot).map(([key, count]) => `${JSON.stringify(key)} ${count}`);
    lines.push(`  low-shot lists: ${lists.join(", ")}`);
  }
  if (published !== undefined) lines.push(`  ${describePublished(published)}`);
  const errors = problems.filter(({ severity }) => severity === "error").length;
  lines.push(
    problems.length === 0
      ? "No problems."
      : `${plural(errors, "error")}, ${plural(problems.length - errors, "warning")}:`,
  );
  for (const { severity, path, message } of problems) {
    lines.push(`  ${severity}: ${path === undefined ? "" : `${shownPath(path)}: `}${message}`);
  }
  if (expected !== undefined) lines.push(`  The folder should hold ${expected}.`);
  return lines;
}

function describePublished({ name, counts }: NonNullable<Inspection["published"]>): string {
  const same = counts.every(({ published, found }) => published === found);
  const list = counts.map(({ part, published }) => `${part} ${published}`).join(", ");
  return same
    ? `These are the numbers of images of ${name} (${list}).`
    : `This is not ${name} as published (${list}).`;
}

/** Decodes every image on trial; results in the order of `samples`. */
async function readAll(
  root: string,
  samples: readonly ListedSample[],
  { lanes = 2, onProgress }: InspectOptions,
): Promise<InspectedImage[]> {
  const ordered = samples.map((sample) => ({ ...sample, digest: "" }) as Sample)
    .sort(compareSamples);
  const images: InspectedImage[] = [];
  let next = 0;
  let done = 0;
  const lane = async () => {
    while (next < ordered.length) {
      const i = next++;
      images[i] = await readOne(root, ordered[i]);
      onProgress?.(++done, ordered.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, ordered.length) }, lane));
  return images;
}

async function readOne(root: string, sample: ListedSample): Promise<InspectedImage> {
  const path = join(root, sample.id);
  let [bytes, digest] = [0, ""];
  try {
    bytes = (await Deno.stat(path)).size;
    // The reason goes on after the path, so the message's own name of the file is left out.
    checkFileSize(bytes, "");
    const content = await Deno.readFile(path);
    digest = sha256(content);
    const description = await describeImage(content, "");
    await decodeImage(content, "");
    return { sample, bytes, digest, description };
  } catch (error) {
    const { message } = error instanceof HarnessError ? error : readError(path, error);
    const start = ["Cannot read : ", `Cannot read ${shownPath(path)}: `]
      .find((prefix) => message.startsWith(prefix)) ?? "";
    const reason = message.slice(start.length);
    return { sample, bytes, digest, reason };
  }
}

function groupsOf(images: readonly InspectedImage[]): InspectedGroup[] {
  const groups = new Map<string, InspectedImage[]>();
  for (const image of images) {
    const path = folderOf(image.sample.id);
    const group = groups.get(path);
    if (group === undefined) groups.set(path, [image]);
    else group.push(image);
  }
  return Array.from(groups, ([path, group]) => {
    const known = group.flatMap(({ description }) => description ?? []);
    return {
      path,
      images: group.length,
      unreadable: group.length - known.length,
      bytes: group.reduce((sum, { bytes }) => sum + bytes, 0),
      formats: countBy(known, ({ format }) => format),
      modes: countBy(known, ({ mode }) => mode),
      sizes: countBy(known, sizeOf),
    };
  });
}

function publishedCounts(layout: Layout, samples: readonly ListedSample[]) {
  const found = countBy(samples, (sample) => layout.partOf(sample));
  return Object.entries(layout.published.counts)
    .map(([part, published]) => ({ part, published, found: found[part] ?? 0 }));
}

function unreadableProblems(images: readonly InspectedImage[]): InspectionProblem[] {
  return images.flatMap(({ sample, reason }) =>
    reason === undefined
      ? []
      : [{ severity: "error" as const, path: sample.id, message: sentence(reason) }]
  );
}

function duplicateProblems(duplicates: Inspection["duplicates"]): InspectionProblem[] {
  const kinds = [
    [duplicates.acrossSplits, "in training and in test"],
    [duplicates.acrossLabels, "as good and as bad"],
    [duplicates.within, "twice"],
  ] as const;
  return kinds.flatMap(([pairs, what]) =>
    pairs.map(([first, again]) => ({
      severity: "warning" as const,
      path: again,
      message: `The same content as ${shownPath(first)}: the image is there ${what}.`,
    }))
  );
}

function clippedProblems(images: readonly InspectedImage[]): InspectionProblem[] {
  return images.filter(({ description }) => description?.mode === "L;16").map(({ sample }) => ({
    severity: "warning" as const,
    path: sample.id,
    message: "16-bit grey: values above 255 all become white, as in PIL. Save it with 8 bits.",
  }));
}

/** Differences between good and bad files that tell them apart without a look at the part. */
function tellTaleProblems(images: readonly InspectedImage[]): InspectionProblem[] {
  const problems: InspectionProblem[] = [];
  const traits: [string, (description: ImageDescription) => string][] = [
    ["format", ({ format }) => format],
    ["mode", ({ mode }) => mode],
    ["size", sizeOf],
  ];
  const classes = new Set(images.map(({ sample }) => sample.class));
  for (const name of classes) {
    for (const [trait, value] of traits) {
      const [good, bad] = [0, 1].map((label) =>
        new Set(
          images.flatMap(({ sample, description }) =>
            sample.class === name && sample.label === label && description !== undefined
              ? [value(description)]
              : []
          ),
        )
      );
      if (good.size === 0 || bad.size === 0 || [...good].some((one) => bad.has(one))) continue;
      problems.push({
        severity: "warning",
        message: `Good and bad images of ${shownPath(name)} differ in ${trait} (good ` +
          `${shownList([...good])}; bad ${shownList([...bad])}): a method can tell them apart by ` +
          "that alone.",
      });
    }
  }
  return problems;
}

/** Kinds of files that are read otherwise than one might think. */
function oddProblems(images: readonly InspectedImage[]): InspectionProblem[] {
  const problems: InspectionProblem[] = [];
  const warn = (message: string) => problems.push({ severity: "warning", message });
  const ids = (those: (image: InspectedImage, description: ImageDescription) => boolean) =>
    images.filter((image) => image.description !== undefined && those(image, image.description))
      .map(({ sample }) => sample.id);
  const misnamed = ids(({ sample }, { format }) => formatOfExtension(sample.id) !== format);
  if (misnamed.length > 0) {
    warn(
      `${
        plural(misnamed.length, "image")
      } of another format than the name says, read by content: ` +
        `${shownList(misnamed)}.`,
    );
  }
  const turned = ids((_, { orientation, format }) => orientation !== 1 && format !== "tiff");
  if (turned.length > 0) {
    warn(
      `${plural(turned.length, "image")} with an EXIF rotation, which is not applied, as in PIL: ` +
        `${shownList(turned)}.`,
    );
  }
  const translucent = ids((_, { mode }) => /^(RGBA|LA)/.test(mode));
  if (translucent.length > 0) {
    warn(
      `${plural(translucent.length, "image")} with transparency, which is dropped, as in PIL: ` +
        `${shownList(translucent)}.`,
    );
  }
  for (const name of new Set(images.map(({ sample }) => sample.class))) {
    const sizes = countBy(
      images.flatMap(({ sample, description }) =>
        sample.class === name && description !== undefined ? [description] : []
      ),
      ({ width, height }) => (width / height).toFixed(2),
    );
    if (Object.keys(sizes).length > 1) {
      warn(
        `Images of ${shownPath(name)} have ${
          Object.keys(sizes).length
        } ratios of width to height ` +
          `(${tally(sizes)}); each is stretched to a square.`,
      );
    }
  }
  return problems;
}

function formatOfExtension(name: string): string {
  const extension = extensionOf(name);
  return extension === "jpg" ? "jpeg" : extension === "tif" ? "tiff" : extension;
}

function sizeOf({ width, height }: ImageDescription): string {
  return `${width}x${height}`;
}

function folderOf(id: string): string {
  return id.slice(0, Math.max(0, id.lastIndexOf("/")));
}

/** How often each value occurs, the most frequent first. */
function countBy<T>(items: readonly T[], value: (item: T) => string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(value(item), (counts.get(value(item)) ?? 0) + 1);
  return Object.fromEntries(
    [...counts].sort(([a, x], [b, y]) => y - x || compareText(a, b)),
  );
}

/** `png`, or `png 7, jpeg 2` for several values, the first three of them. */
function tally(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  if (entries.length === 1) return entries[0][0];
  const shown = entries.slice(0, 3).map(([value, count]) => `${value} ${count}`).join(", ");
  return entries.length > 3 ? `${shown}, ${entries.length - 3} more` : shown;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function sentence(text: string): string {
  const first = text.slice(0, 1).toUpperCase() + text.slice(1);
  return first.endsWith(".") ? first : `${first}.`;
}
