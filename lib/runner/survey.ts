/**
 * What a plan would do: which stages are in the store, which would run, which rows are blocked.
 *
 * @module
 */
import type { Store } from "../store/store.ts";
import type { Plan } from "./plan.ts";
import type { Stage } from "./stage.ts";

/** Stages of one kind. */
export interface SurveyedKind {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** In the store. */
  readonly cached: number;
  /** Not in the store. */
  readonly run: number;
}

/** A row that cannot run, and what mends it. */
export interface BlockedRow {
  /** Id of its experiment. */
  readonly experiment: string;
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** Why it cannot run, one sentence. */
  readonly reason: string;
  /** What mends it, where that is known. */
  readonly remedy?: string;
}

/** What the plans would do together; a stage that several rows need counts once. */
export interface Survey {
  /** Stages in the store. */
  readonly cached: number;
  /** Stages that would run. */
  readonly run: number;
  /** Rows that would stay empty, in the order of the tables. */
  readonly blocked: readonly BlockedRow[];
  /** Both numbers by kind of stage. */
  readonly kinds: readonly SurveyedKind[];
  /** Estimated wall time with `workers` workers. */
  readonly seconds: number;
  /** Largest estimated memory of a single stage, MiB. */
  readonly mebibytes: number;
}

/** Surveys plans; nothing is run or changed. */
export async function surveyPlans(
  store: Store,
  plans: readonly Plan[],
  workers: number,
): Promise<Survey> {
  const seen = new Map<string, { readonly stage: Stage; readonly cached: boolean }>();
  const visit = async (stage: Stage): Promise<void> => {
    if (seen.has(stage.key)) return;
    const cached = await store.has(stage.input.stage, stage.key);
    seen.set(stage.key, { stage, cached });
    // What a cached stage needs is of no interest: it will not be read.
    if (!cached) { for (const need of stage.needs) await visit(need); }
  };
  const blocked: BlockedRow[] = [];
  for (const { experiment, rows, extras } of plans) {
    for (const { stage } of extras) await visit(stage);
    for (const { row, cells, evaluation, obstacle } of rows) {
      for (const { scores } of cells) await visit(scores);
      if (evaluation !== undefined) await visit(evaluation);
      if (obstacle === undefined) continue;
      const { message, remedy } = obstacle;
      blocked.push({
        experiment: experiment.id,
        row: row.row,
        reason: message,
        ...(remedy === undefined ? {} : { remedy }),
      });
    }
  }
  const all = [...seen.values()];
  const open = all.filter(({ cached }) => !cached).map(({ stage }) => stage);
  const kinds = Map.groupBy(all, ({ stage }) => stage.input.stage);
  return {
    cached: all.length - open.length,
    run: open.length,
    blocked,
    kinds: [...kinds].map(([stage, list]) => ({
      stage,
      cached: list.filter(({ cached }) => cached).length,
      run: list.filter(({ cached }) => !cached).length,
    })),
    seconds: open.reduce((sum, stage) => sum + stage.seconds, 0) / workers,
    mebibytes: open.reduce((most, stage) => Math.max(most, stage.mebibytes), 0),
  };
}
