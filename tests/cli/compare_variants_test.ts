import assert from "node:assert/strict";
import { join } from "node:path";
import type { VariantDifferences } from "../../lib/report/variant_differences.ts";
import { runProgram, synthesize, withFolder } from "./harness.ts";

Deno.test("compare --variants moves one switch at a time, on the images and seeds of reproduce", (t) =>
  withFolder(async (folder) => {
    const data = join(folder, "product");
    await synthesize(data);
    const place = ["--data", data, "--profile", "demo", "--segmap", "vad", "--seeds", "2"];
    const cache = ["--cache", join(folder, "cache")];
    const words = ["compare", "--variants", "PatchCore", ...place, ...cache];
    const rows = ["--rows", "PatchCore"];
    const run = await runProgram([...words, ...rows, "--json"]);
    assert.equal(run.code, 0, run.stderr);
    const { base, seeds, rows: [row], same } = JSON.parse(run.stdout) as VariantDifferences;
    assert.deepEqual([base, seeds.length, row.row, same], ["paper", 2, "PatchCore", []]);
    assert.deepEqual(row.moves.map(({ variant }) => variant), [
      "paper:imageScore=anomalib-2023-10",
      "paper:pooling=official",
      "paper:coresetRatio=official",
      "paper:projection=official",
      "paper:coresetStarts=official",
      "paper:distance=official",
      "paper:imageScore=official",
      "paper:scoreNeighbours=official",
      "paper:upsample=official",
      "paper:blurBorder=official",
      "official",
    ]);
    for (const { variant, auroc, difference, same, p } of row.moves) {
      assert.equal(same, variant === "paper:scoreNeighbours=official", variant);
      assert.equal(p === undefined, same, variant);
      assert.deepEqual(
        difference!.values,
        auroc!.values.map((value, seed) => value - row.base.values[seed]),
        variant,
      );
    }
    assert.ok(row.moves.some(({ difference }) => difference!.values.some((value) => value !== 0)));

    await t.step("a variant's numbers are those of reproduce with it", async () => {
      for (const variant of ["official", "paper:distance=official"]) {
        const move = row.moves.find((one) => one.variant === variant)!;
        const out = ["--out", join(folder, "out"), "--variant", `patchcore=${variant}`, "--json"];
        const alone = await runProgram([
          "reproduce",
          "table3",
          ...rows,
          ...place,
          ...cache,
          ...out,
        ]);
        assert.equal(alone.code, 0, alone.stderr);
        const result = JSON.parse(alone.stdout);
        assert.deepEqual(result.rows[0].metrics.cl_auroc.values, move.auroc!.values, variant);
        assert.equal(result.stages.run, 0, "nothing is computed twice");
        assert.ok(
          result.notes.some((note: string) => note.includes(`PatchCore: variant ${variant};`)),
        );
      }
    });
    await t.step("the second time nothing is run, and Markdown is printed", async () => {
      const again = await runProgram([...words, ...rows, "--markdown"]);
      assert.match(again.stderr, /^0 stages run/m);
      assert.match(again.stdout, /^\| distance: euclidean → squared \(official\) \|/m);
    });
    await t.step("what cannot be compared is refused before anything runs", async () => {
      const refused: [readonly string[], RegExp][] = [
        [["--variants", "patchcoer"], /did you mean "patchcore"/],
        [["--variants", "patchcore", "--rows", "WRN"], /row of table3 with patchcore "WRN"/],
        [["--variants", "patchcore", "--experiment", "table1"], /table1 has no row of it/],
        [["--variants", "patchcore", "--variant", "patchcore=paper:x=official"], /switch of/],
        [["--variants", "patchcore", "a"], /Cannot compare a with variants/],
        [["a"], /b is missing/],
        [["a", "b", "--seeds", "1"], /--seeds: it belongs to --variants/],
      ];
      for (const [args, message] of refused) {
        const { code, stderr } = await runProgram(["compare", ...args]);
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
      }
    });
  }));
