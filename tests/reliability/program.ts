/**
 * The whole program on a small copy of the embedded product: killed (R2), interrupted (R18), moved to
 * other places, users, languages and time zones (R16, D-4), on a damaged store, and computed anew (D-7).
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { RandomState } from "../../lib/base/random.ts";
import { filesOfRun } from "../../lib/report/run_files.ts";
import { openStore } from "../../lib/store/store.ts";
import { stageKinds } from "../../lib/runner/stages/mod.ts";
import type { StageInput } from "../../lib/store/key.ts";
import {
  programArguments,
  projectRoot,
  reproduceWords,
  resultFiles,
  synthesize,
} from "../cli/harness.ts";
import { mayMount } from "./io_errors.ts";
import { type Finding, inTemporaryFolder } from "./workload.ts";

/** A finished run of the program and what it was made from. */
export interface FinishedRun {
  readonly folder: string;
  readonly data: string;
  readonly cache: string;
  /** The files that must be the same bytes for the same results. */
  readonly files: Readonly<Record<string, string>>;
  readonly milliseconds: number;
}

/** Hands a finished run to `body`. */
export function withFinishedRun<T>(body: (run: FinishedRun) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    const [data, cache, out] = ["product", "cache", "out"].map((name) => join(folder, name));
    await synthesize(data);
    const start = performance.now();
    await succeed(reproduceWords(data, cache, out));
    const milliseconds = performance.now() - start;
    return await body({ folder, data, cache, files: await resultFiles(out), milliseconds });
  });
}

/** Where and how the program is started. */
interface Start {
  readonly root?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

function start(words: readonly string[], { root = projectRoot, env = {}, cwd }: Start = {}) {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-prompt",
      "--quiet",
      "--no-check",
      `--config=${join(root, "deno.json")}`,
      join(root, "main.ts"),
      ...words,
    ],
    env: { NO_COLOR: "1", ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function end(child: Deno.ChildProcess): Promise<Ended> {
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

async function succeed(words: readonly string[], how?: Start): Promise<Ended> {
  const ended = await end(start(words, how));
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

/**
 * R2: runs are killed with their workers, `kills` times in all, and end with the same bytes; nothing that
 * was in the store is computed again.
 */
export function killedRuns(run: FinishedRun, kills: number): Promise<Finding> {
  return inTemporaryFolder(async (folder) => {
    const random = new RandomState(2);
    const mostKillsOfRun = 9;
    let kept = 0;
    for (let killed = 0; killed < kills;) {
      const [cache, out] = [join(folder, "cache"), join(folder, "out")];
      const words = reproduceWords(run.data, cache, out);
      const killsOfRun = 1 + random.integer(mostKillsOfRun);
      for (let kill = 0; kill < killsOfRun && killed < kills; kill++, killed++) {
        const child = new Deno.Command("setsid", {
          args: [
            Deno.execPath(),
            "run",
            "-A",
            "--no-check",
            "--quiet",
            join(projectRoot, "main.ts"),
          ]
            .concat(words),
          stdout: "null",
          stderr: "null",
        }).spawn();
        const timer = setTimeout(() => {
          new Deno.Command("kill", { args: ["-9", "--", `-${child.pid}`] }).outputSync();
        }, random.uniform(0.1, 0.5) * run.milliseconds);
        await child.status;
        clearTimeout(timer);
      }
      const stored = entriesOf(cache);
      kept += stored;
      const { stages } = JSON.parse((await succeed([...words, "--json"])).stdout);
      assert.equal(stages.run, entriesOf(cache) - stored, "stages that were in the store ran");
      assertSame(await resultFiles(out), run.files);
      assert.deepEqual([...Deno.readDirSync(join(cache, "tmp"))], []);
      await Deno.remove(cache, { recursive: true });
      await Deno.remove(out, { recursive: true });
    }
    return {
      count: kills,
      outcome: "tables, charts and scores byte-equal to an uninterrupted run; " +
        `${kept} stages had been kept, none ran again`,
    };
  });
}

/** The number of stages whose results lie in the store. */
function entriesOf(cache: string): number {
  let entries = 0;
  for (const stage of Object.keys(stageKinds)) {
    try {
      entries += [...Deno.readDirSync(join(cache, stage))].length;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return entries;
}

/** R10: programs that are started at the same time on one store compute each stage once. */
export function runsTogether(run: FinishedRun, programs: number): Promise<Finding> {
  return inTemporaryFolder(async (folder) => {
    const cache = join(folder, "cache");
    const outs = Array.from({ length: programs }, (_, i) => join(folder, `out${i}`));
    const ended = await Promise.all(
      outs.map((out) =>
        succeed([...reproduceWords(run.data, cache, out), "--json", "--workers", "2"])
      ),
    );
    let computed = 0;
    for (const { stdout } of ended) computed += JSON.parse(stdout).stages.run;
    for (const out of outs) assertSame(await resultFiles(out), run.files);
    const words = reproduceWords(run.data, join(folder, "nothing"), "unused");
    const plan = ["plan", ...words.slice(1, words.indexOf("--out")), "--json"];
    const { run: planned } = JSON.parse((await succeed(plan)).stdout);
    assert.equal(computed, planned, "each stage was computed once");
    return {
      count: programs,
      outcome: `${computed} stages, each computed by one of them; same bytes`,
    };
  });
}

/**
 * R6, the whole program: its store is on a file system of `kibibytes`, which is full before the run ends;
 * where none can be mounted, files may not grow beyond that.
 */
export function fullStore(run: FinishedRun, kibibytes: readonly number[]): Promise<Finding> {
  return inTemporaryFolder(async (folder) => {
    const mounts = await mayMount(folder);
    for (const size of kibibytes) {
      const cache = join(folder, `cache${size}`);
      await Deno.mkdir(cache);
      const words = reproduceWords(run.data, cache, join(folder, "out"));
      const command = [Deno.execPath(), ...programArguments(words)].map((word) => `'${word}'`)
        .join(" ");
      // What is on a mounted file system is gone with the process: what is kept is listed before.
      const line = mounts
        ? `unshare -rm sh -c "mount -t tmpfs -o size=${size}k tmpfs '${cache}'; ${command}; ` +
          `code=\\$?; ls '${cache}/tmp'; exit \\$code"`
        : `trap '' XFSZ; ulimit -f ${size * 2}; ${command}`;
      const { code, stdout, stderr } = await end(
        new Deno.Command("sh", { args: ["-c", line], stdout: "piped", stderr: "piped" }).spawn(),
      );
      const text = stderr.replace(/\s+/g, " ");
      assert.equal(code, 5, text);
      assert.match(
        text,
        /Cannot write .*(No space left.*\(needs \d+ bytes; \d+ are free\)|File too large)/,
      );
      assert.match(text, /Free space/);
      assert.equal(stdout.trim(), "", "nothing is left in tmp");
    }
    return { count: kibibytes.length, outcome: `exit code 5 with bytes needed and free` };
  });
}

/** R18: Ctrl-C once and twice, `times` each, at moments of a run from its first stage on. */
export function interruptedRuns(run: FinishedRun, times: number): Promise<Finding> {
  return inTemporaryFolder(async (folder) => {
    const random = new RandomState(18);
    const slowest = [0, 0];
    for (let i = 0; i < 2 * times; i++) {
      const twice = i % 2 === 1;
      const cache = join(folder, `cache${i}`);
      const child = start(reproduceWords(run.data, cache, join(folder, "out")));
      const ended = end(child);
      while (await Deno.stat(join(cache, "pixels")).catch(() => undefined) === undefined) {
        await pause(5);
      }
      await pause(random.uniform(0, 0.3) * run.milliseconds);
      const over = await Promise.race([ended.then(() => true), pause(0).then(() => false)]);
      if (over) continue;
      let pressed = performance.now();
      child.kill("SIGINT");
      if (twice) {
        await pause(1);
        pressed = performance.now();
        try {
          child.kill("SIGINT");
        } catch {
          // The first was enough.
        }
      }
      const { code, stderr } = await ended;
      slowest[twice ? 1 : 0] = Math.max(slowest[twice ? 1 : 0], performance.now() - pressed);
      if (code === 0) continue; // it came when all was written
      assert.equal(code, 130, stderr);
      assert.match(stderr, /interrupted.*same command goes on/is);
      await Deno.remove(cache, { recursive: true });
    }
    const [once, twice] = slowest.map((milliseconds) => milliseconds.toFixed(0));
    assert.ok(slowest[0] < 4000 && slowest[1] < 2000, `${once} ms, ${twice} ms`); // a busy machine
    return { count: 2 * times, outcome: `code 130 within ${once} ms, twice within ${twice} ms` };
  });
}

/** R16: what is not part of a key: nothing is computed anew. */
export function unchangedKeys(run: FinishedRun): Promise<Finding> {
  return inTemporaryFolder(async (folder) => {
    const checkout = await movedCheckout(folder);
    const moved = join(folder, "moved product");
    await copy(run.data, moved);
    const plan = (data: string, ...more: string[]) => {
      const words = reproduceWords(data, run.cache, "unused");
      return ["plan", ...words.slice(1, words.indexOf("--out")), ...more, "--json"];
    };
    const kinds: readonly (readonly [string, readonly string[], Start])[] = [
      ["the same again", plan(run.data), {}],
      ["another path of the images, with other times", plan(moved), {}],
      ["another checkout", plan(run.data), { root: checkout }],
      ["another working directory", plan(run.data), { cwd: folder }],
      ["another user", plan(run.data), { env: otherUser(folder) }],
      ["another language", plan(run.data), { env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" } }],
      ["another time zone", plan(run.data), { env: { TZ: "Pacific/Chatham" } }],
      ["another number of workers", plan(run.data, "--workers", "7"), {}],
    ];
    for (const [name, words, how] of kinds) {
      const { run: open } = JSON.parse((await succeed(words, how)).stdout);
      assert.equal(open, 0, name);
    }
    return { count: kinds.length, outcome: "0 stages would be computed anew" };
  });
}

/** D-1, D-2, D-4: computed again from nothing, elsewhere; `workers` of each run. */
export function otherPlaces(run: FinishedRun, workers: readonly number[]): Promise<Finding> {
  return inTemporaryFolder(async (folder) => {
    const root = await movedCheckout(folder);
    for (const count of workers) {
      const [cache, out] = [join(folder, `cache ${count}`), join(folder, `out, ${count}`)];
      await succeed([...reproduceWords(run.data, cache, out), "--workers", String(count)], {
        root,
        cwd: folder,
        env: {
          ...otherUser(folder),
          TZ: "Pacific/Chatham",
          LANG: "tr_TR.UTF-8",
          LC_ALL: "tr_TR.UTF-8",
        },
      });
      assertSame(await resultFiles(out), run.files);
    }
    return {
      count: workers.length,
      outcome: "byte-equal from another path, user, language, time zone, workers " + workers.join(),
    };
  });
}

/**
 * D-1, D-2: `words` of reproduce on the embedded product, computed from nothing once for each number of
 * workers, the first time in another place: the same entries in the store, the same files. Measured
 * times are left out.
 */
export function wholeTables(
  words: readonly string[],
  workers: readonly number[],
): Promise<Finding> {
  return inTemporaryFolder(async (folder) => {
    const runs: { files: Record<string, string>; entries: Record<string, string> }[] = [];
    for (const [i, count] of workers.entries()) {
      const [cache, out] = [join(folder, `cache${i}`), join(folder, `out${i}`)];
      const places = ["--profile", "demo", "--cache", cache, "--out", out];
      await succeed(
        ["reproduce", ...words, ...places, "--workers", String(count)],
        i > 0 ? {} : {
          cwd: folder,
          env: { TZ: "Pacific/Chatham", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
        },
      );
      const timed = /(^|\/)(result\.json|execution\.json|report\.html)$|^speed\/(?!.*scores\.csv)/;
      const files = (await filesOfRun(out)).filter(({ path }) => !timed.test(path));
      runs.push({
        files: Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256])),
        entries: Object.fromEntries(
          await payloadsOf(
            cache,
            ({ stage, inputs }) => stage !== "speed" && inputs.speed === undefined,
          ),
        ),
      });
      assertSame(runs[i].entries, runs[0].entries);
      assertSame(runs[i].files, runs[0].files);
      await Deno.remove(cache, { recursive: true });
    }
    const [files, entries] = [runs[0].files, runs[0].entries].map((one) => Object.keys(one).length);
    assert.ok(files > 0 && entries > 0);
    return {
      count: workers.length,
      outcome: `${files} files of ${words[0]} and ${entries} of the store, byte-equal`,
    };
  });
}

/** Flips bits of a finished store, one in each of some entries at a time, and runs the program again. */
export async function repairedStore(run: FinishedRun, flips: number): Promise<Finding> {
  const random = new RandomState(40);
  const before = await payloadsOf(run.cache);
  const entries = [
    ...new Set([...before.keys()].map((path) => path.split("/").slice(0, 2).join("/"))),
  ];
  let done = 0;
  for (let round = 0; done < flips; round++) {
    const chosen = random.sample(entries, Math.min(20, entries.length, flips - done));
    for (const entry of chosen) {
      const folder = join(run.cache, entry);
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      const path = join(folder, names[random.integer(names.length)]);
      const bytes = await Deno.readFile(path);
      const bit = random.integer(bytes.length * 8);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      await Deno.writeFile(path, bytes);
      done++;
    }
    const out = join(run.folder, "repaired");
    const { stderr } = await succeed(reproduceWords(run.data, run.cache, out));
    for (const entry of chosen) {
      const [stage, key] = entry.split("/");
      const told = `computed anew: ${stage} ${key.slice(0, 12)}`;
      assert.ok(stderr.replace(/\s+/g, " ").includes(told), `${entry} was not found\n${stderr}`);
    }
    assertSame(await resultFiles(out), run.files);
    assert.deepEqual(await payloadsOf(run.cache), before, "the store is as it was");
    await Deno.remove(join(run.cache, "quarantine"), { recursive: true });
  }
  return {
    count: done,
    outcome:
      `each found, said and repaired by the next run (${entries.length} entries); same table`,
  };
}

/** D-8: a cell of the table is traced to the images it was made from. */
export async function tracedCell(run: FinishedRun): Promise<Finding> {
  const words = reproduceWords(run.data, run.cache, "unused");
  const options = words.slice(words.indexOf("--seeds"), words.indexOf("--out"));
  const start = performance.now();
  const why = ["why", "table3", "PatchCore + Ours", ...options, "--seed", "333", "--json"];
  const [trace] = JSON.parse((await succeed(why)).stdout) as {
    stages: { cached: boolean; images?: string[] }[];
  }[];
  const milliseconds = performance.now() - start;
  const images = new Set(trace.stages.flatMap((stage) => stage.images ?? []));
  assert.ok(trace.stages.every(({ cached }) => cached));
  assert.ok([...images].every((hash) => /^[0-9a-f]{64}$/.test(hash)));
  assert.ok(milliseconds < 5000, `${milliseconds} ms`); // a busy machine
  return {
    count: images.size,
    outcome: `images of ${trace.stages.length} stages in ${milliseconds.toFixed(0)} ms`,
  };
}

/** D-7: stored stages computed anew are the stored bytes; one that is not is told, exit code 1. */
export async function recheckedStages(run: FinishedRun, percent: number): Promise<Finding> {
  const out = join(run.folder, "rechecked");
  const words = [...reproduceWords(run.data, run.cache, out), "--recheck", String(percent)];
  const { stderr } = await succeed(words);
  const [, count, differ] = /(\d+) stored stages computed anew, (\d+) differ/.exec(stderr)!;
  assert.ok(Number(count) > 0);
  assert.equal(differ, "0");
  return { count: Number(count), outcome: "0 differ from what is stored" };
}

/** D-7, the other way round: a stored stage with other bytes, whole in itself. */
export async function recheckFinds(run: FinishedRun): Promise<void> {
  const store = await openStore(run.cache);
  const [{ stage, key }] = await Array.fromAsync(store.entries("features"));
  const input = JSON.parse((await store.record(stage, key))!.input) as StageInput;
  const payload = new Map((await store.read(stage, key))!);
  const changed = payload.get("map_max.npy")!.slice();
  changed[changed.length - 1] ^= 1;
  await Deno.remove(join(run.cache, stage, key), { recursive: true });
  const { keySchema: _, ...fields } = input as StageInput & { keySchema: number };
  await store.write(fields, payload.set("map_max.npy", changed), 0);
  store.close();
  const out = join(run.folder, "found");
  const words = reproduceWords(run.data, run.cache, out);
  const { code, stderr } = await end(start([...words, "--recheck", "100"]));
  assert.equal(code, 1, stderr);
  assert.match(stderr, /differs from the stored one/);
  assert.match(stderr, /1 differ/);
}

/** Asserts that the files of two runs are the same bytes, and names those that are not. */
function assertSame(
  actual: Readonly<Record<string, string>>,
  expected: Readonly<Record<string, string>>,
): void {
  const names = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  assert.deepEqual([...names].filter((name) => actual[name] !== expected[name]), []);
}

/** The hash of every payload file of a store, or of the stages to keep, by stage, key and name. */
async function payloadsOf(
  cache: string,
  keep: (input: StageInput) => boolean = () => true,
): Promise<Map<string, string>> {
  const store = await openStore(cache);
  const files = new Map<string, string>();
  for await (const { stage, key } of store.entries()) {
    const { input, files: written } = (await store.record(stage, key))!;
    if (!keep(JSON.parse(input))) continue;
    for (const [name, { sha256 }] of Object.entries(written)) {
      files.set(`${stage}/${key}/${name}`, sha256);
    }
  }
  store.close();
  return files;
}

/** The program's own files at another path. */
async function movedCheckout(folder: string): Promise<string> {
  const root = join(folder, "other checkout");
  await Deno.mkdir(join(root, "results"), { recursive: true });
  const parts = ["lib", "experiments", "segmaps", "weights", "main.ts", "deno.json", "deno.lock"];
  for (const part of [...parts, "results/paper.csv"]) {
    await copy(join(projectRoot, part), join(root, part));
  }
  return root;
}

async function copy(from: string, to: string): Promise<void> {
  const { success } = await new Deno.Command("cp", { args: ["-r", from, to] }).output();
  assert.ok(success, `${from} copied to ${to}`);
}

/** The surroundings of another user, with the same downloaded packages. */
function otherUser(folder: string): Record<string, string> {
  const home = Deno.env.get("HOME") ?? "/";
  const packages = Deno.env.get("DENO_DIR") ??
    join(Deno.env.get("XDG_CACHE_HOME") ?? join(home, ".cache"), "deno");
  return { HOME: folder, USER: "somebody", LOGNAME: "somebody", DENO_DIR: packages };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
