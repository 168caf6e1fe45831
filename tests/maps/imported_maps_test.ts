import assert from "node:assert/strict";
import { join } from "node:path";
import { DataError } from "../../lib/base/errors.ts";
import { npyBytes } from "../../lib/base/npy.ts";
import { importedDataset } from "../../lib/cli/run_imported.ts";
import { listImportedMaps, parseImportedMap } from "../../lib/maps/imported_maps.ts";
import { writeImportedFolder } from "./imported_folder.ts";

async function withFolder(
  classes: readonly string[],
  use: (root: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await writeImportedFolder(root, classes);
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("a folder of the public code is listed by model and class, in the order of its tables", () =>
  withFolder(["candle", "pcb1"], async (root) => {
    const maps = await listImportedMaps(root);
    assert.deepEqual(maps.models.map(({ folder, detector }) => [folder, detector]), [
      ["efficient_ad", "efficientad"],
      ["rd4ad", "rd4ad"],
    ]);
    const { images, faults } = maps.models[0].classes.get("pcb1")!;
    assert.deepEqual(faults, []);
    assert.equal(images.length, 290);
    assert.deepEqual([images[0].split, images[0].label, images[0].name], ["train", 0, "train_000"]);
    assert.deepEqual([images.at(-1)!.split, images.at(-1)!.label], ["test", 1]);

    const { dataset, missing } = importedDataset(maps);
    assert.equal(dataset.samples.length, 580);
    assert.equal(dataset.layout, "maps");
    // Classes of VisA without maps are listed as such.
    assert.deepEqual(missing.map((one) => one.class), [
      "capsules",
      "cashew",
      "chewinggum",
      "fryum",
      "macaroni1",
      "macaroni2",
      "pcb2",
      "pcb3",
      "pcb4",
      "pipe_fryum",
    ]);
  }));

Deno.test("a class with a fault is left out with the reason, the others stay", () =>
  withFolder(["candle", "pcb1"], async (root) => {
    await Deno.remove(join(root, "anomaly_maps/rd4ad/candle/anomaly_maps/bad/test_007.npy"));
    const maps = await listImportedMaps(root);
    assert.match(
      maps.models[1].classes.get("candle")!.faults[0],
      /names test_007, and there is no/,
    );
    const { dataset, missing } = importedDataset(maps);
    assert.deepEqual(new Set(dataset.samples.map((sample) => sample.class)), new Set(["pcb1"]));
    assert.match(
      missing.find((one) => one.class === "candle")!.reason,
      /rd4ad: df_test\.csv names/,
    );
  }));

Deno.test("a folder of an unknown tool is listed and not used", () =>
  withFolder(["candle"], async (root) => {
    await Deno.rename(join(root, "anomaly_maps/rd4ad"), join(root, "anomaly_maps/my_tool"));
    const maps = await listImportedMaps(root);
    assert.deepEqual(maps.models.map(({ folder, detector }) => [folder, detector]), [
      ["efficient_ad", "efficientad"],
      ["my_tool", undefined],
    ]);
    assert.deepEqual(importedDataset(maps).models.map(({ folder }) => folder), ["efficient_ad"]);
  }));

Deno.test("tables with wrong columns, labels and scores are told row by row", () =>
  withFolder(["candle"], async (root) => {
    const path = join(root, "anomaly_maps/efficient_ad/candle/df_test.csv");
    const lines = (await Deno.readTextFile(path)).split("\n");
    lines[2] = lines[2].replace(/,0,[^,]*$/, ",good,0.1");
    await Deno.writeTextFile(path, lines.join("\n"));
    const [{ classes }] = (await listImportedMaps(root)).models;
    assert.match(classes.get("candle")!.faults[0], /row 2 of df_test\.csv has the label "good"/);
    await Deno.writeTextFile(path, "a,b\n1,2\n");
    const [again] = (await listImportedMaps(root)).models;
    assert.match(again.classes.get("candle")!.faults[0], /has no an_map_path, label, prediction/);
  }));

Deno.test("a folder without maps is refused with the layout", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(root, "anomaly_map"));
    await assert.rejects(listImportedMaps(root), (error: DataError) => {
      assert.ok(error instanceof DataError);
      assert.match(error.remedy!, /Is anomaly_map meant/);
      return true;
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("maps of any size are read, float64 too; what is no map is refused", () => {
  const real = npyBytes({ shape: [1, 2, 3], data: Float64Array.of(1, 2, 3, 4, 5, 6) });
  assert.deepEqual(parseImportedMap(real, "m").shape, [2, 3]);
  for (
    const bytes of [
      npyBytes({ shape: [6], data: new Float32Array(6) }),
      npyBytes({ shape: [2, 3], data: new Int32Array(6) }),
      npyBytes({ shape: [1, 2], data: Float32Array.of(1, NaN) }),
    ]
  ) {
    assert.throws(() => parseImportedMap(bytes, "m"), DataError);
  }
});
