/**
 * Packs: the images of a class in canonical order, in groups of at most 64. A pack is the unit of work,
 * of resuming and of damage. All stages of a run share the same packs, so that pixels and embeddings
 * are made once for all seeds.
 *
 * @module
 */
import type { Sample } from "../images/sample.ts";

/** Images in a pack, at most. */
export const packSize = 64;

/** Some consecutive samples of one class. */
export interface Pack {
  /** Of all its samples. */
  readonly class: string;
  /** Number of the pack within its class, from 0, and how many there are. */
  readonly index: number;
  /** Packs of the class. */
  readonly of: number;
  /** At most `packSize`, in canonical order. */
  readonly samples: readonly Sample[];
}

/** The packs of `samples`, which are in canonical order and of one class. */
export function packsOf(samples: readonly Sample[]): Pack[] {
  const of = Math.ceil(samples.length / packSize);
  return Array.from({ length: of }, (_, index) => ({
    class: samples[0].class,
    index,
    of,
    samples: samples.slice(index * packSize, (index + 1) * packSize),
  }));
}

/** Some rows of some packs: the place of a set of images in what is stored by pack. */
export interface PackRows {
  /** Where the rows are. */
  readonly pack: Pack;
  /** Rows within the pack, ascending; never empty. */
  readonly rows: readonly number[];
}

/** Where the samples with the given ids lie; packs without any of them are left out. */
export function selectRows(packs: readonly Pack[], ids: ReadonlySet<string>): PackRows[] {
  const selected: PackRows[] = [];
  for (const pack of packs) {
    const rows: number[] = [];
    pack.samples.forEach(({ id }, row) => {
      if (ids.has(id)) rows.push(row);
    });
    if (rows.length > 0) selected.push({ pack, rows });
  }
  return selected;
}

/** The samples of a selection, in its order. */
export function samplesOf(selection: readonly PackRows[]): Sample[] {
  return selection.flatMap(({ pack, rows }) => rows.map((row) => pack.samples[row]));
}

/** "4 of 16", with the class where there are several. */
export function packLabel(pack: Pack): string {
  return `pack ${pack.index + 1} of ${pack.of}${pack.class === "vad" ? "" : ` of ${pack.class}`}`;
}
