/**
 * A made-up result with every kind of cell, for the tests of the writers: gains, a tie, a missing
 * deviation, an error, several published values, and the hostile names.
 *
 * @module
 */
import type { ExperimentResult, MetricSummary } from "../../lib/report/results.ts";
import type { RowImportance } from "../../lib/report/row_importance.ts";
import { segmentOutlines } from "../../lib/segments/segment_outlines.ts";
import type { ScoreRecord } from "../../lib/report/scores_csv.ts";

/** Names that would do harm in at least one of the formats if they were written as they are. */
export const hostileNames: readonly string[] = [
  "<script>alert(1)</script>",
  "</script><script>alert(1)//",
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  "javascript:alert(1)",
  "<!-- comment",
  "--><svg onload=alert(1)>",
  "]]><script>alert(1)</script>",
  "&lt;b&gt;",
  "&#60;script&#62;",
  "<style>*{display:none}</style>",
  "</title><h1>x",
  "{{constructor.constructor('alert(1)')()}}",
  "${alert(1)}",
  "`rm -rf x`",
  "\\input{/etc/passwd}",
  "\\write18{id}",
  "100% & more_$x$ #1 ^~{}\\",
  "\\\\[2cm]*",
  "[2cm] after a line break",
  "* starred",
  "--- dashes -- here",
  "a | b",
  "**bold** _it_ [link](https://example.com)",
  "![pic](https://example.com/x.png)",
  "https://example.com and www.example.com",
  "@someone #1",
  "```\ncode",
  "=cmd()",
  "+1+1",
  "-2+3",
  "@SUM(A1)",
  "\t=1+1",
  "\r=1+1",
  "'=kept",
  'quoted "name", with comma',
  "first\nsecond",
  "first\r\nsecond",
  "abc\u202egnp.exe",
  "zero\u200bwidth\ufeff",
  "\u001b[31mred\u0007",
  "\u0000nul",
  "line\u2028separator\u2029",
  "lone \ud800 surrogate",
  "e\u0301 é ñ ß Ω 缺陷 🔥",
  "__proto__",
  "constructor",
  "+ Ours",
  "a".repeat(300),
];

/** A result in the shape of Table 3. */
export const sampleResult: ExperimentResult = {
  experiment: "table3",
  title: "Table 3: high-shot supervised benchmark",
  profile: "demo",
  dataset: { name: "synthetic product", digest: "ab".repeat(32), images: 1200 },
  seeds: [1, 2, 3],
  rows: [
    {
      group: "One-class Anomaly Detection",
      row: "PatchCore",
      metrics: {
        cl_auroc: summary([80, 82, 81]),
        fpr95: summary([60, 62, 61]),
        cl_auroc_seen: summary([80.5, 82.5, 81.5]),
        cl_auroc_unseen: summary([77, 79, 78]),
      },
      paper: [
        { table: "2", metric: "cl_auroc", mean: 88.3, std: 0.3, source: "paper" },
        { table: "2", metric: "fpr95", mean: 60.4, std: 2.8, source: "paper" },
      ],
      verdict: "not testable",
    },
    {
      group: "One-class Anomaly Detection",
      row: "RD4AD",
      metrics: {},
      paper: [{ table: "2", metric: "cl_auroc", mean: 84.5, std: 0.2, source: "paper" }],
      verdict: "not testable",
      error: "needs RD4AD (not in this version)",
    },
    {
      group: "Supervised Classifier",
      row: "WRN",
      metrics: { cl_auroc: summary([92.04, 92.04, 92.04]), fpr95: summary([35]) },
      paper: [],
      verdict: "not testable",
      note: "trained on 80 % of the training set",
    },
    {
      group: "SegAD (Ours)",
      row: "PatchCore + Ours",
      metrics: {
        cl_auroc: summary([91, 93, 92]),
        fpr95: summary([31, 33, 32]),
        cl_auroc_seen: summary([91.5, 93.5, 92.5]),
        cl_auroc_unseen: summary([88, 90, 89]),
      },
      paper: [
        { table: "3", metric: "cl_auroc", mean: 91.7, std: 0.3, source: "paper" },
        { table: "3", metric: "cl_auroc", mean: 91.5, std: null, source: "public code README" },
        { table: "3", metric: "fpr95", mean: 48, std: 2.9, source: "paper" },
      ],
      verdict: "not testable",
      base: "PatchCore",
      classes: { vad: { cl_auroc: summary([91, 93, 92]) } },
    },
  ],
  notes: ["The detectors were fitted on half of the good training images."],
  assumptions: [{ id: "A1", text: "The focal loss has gamma 2." }],
  stages: { cached: 3, run: 12 },
  seconds: 41.5,
};

/** Scores of two rows of {@linkcode sampleResult} under two seeds. */
export const sampleScores: readonly ScoreRecord[] = ["PatchCore", "PatchCore + Ours"].flatMap((
  row,
  r,
) =>
  [1, 2].flatMap((seed) =>
    Array.from({ length: 60 }, (_, i): ScoreRecord => {
      const label = i < 30 ? 0 : 1;
      const unseen = i >= 50;
      const folder = label === 0 ? "good" : unseen ? "bad_unseen_defects" : "bad";
      // A fixed wave instead of random numbers: good and bad overlap, less so for the second row.
      const wave = ((i * 37 + seed * 11) % 30) / 10;
      return {
        row,
        seed,
        image: `test/${folder}/${String(i).padStart(4, "0")}.png`,
        label,
        unseen,
        score: wave + label * (1 + r) - (unseen ? 0.5 : 0),
      };
    })
  )
);

/** Importance of two segments for a row of {@linkcode sampleResult}. */
export const sampleImportance: RowImportance = {
  row: "PatchCore + Ours",
  width: 4,
  height: 4,
  outlines: segmentOutlines({
    name: "sample",
    width: 4,
    height: 4,
    labels: Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0),
    segments: ["ground", "part"],
  }),
  shares: [
    { segment: "ground", share: 0.2, sources: [{ source: "PatchCore", share: 0.2 }] },
    { segment: "part", share: 0.7, sources: [{ source: "PatchCore", share: 0.7 }] },
  ],
  rest: [{ source: "WRN", share: 0.1 }],
};

/** The sample with each hostile name once as row, group, class and note. */
export function hostileResult(): ExperimentResult {
  const [first] = sampleResult.rows;
  return {
    ...sampleResult,
    title: hostileNames[0],
    dataset: { ...sampleResult.dataset, name: hostileNames[2] },
    rows: hostileNames.map((name, i) => ({
      ...first,
      group: hostileNames[(i + 1) % hostileNames.length],
      row: name,
      note: name,
      ...(i % 5 === 4 ? { error: name, metrics: {} } : {}),
      classes: Object.fromEntries([[name, first.metrics]]),
    })),
    notes: hostileNames,
    assumptions: hostileNames.map((text, i) => ({ id: `A${i}`, text })),
  };
}

/** The scores of {@linkcode hostileResult}: every name as a row and as an image. */
export function hostileScores(): ScoreRecord[] {
  return hostileNames.flatMap((row) =>
    hostileNames.slice(0, 6).map((image, i): ScoreRecord => ({
      row,
      seed: 1,
      image,
      label: i % 2 === 0 ? 0 : 1,
      unseen: i === 5,
      score: i / 3,
    }))
  );
}

/** Mean, sample deviation and a made-up interval of `values`. */
function summary(values: readonly number[]): MetricSummary {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  const std = values.length === 1 ? null : Math.sqrt(squares / (values.length - 1));
  return { mean, std, values, interval: std === null ? null : [mean - 2 * std, mean + 2 * std] };
}
