/**
 * What the store still knows of a finished run: its test images with maps and explanations, the
 * importance of segments, what it took. Reports are written from it, at once or later.
 *
 * @module
 */
import type { Store } from "../store/store.ts";
import { blocksLength, type PagePart, pagePart, type TileSizes } from "./inspector_page.ts";
import { type InspectedPart, inspectedParts } from "./inspector_parts.ts";
import { type RowImportance, rowImportances } from "./row_importance.ts";
import { runCosts, type StageCost } from "./run_costs.ts";
import type { RunRecord } from "./run_record.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** All that a report shows beside the result and its scores. */
export interface RunEvidence {
  /** Parts of the first seed, for the page's inspector; none where they would make it too large. */
  readonly pages: readonly PagePart[];
  /** Of the rows that have a forest. */
  readonly importances: readonly RowImportance[];
  /** In the order of the flow. */
  readonly costs: readonly StageCost[];
}

/** Most bytes of pictures and contributions in a page. */
const pageLimit = 12_000_000;

/** Tiles from large to small: the first that fit the page are taken. */
const tileSizes: readonly (TileSizes & { readonly images: number })[] = [
  { photo: 128, map: 96, images: 900 },
  { photo: 96, map: 64, images: 2500 },
  { photo: 64, map: 48, images: 5000 },
];

/** Gathers the evidence of a run. */
export async function runEvidence(
  store: Store,
  run: RunRecord,
  scores: readonly ScoreRecord[],
): Promise<RunEvidence> {
  const parts = await inspectedParts(store, run, scores);
  return {
    pages: await firstPages(store, run, parts),
    importances: await rowImportances(store, parts),
    costs: await runCosts(store, run),
  };
}

async function firstPages(
  store: Store,
  run: RunRecord,
  parts: readonly InspectedPart[],
): Promise<PagePart[]> {
  const first = parts.filter(({ seed }) => seed === parts[0].seed);
  const images = first.reduce((sum, part) => sum + part.images.length, 0);
  for (const { images: most, ...tiles } of tileSizes) {
    if (images > most) continue;
    const pages: PagePart[] = [];
    for (const [number, part] of first.entries()) {
      pages.push(await pagePart(store, part, number, run.size, tiles));
    }
    if (blocksLength(pages) <= pageLimit) return pages;
  }
  return [];
}
