/**
 * The certificate of a run: what was computed anew from its files, and what came out. It needs no store,
 * no images and no model, so that a stranger can check a table in seconds.
 *
 * @module
 */
import { z } from "zod";
import type { Verdict } from "./results.ts";

/** Version of the certificate's layout. */
export const certificateVersion = 1;

/** What was found of one run. */
export interface Certificate {
  /** {@linkcode certificateVersion}. */
  readonly schema: typeof certificateVersion;
  /** Version of the harness that computed. */
  readonly harness: string;
  /** `id` of the run's record. */
  readonly id: string;
  /** Id of the run's experiment. */
  readonly experiment: string;
  /** Name of the run's profile. */
  readonly profile: string;
  /** Name and digest of the run's data set. */
  readonly dataset: { readonly name: string; readonly digest: string };
  /** "verified": all that was computed anew is as it was written. */
  readonly verdict: "verified" | "refuted";
  /** From where numbers were computed: the scores of the images, or the anomaly maps in the store. */
  readonly from: "scores" | "maps";
  /** In the order in which they were made. */
  readonly checks: readonly CertifiedCheck[];
  /** What could not be computed anew. */
  readonly skipped: readonly string[];
  /** In what the run is not the paper's; where there is anything, its numbers test no claim of it. */
  readonly deviations: readonly string[];
  /** Published numbers by what the run says of them. */
  readonly claims: Readonly<Record<Verdict, number>>;
}

/** One kind of comparison. */
export interface CertifiedCheck {
  /** What kind of comparison it is. */
  readonly check: CheckName;
  /** How many values were compared. */
  readonly compared: number;
  /** What is not as it was written, one sentence each. */
  readonly faults: readonly string[];
}

/** The checks in the order in which they are made. */
export type CheckName = typeof checkNames[number];

/**
 * The run's record, its files by digest, scores by digest, numbers from scores, tables from
 * numbers, and scores from maps.
 */
export const checkNames = ["record", "files", "scores", "numbers", "tables", "maps"] as const;

const count = z.int().nonnegative();
const text = z.string().min(1);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** The schema of {@linkcode Certificate}. */
export const certificateSchema: z.ZodType<Certificate> = z.strictObject({
  schema: z.literal(certificateVersion),
  harness: text,
  id: digest,
  experiment: text,
  profile: text,
  dataset: z.strictObject({ name: text, digest }),
  verdict: z.enum(["verified", "refuted"]),
  from: z.enum(["scores", "maps"]),
  checks: z.array(
    z.strictObject({ check: z.enum(checkNames), compared: count, faults: z.array(text) }),
  ),
  skipped: z.array(text),
  deviations: z.array(text),
  claims: z.strictObject({
    reproduced: count,
    "within noise": count,
    differs: count,
    "not testable": count,
  }),
});

/** What each check compares, for people. */
const sentences: Readonly<Record<CheckName, (compared: number) => string>> = {
  record: (n) => `run.json is whole and agrees with result.json in ${n} places`,
  files: (n) => `${n} files are those that run.json names`,
  scores: (n) => `${n} scores are those of the store's entries that run.json names`,
  numbers: (n) => `${n} numbers computed anew are the written ones to the last bit`,
  tables: (n) => `${n} tables written anew are the same bytes`,
  maps: (n) => `${n} stages computed anew from the anomaly maps are the same bytes`,
};

/** The certificate as lines of text; faults are left to the caller. */
export function certificateLines(certificate: Certificate): string[] {
  const { checks, skipped, deviations, claims } = certificate;
  const tested = claims.reproduced + claims["within noise"] + claims.differs;
  return [
    ...checks.map(({ check, compared, faults }) =>
      `${faults.length === 0 ? "ok  " : "FAIL"}  ${sentences[check](compared)}${
        faults.length === 0 ? "." : `, but for ${faults.length}.`
      }`
    ),
    ...skipped,
    tested === 0
      ? `No claim of the paper is tested${
        deviations.length === 0 ? "" : `: ${deviations.join("; ")}`
      }.`
      : `Of ${tested} published numbers ${claims.reproduced} are reproduced, ` +
        `${claims["within noise"]} agree within noise, ${claims.differs} differ.`,
    `Record ${certificate.id}.`,
  ];
}
