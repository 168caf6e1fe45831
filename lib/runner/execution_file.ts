/**
 * `execution.json`: how a run came about once: when, on what machine, by which code. What differs from
 * one execution to the next stands here and not in `run.json`. No path, user or machine name is part of
 * it.
 *
 * @module
 */
import { cpus } from "node:os";
import { z } from "zod";
import { type CodeIdentity, codeIdentity } from "./code_identity.ts";

/** Version of the layout. */
export const executionFileVersion = 1;

/** The record of one execution. */
export interface ExecutionFile {
  /** {@linkcode executionFileVersion}. */
  readonly schema: typeof executionFileVersion;
  /** `id` of the run.json that it gave. */
  readonly run: string;
  /** `id` of the run.json that stood in its place before, where it was another. */
  readonly replaces?: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** ISO 8601, UTC; when this record was made. */
  readonly ended: string;
  /** Stages of the whole command, which may have run several experiments. */
  readonly stages: { readonly cached: number; readonly run: number };
  /** What the stages behind the rows took, computed now or before: seconds of one worker, bytes. */
  readonly costs: readonly ExecutionCost[];
  /** What computed. */
  readonly code: CodeIdentity;
  /** Where it computed. */
  readonly machine: ExecutionMachine;
}

/** All entries of one stage. */
export interface ExecutionCost {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** How many of its entries the rows depend on. */
  readonly entries: number;
  /** Together, as measured when they were computed. */
  readonly seconds: number;
  /** Of their files together. */
  readonly bytes: number;
  /** Largest peak memory of a worker that is known to be of one of these entries, MiB. */
  readonly mebibytes?: number;
}

/** The machine, without a name. */
export interface ExecutionMachine {
  /** As Deno names it: "linux", "darwin", "windows". */
  readonly os: string;
  /** Of the processor, as Deno names it: "x86_64", "aarch64". */
  readonly arch: string;
  /** Model of the processor; null where the system does not tell. */
  readonly processor: string | null;
  /** Logical ones. */
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  /** As the system is set, e.g. "en-GB"; no number depends on it. */
  readonly locale: string;
  /** As the system is set, e.g. "Europe/Prague"; no number depends on it. */
  readonly timeZone: string;
}

const name = z.string().min(1);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

/** The schema of {@linkcode ExecutionFile}: unknown fields are refused, not dropped. */
export const executionFileSchema: z.ZodType<ExecutionFile> = z.strictObject({
  schema: z.literal(executionFileVersion),
  run: digest,
  replaces: digest.exactOptional(),
  started: z.iso.datetime(),
  ended: z.iso.datetime(),
  stages: z.strictObject({ cached: count, run: count }),
  costs: z.array(z.strictObject({
    stage: name,
    entries: count,
    seconds: z.number().nonnegative(),
    bytes: count,
    mebibytes: count.exactOptional(),
  })),
  code: z.strictObject({
    version: name,
    sources: digest,
    lock: digest,
    commit: z.string().regex(/^[0-9a-f]{40,64}$/).exactOptional(),
  }),
  machine: z.strictObject({
    os: name,
    arch: name,
    processor: name.nullable(),
    cores: z.int().positive(),
    memory: z.int().positive(),
    locale: name,
    timeZone: name,
  }),
});

/** The record of an execution that ends now and took `seconds`. */
export async function executionOf(
  options: Pick<ExecutionFile, "run" | "stages" | "costs"> & {
    readonly seconds: number;
    /** `id` of the record that is replaced, if there is one. */
    readonly before: string | undefined;
  },
): Promise<ExecutionFile> {
  const { run, before, stages, costs, seconds } = options;
  const ended = new Date();
  const { locale, timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return {
    schema: executionFileVersion,
    run,
    ...(before === undefined || before === run ? {} : { replaces: before }),
    started: new Date(ended.getTime() - Math.round(seconds * 1000)).toISOString(),
    ended: ended.toISOString(),
    stages,
    costs,
    code: await codeIdentity(),
    machine: {
      os: Deno.build.os,
      arch: Deno.build.arch,
      processor: cpus()[0]?.model.trim() || null,
      cores: navigator.hardwareConcurrency,
      memory: Deno.systemMemoryInfo().total,
      locale,
      timeZone,
    },
  };
}
