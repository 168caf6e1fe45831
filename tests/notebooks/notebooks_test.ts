import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import project from "../../deno.json" with { type: "json" };
import own from "../../notebooks/deno.json" with { type: "json" };
import {
  executeNotebook,
  hasNbconvert,
  notebookFolder,
  notebookNames,
} from "../../notebooks/run.ts";

interface Cell {
  readonly cell_type: "code" | "markdown";
  readonly source: readonly string[];
  readonly outputs?: readonly NotebookOutput[];
  readonly execution_count?: number | null;
}

interface NotebookOutput {
  readonly output_type: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

async function cellsOf(path: string): Promise<readonly Cell[]> {
  return JSON.parse(await Deno.readTextFile(path)).cells;
}

const names = await notebookNames();
const jupyter = await hasNbconvert();
if (!jupyter) console.log("skipped: install jupyter-nbconvert");

Deno.test("there are four notebooks, none with outputs", async () => {
  assert.equal(names.length, 4);
  for (const name of names) {
    const code = (await cellsOf(join(notebookFolder, `${name}.ipynb`)))
      .filter(({ cell_type }) => cell_type === "code");
    assert.ok(code.length > 4, name);
    for (const { outputs, execution_count } of code) {
      assert.deepEqual(outputs, [], `${name} has outputs: strip them`);
      assert.equal(execution_count, null);
    }
  }
});

Deno.test("notebooks take the project's versions of packages, and danfojs", () => {
  assert.deepEqual(own.imports, { ...project.imports, danfojs: "npm:danfojs@1.1.2" });
});

Deno.test("the code of notebooks has no type errors", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const files: string[] = [];
    for (const name of names) {
      const cells = await cellsOf(join(notebookFolder, `${name}.ipynb`));
      const code = cells.filter(({ cell_type }) => cell_type === "code")
        .map(({ source }) => source.join("")).join("\n")
        .replace(
          /(^import [^;]*? from |^} from )"(\.[^"]+)"/gm,
          (_, head, specifier) =>
            `${head}"${new URL(specifier, pathToFileURL(notebookFolder)).href}"`,
        );
      const file = join(folder, `${name}.ts`);
      await Deno.writeTextFile(file, `${code}\nexport {};\n`);
      files.push(file);
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", join(notebookFolder, "deno.json"), ...files],
      env: { NO_COLOR: "1" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What an executed notebook must have shown: a text in its outputs, and MIME types. */
const shown: Readonly<Record<string, { text: RegExp; types: readonly string[] }>> = {
  "01_table3": {
    text: /PatchCore \+ Ours/,
    types: ["text/html", "image/svg+xml", "application/vnd.vegalite.v6+json"],
  },
  "02_segad_step_by_step": { text: /PatchCore \+ Ours: Cl\. AUROC/, types: ["image/png"] },
  "03_your_own_product": { text: /train\/good/, types: ["text/html", "image/png"] },
  "04_add_a_detector": { text: /PixelMean \+ Ours/, types: ["text/html", "text/markdown"] },
};

/** The numbers of a column have the same decimals. */
function checkTable(html: string): void {
  const lines = [...html.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, line]) =>
    [...line.matchAll(/<t[dh]>(.*?)<\/t[dh]>/g)].map(([, cell]) => cell)
  );
  const [columns = [], ...rows] = lines;
  columns.forEach((column, at) => {
    const numbers = rows.map((row) => row[at]).filter((cell) => /^-?[\d.]+$/.test(cell));
    const decimals = new Set(numbers.map((cell) => cell.split(".")[1]?.length ?? 0));
    assert.ok(decimals.size <= 1, `${column}: ${numbers.join(", ")}`);
  });
}

for (const name of names) {
  Deno.test({
    name: `notebook ${name} runs from top to bottom and shows what it says`,
    ignore: !jupyter,
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        const { file, log } = await executeNotebook(name, folder, join(folder, "work"));
        assert.ok(file !== undefined, log);
        const cells = await cellsOf(file);
        for (const { source, outputs = [] } of cells) {
          // Nothing that a cell shows is lost, and nothing is shown in a way that can be lost.
          const shows = source.join("").match(/^await show/gm) ?? [];
          assert.deepEqual(
            outputs.map(({ output_type }) => output_type),
            shows.map(() => "display_data"),
            `${source.join("")}\nin ${name} gives ${JSON.stringify(outputs)}\n${log}`,
          );
        }
        const outputs = cells.flatMap((cell) => cell.outputs ?? []);
        const { text, types } = shown[name];
        const texts = outputs.map((one) => JSON.stringify(one.data ?? "")).join("\n");
        assert.match(texts, text);
        const present = new Set(outputs.flatMap(({ data }) => Object.keys(data ?? {})));
        for (const type of types) assert.ok(present.has(type), `${name} shows no ${type}`);
        for (const { data } of outputs) checkTable([data?.["text/html"] ?? ""].flat().join(""));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
