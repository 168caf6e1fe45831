/**
 * Runs plans and reads what they gave: the evaluation of each row and the scores of each cell.
 *
 * @module
 */
import { StorageError } from "../base/errors.ts";
import { parseNpy } from "../base/npy.ts";
import type { Payload, Store } from "../store/store.ts";
import { checkEntries } from "./check_entries.ts";
import {
  executeLocally,
  type ExecutionOptions,
  type ExecutionResult,
  type StageFailure,
} from "./executor_local.ts";
import type { Plan, PlannedCell, PlannedExtra, PlannedRow } from "./plan.ts";
import type { Stage } from "./stage.ts";
import { parseJsonFile } from "./stage_kind.ts";
import type { Evaluation } from "./evaluation.ts";

/** A planned row and what the run found. */
export interface RowOutcome {
  /** The row as it was planned. */
  readonly planned: PlannedRow;
  /** Absent where a cell failed, or the row was not to be filled. */
  readonly evaluation?: Evaluation;
  /** Scores of the test images per cell of the plan. */
  readonly scores: readonly { readonly cell: PlannedCell; readonly values: Float64Array }[];
  /** Why there is no evaluation though the row was planned. */
  readonly failure?: StageFailure;
}

/** The outcome of a plan. */
export interface PlanOutcome {
  /** What was to be found. */
  readonly plan: Plan;
  /** In the order of the plan. */
  readonly rows: readonly RowOutcome[];
  /** What stands beside the rows; those that could not be made are left out. */
  readonly extras: readonly ExtraOutcome[];
}

/** A planned extra and its payload. */
export interface ExtraOutcome {
  /** The extra as it was planned. */
  readonly planned: PlannedExtra;
  /** Its files, by name. */
  readonly payload: Payload;
}

/** What the caller wants to know while plans run. */
export interface RunListener {
  /** A row is complete. */
  readonly onRow?: (plan: Plan, row: RowOutcome) => void;
}

/** The outcome of all plans, and how much of it was cached. */
export interface RunOutcome {
  /** In the order of the plans. */
  readonly outcomes: readonly PlanOutcome[];
  /** What was computed, for all plans together. */
  readonly execution: ExecutionResult;
  /** What `recheck` found. */
  readonly recheck?: StageRecheck;
}

/** Stages that were in the store and were computed anew. */
export interface StageRecheck {
  /** How many were computed anew. */
  readonly stages: number;
  /** Those that gave other bytes than the stored ones, or failed. */
  readonly failures: readonly StageFailure[];
}

const mostRounds = 3;
/** Cells whose scores are read at once. */
const cellsAtOnce = 32;

/**
 * Brings all rows of all plans into the store and reads them. An entry that turns out damaged when it
 * is read is computed again.
 */
export async function runPlans(
  store: Store,
  plans: readonly Plan[],
  options: ExecutionOptions & RunListener & {
    /** Fraction of the stages in the store that is computed anew and compared. */
    readonly recheck?: number;
  },
): Promise<RunOutcome> {
  const done = new Map<PlannedRow, RowOutcome>();
  const made = new Map<PlannedExtra, ExtraOutcome>();
  const extras = plans.flatMap((plan) => plan.extras);
  const rows = plans.flatMap((plan) => plan.rows.map((planned) => ({ plan, planned })));
  const all = [
    ...rows.flatMap(({ planned: { cells, evaluation } }) =>
      evaluation === undefined ? [] : [evaluation, ...cells.map(({ scores }) => scores)]
    ),
    ...extras.map(({ stage }) => stage),
  ];
  const { damaged } = await checkEntries(store, all);
  const sample = await storedSample(store, all, options.recheck ?? 0);
  let run = 0;
  for (let round = 1;; round++) {
    const open = rows.filter(({ planned }) =>
      planned.evaluation !== undefined && !done.has(planned)
    );
    const targets = open.flatMap(({ planned }) => [
      ...planned.cells.map(({ scores }) => scores),
      planned.evaluation!,
    ]);
    if (round === 1) targets.push(...damaged);
    targets.push(...extras.filter((one) => !made.has(one)).map(({ stage }) => stage));
    const execution = await executeLocally(store, targets, {
      ...options,
      async onTarget(key) {
        for (const { plan, planned } of open) {
          if (planned.evaluation!.key !== key || done.has(planned)) continue;
          const outcome = await readOutcome(store, planned);
          if (outcome === undefined) continue;
          done.set(planned, outcome);
          options.onRow?.(plan, outcome);
        }
      },
    });
    run += execution.run;
    for (const planned of extras) {
      if (made.has(planned)) continue;
      const payload = await store.read(planned.stage.input.stage, planned.stage.key);
      if (payload !== undefined) made.set(planned, { planned, payload });
    }
    const stopped = options.failFast && execution.failures.length > 0;
    const complete = stopped ||
      open.every(({ planned }) => done.has(planned) || failed(planned.evaluation!, execution)) &&
        extras.every((one) => made.has(one) || failed(one.stage, execution));
    if (complete) {
      const outcomes = plans.map((plan) => ({
        plan,
        rows: plan.rows.map((planned) => done.get(planned) ?? withoutResult(planned, execution)),
        extras: plan.extras.flatMap((one) => made.get(one) ?? []),
      }));
      if (options.recheck === undefined) return { outcomes, execution: { ...execution, run } };
      const { failures } = await executeLocally(store, sample, { ...options, again: true });
      return {
        outcomes,
        execution: { ...execution, run },
        recheck: { stages: sample.length, failures },
      };
    }
    if (round === mostRounds) {
      throw new StorageError(
        `Cannot read back results from ${store.root}: they are damaged again and again`,
        {
          remedy: "The disk or its memory is probably failing; choose another folder with --cache.",
        },
      );
    }
  }
}

/**
 * A part of the stages behind `targets` that are in the store: the same for the same keys, which are
 * hashes. Stages that measure time are left out, since no two measurements agree.
 */
async function storedSample(
  store: Store,
  targets: readonly Stage[],
  fraction: number,
): Promise<Stage[]> {
  const seen = new Set<string>();
  const sample: Stage[] = [];
  const queue = [...targets];
  for (let stage = queue.pop(); stage !== undefined; stage = queue.pop()) {
    if (seen.has(stage.key)) continue;
    seen.add(stage.key);
    queue.push(...stage.needs);
    const chosen = Number.parseInt(stage.key.slice(0, 8), 16) < fraction * 2 ** 32;
    if (chosen && !stage.alone && await store.has(stage.input.stage, stage.key)) {
      sample.push(stage);
    }
  }
  return sample;
}

/** What a row gave; all of it is read, so that one round finds every damaged entry. */
async function readOutcome(store: Store, planned: PlannedRow): Promise<RowOutcome | undefined> {
  const evaluation = await store.read("evaluate", planned.evaluation!.key);
  const scores: RowOutcome["scores"][number][] = [];
  for (let i = 0; i < planned.cells.length; i += cellsAtOnce) {
    const some = planned.cells.slice(i, i + cellsAtOnce);
    const payloads = await Promise.all(
      some.map(({ scores: { input, key } }) => store.read(input.stage, key, ["scores.npy"])),
    );
    for (const [j, payload] of payloads.entries()) {
      if (payload === undefined) continue;
      const values = parseNpy(payload.get("scores.npy")!).data as Float64Array;
      scores.push({ cell: some[j], values });
    }
  }
  if (evaluation === undefined || scores.length < planned.cells.length) return undefined;
  return { planned, evaluation: parseJsonFile<Evaluation>(evaluation, "metrics.json"), scores };
}

function failed({ key }: Stage, { failures, blocked }: ExecutionResult): boolean {
  return blocked.has(key) || failures.some(({ stage }) => stage.key === key);
}

function withoutResult(planned: PlannedRow, { failures }: ExecutionResult): RowOutcome {
  const needed = new Set<string>();
  const collect = (stage: PlannedRow["evaluation"]): void => {
    if (stage === undefined || needed.has(stage.key)) return;
    needed.add(stage.key);
    stage.needs.forEach(collect);
  };
  collect(planned.evaluation);
  const failure = failures.find(({ stage }) => needed.has(stage.key));
  return { planned, scores: [], ...(failure === undefined ? {} : { failure }) };
}
