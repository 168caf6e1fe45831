import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { parseNpy } from "../../lib/base/npy.ts";
import { mapMaximum } from "../../lib/maps/anomaly_map.ts";
import { parseImportedMap } from "../../lib/maps/imported_maps.ts";
import { runProgram, synthesize, withFolder } from "./harness.ts";

Deno.test("maps that were exported are read as another tool's, with the scores of their tables", () =>
  withFolder(async (folder) => {
    const [data, out, cache] = ["product", "maps", "cache"].map((name) => join(folder, name));
    await synthesize(data);
    const place = ["--data", data, "--profile", "demo", "--segmap", "vad", "--cache", cache];
    const only = ["--detectors", "patchcore", "--json", "--quiet"];
    const exported = await runProgram(["maps", "export", "table3", out, ...place, ...only]);
    assert.equal(exported.code, 0, exported.stderr);
    // 8 of 16 good training images train the detector; all others have maps: 8 + 8 + 8 + 8.
    assert.deepEqual(JSON.parse(exported.stdout), { out, models: ["patchcore"], maps: 32 });

    const imported = await runProgram(["maps", "import", out, "--json"]);
    assert.equal(imported.code, 0, imported.stderr);
    const { classes, usable, missing } = JSON.parse(imported.stdout);
    assert.deepEqual(classes, [{
      class: "vad",
      model: "patchcore",
      trainGood: 8,
      testGood: 8,
      testBad: 8,
      faults: [],
    }]);
    assert.deepEqual([usable, missing], [["vad"], []]);

    const top = join(out, "anomaly_maps/patchcore/vad");
    const table = parse(await Deno.readTextFile(join(top, "df_test.csv")), { columns: true });
    for (const row of table as Record<string, string>[]) {
      const map = parseImportedMap(await Deno.readFile(join(out, row.an_map_path)), "map");
      assert.deepEqual(map.shape, [128, 128]);
      assert.equal(mapMaximum(map.data), Number(row.prediction_an_det));
    }
    const labels = parseNpy(
      await Deno.readFile(join(out, "visa_segm/vad/bad", "test_bad_0000.npy")),
      "labels",
    );
    assert.deepEqual(labels.shape, [128, 128]);
    assert.deepEqual([...new Set(labels.data as Uint8Array)].sort(), [0, 1, 2, 3, 4, 5, 6]);

    const wrong = await runProgram(["maps", "export", "fig5", out, ...place, ...only]);
    assert.equal(wrong.code, 2, wrong.stdout);
    assert.match(wrong.stderr, /it has no row of a detector alone/);
  }));
