/**
 * `scaffold`: writes the file of a new detector, layout of data sets or experiment, and its test, which
 * passes as it is; then says which line to add to which table.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../base/errors.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { type Command, type CommandGroup, defineCommand } from "./arguments.ts";

/** What is written for one kind of thing. */
interface Pattern {
  readonly summary: string;
  /** Files by path from the project's root. */
  readonly files: (name: Names) => Readonly<Record<string, string>>;
  /** What is left to a person. */
  readonly next: (name: Names) => readonly string[];
}

/** The name in the forms that code needs: my_method, myMethod, MyMethod. */
interface Names {
  readonly snake: string;
  readonly camel: string;
  readonly pascal: string;
}

const projectRoot = fileURLToPath(new URL("../../", import.meta.url));

const patterns: Readonly<Record<"detector" | "dataset" | "experiment", Pattern>> = {
  detector: {
    summary: "A detector: lib/maps/NAME_detector.ts and its test.",
    files: (names) => ({
      [`lib/maps/${names.snake}_detector.ts`]: detectorSource(names),
      [`tests/maps/${names.snake}_detector_test.ts`]: detectorTest(names),
    }),
    next: ({ snake, camel }) => [
      `lib/maps/detectors.ts: import { ${camel} } from "./${snake}_detector.ts", and ${camel} in the list`,
      `experiments/: rows with the detector "${snake}"; \`deno task scaffold experiment ${snake}_rows\` ` +
      "writes a file for them, with the detector in one line",
    ],
  },
  dataset: {
    summary: "A layout of data sets: lib/images/NAME_layout.ts and its test.",
    files: (names) => ({
      [`lib/images/${names.snake}_layout.ts`]: layoutSource(names),
      [`tests/images/${names.snake}_layout_test.ts`]: layoutTest(names),
    }),
    next: ({ snake, camel }) => [
      `lib/images/datasets.ts: import { ${camel}Layout } from "./${snake}_layout.ts", and it in layouts`,
    ],
  },
  experiment: {
    summary: "An experiment: experiments/NAME.ts and its test.",
    files: (names) => ({
      [`experiments/${names.snake}.ts`]: experimentSource(names),
      [`tests/experiments/${names.snake}_test.ts`]: experimentTest(names),
    }),
    next: ({ snake, camel }) => [
      `experiments/${snake}.ts: the detector of the rows, in the line \`const [detector, name]\``,
      `experiments/mod.ts: import { ${camel} } from "./${snake}.ts", and ${camel} in the list`,
      `then: deno task reproduce ${snake.replaceAll("_", "-")} --seeds 1`,
      "before a commit: deno task docs, which lists the assumptions of every experiment",
    ],
  },
};

/** `scaffold detector`, `scaffold dataset` and `scaffold experiment`. */
export const scaffoldCommands: CommandGroup = {
  name: "scaffold",
  summary: "Write a new detector, data set or experiment to start from, with its test.",
  commands: Object.entries(patterns).map(([kind, pattern]) => scaffoldCommand(kind, pattern)),
};

function scaffoldCommand(kind: string, { summary, files, next }: Pattern): Command {
  return defineCommand({
    name: kind,
    summary,
    examples: [{ command: `scaffold ${kind} my_${kind}`, description: "then run its test" }],
    options: {
      into: { type: "string", value: "DIR", description: "another checkout than this one" },
    },
    positionals: [{ name: "name", description: "in snake_case, such as pixel_mean" }],
    async run({ output }, { options: { into = projectRoot }, positionals }) {
      const names = namesOf(positionals[0]);
      const sources = Object.entries(files(names));
      for (const [path] of sources) {
        if (await readFileIfThere(join(into, path)) === undefined) continue;
        throw new UsageError(`Cannot write ${path}: it is there already`, {
          remedy: "Choose another name.",
        });
      }
      for (const [path, text] of sources) {
        await Deno.mkdir(dirname(join(into, path)), { recursive: true });
        await writeFileAtomic(join(into, path), text);
      }
      const written = sources.map(([path]) => path);
      const steps = next(names);
      output.result({ written, next: steps }, () =>
        [
          ...written.map((path) => `written: ${path}`),
          ...steps.map((step) => `next:    ${step}`),
          `test:    deno task test ${written.at(-1)}`,
          "",
        ].join("\n"));
      return 0;
    },
  });
}

function namesOf(name: string): Names {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) {
    throw new UsageError(`Cannot use the name ${JSON.stringify(name)}: it is not in snake_case`, {
      remedy: "Small letters, digits and _ between words, such as pixel_mean.",
    });
  }
  const pascal = name.split("_").map((word) => word[0].toUpperCase() + word.slice(1)).join("");
  return { snake: name, camel: pascal[0].toLowerCase() + pascal.slice(1), pascal };
}

function detectorSource({ snake, camel, pascal }: Names): string {
  return `/**
 * ${pascal}: the distance of each place's colour from the mean colour of that place in good images.
 *
 * Model file: \`mean.npy\`, float32 \`[rows, columns, 3]\`.
 *
 * @module
 */
import { type NdArray, npyBytes, parseFloat32Npy } from "../base/npy.ts";
import type { Detector, ImageBlock } from "./detector.ts";

/** Edge length in pixels of the squares that make a place of the map. */
const cell = 8;

/** Mean absolute difference of a place's colour from its mean over good images. */
export const ${camel}: Detector = {
  id: "${snake}",
  name: "${pascal}",
  revision: 1,
  variants: ["paper"],
  plan({ size }) {
    const side = Math.floor(size / cell);
    return { parameters: { cell }, grid: [side, side], reading: { upsample: "bilinear" } };
  },
  async fit({ plan: { grid: [rows, columns] }, blocks, images }) {
    const mean = new Float32Array(rows * columns * 3);
    for await (const block of blocks) {
      const { data } = cellColours(block, rows, columns);
      for (let i = 0; i < data.length; i++) mean[i % mean.length] += data[i] / images;
    }
    return new Map([["mean.npy", npyBytes({ shape: [rows, columns, 3], data: mean })]]);
  },
  open({ grid: [rows, columns] }, model) {
    const { data: mean } = parseFloat32Npy(model.get("mean.npy")!, "mean.npy");
    return Promise.resolve({
      maps(block) {
        const { shape: [images], data } = cellColours(block, rows, columns);
        const maps = new Float32Array(images * rows * columns);
        for (let i = 0; i < data.length; i++) {
          maps[Math.floor(i / 3)] += Math.abs(data[i] - mean[i % mean.length]) / 3;
        }
        return Promise.resolve({
          maps: { shape: [images, rows, columns], data: maps },
          scores: undefined,
        });
      },
      close: () => Promise.resolve(),
    });
  },
};

/** Mean colour of each square, \`[n, rows, columns, 3]\`. */
function cellColours(
  { shape: [images, height, width], data }: ImageBlock,
  rows: number,
  columns: number,
): NdArray<Float32Array> {
  const colours = new Float32Array(images * rows * columns * 3);
  for (let image = 0; image < images; image++) {
    for (let y = 0; y < rows * cell; y++) {
      for (let x = 0; x < columns * cell; x++) {
        const from = ((image * height + y) * width + x) * 3;
        const to = ((image * rows + Math.floor(y / cell)) * columns + Math.floor(x / cell)) * 3;
        for (let c = 0; c < 3; c++) colours[to + c] += data[from + c] / cell ** 2;
      }
    }
  }
  return { shape: [images, rows, columns, 3], data: colours };
}
`;
}

function detectorTest({ snake, camel, pascal }: Names): string {
  return `import assert from "node:assert/strict";
import { ${camel} } from "../../lib/maps/${snake}_detector.ts";

const setting = { profile: "demo", size: 16, backbone: "small", variant: "paper" };

/** An image of 16 x 16 pixels of one grey, with a white square at the top left where \`spot\` is set. */
function image(grey: number, spot = false): Uint8Array {
  const data = new Uint8Array(16 * 16 * 3).fill(grey);
  if (spot) { for (let y = 0; y < 8; y++) data.fill(255, y * 48, y * 48 + 24); }
  return data;
}

Deno.test("${pascal} finds the place that differs from the mean of good images", async () => {
  const plan = ${camel}.plan(setting);
  const good = [image(90), image(110)];
  const model = await ${camel}.fit({
    plan,
    blocks: (async function* () {
      for (const data of good) yield { shape: [1, 16, 16, 3], data };
    })(),
    images: good.length,
    weights: undefined,
    seed: 333,
    progress: () => {},
    checkpoints: { load: () => Promise.resolve(undefined), save: () => Promise.resolve() },
  });
  const detector = await ${camel}.open(plan, model, undefined);
  const { maps } = await detector.maps({ shape: [1, 16, 16, 3], data: image(100, true) });
  await detector.close();
  assert.deepEqual(maps.shape, [1, ...plan.grid]);
  assert.deepEqual([...maps.data], [155, 0, 0, 0]);
});
`;
}

function layoutSource({ snake, camel, pascal }: Names): string {
  return `/**
 * The layout ${pascal}: one folder \`${snake}\` with good and bad images of each split:
 *
 * \`\`\`text
 * ${snake}/train_good  ${snake}/train_bad  ${snake}/test_good  ${snake}/test_bad
 * \`\`\`
 *
 * @module
 */
import { join } from "node:path";
import { listFolder } from "./image_folder.ts";
import type { Layout, LayoutListing, ListedSample } from "./layout.ts";

const folders = [
  { name: "train_good", split: "train", label: 0 },
  { name: "train_bad", split: "train", label: 1 },
  { name: "test_good", split: "test", label: 0 },
  { name: "test_bad", split: "test", label: 1 },
] as const;

/** The layout. Its experiments are those of VAD's protocol. */
export const ${camel}Layout: Layout = {
  name: "vad",
  shape: "${snake} with train_good, train_bad, test_good and test_bad",
  recognizes: (_root, { folders }) => folders.includes("${snake}"),
  list: list${pascal},
  published: { name: "${pascal}", counts: {} },
  partOf: ({ id }) => id.split("/")[1],
};

async function list${pascal}(root: string): Promise<LayoutListing> {
  const samples: ListedSample[] = [];
  const faults: string[] = [];
  for (const { name, split, label } of folders) {
    const listing = await listFolder(join(root, "${snake}", name));
    if (listing === undefined) faults.push(\`it has no folder ${snake}/\${name}\`);
    for (const image of listing?.images ?? []) {
      const id = \`${snake}/\${name}/\${image}\`;
      samples.push({ id, class: "${snake}", split, label, unseen: false });
    }
  }
  return { samples, faults, warnings: [] };
}
`;
}

function layoutTest({ snake, camel, pascal }: Names): string {
  return `import assert from "node:assert/strict";
import { ${camel}Layout } from "../../lib/images/${snake}_layout.ts";

Deno.test("${pascal} lists the images of each folder, and names one that is missing", async () => {
  const root = await Deno.makeTempDir();
  try {
    for (const name of ["train_good", "train_bad", "test_good"]) {
      await Deno.mkdir(\`\${root}/${snake}/\${name}\`, { recursive: true });
      await Deno.writeFile(\`\${root}/${snake}/\${name}/0.png\`, new Uint8Array());
    }
    const { samples, faults } = await ${camel}Layout.list(root);
    assert.deepEqual(samples.map(({ id, split, label }) => [id, split, label]), [
      ["${snake}/train_good/0.png", "train", 0],
      ["${snake}/train_bad/0.png", "train", 1],
      ["${snake}/test_good/0.png", "test", 0],
    ]);
    assert.deepEqual(faults, ["it has no folder ${snake}/test_bad"]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
`;
}

function experimentSource({ snake, camel, pascal }: Names): string {
  return `/**
 * ${pascal}: a detector alone, and with segments and the forest.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadHighShot, vadSeeds } from "./protocols.ts";

/** The detector of the rows: its id in lib/maps/detectors.ts, and its name in the table. */
const [detector, name] = ["patchcore", "PatchCore"];

/** One detector, and what segments and the forest make of it. */
export const ${camel}: Experiment = {
  id: "${snake.replaceAll("_", "-")}",
  title: "${pascal}",
  source: "not in the paper",
  layout: "vad",
  protocol: vadHighShot,
  seeds: vadSeeds,
  allDetectors: [detector],
  rows: [
    {
      group: "One-class Anomaly Detection",
      row: name,
      method: { kind: "detector", detector },
    },
    {
      group: "SegAD (Ours)",
      row: \`\${name} + Ours\`,
      method: { kind: "segad", detectors: [detector] },
      base: name,
    },
  ],
};
`;
}

function experimentTest({ snake, camel, pascal }: Names): string {
  return `import assert from "node:assert/strict";
import { ${camel} } from "../../experiments/${snake}.ts";
import { detectors } from "../../lib/maps/detectors.ts";
import { singleMethods } from "../../lib/runner/experiment.ts";

Deno.test("${pascal} has rows of one name each, made of detectors that there are", () => {
  const names = ${camel}.rows.map(({ row }) => row);
  assert.equal(new Set(names).size, names.length);
  for (const { row, base, method } of ${camel}.rows) {
    assert.ok(base === undefined || names.includes(base), row);
    for (const one of singleMethods(method)) {
      if (one.kind === "supervised") continue;
      const used = one.kind === "detector" ? [one.detector] : one.detectors;
      for (const id of used) assert.ok(detectors.has(id), \`\${row}: \${id}\`);
    }
  }
});
`;
}
