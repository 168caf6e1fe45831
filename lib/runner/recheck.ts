/**
 * Computes stored results anew from stored anomaly maps and compares them with what is stored, byte for
 * byte: features from maps, scores and forests from features. Nothing is written.
 *
 * @module
 */
import { sha256 } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import type { StageInput } from "../store/key.ts";
import type { Payload, Store } from "../store/store.ts";
import type { PlannedMap } from "./planned_segmentation.ts";
import { stageOfRole } from "./stage.ts";
import type { StageContext } from "./stage_kind.ts";
import { stageKinds } from "./stages/mod.ts";

/** A stored file that the computation does not give again. */
export interface Mismatch {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** Of its entry. */
  readonly key: string;
  /** Name of the payload file. */
  readonly file: string;
}

/** What a check did. */
export interface Recheck {
  /** Stages computed anew. */
  readonly computed: number;
  /** Files that came out otherwise; empty where everything is right. */
  readonly mismatches: readonly Mismatch[];
}

/** Stages that are computed anew; all others are read from the store, where their hash is checked. */
const recomputed: ReadonlySet<string> = new Set(["features", "scores", "forest", "out_of_fold"]);

/**
 * Checks some entries with all they depend on, down to the maps.
 *
 * @param segmentations the run's segmentation maps by digest
 * @throws {DataError} when an entry is missing, or features were made with another segmentation
 */
export async function recheckEntries(
  store: Store,
  entries: readonly { readonly stage: string; readonly key: string }[],
  segmentations: ReadonlyMap<string, PlannedMap>,
  onProgress: (done: number, of: number) => void = () => {},
): Promise<Recheck> {
  const mismatches: Mismatch[] = [];
  const payloads = new Map<string, Payload>();
  let computed = 0;

  const payloadOf = async (stage: string, key: string): Promise<Payload> => {
    if (!recomputed.has(stage)) return await readEntry(store, stage, key);
    const known = payloads.get(key);
    if (known !== undefined) return known;
    const record = await store.record(stage, key);
    if (record === undefined) throw missing(stage, key);
    const input = JSON.parse(record.input) as StageInput;
    const payload = await stageKinds[stage].run(
      contextOf(input, locationsOf(input, segmentations), payloadOf),
    );
    computed++;
    for (const [file, { sha256: expected }] of Object.entries(record.files)) {
      const bytes = payload.get(file);
      if (bytes === undefined || sha256(bytes) !== expected) mismatches.push({ stage, key, file });
    }
    if (stage === "features") payloads.set(key, payload); // several rows read them
    return payload;
  };

  for (const [i, { stage, key }] of entries.entries()) {
    await payloadOf(stage, key);
    onProgress(i + 1, entries.length);
  }
  return { computed, mismatches };
}

function contextOf(
  { parameters, inputs }: StageInput,
  locations: unknown,
  payloadOf: (stage: string, key: string) => Promise<Payload>,
): StageContext {
  const keysOf = (role: string) => [inputs[role] ?? []].flat();
  return {
    parameters,
    locations,
    count: (role) => keysOf(role).length,
    read: (role, index = 0) => payloadOf(stageOfRole(role), keysOf(role)[index]),
    progress: () => {},
    checkpoints: { load: () => Promise.resolve(undefined), save: () => Promise.resolve() },
  };
}

/** What a stage needs beside its input: the segmentation map of features. */
function locationsOf(
  { stage, parameters }: StageInput,
  segmentations: ReadonlyMap<string, PlannedMap>,
): unknown {
  if (stage !== "features") return {};
  const digest = parameters.segmentation;
  const segmentation = typeof digest === "string" ? segmentations.get(digest) : undefined;
  if (segmentation === undefined) {
    throw new DataError("Cannot compute features anew: their segmentation map is not known", {
      remedy: typeof digest === "string"
        ? "Give the run's map with --segmap."
        : "Each image has a map of its own, which --deep does not read; verify without --deep.",
    });
  }
  return { segmentation };
}

async function readEntry(store: Store, stage: string, key: string): Promise<Payload> {
  const payload = await store.read(stage, key);
  if (payload === undefined) throw missing(stage, key);
  return payload;
}

function missing(stage: string, key: string): DataError {
  return new DataError(`Cannot check ${stage} ${key.slice(0, 12)}: it is not in the store`, {
    remedy: "Give the folder of the run's store with --cache, or run `deno task reproduce` again.",
  });
}
