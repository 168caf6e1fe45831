import assert from "node:assert/strict";
import plugin, { importProblem } from "./layers.ts";

/** Messages of the plugin for `source` as the file `file`. */
function messages(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, `/somewhere/segad/${file}`, source).map(({ message }) =>
    message
  );
}

Deno.test("imports from the own folder and from folders above are fine", () => {
  const source = `
    import { a } from "./patch_table.ts";
    import type { B } from "../base/npy.ts";
    export * from "../images/sample.ts";
    export { c } from "../onnx/graph.ts";
    const d = await import("../weights/registry.ts");
    import assert from "node:assert/strict";
    import { parse } from "csv-parse/sync";
  `;
  assert.deepEqual(messages("lib/maps/patchcore.ts", source), []);
});

Deno.test("an import that points down the list is rejected, in each of its forms", () => {
  for (
    const source of [
      `import { a } from "../maps/patchcore.ts";`,
      `import type { A } from "../maps/patchcore.ts";`,
      `import "../maps/patchcore.ts";`,
      `export { a } from "../maps/patchcore.ts";`,
      `export * from "../maps/patchcore.ts";`,
      `const a = await import("../maps/patchcore.ts");`,
      `type A = import("../maps/patchcore.ts").A;`,
      `type A = typeof import("../maps/patchcore.ts");`,
    ]
  ) {
    const found = messages("lib/images/sample.ts", source);
    assert.equal(found.length, 1, source);
    assert.match(found[0], /images stands above maps .* lib\/maps\/patchcore\.ts/);
  }
});

Deno.test("lib imports neither experiments nor main.ts nor tests", () => {
  assert.match(messages("lib/cli/list.ts", `import "../../experiments/mod.ts";`)[0], /experiments/);
  assert.match(messages("lib/cli/list.ts", `import "../../main.ts";`)[0], /main\.ts/);
  assert.match(messages("lib/cli/list.ts", `import "../../tests/golden.ts";`)[0], /tests/);
});

Deno.test("a third-party module is touched by its one file only", () => {
  assert.deepEqual(messages("lib/onnx/session.ts", `import "onnxruntime-node";`), []);
  assert.match(
    messages("lib/maps/patchcore.ts", `import type { Tensor } from "onnxruntime-node";`)[0],
    /Only lib\/onnx\/session\.ts touches onnxruntime-node/,
  );
  assert.match(messages("lib/cli/data.ts", `await import("sharp");`)[0], /lib\/images\/decode\.ts/);
  assert.match(messages("lib/report/charts.ts", `import "vega/build/vega.js";`)[0], /render\.ts/);
  assert.match(messages("lib/report/charts.ts", `import "@resvg/resvg-js";`)[0], /render\.ts/);
  assert.match(messages("lib/report/results.ts", `import "npm:zod@4.6.7";`)[0], /bare name/);
});

Deno.test("a folder that has no place in the list is rejected, other trees are left alone", () => {
  assert.match(importProblem("lib/helpers/x.ts", "./y.ts")!, /lib\/helpers is not in the list/);
  assert.deepEqual(
    messages("tests/maps/patchcore_test.ts", `import "../../lib/maps/patchcore.ts";`),
    [],
  );
  assert.deepEqual(messages("experiments/table3.ts", `import "../lib/runner/experiment.ts";`), []);
});
