/**
 * `doctor`: whether this machine can run the harness, each thing tried rather than looked up.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { HarnessError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import { visible } from "../report/escape.ts";
import { textWidth, wrap } from "../report/to_text.ts";
import { type Command, defineCommand } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";

/** `doctor`: the exit code is 5 when machine or disk fail, 3 when only data or weights do. */
export const doctorCommand: Command = defineCommand({
  name: "doctor",
  summary: "Check this machine, the cache folder, weights and segmentation maps.",
  description:
    "Each line says ok, warn or fail, with what to do. Exit code 0 without a failure, 3 where " +
    "weights or maps are damaged, 5 where the machine or the cache folder does not do.",
  examples: [{ command: "doctor", description: "before the first run, and when something is odd" }],
  options: cacheOption,
  positionals: [],
  async run({ output }, { options }) {
    const findings: Finding[] = [];
    for (const check of checks) findings.push(await finding(check, options.cache));
    output.result(findings, ({ width }) => findings.map((one) => findingText(one, width)).join(""));
    const failed = findings.filter(({ state }) => state === "fail");
    if (failed.length === 0) return 0;
    return failed.some(({ exitCode }) => exitCode === 5) ? 5 : 3;
  },
});

/** What was found of one thing, as `doctor --json` prints it. */
export interface Finding {
  /** What was checked: "Store". */
  readonly name: string;
  /** A "fail" gives the exit code below. */
  readonly state: "ok" | "warn" | "fail";
  /** What was found, a phrase. */
  readonly detail: string;
  /** What to do; empty where all is well. */
  readonly remedy: string;
  /** Exit code if it fails: 3 data or weights, 5 machine or disk. */
  readonly exitCode: 3 | 5;
}

/** A thing to try. It throws where it fails. */
export interface Check {
  /** What is checked: "Store". */
  readonly name: string;
  /** If it fails: 3 data or weights, 5 machine or disk. */
  readonly exitCode: 3 | 5;
  /** Where the error names none of its own. */
  readonly remedy: string;
  /** Says what was found; `warn` is what is odd about it, with the remedy. */
  try(cache: string): Promise<{ readonly detail: string; readonly warn?: string }>;
}

/** Tries one check; an error is a failure with the error's own remedy, or the check's. */
export async function finding(check: Check, cache: string): Promise<Finding> {
  const { name, exitCode } = check;
  try {
    const { detail, warn } = await check.try(cache);
    return warn === undefined
      ? { name, state: "ok", detail, remedy: "", exitCode }
      : { name, state: "warn", detail, remedy: warn, exitCode };
  } catch (error) {
    const detail = error instanceof Error ? error.message.split("\n")[0] : String(error);
    const remedy = (error instanceof HarnessError ? error.remedy : undefined) ?? check.remedy;
    return { name, state: "fail", detail, remedy, exitCode };
  }
}

const testedDeno = "2.9.6";

const checks: readonly Check[] = [
  {
    name: "Deno",
    exitCode: 5,
    remedy: `Use the tested version: npx --yes deno@${testedDeno} task …`,
    try() {
      const { deno } = Deno.version;
      if (!/^2\./.test(deno) || Number(deno.split(".")[1]) < 9) {
        throw new Error(`version ${deno}, the harness needs 2.9 or later`);
      }
      return Promise.resolve({
        detail: `version ${deno}`,
        ...(deno === testedDeno
          ? {}
          : { warn: `Tested is ${testedDeno}: npx --yes deno@${testedDeno} task …` }),
      });
    },
  },
  {
    name: "memory and cores",
    exitCode: 5,
    remedy: "Free memory.",
    try() {
      const free = Deno.systemMemoryInfo().available / 2 ** 30;
      const detail = `${free.toFixed(1)} GiB free, ${navigator.hardwareConcurrency} cores`;
      return Promise.resolve(
        free < 2
          ? {
            detail,
            warn: "Less than 2 GiB: free memory, or use --profile demo with --workers 1.",
          }
          : { detail },
      );
    },
  },
  {
    name: "onnxruntime",
    exitCode: 5,
    remedy: "Its addon must load: a glibc Linux, macOS or Windows, and Deno's --allow-ffi.",
    async try() {
      const [{ Graph }, { add }, { modelBytes }, { numericsClass, openSession }] = await Promise
        .all([
          import("../onnx/graph.ts"),
          import("../onnx/ops.ts"),
          import("../onnx/proto.ts"),
          import("../onnx/session.ts"),
        ]);
      const graph = new Graph();
      const x = graph.input("x", "float32", [2]);
      graph.output("y", add(x, x));
      const session = await openSession(modelBytes(graph), { name: "the doctor's model" });
      const { y } = await session.run({ x: { shape: [2], data: new Float32Array([1, 2.5]) } });
      await session.close();
      if (y.data[0] !== 2 || y.data[1] !== 5) throw new Error(`1 + 1 came out as ${y.data[0]}`);
      return { detail: `${numericsClass().runtime} loads and computes` };
    },
  },
  {
    name: "images",
    exitCode: 5,
    remedy: "sharp's addon must load: Deno's --allow-ffi, --allow-env and --allow-sys.",
    async try() {
      const { decodeImage, encodePng } = await import("../images/decode.ts");
      const data = Uint8Array.of(255, 0, 0, 0, 128, 255);
      const image = await decodeImage(await encodePng({ width: 2, height: 1, data }), "a PNG");
      if (image.data.join() !== data.join()) throw new Error("a PNG came back with other pixels");
      return { detail: "sharp writes and reads PNG" };
    },
  },
  {
    name: "charts",
    exitCode: 5,
    remedy: "resvg's addon must load: Deno's --allow-ffi, --allow-env and --allow-sys.",
    async try() {
      const { renderPng } = await import("../report/render.ts");
      const png = await renderPng(
        '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><text y="8">a</text></svg>',
        1,
      );
      return { detail: `resvg draws (${png.length} bytes)` };
    },
  },
  {
    name: "cache folder",
    exitCode: 5,
    remedy: "Name a folder that can be written with --cache.",
    async try(cache) {
      const path = join(cache, "tmp", `doctor-${crypto.randomUUID()}`);
      await writeFileAtomic(path, "doctor");
      await Deno.remove(path);
      return { detail: `${cache} can be written` };
    },
  },
  {
    name: "locks",
    exitCode: 5,
    remedy:
      "Use a cache folder on a file system with flock; with several machines, one cache each.",
    async try(cache) {
      const path = join(cache, "tmp", `doctor-${crypto.randomUUID()}.lock`);
      await Deno.mkdir(join(cache, "tmp"), { recursive: true });
      try {
        using first = await Deno.open(path, { write: true, create: true });
        using second = await Deno.open(path, { write: true });
        if (!await first.tryLock(true)) throw new Error("a new file cannot be locked");
        if (await second.tryLock(true)) throw new Error("a file can be locked twice");
      } finally {
        await Deno.remove(path).catch(() => {});
      }
      return { detail: "flock works in the cache folder" };
    },
  },
  {
    name: "disk space",
    exitCode: 5,
    remedy: "Free space, or name another folder with --cache.",
    async try(cache) {
      await Deno.mkdir(cache, { recursive: true });
      const { bavail, bsize } = await statfs(cache);
      const free = bavail * bsize / 2 ** 30;
      const detail = `${free.toFixed(1)} GiB free in the cache folder`;
      if (free < 0.5) throw new Error(`${detail}; a demo run needs 0.5 GiB`);
      return free < 20
        ? { detail, warn: "Enough for the demo; the paper's data and maps take about 20 GiB." }
        : { detail };
    },
  },
  {
    name: "segmentation maps",
    exitCode: 3,
    remedy: "Get segmaps/ again from the project's repository.",
    async try() {
      const { loadSegmentationMap } = await import("../segments/segmentation_map.ts");
      const { segments } = await loadSegmentationMap("vad", 256);
      return { detail: `vad with ${segments.length} segments` };
    },
  },
  {
    name: "published numbers",
    exitCode: 3,
    remedy: "Get results/paper.csv again from the project's repository.",
    async try() {
      const { publishedCells } = await import("../report/paper_numbers.ts");
      return { detail: `${publishedCells().length} numbers of the paper` };
    },
  },
  {
    name: "weights",
    exitCode: 3,
    remedy: "Run `deno task weights verify` for what is wrong.",
    async try(cache) {
      const { listWeights, verifyWeights } = await import("../weights/registry.ts");
      const damaged = (await verifyWeights(cache)).filter(({ state }) => state !== "ok");
      if (damaged.length > 0) {
        throw new Error(damaged.map(({ name, detail }) => `${name}: ${detail}`).join("; "));
      }
      const listing = await listWeights(cache);
      const names = (absent: boolean) =>
        listing.filter(({ state }) => (state === "absent") === absent).map(({ name }) => name)
          .join(", ");
      const detail = `here: ${names(false)}`;
      const absent = names(true);
      return absent === "" ? { detail } : {
        detail: `${detail}; not here: ${absent}`,
        warn: "The demo needs none of them; for other profiles see `deno task weights list`.",
      };
    },
  },
];

function findingText({ name, state, detail, remedy }: Finding, width: number): string {
  const head = `${state.padEnd(4)}  ${name}: `;
  const text = remedy === "" ? detail : `${sentence(detail)} ${remedy}`;
  const indent = " ".repeat(6);
  const [first, ...rest] = wrap(visible(`${name}: ${text}`), width, indent);
  return [head.slice(0, 6) + first.slice(textWidth(indent)), ...rest].map((line) => `${line}\n`)
    .join("");
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
