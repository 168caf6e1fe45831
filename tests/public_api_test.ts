import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { assertGolden } from "./golden.ts";
import { exportedNames, publicFiles } from "./public_api.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

Deno.test("exported names are found in each form of export, and not in comments", () => {
  const source = `/** export const no = 1; */
export const a = 1;
export async function b() {}
export function* c() {}
export interface D {}
export { e, type F } from "./x.ts";
export type { G } from "./y.ts";
const hidden = 1;
`;
  assert.deepEqual(exportedNames(source), [
    "const a",
    "e",
    "function b",
    "function c",
    "interface D",
    "type F",
    "type G",
  ]);
});

Deno.test("the public names of lib are those that are written down", async () => {
  const lines: string[] = [];
  for (const file of await publicFiles()) {
    lines.push(
      file,
      ...exportedNames(await Deno.readTextFile(root + file)).map((name) => `  ${name}`),
    );
  }
  await assertGolden(
    lines.join("\n") + "\n",
    new URL("fixtures/golden/public_api.txt", import.meta.url),
  );
});
