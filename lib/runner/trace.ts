/**
 * Traces a stage down to the images: everything that its result was, or will be, made from; and for a
 * stage that is not in the store, the stored entry that comes nearest to it with the fields that differ.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { differencesOf, type FieldDifference } from "../store/difference.ts";
import { canonicalInput } from "../store/key.ts";
import type { Store } from "../store/store.ts";
import type { Stage } from "./stage.ts";

/** A stage of a trace. */
export interface TracedStage {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** Of its entry. */
  readonly key: string;
  /** For people: "maps of PatchCore, seed 333, pack 4". */
  readonly label: string;
  /** Whether its entry is in the store. */
  readonly cached: boolean;
  /** SHA-256 of the images, for stages that read them. */
  readonly images?: readonly string[];
}

/** Why a stage is not in the store. */
export interface Miss {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** Of the entry that is missing. */
  readonly key: string;
  /** For people. */
  readonly label: string;
  /** The nearest stored entry of the same kind of stage; undefined where there is none. */
  readonly nearest?: { readonly key: string; readonly differences: readonly FieldDifference[] };
}

/** What `traceStage` found: all stages, results first, and the first misses. */
export interface Trace {
  /** Each once. */
  readonly stages: readonly TracedStage[];
  /** Missing stages whose own inputs are all there: the reasons for all other misses. */
  readonly misses: readonly Miss[];
}

/** Entries that are compared with a missing stage, at most. */
const mostCompared = 400;

/** Traces `target`. */
export async function traceStage(store: Store, target: Stage): Promise<Trace> {
  const cached = new Map<Stage, boolean>();
  const queue = [target];
  const seen = new Set<string>();
  const order: Stage[] = [];
  for (let i = 0; i < queue.length; i++) {
    const stage = queue[i];
    if (seen.has(stage.key)) continue;
    seen.add(stage.key);
    order.push(stage);
    cached.set(stage, await store.has(stage.input.stage, stage.key));
    queue.push(...stage.needs);
  }
  const missing = new Set(order.filter((stage) => !cached.get(stage)).map(({ key }) => key));
  const roots = order.filter((stage) =>
    missing.has(stage.key) && stage.needs.every(({ key }) => !missing.has(key))
  );
  const misses: Miss[] = [];
  for (const stage of roots) misses.push(await explainMiss(store, stage));
  return {
    stages: order.map((stage) => ({
      stage: stage.input.stage,
      key: stage.key,
      label: stage.label,
      cached: cached.get(stage)!,
      ...(Array.isArray(stage.input.parameters.images)
        ? { images: stage.input.parameters.images as string[] }
        : {}),
    })),
    misses,
  };
}

async function explainMiss(store: Store, { key, label, input }: Stage): Promise<Miss> {
  const wanted = JSON.parse(canonicalInput(input)) as Json;
  let nearest: Miss["nearest"];
  let compared = 0;
  for await (const entry of store.entries(input.stage)) {
    if (compared++ === mostCompared) break;
    const record = await store.record(entry.stage, entry.key);
    if (record === undefined) continue;
    const differences = differencesOf(JSON.parse(record.input) as Json, wanted);
    if (nearest === undefined || differences.length < nearest.differences.length) {
      nearest = { key: entry.key, differences };
    }
  }
  return { stage: input.stage, key, label, ...(nearest === undefined ? {} : { nearest }) };
}
