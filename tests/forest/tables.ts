/**
 * The tables of `fixtures/xgboost/generate.py`, drawn again by the same formulas, and its numbers.
 *
 * @module
 */
import { parseNpy } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import type { FeatureMatrix } from "../../lib/forest/binning.ts";
import type { ForestParameters } from "../../lib/forest/parameters.ts";

export interface Table {
  readonly features: FeatureMatrix;
  readonly labels: Uint8Array;
}

export type TableKind = "plain" | "coarse" | "missing" | "imbalanced";

const folder = new URL("../fixtures/xgboost/", import.meta.url);

/** A fixture file of xgboost's numbers. */
export function readFixture<T>(name: string): T {
  return JSON.parse(Deno.readTextFileSync(new URL(name, folder)));
}

/** `table` of the generator. */
export function drawTable(kind: TableKind, rows: number, columns: number, seed: number): Table {
  const random = new RandomState(seed);
  const values = new Float32Array(rows * columns);
  const labels = new Uint8Array(rows);
  const draws = new Float64Array(2 * columns + 1);
  const row = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < draws.length; k++) draws[k] = random.random();
    for (let j = 0; j < columns; j++) {
      row[j] = 2 * draws[j] - 1;
      if (kind === "coarse") row[j] = Math.floor(8 * row[j]) / 8;
    }
    const noise = 2 * draws[columns] - 1;
    const score = row[0] - 1.5 * row[1] * row[2] + 0.5 * row[3 % columns] + noise;
    labels[i] = Number(kind === "imbalanced" ? i % 41 === 40 : score > 0.25);
    for (let j = 0; j < columns; j++) {
      if (kind === "imbalanced" && j % 3 === 0) row[j] += 0.5 * labels[i];
      const goneBelow = j === 0 && labels[i] === 1 ? 0.4 : 0.2;
      if (kind === "missing" && draws[columns + 1 + j] < goneBelow) row[j] = NaN;
    }
    values.set(row, i * columns);
  }
  return { features: { rows, columns, values }, labels };
}

/** Statistics of the casting images; the fixture's last column is the label. */
export function castingTable(): Table {
  const { shape, data } = parseNpy(Deno.readFileSync(new URL("casting.npy", folder)));
  const [rows, width] = shape;
  const columns = width - 1;
  const values = new Float32Array(rows * columns);
  const labels = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) values[i * columns + j] = Number(data[i * width + j]);
    labels[i] = Number(data[i * width + columns]);
  }
  return { features: { rows, columns, values }, labels };
}

/** Some rows of a table, in the given order. */
export function rowsOf({ features, labels }: Table, order: ArrayLike<number>): Table {
  const { columns } = features;
  const values = new Float32Array(order.length * columns);
  const chosen = new Uint8Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const from = order[i] * columns;
    values.set(features.values.subarray(from, from + columns), i * columns);
    chosen[i] = labels[order[i]];
  }
  return { features: { rows: order.length, columns, values }, labels: chosen };
}

/** A model of xgboost without randomness, and its numbers. */
export interface ModelCase {
  readonly name: string;
  readonly source: "casting" | [TableKind, number, number, number];
  readonly parameters: Partial<ForestParameters>;
  /** Of the first 100 rows. */
  readonly margins: number[];
  /** Of the first 12 rows, as the following. */
  readonly probabilities: number[];
  readonly contributions: number[];
  readonly importance: Record<string, Record<string, number>>;
  readonly model: Record<string, unknown>;
}

/** xgboost's models with the tables that they were fitted on. */
export function modelCases(): (ModelCase & Table)[] {
  return readFixture<ModelCase[]>("models.json").map((given) => ({
    ...given,
    ...(given.source === "casting" ? castingTable() : drawTable(...given.source)),
  }));
}

/** The first `count` rows of a table. */
export function firstRows({ rows, columns, values }: FeatureMatrix, count: number): FeatureMatrix {
  const kept = Math.min(rows, count);
  return { rows: kept, columns, values: values.subarray(0, kept * columns) };
}

/** The largest difference between two rows of numbers; Infinity if they are not equally long. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
