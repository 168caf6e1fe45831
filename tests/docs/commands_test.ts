/**
 * Executes every command that the documentation shows, through `deno task` and a shell, in a copy of the
 * project with small stand-ins for the data that the commands name. A run is kept short by options that
 * are added behind the documented words; what is documented in full is run in full.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import { synthesize, withFolder } from "../cli/harness.ts";
import { makePng } from "../images/made_folder.ts";
import { documentedLines, pages, root } from "./pages.ts";

/** Commands that another test executes: with a network of its own, with a browser, or as a whole. */
const elsewhere: readonly (readonly [command: RegExp, test: string])[] = [
  [/^deno task (test|ok)\b/, "tests/run_test.ts"],
  [/^deno task bench\b/, "tests/bench/bench_test.ts"],
  [/^deno task notebooks\b/, "tests/notebooks/notebooks_test.ts"],
  [/^deno task weights pull /, "tests/weights/pull_test.ts"],
  [/^deno task weights import /, "tests/weights/registry_test.ts"],
  [/rd4ad=paper/, "tests/maps/rd4ad_test.ts"],
  [/^deno task compare --variants/, "tests/cli/compare_variants_test.ts"],
  [/wrn=out-of-fold/, "tests/runner/out_of_fold_test.ts"],
  [/--penalty-images/, "tests/runner/penalty_images_run_test.ts"],
];

/** Words that stand for something of the reader's. */
const standIns: readonly (readonly [word: RegExp, standIn: string])[] = [
  [/(?<=maps import )DIR\b/, "maps-for-others"],
  [/\bDIR\b/, "product"],
  [/\bNAME\b/, "my_other_method"],
];

/** Options that make a run short, where the command does not have them already. */
const shortening: readonly (readonly [command: RegExp, added: string])[] = [
  [
    /^deno task data synthesize/,
    "--train-good 16 --train-bad 8 --test-good 8 --test-bad 6 --test-unseen 2",
  ],
  [/^deno task maps export/, "--data product --segmap vad --profile demo --rows PatchCore"],
  [/^deno task (reproduce|check)\b(?!.*--data)/, "--data product --segmap vad"],
  [/^deno task (reproduce|check)\b(?!.*--profile)/, "--profile demo"],
  // The map is chosen by itself for as many images as VAD has.
  [/^deno task (reproduce|plan) .*--data vad\b/, "--segmap vad"],
  [/^deno task (reproduce|check)\b(?!.*--seeds)/, "--seeds 1"],
  [
    /^deno task (reproduce|check)\b(?!.*(--rows|visa|mvtec))/,
    '--rows "PatchCore,PatchCore + Ours"',
  ],
  [/^deno task reproduce\b.*--data (visa|mvtec)/, '--rows "RD4AD" --backbone small'],
];

/** Commands in the order in which each finds what it needs. */
const order: readonly RegExp[] = [
  /^deno task data/,
  /^deno task reproduce/,
  /^deno task (check .*--update|maps export)/,
  /./,
];

/** The line as it is run, with stand-ins, smaller budgets and the options that make it short. */
export function shortened(line: string): string {
  let words = line.replace(/--profile (cpu|paper)/, "--profile demo");
  for (const [word, standIn] of standIns) words = words.replace(word, standIn);
  const [command, redirection = ""] = words.split(/(?= > )/);
  const added = shortening.flatMap(([matches, added]) => matches.test(words) ? [added] : []);
  return [command, ...added].join(" ") + redirection;
}

/** Copies what a clone has, without the numbers of the tests. */
async function copyProject(into: string, path = ""): Promise<void> {
  await Deno.mkdir(join(into, path), { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(join(root, path))) {
    const inner = join(path, name);
    if (/^\.|^node_modules$|^results\/\w+$|^tests\/fixtures$/.test(inner)) continue;
    if (isDirectory) await copyProject(into, inner);
    else if (isFile) await Deno.copyFile(join(root, inner), join(into, inner));
  }
}

/** `deno` and `npx` of a shell are the Deno that runs this test. */
async function writePrograms(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const programs = {
    deno: `exec "${Deno.execPath()}" "$@"`,
    npx: `shift 2; exec "${Deno.execPath()}" "$@"`,
  };
  for (const [name, text] of Object.entries(programs)) {
    await Deno.writeTextFile(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
}

/** Data sets of the reader's: VAD's layout, VisA's with one class, MVTec AD's with one class. */
async function writeData(project: string): Promise<void> {
  await synthesize(join(project, "my-product"));
  await synthesize(join(project, "vad"));
  const files: Record<string, number | string> = {};
  const table = ["object,split,label,image,mask"];
  for (let i = 0; i < 30; i++) {
    const isBad = i >= 16;
    const split = i < 12 ? "train" : "test";
    const image = `candle/Data/Images/${isBad ? "Anomaly" : "Normal"}/${i}.JPG`;
    files[`visa/${image}`] = i;
    table.push(`candle,${split},${isBad ? "anomaly" : "normal"},${image},`);
    files[`mvtec/bottle/${split}/${isBad ? "broken" : "good"}/${i}.png`] = i;
  }
  for (let i = 30; i < 40; i++) files[`mvtec/bottle/test/broken/${i}.png`] = i;
  files["visa/split_csv/1cls.csv"] = table.join("\n") + "\n";
  for (const [path, content] of Object.entries(files)) {
    await Deno.mkdir(join(project, dirname(path)), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(join(project, path), content);
    else await Deno.writeFile(join(project, path), await makePng(content, 64));
  }
  for (const [name, size] of [["maps/candle", 64], ["segmentations/candle", 64], ["my-map", 256]]) {
    const labels = {
      width: Number(size),
      height: Number(size),
      data: new Uint8Array(Number(size) ** 2),
    };
    await Deno.mkdir(join(project, dirname(String(name))), { recursive: true });
    await Deno.writeTextFile(join(project, `${name}.json`), '{"segments":["all"]}');
    await Deno.writeFile(join(project, `${name}.png`), labelPngBytes(labels));
  }
}

/** A shell in the project's copy, with the programs of `writePrograms`. */
function shell(project: string, line: string, stdout: "piped" | "null" = "piped"): Deno.Command {
  return new Deno.Command("bash", {
    args: ["-c", line],
    cwd: project,
    env: { NO_COLOR: "1", PATH: `${join(project, ".programs")}:${Deno.env.get("PATH")}` },
    stdout,
    stderr: "piped",
  });
}

/** Runs a command that serves a page: looks at the page, and interrupts it. */
async function look(project: string, line: string): Promise<void> {
  const child = shell(project, `exec ${line}`).spawn();
  const stderr = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let address: string | undefined;
  while (address === undefined) {
    const { value, done } = await reader.read();
    if (done) assert.fail(`${line}: ${await stderr}`);
    text += value;
    address = /Open (http:\S+)/.exec(text)?.[1];
  }
  const page = await fetch(address);
  assert.equal(page.status, 200, line);
  await page.body?.cancel();
  child.kill("SIGINT");
  await reader.cancel();
  assert.equal((await child.status).code, 0, `${line}: ${await stderr}`);
}

Deno.test("a documented command is made short behind its own words", () => {
  assert.equal(
    shortened("deno task reproduce table3 --data vad --profile paper"),
    "deno task reproduce table3 --data vad --profile demo --segmap vad --seeds 1 " +
      `--rows "PatchCore,PatchCore + Ours"`,
  );
  assert.equal(shortened("deno task data inspect DIR"), "deno task data inspect product");
  assert.equal(shortened("deno task x > y"), "deno task x > y");
});

Deno.test("every command of the documentation runs", () =>
  withFolder(async (folder) => {
    const lines = [...new Set((await pages()).flatMap(documentedLines))];
    assert.ok(lines.length > 40, `${lines.length} commands`);
    const here: string[] = [];
    for (const line of lines) {
      const test = elsewhere.find(([command]) => command.test(line))?.[1];
      if (test === undefined) here.push(line);
      else assert.ok((await Deno.stat(root + test)).isFile, `${line}: ${test}`);
    }
    const project = join(folder, "project");
    await copyProject(project);
    await writePrograms(join(project, ".programs"));
    await writeData(project);
    const rank = (line: string) => order.findIndex((one) => one.test(line));
    for (const line of here.sort((a, b) => rank(a) - rank(b))) {
      const words = shortened(line);
      const start = performance.now();
      if (/^deno task (inspect|segmap edit)\b/.test(words)) await look(project, words);
      else {
        const { code, stderr } = await shell(project, words, "null").output();
        assert.equal(code, 0, `${words}: ${new TextDecoder().decode(stderr)}`);
      }
      if (Deno.env.has("TIMES")) {
        console.log(`${((performance.now() - start) / 1000).toFixed(1)} s  ${words}`);
      }
      if (/--data product|table3\b/.test(words) && line.includes("reproduce")) {
        await copyRun(join(project, "results/table3/demo"), join(project, "results/table3/cpu"));
      }
    }
  }));

/** The second run of `compare`: the first one's files in another folder. */
async function copyRun(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const file of ["result.json", "scores.csv", "run.json"]) {
    await Deno.copyFile(join(from, file), join(to, file));
  }
}
