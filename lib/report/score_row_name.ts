/**
 * The row that scores stand under in `scores.csv`.
 *
 * @module
 */

/** Of a mean over methods each has its own, "An. Det. / PatchCore"; otherwise the row's name. */
export function scoreRowName(row: string, part: string | undefined): string {
  return part === undefined ? row : `${row} / ${part}`;
}
