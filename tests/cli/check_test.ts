import assert from "node:assert/strict";
import { join } from "node:path";
import { machineClass } from "../../lib/onnx/machine_class.ts";
import { parseBaseline } from "../../lib/report/baseline.ts";
import { projectRoot, runProgram, withFolder } from "./harness.ts";

const rows = ["PatchCore", "PatchCore + Ours"];
const kept = join(projectRoot, "results/baselines/table3.demo.json");

Deno.test("PatchCore's rows of Table 3 are as the baseline has them; check names a row that moved", () =>
  withFolder(async (folder) => {
    const cache = ["--cache", join(folder, "cache"), "--quiet"];
    const words = ["check", "table3", "--rows", rows.join(), "--seeds", "1", ...cache];
    const same = await runProgram([...words, "--json"]);
    assert.equal(same.code, 0, same.stdout + same.stderr);
    const baseline = parseBaseline(await Deno.readTextFile(kept), kept);
    const machine = await machineClass();
    assert.deepEqual(JSON.parse(same.stdout), [{
      experiment: "table3",
      profile: "demo",
      state: "ok",
      machine,
      ...(machine === baseline.machine ? {} : { otherMachine: baseline.machine }),
      findings: [],
      unguarded: [],
    }]);

    const moved = {
      ...baseline,
      machine,
      rows: baseline.rows.map((one) =>
        one.row !== "PatchCore + Ours" ? one : {
          ...one,
          metrics: { ...one.metrics, cl_auroc: one.metrics.cl_auroc.map((value) => value + 0.6) },
        }
      ),
    };
    const own = join(folder, "table3.demo.json");
    await Deno.writeTextFile(own, JSON.stringify(moved));
    const fell = await runProgram([...words, "--baselines", folder]);
    assert.equal(fell.code, 1, fell.stderr);
    assert.match(
      fell.stdout,
      /1 number moved\n +PatchCore \+ Ours: Cl\. AUROC fell from \d+\.\d to \d+\.\d \(−0\.6, tole/,
    );
    const elsewhere = { ...baseline, machine: "a machine of the museum" };
    await Deno.writeTextFile(own, JSON.stringify(elsewhere));
    const other = await runProgram([...words, "--baselines", folder]);
    assert.equal(other.code, 0, other.stderr);
    assert.ok(
      other.stdout.replace(/\s+/g, " ").includes(
        `as the baseline made on another class of machines (a machine of the museum; this is ${machine})`,
      ),
      other.stdout,
    );
    const update = [...words, "--baselines", folder, "--update", "--reason", "x"];
    assert.match((await runProgram(update)).stderr, /Cannot update rows of the baseline of table3/);
  }));
