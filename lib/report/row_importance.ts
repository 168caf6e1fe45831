/**
 * How much each segment matters to the forests of a row: its share in the gain of all splits, mean over
 * the seeds.
 *
 * @module
 */
import { resizeSegmentationMap } from "../segments/segmentation_map.ts";
import { type SegmentOutline, segmentOutlines } from "../segments/segment_outlines.ts";
import type { Store } from "../store/store.ts";
import { forestImportance } from "./inspector_explanations.ts";
import type { InspectedPart } from "./inspector_parts.ts";
import { keptSegmentation } from "./inspector_segments.ts";

/** Shares in [0, 1] that add up to 1 over `shares` and `rest`. */
export interface RowImportance {
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** Width in pixels of the map that the outlines are drawn on. */
  readonly width: number;
  /** Its height in pixels. */
  readonly height: number;
  /** One for each segment, in their order. */
  readonly outlines: readonly SegmentOutline[];
  /** In the order of the segments. */
  readonly shares: readonly SegmentShare[];
  /** What belongs to no segment of the map: a classifier, whole images. */
  readonly rest: readonly SourceShare[];
}

/** What the splits on one segment's features are worth. */
export interface SegmentShare {
  /** Name of the segment. */
  readonly segment: string;
  /** Of the gain of all splits, mean over the seeds. */
  readonly share: number;
  /** The same by detector. */
  readonly sources: readonly SourceShare[];
}

/** What the splits on one source's features are worth. */
export interface SourceShare {
  /** Name of the detector, or of the classifier. */
  readonly source: string;
  /** Of the gain of all splits, mean over the seeds. */
  readonly share: number;
}

/** Longest edge of the drawn map. */
const drawnSize = 128;

/** The importances of the rows with forests, for the class of the first part. */
export async function rowImportances(
  store: Pick<Store, "read">,
  parts: readonly InspectedPart[],
): Promise<RowImportance[]> {
  const [first] = parts;
  if (first?.segmentation === undefined) return [];
  const map = await keptSegmentation(store, first.segmentation);
  if (map === undefined) return [];
  const scale = Math.min(1, drawnSize / Math.max(map.width, map.height));
  const [height, width] = [map.height, map.width].map((edge) => Math.round(edge * scale));
  const outlines = segmentOutlines(resizeSegmentationMap(map, height, width));
  const sameClass = parts.filter((part) => part.class === first.class);
  const importances: RowImportance[] = [];
  for (const { name } of first.rows) {
    const forests = sameClass.flatMap(({ rows }) =>
      rows.find((row) => row.name === name)?.forest ?? []
    );
    const shares = await meanShares(store, forests);
    if (shares === undefined) continue;
    const segments = map.segments.map((segment) => {
      const own = shares.filter((one) => one.segment === segment);
      return { segment, share: total(own), sources: own };
    });
    const others = shares.filter(({ segment }) =>
      segment === null || !map.segments.includes(segment)
    );
    const rest = [...Map.groupBy(others, ({ source }) => source)]
      .map(([source, own]) => ({ source, share: total(own) }));
    importances.push({ row: name, width, height, outlines, shares: segments, rest });
  }
  return importances;
}

/** Shares of each source and segment, mean over forests; undefined where one of them is gone. */
async function meanShares(
  store: Pick<Store, "read">,
  forests: readonly string[],
): Promise<(SourceShare & { readonly segment: string | null })[] | undefined> {
  if (forests.length === 0) return undefined;
  const sums = new Map<string, { source: string; segment: string | null; share: number }>();
  for (const key of forests) {
    const groups = await forestImportance(store, key);
    if (groups === undefined) return undefined;
    const all = groups.reduce((sum, { gain }) => sum + gain, 0);
    for (const { source, segment, gain } of groups) {
      const id = JSON.stringify([source, segment]);
      const sum = sums.get(id) ?? { source, segment, share: 0 };
      sum.share += all === 0 ? 0 : gain / all / forests.length;
      sums.set(id, sum);
    }
  }
  return [...sums.values()];
}

function total(shares: readonly SourceShare[]): number {
  return shares.reduce((sum, { share }) => sum + share, 0);
}
