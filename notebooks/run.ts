/**
 * Executes the notebooks from top to bottom and says how long each took; a cell that throws makes it
 * fail. The executed copies go to `--out DIR` or nowhere; the notebooks themselves stay without output.
 *
 *     deno task notebooks
 *     deno task notebooks 01_table3 --out executed
 *
 * Needs `jupyter-nbconvert` and `jupyter-client` (Debian packages, or nbconvert and nbclient by pip).
 *
 * @module
 */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError, unknownName } from "../lib/base/errors.ts";
import { type Command, defineCommand } from "../lib/cli/arguments.ts";
import { resultList, runDeveloperTask } from "../lib/cli/developer_task.ts";

/** The folder of the notebooks. */
export const notebookFolder = fileURLToPath(new URL("./", import.meta.url));

/** Names of the notebooks without ending, sorted. */
export async function notebookNames(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(notebookFolder));
  return entries.map(({ name }) => name).filter((name) => name.endsWith(".ipynb"))
    .map((name) => name.slice(0, -".ipynb".length)).sort();
}

/** Whether nbconvert can be called. */
export async function hasNbconvert(): Promise<boolean> {
  try {
    return (await nbconvert(["--version"], {}).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What an executed notebook gave. */
export interface ExecutedNotebook {
  readonly seconds: number;
  /** The notebook with its outputs, or undefined where a cell threw. */
  readonly file: string | undefined;
  /** What nbconvert said. */
  readonly log: string;
}

/**
 * Executes a notebook into the folder `out`.
 *
 * @param work what the notebook uses as its work folder; its own below `.cache` where none is given
 */
export async function executeNotebook(
  name: string,
  out: string,
  work?: string,
): Promise<ExecutedNotebook> {
  // `deno jupyter --install` writes into the home folder; a folder of our own leaves that alone.
  const kernels = await Deno.makeTempDir({ prefix: "kernels" });
  try {
    await Deno.mkdir(join(kernels, "kernels", "deno"), { recursive: true });
    await Deno.writeTextFile(
      join(kernels, "kernels", "deno", "kernel.json"),
      JSON.stringify({
        argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
        display_name: "Deno",
        language: "typescript",
      }),
    );
    const start = performance.now();
    const { success, stderr } = await nbconvert([
      ...["--to", "notebook", "--execute", "--ExecutePreprocessor.timeout=600"],
      ...["--output-dir", resolve(out), `${name}.ipynb`],
    ], {
      JUPYTER_PATH: kernels,
      NO_COLOR: "1",
      ...(work === undefined ? {} : { NOTEBOOK_WORK: work }),
    }).output();
    return {
      seconds: (performance.now() - start) / 1000,
      file: success ? join(resolve(out), `${name}.ipynb`) : undefined,
      log: new TextDecoder().decode(stderr),
    };
  } finally {
    await Deno.remove(kernels, { recursive: true });
  }
}

function nbconvert(args: readonly string[], env: Readonly<Record<string, string>>): Deno.Command {
  return new Deno.Command("jupyter-nbconvert", { args: [...args], cwd: notebookFolder, env });
}

const notebooksCommand: Command = defineCommand({
  name: "notebooks",
  summary: "Execute the notebooks from top to bottom.",
  description: "A cell that throws makes it fail. The notebooks themselves stay without output.",
  examples: [
    { command: "notebooks", description: "all of them" },
    { command: "notebooks 01_table3 --out executed", description: "one, with its outputs" },
  ],
  options: {
    out: { type: "string", value: "DIR", description: "where the executed copies go" },
  },
  positionals: [{
    name: "notebook",
    description: "only these, without .ipynb",
    optional: true,
    repeatable: true,
  }],
  async run({ output }, { options: { out }, positionals }) {
    const names = await notebookNames();
    for (const name of positionals) {
      if (!names.includes(name)) throw unknownName("notebook", name, names);
    }
    if (!await hasNbconvert()) {
      throw new DataError("Cannot execute notebooks: jupyter-nbconvert is not installed", {
        remedy: "Install jupyter-nbconvert and jupyter-client.",
      });
    }
    const temporary = await Deno.makeTempDir();
    const results = resultList(
      output,
      ({ notebook, ok, seconds }: { notebook: string; ok: boolean; seconds: number }) =>
        `${notebook}: ${ok ? "ok" : "failed"}, ${seconds.toFixed(1)} s`,
    );
    let failed = 0;
    try {
      for (const notebook of positionals.length > 0 ? positionals : names) {
        const { seconds, file, log } = await executeNotebook(notebook, out ?? temporary);
        const ok = file !== undefined;
        if (!ok) {
          failed++;
          output.log(log);
        }
        results.add({ notebook, ok, seconds });
      }
    } finally {
      await Deno.remove(temporary, { recursive: true });
    }
    results.end();
    return failed === 0 ? 0 : 1;
  },
});

if (import.meta.main) Deno.exit(await runDeveloperTask(notebooksCommand));
