import assert from "node:assert/strict";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import plugin from "./layers.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** All TypeScript files below `folder`, by their path from the project's root. */
async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(`${root}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

/** One group of files that import one another in a circle, as a path through it, or undefined. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (state.get(file) === "done") return undefined;
    if (state.get(file) === "open") return [...path.slice(path.indexOf(file)), file];
    state.set(file, "open");
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    state.set(file, "done");
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** What each file of lib imports from lib, types and dynamic imports included. */
async function importGraph(): Promise<Map<string, string[]>> {
  const graph = new Map<string, string[]>();
  const collect = (file: string, targets: string[]): Deno.lint.Plugin => {
    const add = (source: Deno.lint.Node | null | undefined) => {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      if (!/^\.\.?\//.test(source.value)) return;
      const url = new URL(source.value, new URL(file, `file://${root}`));
      targets.push(relative(root, fileURLToPath(url)));
    };
    return {
      name: "collect",
      rules: {
        imports: {
          create: () => ({
            ImportDeclaration: (node) => add(node.source),
            ExportAllDeclaration: (node) => add(node.source),
            ExportNamedDeclaration: (node) => add(node.source),
            ImportExpression: (node) => add(node.source),
            TSImportType: ({ argument }) =>
              add(argument.type === "TSLiteralType" ? argument.literal : null),
          }),
        },
      },
    };
  };
  for await (const file of sources("lib")) {
    const targets: string[] = [];
    Deno.lint.runPlugin(
      collect(file, targets),
      `${root}${file}`,
      await Deno.readTextFile(root + file),
    );
    graph.set(file, targets.filter((target) => target.startsWith("lib/")));
  }
  return graph;
}

Deno.test("findCycle finds a circle of any length and none in a tree", () => {
  assert.equal(findCycle(new Map([["a", ["b", "c"]], ["b", ["c"]], ["c", []]])), undefined);
  assert.deepEqual(findCycle(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]])), ["b", "c", "b"]);
  assert.deepEqual(findCycle(new Map([["a", ["a"]]])), ["a", "a"]);
});

Deno.test("no file of lib imports itself through others", async () => {
  const graph = await importGraph();
  assert.ok(graph.size > 50 && [...graph.values()].flat().length > 100);
  assert.equal(findCycle(graph)?.join(" -> "), undefined);
});

Deno.test("every file of lib keeps to the layers", async () => {
  const problems: string[] = [];
  for await (const file of sources("lib")) {
    const text = await Deno.readTextFile(root + file);
    for (const { message } of Deno.lint.runPlugin(plugin, root + file, text)) {
      problems.push(`${file}: ${message}`);
    }
  }
  assert.deepEqual(problems, []);
});
