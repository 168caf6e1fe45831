/**
 * A stage: one computation whose result is an entry of the store. The planner makes stages, the
 * executor orders them, a worker runs them; all three know a stage by this record.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { keyOf, type StageInput } from "../store/key.ts";

/** A planned computation. */
export interface Stage {
  /** SHA-256 of the canonical JSON of `input`: where its entry lies in the store. */
  readonly key: string;
  /** Everything that shapes the result. */
  readonly input: StageInput;
  /** The stages whose entries are read, all of them. */
  readonly needs: readonly Stage[];
  /** Where things lie on this machine (folders, files): needed to run, never part of the key. */
  readonly locations: { readonly [name: string]: Json | undefined };
  /** For people: "maps of PatchCore, seed 333, pack 4". */
  readonly label: string;
  /** Estimated seconds on one core, used until stages of the same kind have been timed. */
  readonly seconds: number;
  /** Estimated peak memory in MiB beyond an idle worker. */
  readonly mebibytes: number;
  /** Whether nothing else may run beside it: it measures time. */
  readonly alone?: boolean;
}

/**
 * The needs of a stage by role; an array where a role has several. A role is the name of the stages
 * that it holds, or that name, a colon and more: "maps", "features:patchcore".
 */
export type StageNeeds = { readonly [role: string]: Stage | readonly Stage[] };

/** Makes a stage; its key follows from `stage`, `revision`, parameters, needs and numerics. */
export function makeStage(
  options: {
    readonly stage: string;
    readonly revision: number;
    readonly parameters: StageInput["parameters"];
    readonly needs: StageNeeds;
    readonly numerics?: Json;
    readonly locations?: Stage["locations"];
    readonly label: string;
    readonly seconds: number;
    readonly mebibytes: number;
    readonly alone?: boolean;
  },
): Stage {
  const inputs: Record<string, string | readonly string[]> = {};
  for (const [role, need] of Object.entries(options.needs)) {
    inputs[role] = isStage(need) ? need.key : need.map(({ key }) => key);
  }
  const input: StageInput = {
    stage: options.stage,
    revision: options.revision,
    parameters: options.parameters,
    inputs,
    ...(options.numerics === undefined ? {} : { numerics: options.numerics }),
  };
  return {
    key: keyOf(input),
    input,
    needs: Object.values(options.needs).flat(),
    locations: options.locations ?? {},
    label: options.label,
    seconds: options.seconds,
    mebibytes: options.mebibytes,
    ...(options.alone === undefined ? {} : { alone: options.alone }),
  };
}

function isStage(need: Stage | readonly Stage[]): need is Stage {
  return !Array.isArray(need);
}

/** The keys of stages and of all that they need. */
export function keysBehind(targets: readonly Stage[]): Set<string> {
  const keys = new Set<string>();
  const queue = [...targets];
  for (let stage = queue.pop(); stage !== undefined; stage = queue.pop()) {
    if (keys.has(stage.key)) continue;
    keys.add(stage.key);
    queue.push(...stage.needs);
  }
  return keys;
}

/** The name of the stages that a role holds. */
export function stageOfRole(role: string): string {
  return role.split(":", 1)[0];
}
