/** `--penalty-images` as a user gives it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makePng } from "../images/made_folder.ts";
import { runProgram, synthesize, withFolder } from "./harness.ts";

Deno.test("why tells a fit with penalty images from one without", () =>
  withFolder(async (folder) => {
    const [data, photographs] = [join(folder, "product"), join(folder, "photographs")];
    await synthesize(data);
    await Deno.mkdir(join(photographs, "dogs"), { recursive: true });
    await Deno.writeFile(join(photographs, "dogs", "1.png"), await makePng(1));
    const place = ["--data", data, "--profile", "demo", "--segmap", "vad", "--json"];
    const words = ["why", "table3", "EfficientAD", "--cache", join(folder, "cache"), ...place];
    const keysOf = async (...more: string[]) => {
      const { code, stdout, stderr } = await runProgram([...words, ...more]);
      assert.equal(code, 0, stderr);
      const { stages } = JSON.parse(stdout)[0] as Traced;
      const kinds = Map.groupBy(stages, ({ stage }) => stage);
      return (kind: string) => kinds.get(kind)!.map(({ key }) => key);
    };
    const [without, given] = [await keysOf(), await keysOf("--penalty-images", photographs)];
    for (const kind of ["pixels", "prepare"]) assert.deepEqual(given(kind), without(kind), kind);
    for (const kind of ["fit", "maps"]) assert.notDeepEqual(given(kind), without(kind), kind);
  }));

/** What `why --json` prints of a row. */
interface Traced {
  readonly stages: readonly { readonly stage: string; readonly key: string }[];
}

Deno.test("penalty images that cannot be used are an error of data, those beside maps one of use", () =>
  withFolder(async (folder) => {
    const empty = join(folder, "empty");
    await Deno.mkdir(empty);
    const words = ["plan", "table3", "--cache", join(folder, "cache"), "--penalty-images"];
    const missing = await runProgram([...words, join(folder, "nowhere")]);
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /nowhere for penalty images: there is no such folder/);
    const none = await runProgram([...words, empty]);
    assert.equal(none.code, 3);
    assert.match(none.stderr, /empty for penalty images: it holds no image/);
    const maps = await runProgram([...words, empty, "--maps", empty]);
    assert.equal(maps.code, 2);
    assert.match(maps.stderr, /Cannot use --penalty-images with --maps/);
  }));
