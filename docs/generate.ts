/**
 * Writes the pages that are made from the code: `assumptions.md`, the decisions that the paper leaves
 * open with the experiments that depend on them, and `imports.md`, a diagram of what the folders of
 * `lib` import from one another.
 *
 *     deno task docs
 *
 * @module
 */
import { relative } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { experiments } from "../experiments/mod.ts";
import { assumptions, assumptionsOf } from "../lib/runner/assumptions.ts";

/** The pages by file name. */
export async function generatedPages(): Promise<Readonly<Record<string, string>>> {
  return { "assumptions.md": assumptionsPage(), "imports.md": importsPage(await folderImports()) };
}

const generated = "<!-- Written by `deno task docs` from the code; do not edit. -->";

/** The list of assumptions, from `lib/runner/assumptions.ts`. */
function assumptionsPage(): string {
  const users = new Map(assumptions.map(({ id }) => [id, [] as string[]]));
  for (const experiment of experiments) {
    const methods = experiment.rows.map(({ method }) => method);
    for (const { id } of assumptionsOf(experiment, methods)) users.get(id)!.push(experiment.id);
  }
  return [
    generated,
    "",
    "# What the paper leaves open",
    "",
    "The paper does not state everything that its numbers depend on. Each decision that the harness had",
    "to make has an id. The ids stand in `run.json`, and the sentences under every table that depends on",
    "them. They are written in `lib/runner/assumptions.ts`.",
    "",
    ...assumptions.flatMap(({ id, text }) => [
      `## ${id}`,
      "",
      ...wrapped(text),
      "",
      ...wrapped(`Concerns: ${users.get(id)!.join(", ") || "no declared experiment"}.`),
      "",
    ]),
  ].join("\n").trimEnd() + "\n";
}

/** Words in lines of at most 100 characters. */
function wrapped(text: string): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line !== "" && line.length + 1 + word.length > 100) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

/** Imports between folders of `lib`: from, to, and how many import statements there are. */
export interface FolderImport {
  readonly from: string;
  readonly to: string;
  readonly imports: number;
}

/** The imports between the folders of `lib`, sorted, types and dynamic imports included. */
export async function folderImports(): Promise<FolderImport[]> {
  const root = fileURLToPath(new URL("../lib/", import.meta.url));
  const counts = new Map<string, number>();
  for await (const file of sources(root)) {
    const path = relative(root, file);
    for (const specifier of relativeImports(await Deno.readTextFile(file))) {
      const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
      const edge = `${path.split("/")[0]} ${target.split("/")[0]}`;
      counts.set(edge, (counts.get(edge) ?? 0) + 1);
    }
  }
  return [...counts].map(([edge, imports]) => {
    const [from, to] = edge.split(" ");
    return { from, to, imports };
  }).filter(({ from, to }) => from !== to)
    .sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) yield* sources(`${path}/`);
    else if (path.endsWith(".ts")) yield path;
  }
}

/** The relative specifiers of a source, those in comments and templates left out. */
function relativeImports(source: string): string[] {
  // Comments first: a template that holds source text (scaffold.ts) goes with them.
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|`(?:\\[\s\S]|[^`\\])*`/gm, "");
  return [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)].map((one) => one[1]);
}

function importsPage(imports: readonly FolderImport[]): string {
  const folders = [...new Set(imports.flatMap(({ from, to }) => [from, to]))].sort();
  return [
    generated,
    "",
    "# What imports what",
    "",
    "The folders of `lib`, and which imports from which, read from the sources. The rule is in",
    "`tests/lint/layers.ts`: a file imports from its own folder and from folders above it in the list,",
    "never downwards. `deno lint` reports an import that breaks it, and a test looks for cycles.",
    "",
    "```mermaid",
    "flowchart LR",
    ...folders.map((folder) => `  ${folder}["lib/${folder}"]`),
    ...imports.map(({ from, to }) => `  ${from} --> ${to}`),
    "```",
    "",
  ].join("\n");
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(await generatedPages())) {
    await Deno.writeTextFile(new URL(name, import.meta.url), text);
    console.log(`docs/${name}`);
  }
}
