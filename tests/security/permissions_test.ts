/**
 * S14: each task has the permissions it needs and no others. The sets of deno.json are tried out by a
 * program that does what each would allow; the workers, which read what others wrote, have less still.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { program } from "../../main.ts";
import { knownWeights } from "../../lib/weights/known_weights.ts";
import { projectRoot, withFolder } from "../cli/harness.ts";

const attempts = [
  "read",
  "write outside",
  "write results",
  "write lib",
  "write experiments",
  "write tests",
  "write main.ts",
  "write deno.json",
  "write .git",
  "run",
  "ffi",
  "net 127.0.0.1",
  "net 192.0.2.1",
  "net example.com",
  "net localhost's name",
];
const results = ["write outside", "write results"];

/** What each set allows; all else must be denied. */
const allowed: Readonly<Record<keyof typeof config.permissions, readonly string[]>> = {
  look: ["read"],
  store: ["read", ...results],
  images: ["read", ...results, "ffi"],
  serve: ["read", ...results, "ffi", "net 127.0.0.1"],
  weights: ["read", ...results, "ffi"],
  run: ["read", ...results, "ffi", "run"],
  scaffold: attempts.filter((name) => name === "read" || name.startsWith("write")),
};

/** The set that each command runs under. */
const sets: Readonly<Record<string, keyof typeof config.permissions>> = {
  list: "look",
  completions: "look",
  verify: "store",
  cache: "store",
  plan: "images",
  why: "images",
  report: "images",
  data: "images",
  inspect: "serve",
  segmap: "serve",
  weights: "weights",
  reproduce: "run",
  check: "run",
  compare: "run",
  doctor: "run",
  maps: "run",
  scaffold: "scaffold",
};

Deno.test("S14: every command is a task, asks for nothing and has the set that the table says", () => {
  assert.deepEqual(Object.keys(sets).sort(), Object.keys(program.commands).sort());
  for (const [command, set] of Object.entries(sets)) {
    const { command: line } = config.tasks[command as keyof typeof config.tasks];
    assert.equal(line, `deno run --no-prompt -P=${set} main.ts ${command}`);
  }
  assert.deepEqual(Object.keys(allowed).sort(), Object.keys(config.permissions).sort());
});

for (const [set, capable] of Object.entries(allowed)) {
  Deno.test(`S14: under -P=${set} all is denied but ${capable.join(", ")}`, () =>
    withFolder(async (outside) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          "--no-prompt",
          `--config=${join(projectRoot, "deno.json")}`,
          `-P=${set}`,
          join(projectRoot, "tests/security/permission_probe.ts"),
          projectRoot.replace(/\/$/, ""),
          outside,
        ],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const found = JSON.parse(new TextDecoder().decode(stdout));
      assert.deepEqual(Object.keys(found), attempts);
      for (const name of attempts) {
        assert.equal(found[name], capable.includes(name) ? "allowed" : "denied", name);
      }
    }));
}

Deno.test("S14: weights may be fetched from the hosts of the known weights, over https", () => {
  const hosts = new Set(config.permissions.weights.net);
  for (const { url } of knownWeights) {
    if (url === undefined) continue;
    const { protocol, hostname } = new URL(url);
    assert.equal(protocol, "https:");
    assert.ok(hosts.has(hostname), hostname);
  }
});

Deno.test("S14: a worker may read project, store and data, write the store, and no more", async () => {
  const source = await Deno.readTextFile(join(projectRoot, "lib/runner/worker_process.ts"));
  const flags = [...source.matchAll(/["`]--(allow-[a-z]+|no-prompt)/g)].map(([, flag]) => flag);
  assert.deepEqual(flags.sort(), [
    "allow-env",
    "allow-ffi",
    "allow-read",
    "allow-sys",
    "allow-write",
    "no-prompt",
  ]);
  assert.match(source, /--allow-write=\$\{/);
  assert.match(source, /--allow-read=\$\{/);
});
