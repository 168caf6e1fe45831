/**
 * Sums of gradients and hessians per bin, for the rows of one node. A histogram is a run of pairs
 * (gradient, hessian) in a float64 array; four columns are filled side by side, so that a row's number
 * and gradients are read once for all four and the histograms stay in the nearest cache.
 *
 * The gradients are float32 numbers held in float64. A sum of them is exact, hence the same in any
 * order, while its bits span less than 53: up to 2^17 rows whose gradients lie within a factor of 2^12
 * of each other. That is what makes the trees equal to XGBoost's, which adds in another order.
 *
 * @module
 */

/** Columns that are filled side by side. */
export const histogramGroup = 4;

/**
 * Adds the gradients of the rows at places `begin … end - 1` to the histogram of one column.
 *
 * @param pairIndices column-major, of `BinnedMatrix`; the column starts at `column`
 * @param pairs (gradient, hessian) per place in `rows` (not per row)
 * @param histogram the column's pairs start at `offset`; not cleared here
 */
export function addToHistogram(
  pairIndices: Uint16Array,
  column: number,
  rows: Int32Array,
  pairs: Float64Array,
  begin: number,
  end: number,
  histogram: Float64Array,
  offset: number,
): void {
  for (let i = begin; i < end; i++) {
    const at = pairIndices[column + rows[i]] + offset;
    histogram[at] += pairs[2 * i];
    histogram[at + 1] += pairs[2 * i + 1];
  }
}

/** `addToHistogram` for four columns at once; their histograms start `stride` apart from 0 on. */
export function addToFourHistograms(
  pairIndices: Uint16Array,
  column0: number,
  column1: number,
  column2: number,
  column3: number,
  rows: Int32Array,
  pairs: Float64Array,
  begin: number,
  end: number,
  histogram: Float64Array,
  stride: number,
): void {
  const offset2 = 2 * stride;
  const offset3 = 3 * stride;
  for (let i = begin; i < end; i++) {
    const row = rows[i];
    const gradient = pairs[2 * i];
    const hessian = pairs[2 * i + 1];
    const at0 = pairIndices[column0 + row];
    histogram[at0] += gradient;
    histogram[at0 + 1] += hessian;
    const at1 = pairIndices[column1 + row] + stride;
    histogram[at1] += gradient;
    histogram[at1 + 1] += hessian;
    const at2 = pairIndices[column2 + row] + offset2;
    histogram[at2] += gradient;
    histogram[at2 + 1] += hessian;
    const at3 = pairIndices[column3 + row] + offset3;
    histogram[at3] += gradient;
    histogram[at3 + 1] += hessian;
  }
}
