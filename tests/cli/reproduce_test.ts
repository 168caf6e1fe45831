import assert from "node:assert/strict";
import { join } from "node:path";
import { parseExecutionFile } from "../../lib/report/run_files.ts";
import {
  programArguments,
  reproduceWords,
  resultFiles,
  runProgram,
  synthesize,
  withFolder,
} from "./harness.ts";

Deno.test("reproduce gives the same bytes for 1, 2 and 4 workers, and runs nothing the second time", () =>
  withFolder(async (folder) => {
    const data = join(folder, "product");
    await synthesize(data);
    const outputs: Record<string, string>[] = [];
    for (const workers of ["1", "2", "4"]) {
      const [cache, out] = [join(folder, `cache${workers}`), join(folder, `out${workers}`)];
      const run = await runProgram([...reproduceWords(data, cache, out), "--workers", workers]);
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /PatchCore \+ Ours/);
      outputs.push(await resultFiles(out));
    }
    assert.deepEqual(outputs[1], outputs[0]);
    assert.deepEqual(outputs[2], outputs[0]);
    // A worker of its own computed the first stages, and each of them took more than those before.
    const path = join(folder, "out1", "table3", "demo", "execution.json");
    const { costs } = parseExecutionFile(await Deno.readTextFile(path), path);
    const peaks = costs.flatMap(({ mebibytes }) => mebibytes ?? []);
    assert.ok(peaks.length > 1 && peaks.every((peak) => peak > 30 && peak < 4000), peaks.join());

    const words = reproduceWords(data, join(folder, "cache1"), join(folder, "again"));
    const again = await runProgram([...words, "--json"]);
    assert.deepEqual(JSON.parse(again.stdout).stages.run, 0);
    assert.deepEqual(await resultFiles(join(folder, "again")), outputs[0]);
  }));

Deno.test("reproduce computes a damaged entry anew and says so", () =>
  withFolder(async (folder) => {
    const data = join(folder, "product");
    await synthesize(data);
    const [cache, out] = [join(folder, "cache"), join(folder, "out")];
    const words = reproduceWords(data, cache, out);
    assert.equal((await runProgram(words)).code, 0);
    const expected = await resultFiles(out);
    const stages = ["pixels", "embeddings", "fit", "maps", "features", "forest", "evaluate"];
    for (const stage of stages) flipBit(join(cache, stage));
    const run = await runProgram(words);
    assert.equal(run.code, 0, run.stderr);
    for (const stage of stages) {
      assert.match(run.stderr, new RegExp(`damaged entry of the store is computed anew: ${stage}`));
    }
    assert.deepEqual(await resultFiles(out), expected);
    assert.equal((await runProgram(["cache", "verify", "--cache", cache])).code, 0);
    flipBit(join(cache, "maps"));
    const verify = await runProgram(["cache", "verify", "--cache", cache]);
    assert.equal(verify.code, 1);
    assert.match(verify.stdout, /1 damaged/);
  }));

Deno.test("Ctrl-C ends a run with exit code 130 and says how to go on", () =>
  withFolder(async (folder) => {
    const data = join(folder, "product");
    await synthesize(data);
    const cache = join(folder, "cache");
    const child = new Deno.Command(Deno.execPath(), {
      args: programArguments(reproduceWords(data, cache, join(folder, "out"))),
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const output = child.output();
    await folderAppears(join(cache, "pixels"));
    child.kill("SIGINT");
    const { code, stderr } = await output;
    assert.equal(code, 130);
    assert.match(new TextDecoder().decode(stderr), /interrupted.*same command goes on/s);
  }));

/** Waits until there is a folder at `path`: the run has finished its first stage. */
async function folderAppears(path: string): Promise<void> {
  while (await Deno.stat(path).catch(() => undefined) === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Flips one bit in the middle of the largest file of the first entry of a stage. */
function flipBit(stage: string): void {
  const key = [...Deno.readDirSync(stage)].map(({ name }) => name).sort()[0];
  const folder = join(stage, key);
  const files = [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name))
    .filter((path) => !path.endsWith("record.json"));
  files.sort((a, b) => Deno.statSync(b).size - Deno.statSync(a).size);
  const bytes = Deno.readFileSync(files[0]);
  bytes[bytes.length >> 1] ^= 4;
  Deno.writeFileSync(files[0], bytes);
}
