import assert from "node:assert/strict";
import { join } from "node:path";
import { reproduceWords, runProgram, synthesize, withFolder } from "./harness.ts";

Deno.test("why traces a row to its images, and names the field that makes a stage run again", () =>
  withFolder(async (folder) => {
    const data = join(folder, "product");
    await synthesize(data);
    const [cache, out] = [join(folder, "cache"), join(folder, "out")];
    const words = reproduceWords(data, cache, out);
    assert.equal((await runProgram(words)).code, 0);

    const options = words.slice(words.indexOf("--seeds"), words.indexOf("--out"));
    const why = ["why", "table3", "PatchCore + Ours", ...options, "--json"];
    const [trace] = JSON.parse((await runProgram(why)).stdout);
    assert.deepEqual(trace.misses, []);
    const images = new Set(
      trace.stages.flatMap((stage: { images?: string[] }) => stage.images ?? []),
    );
    assert.equal(images.size, 40);

    const [other] = JSON.parse(
      (await runProgram([...why, "--variant", "patchcore=anomalib-2023-10"])).stdout,
    );
    const fields = other.misses[0].nearest.differences;
    const place = "parameters.plan.mapParameters";
    assert.deepEqual(fields, [
      { field: `${place}.imageScore`, before: "map-maximum", after: "reweighted" },
      { field: `${place}.scoreNeighbours`, before: 1, after: 9 },
    ]);
  }));
