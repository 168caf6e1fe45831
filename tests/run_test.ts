import assert from "node:assert/strict";
import { countTests, skipLines, summary } from "./run.ts";

const junit = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="2" errors="0" time="0.007">
    <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="2">
        <testcase name="a" classname="./a_test.ts" time="0.001" line="2" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="wants &lt;x&gt;" classname="./a_test.ts" time="0.000" line="3" col="6">
            <skipped/>
        </testcase>
        <testcase name="ok" classname="./a_test.ts" time="0.000" line="4" col="6">
        </testcase>
        <testcase name="a &gt; s2" classname="./a_test.ts" time="0.000" line="2" col="64">
            <failure message="no">Error: &lt;testcase name="x"&gt;&lt;skipped/&gt;</failure>
        </testcase>
    </testsuite>
</testsuites>`;

Deno.test("tests are counted from the report, whatever their output says", () => {
  assert.deepEqual(countTests(junit), { passed: 1, failed: 2, skipped: ["wants <x>"] });
  assert.deepEqual(countTests(""), { passed: 0, failed: 0, skipped: [] });
});

Deno.test("what is missing is found once, also in colour", () => {
  const output =
    "running\n\u001b[90mskipped: install chromium\u001b[0m\n  skipped: install chromium\nok";
  assert.deepEqual(skipLines(output), ["skipped: install chromium"]);
});

Deno.test("the last line is the plain count, and the exit code follows it", () => {
  const last = (...args: Parameters<typeof summary>) => {
    const { lines, exitCode } = summary(...args);
    return [lines.at(-1), exitCode];
  };
  const fine = { passed: 3, failed: 0, skipped: [] };
  assert.deepEqual(last(fine, [], true), ["3 passed, 0 failed", 0]);
  assert.deepEqual(last({ ...fine, failed: 2 }, [], false), ["3 passed, 2 failed", 1]);
  assert.deepEqual(last({ ...fine, passed: 0 }, [], false), ["0 passed, 0 failed", 1]);
});

Deno.test("a skip is told, and is a failure where everything must run", () => {
  const counts = { passed: 3, failed: 0, skipped: ["a", "b"] };
  assert.deepEqual(summary(counts, ["skipped: install X"], false), {
    lines: ["not run: a", "not run: b", "skipped: install X", "3 passed, 0 failed"],
    exitCode: 0,
  });
  const strict = summary(counts, ["skipped: install X"], true);
  assert.equal(strict.lines.at(-1), "3 passed, 2 failed");
  assert.equal(strict.exitCode, 1);
  assert.equal(summary({ ...counts, skipped: [] }, ["skipped: install X"], true).exitCode, 1);
});
