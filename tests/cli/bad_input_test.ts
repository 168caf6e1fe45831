import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import { projectRoot, reproduceWords, runProgram, synthesize, withFolder } from "./harness.ts";

/** Runs the program and checks the shape of its error: exit code, words, one paragraph, no stack. */
async function assertError(
  words: readonly string[],
  code: number,
  ...patterns: RegExp[]
): Promise<void> {
  const run = await runProgram(words);
  assert.equal(run.code, code, run.stderr);
  for (const pattern of patterns) assert.match(run.stderr, pattern);
  assert.doesNotMatch(run.stderr, /\n\s+at |file:\/\/|defect of the harness/);
  const paragraph = run.stderr.slice(run.stderr.indexOf("error: "));
  assert.doesNotMatch(paragraph.trimEnd(), /\n\n/);
}

/** The small product with one change, and the words that reproduce it. */
async function withProduct(
  body: (data: string, words: string[], folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const data = join(folder, "product");
    await synthesize(data);
    await body(data, reproduceWords(data, join(folder, "cache"), join(folder, "out")), folder);
  });
}

Deno.test("a truncated image is named", () =>
  withProduct(async (data, words) => {
    const path = join(data, "train", "good", "0003.png");
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.subarray(0, bytes.length >> 1));
    await assertError(words, 3, /0003\.png/, /truncated|damaged|cannot be decoded|ends/i);
  }));

Deno.test("a text file with an image's name is named", () =>
  withProduct(async (data, words) => {
    await Deno.writeTextFile(join(data, "test", "bad", "0001.png"), "not a picture");
    await assertError(words, 3, /0001\.png/);
  }));

Deno.test("an image of 400 million pixels is refused before it is decoded", () =>
  withProduct(async (data, words) => {
    await Deno.writeFile(join(data, "test", "good", "0002.png"), hugePng(20_000));
    await assertError(words, 3, /0002\.png/, /20,?000/);
  }));

Deno.test("an empty folder and a missing class folder are explained", () =>
  withProduct(async (data, words, folder) => {
    await Deno.mkdir(join(folder, "empty"));
    const empty = words.map((word) => word === data ? join(folder, "empty") : word);
    await assertError(empty, 3, /empty/, /train/);
    await Deno.remove(join(data, "test", "good"), { recursive: true });
    await assertError(words, 3, /test\/good/);
  }));

Deno.test("weights whose SHA-256 is not that of their name are refused", () =>
  withProduct(async (_, words, folder) => {
    const file = join(folder, "resnet18-f37072fd.pth");
    await Deno.writeTextFile(file, "something else");
    const chosen = [...words, "--backbone", "resnet18", "--weights", `resnet18=${file}`];
    await assertError(chosen, 3, /resnet18-f37072fd\.pth/, /f37072fd/, /SHA-256|digest/);
  }));

Deno.test("a pickle that calls os.system is refused and runs nothing", () =>
  withProduct(async (_, words, folder) => {
    const [file, proof] = [join(folder, "weights.pth"), join(folder, "executed")];
    await Deno.writeTextFile(file, `cos\nsystem\n(S'touch ${proof}'\ntR.`);
    const chosen = [...words, "--backbone", "resnet18", "--weights", `resnet18=${file}`];
    await assertError(chosen, 3, /weights\.pth/);
    await assert.rejects(Deno.stat(proof), Deno.errors.NotFound);
  }));

Deno.test("a segmentation map of another size is refused with both sizes", () =>
  withProduct(async (_, words, folder) => {
    const file = join(folder, "map.png");
    const data = new Uint8Array(100 * 100);
    data.fill(1, 5000);
    await Deno.writeFile(file, labelPngBytes({ width: 100, height: 100, data }));
    const chosen = words.map((word, i) => words[i - 1] === "--segmap" ? file : word);
    await assertError(chosen, 3, /map\.png/, /100 x 100/, /256 x 256/);
  }));

Deno.test("a misspelt row, option, experiment and backbone get a suggestion", () =>
  withProduct(async (_, words) => {
    const row = words.map((word) => word.startsWith("PatchCore,") ? "PatchCor" : word);
    await assertError(row, 2, /did you mean "PatchCore"/);
    await assertError([...words, "--sed", "1"], 2, /--seeds|--seed/);
    await assertError(["reproduce", "tabel3"], 2, /did you mean "table3"/);
    await assertError([...words, "--backbone", "resnet19"], 2, /did you mean "resnet18"/);
  }));

Deno.test("a user's own product without a segmentation map is told to name one", () =>
  withProduct(async (_, words) => {
    const at = words.indexOf("--segmap");
    await assertError(words.toSpliced(at, 2), 2, /segmentation map/, /rings:N/);
  }));

Deno.test("a cache folder that cannot be made is a failure of the disk", () =>
  withProduct(async (_, words, folder) => {
    await Deno.writeTextFile(join(folder, "file"), "");
    const chosen = words.map((word, i) =>
      words[i - 1] === "--cache" ? join(folder, "file", "cache") : word
    );
    await assertError(chosen, 5, /file/);
  }));

Deno.test("the program prints the same help from any folder", async () => {
  const here = await runProgram(["reproduce", "--help"], dirname(projectRoot));
  assert.equal(here.code, 0);
  assert.match(here.stdout, /--segmap MAP/);
});

/** A PNG of `size` x `size` black grey pixels: small in bytes, large when decoded. */
function hugePng(size: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(12 + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, data.length);
    bytes.set(new TextEncoder().encode(type), 4);
    bytes.set(data, 8);
    view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
    return bytes;
  };
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, size);
  new DataView(header.buffer).setUint32(4, size);
  header[8] = 8;
  const parts = [
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(new Uint8Array(1 << 20))),
    chunk("IEND", new Uint8Array()),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
