import assert from "node:assert/strict";
import { progressWriter } from "../../lib/cli/progress.ts";
import { capturedStream } from "./captured_stream.ts";

const states = Array.from({ length: 11 }, (_, done) => ({ done, of: 10, label: "maps" }));

Deno.test("in a log, progress is a line at once, every ten seconds, and at the end", () => {
  const stream = capturedStream();
  let time = 0;
  const progress = progressWriter({ stream, quiet: false, now: () => time });
  for (const state of states) {
    progress.update(state);
    time += 3000;
  }
  assert.equal(
    stream.text,
    [0, 4, 8, 10].map((done) => `${done}/10 (${done}0 %): maps\n`).join("").replace(
      "(00 %)",
      "(0 %)",
    ),
  );
});

Deno.test("on a terminal, one line is redrawn, cut to the width, and gone in the end", () => {
  const stream = capturedStream(true, 20);
  let time = 0;
  const progress = progressWriter({ stream, quiet: false, now: () => time });
  progress.update({ done: 1, of: 4, label: "a long label of a stage", secondsLeft: 70 });
  progress.update({ done: 2, of: 4, label: "too soon after the first" });
  time = 200;
  progress.update({ done: 3, of: 4, label: "x" });
  progress.around(() => stream.write("a row\n"));
  progress.clear();
  const erase = "\r\u001b[2K";
  assert.equal(
    stream.text,
    `${erase}1/4 (25 %), about …${erase}3/4 (75 %): x${erase}a row\n${erase}3/4 (75 %): x${erase}`,
  );
});

Deno.test("a quiet progress writes nothing", () => {
  const stream = capturedStream(true);
  const progress = progressWriter({ stream, quiet: true, now: () => 0 });
  for (const state of states) progress.update(state);
  progress.clear();
  assert.equal(stream.text, "");
});
