/**
 * What an instance of the forest's kernel is bound to: addresses in memory, sizes, and the split rule.
 *
 * @module
 */
import { type Code, globalValue, type ValueType } from "./wasm_code.ts";

/** Names and types, in the order of the module's imports. */
export const globals = {
  pairIndices: "i32",
  blocks: "i32",
  blockCounts: "i32",
  rowCount: "i32",
  binCounts: "i32",
  hasMissing: "i32",
  gradientPairs: "i32",
  rows: "i32",
  spareRows: "i32",
  nodePairs: "i32",
  nodeTerms: "i32",
  histogram: "i32",
  stride: "i32", // bytes of one column's histogram
  blockSums: "i32",
  columns: "i32",
  bounds: "i32",
  blockBounds: "i32",
  best: "i32",
  random: "i32",
  totals: "i32",
  flags: "i32",
  alpha: "f64",
  lambda: "f64",
  minChildWeight: "f64",
} as const satisfies Record<string, ValueType>;

/** Pushes a global's value. */
export const global = Object.fromEntries(
  Object.keys(globals).map((name, index) => [name, globalValue(index)]),
) as Record<keyof typeof globals, Code>;
