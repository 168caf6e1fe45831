import assert from "node:assert/strict";
import { join } from "node:path";
import { experiments } from "../../experiments/mod.ts";
import { sha256 } from "../../lib/base/digest.ts";
import { DataError } from "../../lib/base/errors.ts";
import { npyBytes } from "../../lib/base/npy.ts";
import { encodePng } from "../../lib/images/decode.ts";
import type { StageContext } from "../../lib/runner/stage_kind.ts";
import { auproKind, readMask } from "../../lib/runner/stages/aupro.ts";
import { madePlan, madeSamples, madeSetting } from "./made_setting.ts";

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A mask of 8 x 8 pixels, defective in its upper left quarter. */
async function writeMask(folder: string): Promise<{ path: string; digest: string }> {
  const data = new Uint8Array(8 * 8 * 3);
  for (let y = 0; y < 4; y++) {
    for (let x = 0; x < 4; x++) data.fill(255, (y * 8 + x) * 3, (y * 8 + x) * 3 + 3);
  }
  const bytes = await encodePng({ width: 8, height: 8, data });
  const path = join(folder, "mask.png");
  await Deno.writeFile(path, bytes);
  return { path, digest: sha256(bytes) };
}

Deno.test("a mask is read at the size of the maps, and refused when it changed", () =>
  withFolder(async (folder) => {
    const mask = await writeMask(folder);
    const labels = await readMask(mask, 4);
    assert.deepEqual([...labels], [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    await assert.rejects(readMask({ ...mask, digest: "0" }, 4), DataError);
  }));

Deno.test("AUPRO is 1 for maps that are the masks, and less for maps that miss half of the region", () =>
  withFolder(async (folder) => {
    const mask = await writeMask(folder);
    const aupro = async (bad: number[]) => {
      // A pack of three maps, of which the second is no test image.
      const data = Float32Array.of(...new Array(16).fill(0), ...new Array(16).fill(9), ...bad);
      const context = {
        parameters: {
          size: 4,
          reading: { upsample: "nearest" },
          rows: [[0, 2]],
          masks: [[null, mask.digest]],
        },
        locations: { files: [mask.path] },
        read: () => Promise.resolve(new Map([["maps.npy", npyBytes({ shape: [3, 4, 4], data })]])),
      } as unknown as StageContext;
      const payload = await auproKind.run(context);
      return JSON.parse(new TextDecoder().decode(payload.get("aupro.json"))).aupro as number;
    };
    const row = (a: number, b: number) => [a, b, 0, 0];
    const none = [0, 0, 0, 0];
    assert.equal(await aupro([...row(1, 1), ...row(1, 1), ...none, ...none]), 1);
    // Half of the region at once, the other half with all 28 good pixels: PRO goes from 0.5 to 1 while
    // FPR goes from 0 to 1, cut at 0.3: (0.5 + 0.65) / 2.
    const half = await aupro([...row(1, 1), ...row(0, 0), ...none, ...none]);
    assert.ok(Math.abs(half - 0.575) < 1e-12, String(half));
  }));

Deno.test("AUPRO is planned for detectors alone, where every bad test image has a mask", () => {
  const samples = madeSamples(["a", "b"], { trainGood: 20, trainBad: 0, testGood: 5, testBad: 25 });
  const bad = samples.filter(({ split, label }) => split === "test" && label === 1);
  const masks = new Map(bad.map(({ id }) => [id, { path: `${id}.png`, digest: id }]));
  const experiment = experiments.find(({ id }) => id === "table9")!;
  const pixels = (known: typeof masks) =>
    madePlan(experiment, madeSetting(samples, { masks: known })).rows
      .map(({ row, evaluation }) => [row.row, evaluation!.input.parameters.pixels ?? false]);
  assert.deepEqual(
    pixels(masks),
    experiment.rows.map(({ row, method }) => [
      row,
      method.kind === "detector",
    ]),
  );
  masks.delete(bad[0].id);
  assert.deepEqual(pixels(masks), experiment.rows.map(({ row }) => [row, false]));
});
