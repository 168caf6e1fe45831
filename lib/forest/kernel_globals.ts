/**
 * What the parts of the forest's kernel share: what an instance is bound to (addresses in memory, sizes,
 * and the split rule), the places of its functions, and the layout of the split that it finds.
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
  node: "i32",
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

/** The module's functions that others call, in their order. */
export const functionNames = [
  ...["sideGain", "improve", "addFour", "addOne", "addWindow"] as const,
  ...["scan", "scanMissing", "peek"] as const,
  ...["gatherTerms", "gatherParts", "addToBlocks", "joinToBlocks"] as const,
  ...["boundColumns"] as const,
];
/** Name of such a function. */
export type FunctionName = typeof functionNames[number];

/** Their places. */
export const functionIndex = Object.fromEntries(
  functionNames.map((name, index) => [name, index]),
) as Record<FunctionName, number>;

/** Places of the split's properties in `scratch.best`, in bytes. */
export const splitAt = {
  gain: 0,
  column: 4,
  bin: 8,
  defaultLeft: 12,
  left: 16,
  right: 32,
  floor: 48,
} as const;
