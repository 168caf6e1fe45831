/**
 * A record for a made-up result: as if table3's rows had been run.
 *
 * @module
 */
import { table3 } from "../../experiments/table3.ts";
import { digestOf, type Json, sha256 } from "../../lib/base/digest.ts";
import { resultDigest } from "../../lib/report/result_digest.ts";
import type { ExperimentResult } from "../../lib/report/results.ts";
import type { ScoreRecord } from "../../lib/report/scores_csv.ts";
import { recordedMetrics, scoresDigest, withId } from "../../lib/runner/provenance.ts";
import type { RecordedOutput, RunFile } from "../../lib/runner/run_file.ts";

/** The record of `result`, whose rows have one class. */
export function sampleRecord(
  result: ExperimentResult,
  scores: readonly ScoreRecord[],
  outputs: readonly RecordedOutput[],
): RunFile {
  return withId({
    schema: 2,
    experiment: "table3",
    definition: { digest: digestOf(table3 as unknown as Json), value: table3 },
    profile: { name: result.profile, size: 128 },
    seeds: result.seeds,
    dataset: {
      name: result.dataset.name,
      layout: "synthetic",
      digest: result.dataset.digest,
      images: result.dataset.images,
      splits: [],
      masks: 0,
    },
    backbone: "small",
    weights: [{ network: "small", sha256: sha256("weights") }],
    variants: {},
    segmentations: [
      { class: "product", spec: "product", segments: ["ground"], digest: sha256("map") },
    ],
    randomness: { generator: "g", shuffle: "s", streams: "c" },
    numerics: { runtime: "onnxruntime-node 1.30.0", provider: "cpu", optimization: "all" },
    runtime: { deno: "2.9.6", v8: "14", typescript: "5" },
    keySchema: 1,
    settings: [{ stage: "forest", revision: 2, parameters: { forest: { trees: 10 } } }],
    inputs: [{ stage: "forest", entries: 1, digest: sha256("keys") }],
    assumptions: ["vad-seeds"],
    deviations: ["other data: the embedded product instead of VAD"],
    rows: result.rows.map(({ row, error, metrics }) => ({
      row,
      ...(error === undefined ? { evaluation: sha256(`evaluation of ${row}`) } : {}),
      metrics: recordedMetrics(metrics),
      cells: result.seeds.map((seed) => {
        const own = scores.filter((one) => one.row === row && one.seed === seed);
        return {
          class: "product",
          seed,
          stage: "scores",
          key: sha256(`${row} ${seed}`),
          images: own.length,
          scores: own.length === 0
            ? null
            : scoresDigest(Float64Array.from(own, ({ score }) => score)),
        };
      }),
      ...(error === undefined ? {} : { obstacle: error }),
    })),
    outputs: outputs.toSorted((a, b) => a.path < b.path ? -1 : 1),
    result: resultDigest(result),
    licence: "MIT",
    citation: "the paper",
  });
}
