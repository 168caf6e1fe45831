/**
 * Writes the pages that are made from the code: `assumptions.md`, the decisions that the paper leaves
 * open with the experiments that depend on them, `imports.md`, what the folders of `lib` import from one
 * another, and `schemas/`, the files of a run as JSON Schema.
 *
 *     deno task docs
 *
 * @module
 */
import { relative } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { experiments } from "../experiments/mod.ts";
import { type Command, defineCommand } from "../lib/cli/arguments.ts";
import { runDeveloperTask } from "../lib/cli/developer_task.ts";
import { jsonSchemas } from "../lib/report/json_schemas.ts";
import { assumptions, assumptionsOf } from "../lib/runner/assumptions.ts";
import { layers } from "../tests/lint/layers.ts";

/** The pages by file name. */
export async function generatedPages(): Promise<Readonly<Record<string, string>>> {
  return {
    "assumptions.md": assumptionsPage(),
    "imports.md": importsPage(await folderImports(), await moduleUses()),
    ...Object.fromEntries(
      Object.entries(jsonSchemas()).map(([name, schema]) => [
        `schemas/${name}`,
        JSON.stringify(schema, null, 2) + "\n",
      ]),
    ),
  };
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

/** That files of one folder of `lib` import from another. */
export interface FolderImport {
  /** Folder that imports. */
  readonly from: string;
  /** Folder that is imported. */
  readonly to: string;
}

/** The imports between the folders of `lib`, types and dynamic imports included. */
export async function folderImports(): Promise<FolderImport[]> {
  const root = fileURLToPath(new URL("../lib/", import.meta.url));
  const edges = new Set<string>();
  for await (const file of sources(root)) {
    const path = relative(root, file);
    for (const specifier of importsOf(await Deno.readTextFile(file))) {
      if (!specifier.startsWith(".")) continue;
      const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
      edges.add(`${path.split("/")[0]} ${target.split("/")[0]}`);
    }
  }
  return [...edges].map((edge) => {
    const [from, to] = edge.split(" ");
    return { from, to };
  }).filter(({ from, to }) => from !== to);
}

/** A module from outside and the files of `lib` that import it, sorted. */
export interface ModuleUse {
  /** Bare name of the module. */
  readonly module: string;
  /** Files of `lib` that import it, by path, sorted. */
  readonly files: readonly string[];
}

/** The modules from outside that `lib` imports, types and dynamic imports included; `node:` left out. */
export async function moduleUses(): Promise<ModuleUse[]> {
  const root = fileURLToPath(new URL("../", import.meta.url));
  const uses = new Map<string, string[]>();
  for await (const file of sources(`${root}lib/`)) {
    const specifiers = importsOf(await Deno.readTextFile(file)).filter((one) => /^[@\w]/.test(one));
    const modules = specifiers.map((one) => /^(?:@[^/]+\/)?[^/]+/.exec(one)![0]);
    for (const module of new Set(modules)) {
      if (module.startsWith("node:")) continue;
      uses.set(module, [...uses.get(module) ?? [], relative(root, file)]);
    }
  }
  return [...uses].map(([module, files]) => ({ module, files: files.sort() }))
    .sort((a, b) => compare(a.module, b.module));
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

/** The specifiers of a source, those in comments and templates left out. */
function importsOf(source: string): string[] {
  // Comments first: a template that holds source text (scaffold.ts) goes with them.
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|`(?:\\[\s\S]|[^`\\])*`/gm, "");
  return [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"\s]+)"/g)].map((one) => one[1]);
}

function importsPage(imports: readonly FolderImport[], uses: readonly ModuleUse[]): string {
  const importers = layers.filter((layer) => imports.some(({ from }) => from === layer));
  const imported = layers.filter((layer) => imports.some(({ to }) => to === layer));
  const edges = new Set(imports.map(({ from, to }) => `${from} ${to}`));
  const drawn = withoutImplied(imports.filter(({ to }) => to !== "base"));
  const nodes = layers.filter((layer) =>
    drawn.some(({ from, to }) => from === layer || to === layer)
  );
  return [
    generated,
    "",
    "# What imports what",
    "",
    "The folders of `lib`, and which imports from which, read from the sources. The rule is in",
    "`tests/lint/layers.ts`: a file imports from its own folder and from folders above it in the list,",
    "never downwards. `deno lint` reports an import that breaks it, and a test looks for cycles.",
    "",
    "×: the folder on the left imports from the folder above, both in the order of the rule. All lie",
    "below the diagonal: above it an import would point downwards.",
    "",
    ...alignedTable([
      ["", ...imported.map((to) => `\`${to}\``)],
      ...importers.map((from) => [
        `\`${from}\``,
        ...imported.map((to) => to === from ? "·" : edges.has(`${from} ${to}`) ? "×" : ""),
      ]),
    ]),
    "",
    "The same as a diagram, an arrow from a folder to what it imports. `base`, which all import, is left",
    "out, and so is an arrow whose two folders are joined by a longer way.",
    "",
    "```mermaid",
    "flowchart RL",
    ...nodes.map((folder) => `  ${folder}`),
    ...drawn.map(({ from, to }) => `  ${from} --> ${to}`),
    "```",
    "",
    "## Modules from outside",
    "",
    "Each file of `lib` that knows one; whoever wants to replace a module changes these files. Those with",
    "a native or large part have one file each, which the same rule of `deno lint` holds.",
    "",
    ...alignedTable([
      ["module", "files"],
      ...uses.map(({ module, files }) => [
        `\`${module}\``,
        files.map((file) => `\`${file}\``).join(", "),
      ]),
    ]),
    "",
    "## What proves the structure",
    "",
    "- `tests/lint/layers_test.ts`: an import that points down the list, in any of its forms, is an error",
    "  of `deno lint`, and so is a second file that touches a native module.",
    "- `tests/lint/imports_test.ts`: every file of `lib` keeps the rule, and none imports itself through",
    "  others.",
    "- `tests/docs/docs_test.ts`: this page is what the sources say now.",
    "- `tests/public_api_test.ts`: the names that others build on are those that are written down.",
    "",
  ].join("\n");
}

/** The imports that no way through other folders implies, in the order of the layers. */
function withoutImplied(imports: readonly FolderImport[]): FolderImport[] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const reaches = (from: string, to: string): boolean =>
    (targets.get(from) ?? []).some((one) => one.to === to || reaches(one.to, to));
  const place = ({ from, to }: FolderImport) =>
    layers.indexOf(from) * layers.length + layers.indexOf(to);
  return imports.filter(({ from, to }) =>
    !targets.get(from)!.some((one) => one.to !== to && reaches(one.to, to))
  ).sort((a, b) => place(a) - place(b));
}

/** A table of Markdown as `deno fmt` writes it. */
function alignedTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[], fill: string) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i], fill)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head, " "), line(head.map(() => ""), "-"), ...body.map((row) => line(row, " "))];
}

const docsCommand: Command = defineCommand({
  name: "docs",
  summary: "Write the pages of docs/ that are made from the code.",
  examples: [{ command: "docs", description: "all of them" }],
  options: {},
  positionals: [],
  async run({ output }) {
    await Deno.mkdir(new URL("schemas/", import.meta.url), { recursive: true });
    const pages = await generatedPages();
    for (const [name, text] of Object.entries(pages)) {
      await Deno.writeTextFile(new URL(name, import.meta.url), text);
    }
    const written = Object.keys(pages).map((name) => `docs/${name}`);
    output.result(written, () => written.map((name) => `${name}\n`).join(""));
    return 0;
  },
});

if (import.meta.main) Deno.exit(await runDeveloperTask(docsCommand));
