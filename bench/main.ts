/**
 * `deno task bench [name …]`: runs the benchmarks of this folder, all of them if none is named, each in
 * a process of its own. `PEER_PYTHON` names the Python with the peers; without it ours is timed alone.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { unknownName } from "../lib/base/errors.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const benches = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.endsWith(".ts") && name !== "main.ts")
  .map((name) => name.slice(0, -".ts".length)).sort();

const names = Deno.args.filter((word) => benches.includes(word));
const [first] = Deno.args;
if (first !== undefined && !first.startsWith("-") && !benches.includes(first)) {
  const { message, remedy } = unknownName("benchmark", first, benches);
  console.error(`error: ${message.replace(/([^.!?])$/, "$1.")} ${remedy}`);
  Deno.exit(2);
}
const options = Deno.args.filter((word) => word !== first || first.startsWith("-"));
for (const name of names.length > 0 ? names.slice(0, 1) : benches) {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${folder}${name}.ts`, ...options],
  }).spawn().status;
  if (code !== 0) Deno.exit(code);
}
