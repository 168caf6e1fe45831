/**
 * The public code's protocol on maps in its layout: the splits, features and tables that it gives, with
 * numbers of `tests/fixtures/public_code/generate.py`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { visaRows } from "../../experiments/visa_rows.ts";
import { table8 } from "../../experiments/table8.ts";
import { importedSetting } from "../../lib/cli/run_imported.ts";
import { visaSegmentCounts } from "../../lib/maps/imported_maps.ts";
import { planExperiment } from "../../lib/runner/plan.ts";
import type { Stage } from "../../lib/runner/stage.ts";
import { type ForestStageParameters, readFeatureTable } from "../../lib/runner/stages/forest.ts";
import { openStore, type Store } from "../../lib/store/store.ts";
import { drawnClass, writeImportedFolder } from "../maps/imported_folder.ts";
import { runProgram, withFolder } from "./harness.ts";

type Percentages = Readonly<Record<"cl_auroc" | "fpr95", readonly number[]>>;

interface PublicCode {
  /** Places of the bad images that train, by seed. */
  readonly training: Readonly<Record<string, readonly number[]>>;
  readonly classes: Readonly<
    Record<string, {
      readonly maps: string;
      readonly rows: Readonly<
        Record<"efficient_ad" | "rd4ad" | "all_ad", {
          readonly detector?: Percentages;
          readonly ours: Percentages;
        }>
      >;
      readonly features: Readonly<Record<"float32" | "float64", readonly number[]>>;
    }>
  >;
}

const reference: PublicCode = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/public_code/protocol.json", import.meta.url)),
);
const classes = Object.keys(visaSegmentCounts);
const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

Deno.test("maps in the public code's layout give its splits, its features and its table", () =>
  withFolder(async (folder) => {
    const [maps, cache, out] = ["maps", "cache", "out"].map((name) => join(folder, name));
    for (const name of classes) assert.equal(digestOfMaps(name), reference.classes[name].maps);
    await writeImportedFolder(maps, classes);

    const words = ["--maps", maps, "--cache", cache, "--out", out, "--json", "--quiet"];
    const { code, stdout, stderr } = await runProgram(["reproduce", "table8", ...words]);
    assert.equal(code, 0, stderr);
    checkTable(JSON.parse(stdout));

    const setting = await importedSetting(maps, [table8], undefined);
    const rows = visaRows("8").filter(({ row }) => row === "All AD + Ours");
    const { rows: [{ cells }] } = planExperiment(table8, rows, { ...setting, seeds: table8.seeds });
    assert.equal(cells.length, 120);
    const store = await openStore(cache);
    try {
      for (const cell of cells) {
        const samples = setting.dataset.samples.filter((one) => one.class === cell.class);
        const nameAt = (place: number) => samples[place].id.slice(cell.class.length + 1, -4);
        const parameters = parametersOf(cell.scores);
        const moved = reference.training[cell.seed].map((place) => badName(place));
        assert.deepEqual(
          parameters.train.map(nameAt),
          [...names(90, (i) => `train/good/train_${i}`), ...moved],
        );
        assert.deepEqual(cell.test.map(({ id }) => id.slice(cell.class.length + 1, -4)), [
          ...names(100, (i) => `test/good/test_${i}`),
          ...Array.from({ length: 100 }, (_, i) => badName(i)).filter((one) =>
            !moved.includes(one)
          ),
        ]);
        if (cell.seed === table8.seeds[0]) {
          await checkFeatures(store, cell.scores, cell.class, samples.length - 1);
        }
      }
    } finally {
      store.close();
    }
  }));

/** What `reproduce --json` prints, as far as it is looked at. */
interface PrintedTable {
  readonly rows: readonly {
    readonly row: string;
    readonly error?: string;
    readonly classes: Readonly<
      Record<string, Readonly<Record<"cl_auroc" | "fpr95", { readonly values: number[] }>>>
    >;
    readonly audit?: { readonly state: string };
  }[];
}

/** Detectors alone are exact; forests draw other random numbers than XGBoost's. */
function checkTable({ rows }: PrintedTable): void {
  const find = (name: string) => rows.find(({ row }) => row === name)!;
  const methods = [["RD4AD", "rd4ad"], ["EfficientAD", "efficient_ad"]] as const;
  for (const [row, model] of methods) {
    for (const name of classes) {
      for (const metric of ["cl_auroc", "fpr95"] as const) {
        const [ours, theirs] = [
          find(row).classes[name][metric].values,
          reference.classes[name].rows[model].detector![metric],
        ];
        assert.equal(ours.length, theirs.length);
        ours.forEach((value, i) =>
          assert.ok(Math.abs(value - theirs[i]) < 1e-9, `${row}, ${name}, ${metric}: ${value}`)
        );
      }
    }
  }
  for (const [row, model] of [...methods, ["All AD", "all_ad"] as const]) {
    const gaps = classes.map((name) =>
      mean(find(`${row} + Ours`).classes[name].cl_auroc.values) -
      mean(reference.classes[name].rows[model].ours.cl_auroc)
    );
    const largest = Math.max(...gaps.map(Math.abs));
    console.log(
      `${row} + Ours against xgboost: largest class ${largest.toFixed(3)}, mean ${
        mean(gaps).toFixed(3)
      }`,
    );
    assert.ok(largest < 0.5, `${row}: ${gaps}`);
    assert.ok(Math.abs(mean(gaps)) < 0.15, `${row}: ${gaps}`);
  }
  for (const row of ["DRA", "DevNet"]) assert.match(find(row).error!, /needs the images/);
}

/** The features of one image against SciPy's. */
async function checkFeatures(
  store: Store,
  forest: Stage,
  name: string,
  place: number,
): Promise<void> {
  const inputs = forest.input.inputs as Readonly<Record<string, readonly string[]>>;
  const { columns, values } = await readFeatureTable({
    parameters: parametersOf(forest),
    count: (role) => inputs[role]?.length ?? 0,
    read: async (role, index = 0) => (await store.read("imported", inputs[role][index]))!,
  });
  const ours = values.subarray(place * columns.length, (place + 1) * columns.length);
  const { float32, float64 } = reference.classes[name].features;
  assert.equal(ours.length, float64.length);
  for (const [theirs, tolerance] of [[float64, 1e-10], [float32, 1e-4]] as const) {
    ours.forEach((value, j) => {
      const gap = Math.abs(value - theirs[j]);
      assert.ok(gap < tolerance, `${name}, ${columns[j].name}: ${value}, not ${theirs[j]}`);
    });
  }
}

function parametersOf({ input }: Stage): ForestStageParameters {
  return input.parameters as unknown as ForestStageParameters;
}

/** Digest of segmentations and maps, image by image. */
function digestOfMaps(name: string): string {
  const hash = createHash("sha256");
  for (const { segments, maps } of drawnClass(name)) {
    for (const { buffer } of [segments, ...maps]) hash.update(new Uint8Array(buffer));
  }
  return hash.digest("hex");
}

function names(count: number, name: (number: string) => string): string[] {
  return Array.from({ length: count }, (_, i) => name(String(i).padStart(3, "0")));
}

function badName(place: number): string {
  return `test/bad/test_${String(place).padStart(3, "0")}`;
}
