/**
 * Runs everything that `deno task test` stands for, and counts it:
 *
 * - all tests below `tests/`, with their types checked;
 * - the examples in the documentation of `lib/`, with their types checked too.
 *
 * The last line is `N passed, N failed` over both. What a test could not do for want of something that
 * is not installed is listed above it; where the variable CI_STRICT or CI is set, such a skip is a
 * failure. With arguments (`deno task test tests/maps`), only the tests there are run.
 *
 * @module
 */
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** What one run of `deno test` did. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that were not run. */
  readonly skipped: readonly string[];
}

/** The counts of a JUnit report as `deno test --junit-path` writes it; steps count as tests. */
export function countTests(junit: string): TestCounts {
  const skipped: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const [, attributes, body] of junit.matchAll(/<testcase\b([^>]*)>(.*?)<\/testcase>/gs)) {
    const name = unescape(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "");
    if (body.includes("<skipped")) skipped.push(name);
    else if (/<(failure|error)\b/.test(body)) failed++;
    else passed++;
  }
  return { passed, failed, skipped };
}

/** What each test said it was missing: the lines `skipped: install X`. */
export function skipLines(output: string): string[] {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\u001b\[[0-9;]*m/g, "");
  const lines = plain.split("\n").map((line) => line.trim());
  return [...new Set(lines.filter((line) => line.startsWith("skipped: ")))];
}

/** The closing lines and the exit code. */
export function summary(
  counts: TestCounts,
  missing: readonly string[],
  strict: boolean,
): { readonly lines: readonly string[]; readonly exitCode: number } {
  const failed = counts.failed + (strict ? Math.max(counts.skipped.length, missing.length) : 0);
  const lines = [
    ...counts.skipped.map((name) => `not run: ${name}`),
    ...missing,
    ...(strict && failed > counts.failed
      ? ["Here every test must run: the skips are failures."]
      : []),
    `${counts.passed} passed, ${failed} failed`,
  ];
  return { lines, exitCode: failed > 0 || counts.passed === 0 ? 1 : 0 };
}

const root = fileURLToPath(new URL("../", import.meta.url));

/** Runs `deno test` with its output shown; a run that ends without its report is one failure. */
async function denoTest(
  args: readonly string[],
  folder: string,
): Promise<{ readonly counts: TestCounts; readonly missing: readonly string[] }> {
  const report = join(folder, `${crypto.randomUUID()}.xml`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", `--junit-path=${report}`, ...args],
    cwd: root,
    stdout: "piped",
  }).spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    output += decoder.decode(chunk, { stream: true });
    for (let offset = 0; offset < chunk.length;) {
      offset += await Deno.stdout.write(chunk.subarray(offset));
    }
  }
  const { success } = await child.status;
  const counts = countTests(await Deno.readTextFile(report).catch(() => ""));
  const crashed = !success && counts.failed === 0;
  return {
    counts: crashed ? { ...counts, failed: 1 } : counts,
    missing: skipLines(output),
  };
}

async function main(paths: readonly string[]): Promise<number> {
  const folder = await Deno.makeTempDir();
  try {
    const tests = paths.map((path) => relative(root, resolve(path)));
    const runs = [
      await denoTest(
        ["--config=tests/deno.json", ...(tests.length > 0 ? tests : ["tests"])],
        folder,
      ),
    ];
    if (paths.length === 0) {
      runs.push(await denoTest(["--doc", "lib"], folder));
    }
    const counts: TestCounts = {
      passed: runs.reduce((sum, { counts }) => sum + counts.passed, 0),
      failed: runs.reduce((sum, { counts }) => sum + counts.failed, 0),
      skipped: runs.flatMap(({ counts }) => counts.skipped),
    };
    const strict = ["CI_STRICT", "CI"].some((name) =>
      !["", "0", "false"].includes(Deno.env.get(name) ?? "")
    );
    const { lines, exitCode } = summary(counts, runs.flatMap(({ missing }) => missing), strict);
    console.log(["", ...lines].join("\n"));
    return exitCode;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function unescape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&apos;": "'",
    "&amp;": "&",
  };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (entity) => entities[entity]);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
