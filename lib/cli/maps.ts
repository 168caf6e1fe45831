/**
 * `maps import` reads the anomaly maps of other tools and says which can be used; `maps export` writes
 * ours for them. Both use the folder that the public SegAD code reads.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { stringify } from "csv-stringify/sync";
import { HarnessError, StorageError, UsageError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import { npyBytes, parseFloat32Npy } from "../base/npy.ts";
import type { Sample } from "../images/sample.ts";
import { mapMaximum, readAnomalyMap } from "../maps/anomaly_map.ts";
import { type ImportedMaps, listImportedMaps, modelFolders } from "../maps/imported_maps.ts";
import { visible } from "../report/escape.ts";
import { wrap } from "../report/to_text.ts";
import type { Plan, PlannedCell, PlannedRow, RunSetting } from "../runner/plan.ts";
import {
  openImageMap,
  openSegmentation,
  type PlannedImageMaps,
  type PlannedSegmentation,
} from "../runner/planned_segmentation.ts";
import { openStore, type Store } from "../store/store.ts";
import { type CommandGroup, defineCommand } from "./arguments.ts";
import { alignedLines, type Output } from "./output.ts";
import { runInStore } from "./reproduce.ts";
import { importedDataset } from "./run_imported.ts";
import { experimentsNamed, planRuns, runOptionSpecs } from "./run_options.ts";

const importCommand = defineCommand({
  name: "import",
  summary: "Read a folder of anomaly maps and say which classes and models can be used.",
  description: "The folder holds anomaly_maps/<model>/<class>/{df_training.csv, df_test.csv, " +
    "anomaly_maps/{good,bad}/<name>.npy} and visa_segm/<class>/{good,bad}/<name>.npy. Nothing is " +
    "copied: `reproduce table8 --maps DIR` reads the maps where they are.",
  examples: [
    { command: "maps import downloads/maps", description: "what is there, and what is wrong" },
    { command: "reproduce table8 --maps downloads/maps", description: "the table from them" },
  ],
  options: {},
  positionals: [{ name: "dir", description: "the folder" }],
  async run({ output }, { positionals: [folder] }) {
    const maps = await listImportedMaps(folder, (done, of, label) => {
      output.progress.update({ done, of, label: `reading ${label}` });
    });
    output.progress.clear();
    const listing = describeImport(maps);
    output.result(listing, ({ width }) => importText(listing, width));
    return listing.classes.some(({ faults }) => faults.length > 0) ? 3 : 0;
  },
});

/** What `maps import --json` prints. */
interface ImportListing {
  readonly models: readonly { readonly folder: string; readonly detector: string | null }[];
  readonly classes: readonly ListedClass[];
  /** Classes that a run uses. */
  readonly usable: readonly string[];
  readonly missing: readonly { readonly class: string; readonly reason: string }[];
}

interface ListedClass {
  readonly class: string;
  readonly model: string;
  readonly trainGood: number;
  readonly testGood: number;
  readonly testBad: number;
  readonly faults: readonly string[];
}

function describeImport(maps: ImportedMaps): ImportListing {
  const classes = maps.models.flatMap(({ folder, classes }) =>
    [...classes].map(([name, { images, faults }]): ListedClass => {
      const count = (split: string, label: number) =>
        images.filter((image) => image.split === split && image.label === label).length;
      return {
        class: name,
        model: folder,
        trainGood: count("train", 0),
        testGood: count("test", 0),
        testBad: count("test", 1),
        faults,
      };
    })
  );
  const { dataset, missing } = importedDataset(maps);
  return {
    models: maps.models.map(({ folder, detector }) => ({ folder, detector: detector ?? null })),
    classes,
    usable: [...new Set(dataset.samples.map((sample) => sample.class))],
    missing,
  };
}

function importText({ models, classes, usable, missing }: ImportListing, width: number): string {
  const unknown = models.filter(({ detector }) => detector === null).map(({ folder }) => folder);
  return [
    ...alignedLines([
      ["class", "model", "train good", "test good", "test bad", ""],
      ...classes.map((one) => [
        visible(one.class),
        visible(one.model),
        ...[one.trainGood, one.testGood, one.testBad].map(String),
        one.faults.length === 0 ? "" : `${one.faults.length} faults`,
      ]),
    ]),
    "",
    ...classes.flatMap((one) =>
      one.faults.slice(0, 5).map((fault) =>
        `${visible(one.model)}, ${visible(one.class)}: ${visible(fault)}.`
      )
    ),
    `Can be used: ${usable.map(visible).join(", ")}.`,
    ...missing.map((one) => `Missing: ${visible(one.class)} (${visible(one.reason)}).`),
    ...(unknown.length === 0 ? [] : [
      `Not used, since no row of a table is of them: ${unknown.map(visible).join(", ")}. Known: ` +
      `${Object.values(modelFolders).map(([name]) => name).join(", ")}.`,
    ]),
    "Training contact: unknown. What the maps were trained on is not in the folder.",
  ].flatMap((line) => wrap(line, width)).map((line) => `${line}\n`).join("");
}

const exportCommand = defineCommand({
  name: "export",
  summary: "Write our anomaly maps in the layout that the public SegAD code reads.",
  description:
    "Runs the detectors of an experiment where their maps are not in the store, for its first seed, " +
    "and writes each map at image size with its tables and segmentations.",
  examples: [{
    command: "maps export table8 maps",
    description: "the maps of RD4AD and EfficientAD on the embedded products",
  }],
  options: {
    ...runOptionSpecs,
    workers: { type: "integer", value: "N", description: "worker processes (all cores)" },
  },
  positionals: [
    { name: "experiment", description: "table8, …" },
    { name: "out", description: "the folder to write" },
  ],
  async run({ output, experiments, signal }, { options, positionals: [name, out] }) {
    const [experiment] = experimentsNamed([name], experiments);
    const alone = experiment.rows.filter(({ method }) => method.kind === "detector");
    if (alone.length === 0) {
      throw new UsageError(`Cannot export maps of ${name}: it has no row of a detector alone`, {
        remedy: "Name table2, table3, table8 or table9.",
      });
    }
    const [plan] = await planRuns([{ ...experiment, rows: alone }], { ...options, seeds: 1 });
    const ready = plan.rows.filter((row) => row.evaluation !== undefined);
    if (ready.length === 0) {
      throw plan.rows[0]?.obstacle ??
        new UsageError(`Cannot export maps of ${name}: no row of a detector alone is chosen`, {
          remedy: "Name its detectors with --detectors, or leave --rows and --detectors away.",
        });
    }
    const { execution } = await runInStore([plan], { ...options, "fail-fast": false }, {
      output,
      signal,
    });
    if (execution.failures.length > 0) return 4;
    const store = await openStore(resolve(options.cache));
    try {
      const written = await exportMaps(plan, ready, store, out, output);
      output.result(
        { out, ...written },
        () => `Wrote ${written.maps} maps of ${written.models.join(", ")} to ${visible(out)}.\n`,
      );
    } finally {
      store.close();
    }
    return 0;
  },
});

/** `maps import` and `maps export`. */
export const mapsCommands: CommandGroup = {
  name: "maps",
  summary: "Anomaly maps of other tools, and ours for them.",
  commands: [importCommand, exportCommand],
};

async function exportMaps(
  plan: Plan,
  rows: readonly PlannedRow[],
  store: Store,
  out: string,
  output: Output,
): Promise<{ readonly models: string[]; readonly maps: number }> {
  const { profile, segmentations } = plan.setting;
  const models: string[] = [];
  const of = rows.flatMap(({ cells }) => cells.flatMap((cell) => cell.maps ?? []))
    .reduce((sum, { samples }) => sum + samples.length, 0);
  let maps = 0;
  for (const { row, cells } of rows) {
    if (row.method.kind !== "detector") continue;
    const { detector } = row.method;
    const model = modelFolders[detector]?.[0] ?? detector;
    models.push(model);
    for (const cell of cells) {
      const scores = new Map<string, number>();
      for await (const { sample, map } of mapsOfCell(store, cell, profile.size)) {
        await writeFileAtomic(join(out, mapPath(model, sample)), npyBytes(map));
        scores.set(sample.id, mapMaximum(map.data));
        output.progress.update({ done: ++maps, of, label: `writing maps of ${model}` });
      }
      await writeTables(out, model, cell, plan.setting, scores);
    }
  }
  for (const [name, segmentation] of segmentations) {
    if (segmentation instanceof HarnessError) continue;
    const samples = plan.setting.dataset.samples.filter((sample) => sample.class === name);
    await writeSegmentations(out, samples, segmentation, profile.size);
  }
  output.progress.clear();
  return { models, maps };
}

/** A map at image size. */
interface ExportedMap {
  readonly sample: Sample;
  readonly map: { readonly shape: readonly number[]; readonly data: Float32Array };
}

/** The maps of a cell, read from the store one pack at a time. */
async function* mapsOfCell(
  store: Store,
  cell: PlannedCell,
  size: number,
): AsyncGenerator<ExportedMap> {
  for (const { stage, samples, reading } of cell.maps!) {
    const payload = await store.read("maps", stage.key, ["maps.npy"]);
    if (payload === undefined) {
      throw new StorageError("Cannot export maps: an entry of the store was damaged meanwhile", {
        remedy: "Start the same command again.",
      });
    }
    const { shape: [, height, width], data } = parseFloat32Npy(payload.get("maps.npy")!);
    for (const [i, sample] of samples.entries()) {
      const native = data.subarray(i * height * width, (i + 1) * height * width);
      const map = readAnomalyMap(native, height, width, size, reading);
      yield { sample, map: { shape: [size, size], data: map } };
    }
  }
}

/**
 * The tables of a class: its forest's training images and all its test images, the bad ones that a seed
 * moves to training among them.
 */
async function writeTables(
  out: string,
  model: string,
  cell: PlannedCell,
  { dataset }: RunSetting,
  scores: ReadonlyMap<string, number>,
): Promise<void> {
  const mapped = dataset.samples.filter(({ id }) => scores.has(id));
  for (const [split, file] of [["train", "df_training.csv"], ["test", "df_test.csv"]] as const) {
    const rows = mapped.filter((sample) => sample.split === split).map((sample, i) => [
      i,
      sample.id,
      mapPath(model, sample),
      sample.label,
      scores.get(sample.id)!,
    ]);
    const text = stringify([
      ["", "filepath", "an_map_path", "label", "prediction_an_det"],
      ...rows,
    ]);
    await writeFileAtomic(join(out, "anomaly_maps", model, cell.class, file), text);
  }
}

async function writeSegmentations(
  out: string,
  samples: readonly Sample[],
  segmentation: PlannedSegmentation,
  size: number,
): Promise<void> {
  const common = segmentation.kind === "map"
    ? await openSegmentation(segmentation, size)
    : undefined;
  for (const sample of samples) {
    const { labels } = common ??
      await openImageMap(
        segmentation,
        (segmentation as PlannedImageMaps).files[sample.id],
        size,
        size,
      );
    const path = join(out, "visa_segm", sample.class, folderOf(sample), `${nameOf(sample)}.npy`);
    await writeFileAtomic(path, npyBytes({ shape: [size, size], data: labels }));
  }
}

function mapPath(model: string, sample: Sample): string {
  const folder = `anomaly_maps/${model}/${sample.class}/anomaly_maps/${folderOf(sample)}`;
  return `${folder}/${nameOf(sample)}.npy`;
}

function folderOf({ label }: Sample): "good" | "bad" {
  return label === 0 ? "good" : "bad";
}

/** A name that no other image of the class has: the path below the class, without "/". */
function nameOf({ id, class: name }: Sample): string {
  const inside = id.startsWith(`${name}/`) ? id.slice(name.length + 1) : id;
  return inside.replace(/\.[^.]*$/, "").replaceAll("/", "_");
}
