import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { projectRoot, runProgram, withFolder } from "./harness.ts";

/** Copies the files below `path` of the project. */
async function copyFolder(path: string, into: string): Promise<void> {
  await Deno.mkdir(join(into, path), { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(join(projectRoot, path))) {
    const inner = join(path, name);
    if (isDirectory) await copyFolder(inner, into);
    else await Deno.copyFile(join(projectRoot, inner), join(into, inner));
  }
}

async function run(args: readonly string[], cwd: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  assert.ok(success, `${args.join(" ")}\n${text.decode(stdout)}${text.decode(stderr)}`);
}

Deno.test("what scaffold writes is formatted, has no lint, and passes its own tests", () =>
  withFolder(async (folder) => {
    for (const path of ["lib", "experiments", "tests/lint"]) await copyFolder(path, folder);
    for (const path of ["deno.json", "tests/deno.json", "main.ts"]) {
      await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
      await Deno.copyFile(join(projectRoot, path), join(folder, path));
    }
    const written: string[] = [];
    for (const kind of ["detector", "dataset", "experiment"]) {
      const made = await runProgram(["scaffold", kind, `new_${kind}`, "--into", folder, "--json"]);
      assert.equal(made.code, 0, made.stderr);
      written.push(...JSON.parse(made.stdout).written);
    }
    assert.equal(written.length, 6);
    await run(["fmt", "--check", ...written], folder);
    await run(["lint", ...written], folder);
    const [tests, sources] = [true, false].map((test) =>
      written.filter((path) => path.endsWith("_test.ts") === test)
    );
    assert.equal(tests.length, 3);
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--lint", ...sources],
      cwd: folder,
    }).output();
    assert.doesNotMatch(new TextDecoder().decode(stderr), /missing-/);
    await run(["test", "-A", "--no-lock", "--config=tests/deno.json", ...tests], folder);
  }));

Deno.test("scaffold leaves files alone that are there, and refuses other names", () =>
  withFolder(async (folder) => {
    const words = ["scaffold", "experiment", "mine", "--into", folder];
    assert.equal((await runProgram(words)).code, 0);
    const again = await runProgram(words);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /Cannot write experiments\/mine\.ts: it is there already/);
    const named = await runProgram(["scaffold", "detector", "../x", "--into", folder]);
    assert.equal(named.code, 2);
    assert.match(named.stderr, /not in snake_case/);
  }));
