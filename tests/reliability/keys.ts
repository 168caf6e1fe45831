/**
 * Keys: every field of every definition changes the key, and `why` names that field and no other (R15).
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { experiments } from "../../experiments/mod.ts";
import type { Json } from "../../lib/base/digest.ts";
import type { Stage } from "../../lib/runner/stage.ts";
import { differencesOf } from "../../lib/store/difference.ts";
import { canonicalInput, keyOf, type StageInput } from "../../lib/store/key.ts";
import { madePlan, madeSamples, madeSetting, stagesOf } from "../runner/made_setting.ts";
import type { Finding } from "./workload.ts";

/** R15: each field of a stage of every kind that the experiments plan, and of `random` made-up ones. */
export function changedFields(random: number): Finding {
  const kinds = plannedStages();
  let fields = 0;
  for (const { input } of kinds.values()) fields += changeEachField(input);
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { depthSize: "small" },
      scalar,
      fc.array(tie("json"), { maxLength: 3 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie("json"), { maxKeys: 4 }),
    ),
  }));
  const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
  const definition = fc.record({
    stage: fc.stringMatching(/^[a-z]{1,8}$/),
    revision: fc.nat(99),
    parameters: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), json as fc.Arbitrary<Json>, {
      minKeys: 1,
      maxKeys: 5,
    }),
    inputs: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.oneof(hex, fc.array(hex)), {
      maxKeys: 3,
    }),
  });
  fc.assert(
    fc.property(definition, (input) => {
      fields += changeEachField(input);
      const reversed = JSON.parse(
        JSON.stringify(input),
        (_, value) =>
          typeof value === "object" && value !== null && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).reverse())
            : value,
      );
      assert.equal(keyOf(reversed), keyOf(input), "the order of fields is no matter");
    }),
    { numRuns: random, seed: 15 },
  );
  return {
    count: kinds.size + random,
    outcome:
      `${fields} fields of ${kinds.size} kinds of stages and ${random} made-up definitions: ` +
      "each changes the key, and is the one that is named",
  };
}

/** A stage of each kind that any experiment has. */
function plannedStages(): Map<string, Stage> {
  const counts = { trainGood: 24, trainBad: 16, testGood: 8, testBad: 16 };
  const vad = madeSetting(madeSamples(["vad"], counts));
  const visa = madeSetting(madeSamples(["a", "b"], counts));
  const plans = experiments.map((experiment) =>
    madePlan(experiment, experiment.layout === "vad" ? vad : visa)
  );
  return new Map(
    [...stagesOf(plans)].map(([kind, stages]) => [kind, [...stages.values()][0]]),
  );
}

/** Changes each field of an input by itself; how many there are. */
function changeEachField(input: StageInput): number {
  const whole = JSON.parse(canonicalInput(input)) as Json;
  const key = keyOf(input);
  const keys = new Set([key]);
  const leaves = leavesOf(whole);
  for (const { path, name } of leaves) {
    if (path[0] === "keySchema") continue;
    const changed = changeAt(whole, path) as unknown as { keySchema: number } & StageInput;
    const { keySchema: _, ...other } = changed;
    const changedKey = keyOf(other as StageInput);
    assert.ok(!keys.has(changedKey), `${name} does not change the key of ${input.stage}`);
    keys.add(changedKey);
    assert.deepEqual(
      differencesOf(whole, JSON.parse(canonicalInput(other as StageInput)) as Json)
        .map(({ field }) => field),
      [name],
    );
  }
  return leaves.length - 1;
}

type Path = readonly (string | number)[];

/** Every value that is no record and no list with something in it, with its name as `why` has it. */
function leavesOf(value: Json, path: Path = [], name = ""): { path: Path; name: string }[] {
  if (Array.isArray(value) && value.length > 0) {
    // Long lists of hashes and places: some of them stand for all.
    const every = Math.ceil(value.length / 5);
    return value.flatMap((one, i) =>
      i % every === 0 ? leavesOf(one, [...path, i], `${name}[${i}]`) : []
    );
  }
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([key, one]) =>
      leavesOf(one as Json, [...path, key], name === "" ? key : `${name}.${key}`)
    );
  }
  return [{ path, name }];
}

/** A copy in which the value at `path` is another one of the same kind. */
function changeAt(value: Json, path: Path): Json {
  if (path.length > 0) {
    const [first, ...rest] = path;
    const copy = structuredClone(value) as Record<string | number, Json>;
    copy[first] = changeAt(copy[first], rest);
    return copy as Json;
  }
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return `${value}x`;
  return "changed";
}
