import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import { completionEntries, completionScript, shells } from "../../lib/cli/completions.ts";
import { program } from "../../main.ts";

const entries = await completionEntries(program.commands, experiments);

/** What bash proposes for the last of `words`. */
async function proposed(words: readonly string[]): Promise<string[]> {
  const line = words.map((word) => `'${word}'`).join(" ");
  const script = `${completionScript("bash", entries)}
COMP_WORDS=(${line}); COMP_CWORD=${
    words.length - 1
  }; _segad_harness; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { success, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--norc", "-c", script],
  }).output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stderr));
  return text.decode(stdout).split("\n").filter((word) => word !== "");
}

/** Whether the machine has the shell. */
async function runs(shell: string): Promise<boolean> {
  try {
    return (await new Deno.Command(shell, { args: ["-c", "true"] }).output()).success;
  } catch {
    return false;
  }
}

Deno.test("every command and every option is completed", async () => {
  for (const [name, { load }] of Object.entries(program.commands)) {
    assert.ok(entries[0].words.includes(name));
    const found = await load();
    for (const command of "commands" in found ? found.commands : [found]) {
      const after = "commands" in found ? `${name} ${command.name}` : name;
      const { words } = entries.find((one) => one.after === after)!;
      for (const option of Object.keys(command.options)) {
        assert.ok(words.includes(`--${option}`), `${after} --${option}`);
      }
    }
  }
});

Deno.test("bash proposes commands, their commands, experiments and options", async () => {
  assert.deepEqual(await proposed(["deno", "task", "rep"]), ["reproduce", "report"]);
  assert.deepEqual(await proposed(["deno", "task", "data", "ins"]), ["inspect"]);
  assert.deepEqual(await proposed(["deno", "task", "reproduce", "table3"]), [
    "table3",
    "table3-text",
  ]);
  assert.deepEqual(await proposed(["deno", "task", "reproduce", "table3", "--see"]), ["--seeds"]);
  assert.deepEqual(await proposed(["deno", "task", "data", "inspect", "--js"]), ["--json"]);
  assert.deepEqual(await proposed(["deno", "run", "x"]), []);
});

for (const shell of shells) {
  const there = await runs(shell);
  Deno.test({
    name: `the script for ${shell} is one that ${shell} reads`,
    // zsh and fish are on few machines; the script for zsh is bash's after two lines.
    async fn() {
      const script = completionScript(shell, entries);
      for (const { after } of entries) assert.ok(script.includes(`${after}`), after);
      if (!there) return;
      const { success, stderr } = await new Deno.Command(shell, { args: ["-n", "-c", script] })
        .output();
      assert.ok(success, new TextDecoder().decode(stderr));
    },
  });
}
