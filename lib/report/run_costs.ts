/**
 * What a run took: computing time and room of the stages behind its rows, told by the store's records,
 * whether they were computed in this run or before.
 *
 * @module
 */
import type { Store } from "../store/store.ts";
import { type Chart, chartConfig } from "./charts.ts";
import type { RunRecord } from "./run_record.ts";

/** All entries of one stage. */
export interface StageCost {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** How many the rows depend on. */
  readonly entries: number;
  /** Seconds of one worker. */
  readonly seconds: number;
  /** Of their files. */
  readonly bytes: number;
  /** Largest peak memory of a worker that is known to be of one of these entries, MiB. */
  readonly mebibytes?: number;
}

/** The costs of the stages that a run's scores need, in the order of the flow. */
export async function runCosts(
  store: Pick<Store, "record">,
  run: RunRecord,
): Promise<StageCost[]> {
  const costs = new Map<
    string,
    { entries: number; seconds: number; bytes: number; mebibytes?: number }
  >();
  const seen = new Set<string>();
  const visit = async (stage: string, key: string): Promise<void> => {
    if (seen.has(key)) return;
    seen.add(key);
    const record = await store.record(stage, key);
    if (record === undefined) return;
    const { inputs } = JSON.parse(record.input) as {
      readonly inputs: { readonly [role: string]: string | readonly string[] };
    };
    for (const [role, keys] of Object.entries(inputs)) {
      for (const one of [keys].flat()) await visit(role.split(":", 1)[0], one);
    }
    const cost = costs.get(stage) ?? { entries: 0, seconds: 0, bytes: 0 };
    cost.entries++;
    cost.seconds += record.seconds;
    for (const { bytes } of Object.values(record.files)) cost.bytes += bytes;
    const { mebibytes } = record;
    if (mebibytes !== undefined) cost.mebibytes = Math.max(cost.mebibytes ?? 0, mebibytes);
    costs.set(stage, cost);
  };
  for (const { cells } of run.rows) {
    for (const { stage, key } of cells) await visit(stage, key);
  }
  return [...costs].map(([stage, cost]) => ({ stage, ...cost }));
}

/** Computing time by stage. */
export function costsChart(costs: readonly StageCost[]): Chart {
  const values = costs.map(({ stage, entries, seconds, bytes }) => ({
    stage,
    seconds,
    time: formatSeconds(seconds),
    entries,
    room: formatBytes(bytes),
  }));
  return {
    name: "costs",
    title: "Computing time by stage",
    description: `Seconds of one worker, whether they were spent in this run or before. ${
      values.map(({ stage, time, entries, room }) =>
        `${stage} ${time} in ${entries} entries, ${room}`
      )
        .join("; ")
    }.`,
    spec: {
      width: 360,
      height: { step: 22 },
      config: chartConfig,
      data: { values },
      mark: { type: "bar", color: "#2f6db3", height: 13 },
      encoding: {
        y: { field: "stage", type: "nominal", sort: null, title: null },
        x: { field: "seconds", type: "quantitative", title: "seconds of one worker" },
        tooltip: [
          { field: "stage", title: "stage", type: "nominal" },
          { field: "time", title: "time", type: "nominal" },
          { field: "entries", title: "entries", type: "quantitative" },
          { field: "room", title: "room in the store", type: "nominal" },
        ],
      },
    },
  };
}

/** "41.5 s", "3 min 20 s", "2 h 5 min". */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "1.5 MB", in powers of ten. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
