import assert from "node:assert/strict";
import { root } from "./pages.ts";

/** What `deno doc --lint` found: kind, message, and the file by its path from the project's root. */
interface Finding {
  readonly kind: string;
  readonly message: string;
  readonly file: string;
}

/** The findings in what `deno doc --lint` prints. */
function findingsIn(output: string): Finding[] {
  const found = output.matchAll(/^error\[([\w-]+)\]: (.*)\n +--> (.*?):\d+:\d+$/gm);
  return [...found].map(([, kind, message, path]) => ({
    kind,
    message,
    file: path.replace(root, ""),
  }));
}

/** All TypeScript files below a folder of the project. */
async function sources(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(root + folder)) {
    if (isDirectory) files.push(...await sources(`${folder}/${name}`));
    else if (name.endsWith(".ts")) files.push(`${folder}/${name}`);
  }
  return files;
}

Deno.test("findings of deno doc are read with kind and file", () => {
  const output = "error[missing-jsdoc]: exported symbol is missing JSDoc documentation\n" +
    `  --> ${root}lib/base/npy.ts:21:13\n   |\n`;
  assert.deepEqual(findingsIn(output), [{
    kind: "missing-jsdoc",
    message: "exported symbol is missing JSDoc documentation",
    file: "lib/base/npy.ts",
  }]);
});

Deno.test("everything that is exported is documented and has its type written", async () => {
  const folders = ["lib", "experiments", "bench", "docs"];
  const files = (await Promise.all(folders.map(sources))).flat();
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", "main.ts", ...files],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stderr);
  const found = findingsIn(text);
  const total = Number(/Found (\d+) documentation lint errors/.exec(text)?.[1] ?? 0);
  assert.equal(found.length, total, "every finding is read");
  // zod's own type is documented where it comes from.
  const ours = found.filter(({ message }) =>
    !message.endsWith("references private type 'ZodType'")
  );
  assert.deepEqual(ours.map(({ file, kind, message }) => `${file}: ${kind}: ${message}`), []);
});
