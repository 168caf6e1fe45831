import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path/posix";
import { generatedPages } from "../../docs/generate.ts";
import { experiments } from "../../experiments/mod.ts";
import { program } from "../../main.ts";
import {
  type Command,
  commonOptions,
  type OptionValue,
  parseArguments,
} from "../../lib/cli/arguments.ts";
import { profileNamed } from "../../lib/runner/profile.ts";
import { knownWeightsNamed } from "../../lib/weights/known_weights.ts";
import { detectors } from "../../lib/maps/detectors.ts";
import { supervisedMethods } from "../../lib/maps/supervised_methods.ts";
import { checkVariant } from "../../lib/maps/variants.ts";
import config from "../../deno.json" with { type: "json" };
import { layers } from "../lint/layers.ts";
import { folderImports } from "../../docs/generate.ts";
import { type DocumentedTask, documentedTasks, pages, root, shellWords } from "./pages.ts";

Deno.test("words of a line are split as a shell does", () => {
  assert.deepEqual(shellWords(`a "b c" d=e # f`), ["a", "b c", "d=e"]);
});

Deno.test("tasks are found in blocks and in sentences, and nowhere else", () => {
  const text =
    "Run `deno task\nlist`.\n\n```sh\ndeno task plan table3 # why\n```\n\n```\ndeno task x\n```\n";
  assert.deepEqual(documentedTasks({ path: "p", text }), [
    { page: "p", task: "plan", words: ["table3"], block: true },
    { page: "p", task: "list", words: [], block: false },
  ]);
});

Deno.test("generated pages say what the code says", async () => {
  for (const [name, text] of Object.entries(await generatedPages())) {
    assert.equal(
      await Deno.readTextFile(`${root}docs/${name}`),
      text,
      `docs/${name} is old: run \`deno task docs\``,
    );
  }
});

Deno.test("the diagram's imports all point up the list of folders", async () => {
  const imports = await folderImports();
  assert.ok(imports.length > 20);
  for (const { from, to } of imports) {
    assert.ok(
      layers.indexOf(to) >= 0 && layers.indexOf(to) < layers.indexOf(from),
      `${from} ${to}`,
    );
  }
});

Deno.test("every command in the documentation has words that the command takes", async () => {
  const tasks = (await pages()).flatMap(documentedTasks);
  assert.ok(tasks.length > 30, `${tasks.length} found`);
  for (const task of tasks) {
    const name = `${task.page}: deno task ${task.task} ${task.words.join(" ")}`;
    assert.ok(Object.hasOwn(config.tasks, task.task), `${name}: no such task`);
    try {
      await checkWords(task);
    } catch (error) {
      assert.fail(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
});

/** Whether the words parse, and the experiments, rows, profiles, methods and weights exist. */
async function checkWords({ task, words, block }: DocumentedTask): Promise<void> {
  if (!Object.hasOwn(program.commands, task)) return;
  const found = await program.commands[task].load();
  let command: Command | undefined;
  let rest = words;
  if ("commands" in found) {
    if (words.length === 0 && !block) return;
    command = found.commands.find(({ name }) => name === words[0]);
    assert.ok(command !== undefined, `no command ${words[0]}`);
    rest = words.slice(1);
  } else command = found;
  // A sentence may name a command without its arguments.
  if (rest.length === 0 && !block) return;
  if (rest.includes("--help")) return;
  const { options, positionals } = parseArguments({
    ...command,
    options: { ...command.options, ...commonOptions },
  }, rest);
  if (["reproduce", "plan", "list"].includes(task)) checkExperiments(positionals, options);
  if (task === "weights" && command.name === "pull") positionals.forEach(knownWeightsNamed);
}

function checkExperiments(
  ids: readonly string[],
  options: Readonly<Record<string, OptionValue | undefined>>,
): void {
  const chosen = ids.map((id) => {
    const experiment = experiments.find((one) => one.id === id);
    assert.ok(experiment !== undefined, `no experiment ${id}`);
    return experiment;
  });
  const rows = new Set(chosen.flatMap((one) => one.rows.map(({ row }) => row)));
  for (const row of (options.rows as string | undefined)?.split(",") ?? []) {
    assert.ok(rows.has(row), `no row ${row}`);
  }
  if (options.profile !== undefined) profileNamed(options.profile as string);
  for (const pair of (options.variant as readonly string[] | undefined) ?? []) {
    const at = pair.indexOf("=");
    const id = pair.slice(0, at);
    const method = detectors.get(id) ?? supervisedMethods.get(id);
    assert.ok(method !== undefined, `no method ${id}`);
    checkVariant(method, pair.slice(at + 1));
  }
}

/** The names by which the headings of a page can be linked, as GitHub makes them. */
function anchors(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading] of text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)) {
    const name = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
    let place = name;
    for (let i = 1; found.has(place); i++) place = `${name}-${i}`;
    found.add(place);
  }
  return found;
}

Deno.test("anchors are made as GitHub makes them", () => {
  const text = "# A `b` (c)\n\n```\n# no\n```\n## A b, c\n## A b c\n";
  assert.deepEqual([...anchors(text)], ["a-b-c", "a-b-c-1", "a-b-c-2"]);
});

Deno.test("links between pages lead to files and headings, others are https", async () => {
  const texts = new Map((await pages()).map(({ path, text }) => [path, text]));
  let links = 0;
  for (const [path, text] of texts) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      links++;
      if (/^https:\/\/[\w.-]+(\/|$)/.test(target)) continue;
      const [place, anchor] = target.split("#");
      const file = place === "" ? path : normalize(join(dirname(path), place));
      assert.ok(
        (await Deno.stat(root + file).catch(() => undefined)) !== undefined,
        `${path}: ${target}`,
      );
      if (anchor === undefined) continue;
      assert.ok(anchors(texts.get(file) ?? "").has(anchor), `${path}: ${target}`);
    }
  }
  assert.ok(links > 10, `${links} links`);
});

Deno.test("pictures of the pages are small, stand in the project and have words", async () => {
  for (const { path, text } of await pages()) {
    for (const [, words, target] of text.matchAll(/!\[([^\]]*)\]\(([^)\s]+)\)/g)) {
      assert.ok(words.length > 20, `${path}: ${target} has no description`);
      const svg = await Deno.readTextFile(root + normalize(join(dirname(path), target)));
      assert.ok(svg.length < 200_000, `${target}: ${svg.length} characters`);
      assert.match(svg, /^<svg [^>]*role="img"[\s\S]*<title>/);
      // Alone in a page or within one, a picture asks for nothing and runs nothing.
      assert.doesNotMatch(svg, /<script|\son\w+=|href="(?!data:image\/)|url\(/);
    }
  }
});

Deno.test("files and folders that the documentation names are there", async () => {
  const named = /`((?:lib|tests|docs|experiments|segmaps|notebooks|results)\/[\w./-]+)`/g;
  for (const { path, text } of await pages()) {
    for (const [, target] of text.matchAll(named)) {
      // Runs land in results/<experiment>/<profile>; they are not part of the project.
      if (/^results\/\w+\/(demo|cpu|paper)/.test(target)) continue;
      assert.ok(
        (await Deno.stat(root + target).catch(() => undefined)) !== undefined,
        `${path}: ${target}`,
      );
    }
  }
});

Deno.test("the messages that troubleshooting explains are messages of the code", async () => {
  const sources = await libText();
  const page = await Deno.readTextFile(`${root}docs/troubleshooting.md`);
  const messages = [...page.matchAll(/\*\*[^`*]*`([^*]+?)`\*\*/g)].map(([, message]) => message);
  assert.ok(messages.length > 20, `${messages.length} messages`);
  for (const message of messages) {
    const pieces = message.replace(/\s+/g, " ").split(
      /…|"[^"]*"|--\w+|\btable3\b|\bvad\b|\bmvtec\b|\d+/,
    )
      .map((piece) => piece.trim()).filter((piece) => piece.length >= 8);
    const known = pieces.filter((piece) => sources.includes(piece));
    assert.ok(
      known.length > 0 && known.length === pieces.length,
      `${message}: ${pieces} / ${known}`,
    );
  }
});

/** The sources of lib with texts that are joined by + put together. */
async function libText(): Promise<string> {
  const texts: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isDirectory) await visit(`${folder}/${entry.name}`);
      else if (entry.name.endsWith(".ts")) {
        texts.push(await Deno.readTextFile(`${folder}/${entry.name}`));
      }
    }
  };
  await visit(`${root}lib`);
  return texts.join("\n").replace(/["`] \+\s*["`]/g, "").replace(/\s+/g, " ");
}

/** How the field's terms are written, and ways in which they are not. */
const terms: readonly (readonly [right: string, wrong: RegExp])[] = [
  ["AUROC", /\b(auROC|Auroc|AuROC)\b/],
  ["FPR@95TPR", /\bFPR@95 ?%?TPR\b(?<!FPR@95TPR)|\bFPR95TPR\b/],
  ["PatchCore", /\b(Patchcore|PatchCORE)\b/],
  ["FastFlow", /\b(Fastflow|Fast-Flow)\b/],
  ["EfficientAD", /\b(EfficientAd|Efficient-AD)\b/],
  ["RD4AD", /\bRD4Ad\b/],
  ["DevNet", /\b(Devnet|DEVNET)\b/],
  ["SegAD", /\b(SegAd|Segad|SEGAD)\b/],
  ["MVTec AD", /\b(MvTec|MVTEC|MVtec)\b/],
  ["VisA", /\b(Visa|VISA)\b/],
  ["data set", /\bdatasets?\b(?!\.ts|s\.ts|\/)/],
];

Deno.test("the field's terms are written in one way", async () => {
  for (const { path, text } of await pages()) {
    const prose = text.replace(/```[\s\S]*?```|`[^`]*`|\]\([^)]*\)/g, "");
    for (const [right, wrong] of terms) {
      assert.equal(wrong.exec(prose)?.[0], undefined, `${path}: write ${right}`);
    }
  }
});
