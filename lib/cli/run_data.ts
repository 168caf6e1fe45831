/**
 * Which data set each experiment runs on: the folder of `--data` whose layout it is made for, or the
 * embedded products.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { openDataset } from "../images/datasets.ts";
import type { Dataset, LayoutName } from "../images/sample.ts";
import { shownPath } from "../images/shown_path.ts";
import type { Experiment } from "../runner/experiment.ts";

/** An experiment with its data set. */
export interface ExperimentData {
  /** As declared. */
  readonly experiment: Experiment;
  /** The given data set, or the embedded one of the experiment's layout. */
  readonly dataset: Dataset;
}

/** The embedded data set for experiments of a layout. */
const embedded: Readonly<Record<Experiment["layout"], string>> = {
  vad: "synthetic",
  visa: "siblings",
  mvtec: "siblings",
};

/** Layouts that do for an experiment, the best first. VisA's prepared form has MVTec AD's layout. */
const suitable: Readonly<Record<Experiment["layout"], readonly LayoutName[]>> = {
  vad: ["vad", "synthetic"],
  visa: ["visa", "mvtec", "synthetic"],
  mvtec: ["mvtec", "visa", "synthetic"],
};

/**
 * Pairs experiments with data sets. Each folder is opened once; several may be given, one for each
 * layout.
 *
 * @param choose whether an experiment that no folder fits is left out ("all") or an error
 * @throws {UsageError} when no experiment is left, or one that was named has no data set
 */
export async function pairWithData(
  experiments: readonly Experiment[],
  folders: readonly string[],
  choose: "all" | "named",
): Promise<ExperimentData[]> {
  const names = folders.length > 0
    ? folders
    : [...new Set(experiments.map(({ layout }) => embedded[layout]))];
  const given = await Promise.all(
    names.map(async (name) => ({ name, dataset: await openDataset(name) })),
  );
  const paired: ExperimentData[] = [];
  for (const experiment of experiments) {
    const dataset = fitting(experiment, given, folders.length === 0);
    if (dataset !== undefined) paired.push({ experiment, dataset });
    else if (choose === "named") {
      const [{ name, dataset: { layout } }] = given;
      throw new UsageError(
        `Cannot run ${experiment.id} on ${shownPath(name)}: it has the layout ${layout}, and ` +
          `${experiment.id} is made for ${suitable[experiment.layout].slice(0, -1).join(" or ")}`,
        {
          remedy: "Leave --data away for the embedded product, or name an experiment for this " +
            `layout: ${fittingIds(experiments, given) || "see `deno task list`"}.`,
        },
      );
    }
  }
  if (paired.length === 0) {
    throw new UsageError(`Cannot run anything on ${folders.map(shownPath).join(", ")}`, {
      remedy: "No experiment is made for its layout; `deno task list` says which there are.",
    });
  }
  return paired;
}

interface NamedDataset {
  readonly name: string;
  readonly dataset: Dataset;
}

function fitting(
  { layout }: Experiment,
  given: readonly NamedDataset[],
  useEmbedded: boolean,
): Dataset | undefined {
  if (useEmbedded) return given.find(({ name }) => name === embedded[layout])!.dataset;
  for (const one of suitable[layout]) {
    const found = given.find(({ name, dataset }) =>
      dataset.layout === one && (one !== "synthetic" || name === embedded[layout])
    );
    if (found !== undefined) return found.dataset;
  }
  return undefined;
}

function fittingIds(experiments: readonly Experiment[], given: readonly NamedDataset[]): string {
  return experiments.filter((one) => fitting(one, given, false) !== undefined)
    .map(({ id }) => id).join(", ");
}
