/**
 * S13, and telemetry: one small run by the task's own permissions, as a user with a name of his own, in
 * folders of his own. What it leaves for others says nothing of user, machine and folders; what it
 * leaves in the home folder is nothing. The exports are what their schemas say.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DataError } from "../../lib/base/errors.ts";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import { resultRow } from "../../lib/report/result_of_run.ts";
import { parseExecutionFile } from "../../lib/report/run_files.ts";
import { parseRunFile } from "../../lib/report/run_record.ts";
import { parseResult } from "../../lib/report/results.ts";
import { certificateSchema } from "../../lib/report/certificate.ts";
import type { StageFailure } from "../../lib/runner/executor_local.ts";
import { withoutFolders } from "../../lib/runner/provenance.ts";
import config from "../../deno.json" with { type: "json" };
import { projectRoot, withFolder } from "../cli/harness.ts";

const user = "ada.lovelace";
const host = "analytical-engine";
/** A path of some machine: none that a page or a chart has by itself. */
const foreignPath = /file:\/\/\/|["'\s](?:\/home\/|\/Users\/|\/root\/|\/tmp\/|[A-Z]:\\)[^"'\s]*/;

/** Runs a task of deno.json, its permissions included, as another user in `folder`. */
async function runTask(folder: string, task: keyof typeof config.tasks, words: readonly string[]) {
  const { command } = config.tasks[task];
  const own = (name: string) => join(folder, user, name);
  for (const name of ["home", "temporary"]) await Deno.mkdir(own(name), { recursive: true });
  const denoFolder = JSON.parse(
    new TextDecoder().decode(
      (await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output()).stdout,
    ),
  ).denoDir;
  const { PATH = "" } = Deno.env.toObject();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...command.split(" ").slice(1), ...words],
    cwd: projectRoot,
    clearEnv: true,
    env: {
      PATH,
      DENO_DIR: denoFolder,
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      HOME: own("home"),
      XDG_CACHE_HOME: own("home/.cache"),
      XDG_DATA_HOME: own("home/.local/share"),
      TMPDIR: own("temporary"),
      USER: user,
      LOGNAME: user,
      HOSTNAME: host,
      LANG: "de_AT.UTF-8",
      TZ: "Pacific/Chatham",
    },
  }).output();
  const text = new TextDecoder();
  const printed = { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  assert.equal(code, 0, printed.stderr);
  return printed;
}

async function filesBelow(folder: string, below = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
    const path = join(below, name);
    if (isDirectory) files.push(...await filesBelow(folder, path));
    else files.push(path);
  }
  return files.sort();
}

Deno.test("S13: a run's exports name no folder, user or machine; nothing is left at home", async (t) => {
  await withFolder(async (folder) => {
    const own = (name: string) => join(folder, user, name);
    const [data, map, cache] = [own("my data"), own("secret-map.png"), own("cache")];
    const counts = ["train-good=16", "train-bad=8", "test-good=8", "test-bad=6", "test-unseen=2"];
    await runTask(folder, "data", ["synthesize", data, ...counts.map((one) => `--${one}`)]);
    const labels = new Uint8Array(256 * 256).fill(1, 30_000);
    await Deno.writeFile(map, labelPngBytes({ width: 256, height: 256, data: labels }));
    const rows = "PatchCore,PatchCore + Ours";
    const printed = await runTask(folder, "reproduce", [
      "table3",
      ...["--rows", rows, "--seeds", "1", "--profile", "demo"],
      ...["--data", data, "--segmap", map, "--cache", cache, "--out", own("out"), "--json"],
    ]);
    const run = join(own("out"), "table3", "demo");
    await runTask(folder, "report", [run, "--ro-crate", "--cache", cache, "--quiet"]);
    const certificate = join(run, "certificate.json");
    await runTask(folder, "verify", [run, "--certificate", certificate]);
    const files = await filesBelow(run);
    const read = (name: string) => Deno.readTextFile(join(run, name));

    await t.step("no file of a run holds them, in whatever bytes", async () => {
      assert.ok(files.length > 20, files.join());
      const words = [folder, user, host, projectRoot.replace(/\/$/, ""), "secret-map", "temporary"];
      const hostname = Deno.hostname();
      if (hostname.length > 3) words.push(hostname);
      const allowed = new Set(["secret-map"]); // a map file is told by its name, not by its folder
      for (const file of [...files, "stdout"]) {
        const bytes = file === "stdout"
          ? new TextEncoder().encode(printed.stdout)
          : await Deno.readFile(join(run, file));
        const texts = [new TextDecoder("latin1").decode(bytes)];
        texts.push(texts[0].replaceAll("\\/", "/"));
        for (const text of texts) {
          for (const word of words) {
            assert.ok(allowed.has(word) || !text.includes(word), `${file} holds ${word}`);
          }
          if (/\.(png|webp)$/.test(file)) continue;
          assert.ok(!foreignPath.test(text), `${file} holds ${foreignPath.exec(text)?.[0]}`);
        }
      }
    });

    await t.step("the exports are what their schemas say", async () => {
      const record = parseRunFile(await read("run.json"), "run.json");
      const execution = parseExecutionFile(await read("execution.json"), "execution.json");
      const result = parseResult(await read("result.json"), "result.json");
      assert.equal(execution.run, record.id);
      assert.equal(execution.machine.timeZone, "Pacific/Chatham");
      assert.equal(record.segmentations[0].spec, "file");
      assert.deepEqual(record.rows.map(({ row }) => row), result.rows.map(({ row }) => row));
      const { verdict } = certificateSchema.parse(JSON.parse(await read("certificate.json")));
      assert.equal(verdict, "verified");
      const text = await read("run.json");
      assert.ok(text.length < 20_000 * record.rows.flatMap(({ cells }) => cells).length);
    });

    await t.step("run again, only the times differ", async () => {
      const before = new Map<string, string>();
      for (const file of files) before.set(file, await read(file));
      await runTask(folder, "reproduce", [
        "table3",
        ...["--rows", rows, "--seeds", "1", "--profile", "demo"],
        ...["--data", data, "--segmap", map, "--cache", cache, "--out", own("out"), "--json"],
      ]);
      const changed: string[] = [];
      for (const [file, text] of before) if (await read(file) !== text) changed.push(file);
      const timed = ["execution.json", "report.html", "result.json"];
      assert.deepEqual(changed.filter((file) => !timed.includes(file)), []);
      const { stages, replaces } = parseExecutionFile(
        await read("execution.json"),
        "execution.json",
      );
      assert.equal(stages.run, 0);
      assert.equal(replaces, undefined);
    });

    await t.step(
      "no database and no device id is written: the runtime's telemetry is off",
      async () => {
        // Without ORT_DISABLE_TELEMETRY this build leaves .cache/Microsoft/…/onnxruntime.db and deviceid
        // in the home folder, and two files in the temporary one.
        assert.deepEqual(await filesBelow(own("home")), []);
        assert.deepEqual(await filesBelow(own("temporary")), []);
      },
    );
  });
});

Deno.test("S13: a row that could not be run tells why without the folder", () => {
  const row = {
    group: "g",
    row: "r",
    method: { kind: "detector", detector: "patchcore" },
  } as const;
  const obstacle = new DataError(`Cannot read /home/${user}/weights.pth: damaged`);
  assert.equal(
    resultRow({ planned: { row, cells: [], obstacle }, scores: [] }).error,
    "Cannot read weights.pth: damaged",
  );
  const failure = { message: `Cannot read /srv/${user}/1.png: cut off` } as StageFailure;
  assert.equal(
    resultRow({ planned: { row, cells: [] }, scores: [], failure }).error,
    "failed: Cannot read 1.png: cut off",
  );
});

Deno.test("S13: absolute paths in a message lose their folders, and nothing else is changed", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["Cannot read /home/ada/data/a.png: damaged", "Cannot read a.png: damaged"],
    ['Cannot read "/home/ada/data/a.png"', 'Cannot read "a.png"'],
    ["file:///home/ada/x.ts:3:4", "x.ts:3:4"],
    ["C:\\Users\\ada\\a.png and D:/b/c", "a.png and c"],
    ["see train/good/1.png, 1/2, a/b", "see train/good/1.png, 1/2, a/b"],
    ["from https://example.com/a/b", "from https://example.com/a/b"],
    ["./results/table3 and ../shared", "./results/table3 and ../shared"],
    ["nothing", "nothing"],
  ];
  for (const [text, expected] of cases) {
    assert.equal(withoutFolders(text), expected, text);
  }
});
