/**
 * `data synthesize` writes the embedded product as a folder in VAD's layout, `data inspect` says what
 * a folder holds and what is wrong with it.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { InterruptedError, UsageError } from "../base/errors.ts";
import { storageError } from "../base/files.ts";
import type { ProductCounts } from "../images/product/product.ts";
import type { Sample } from "../images/sample.ts";
import { type CommandGroup, defineCommand } from "./arguments.ts";
import type { OptionSpecs, OptionValues } from "./arguments.ts";

const synthesizeOptions = {
  "train-good": { type: "integer", value: "N", description: "good training images" },
  "train-bad": { type: "integer", value: "N", description: "bad training images" },
  "test-good": { type: "integer", value: "N", description: "good test images" },
  "test-bad": { type: "integer", value: "N", description: "bad test images of known defect types" },
  "test-unseen": { type: "integer", value: "N", description: "bad test images of unseen types" },
  size: { type: "integer", value: "PIXELS", description: "width and height of the images" },
  seed: { type: "integer", value: "N", description: "another seed draws other parts" },
} as const satisfies OptionSpecs;

const synthesize = defineCommand({
  name: "synthesize",
  summary: "Write the embedded product as PNGs in VAD's layout.",
  description:
    "Without options these are the images that `reproduce` uses without --data, the same " +
    "pixels on every machine. A folder that holds anything else is left alone.",
  examples: [
    { command: "data synthesize product", description: "the embedded data set" },
    {
      command: "data synthesize large --size 512 --train-good 2000 --train-bad 1000",
      description: "one as large as VAD",
    },
  ],
  options: synthesizeOptions,
  positionals: [{
    name: "out",
    description: "the folder to write, new or written by this command",
  }],
  async run({ output, signal }, { options, positionals }) {
    const [{ drawSample, productSamples, syntheticProduct }, { encodePng }, { syntheticDataset }] =
      await Promise.all([
        import("../images/synthetic_product.ts"),
        import("../images/decode.ts"),
        import("../images/datasets.ts"),
      ]);
    const product = productOf(options, syntheticProduct);
    const samples = productSamples(product);
    const out = resolve(positionals[0]);
    await checkFolder(out, positionals[0], new Set(samples.map(({ id }) => id)));
    const start = performance.now();
    for (const [i, sample] of samples.entries()) {
      if (signal.aborted) {
        throw new InterruptedError(`Stopped after ${i} of ${samples.length} images`, {
          remedy: "The same command writes the rest.",
        });
      }
      const label = `drawing ${sample.id}`;
      const secondsLeft = i === 0
        ? undefined
        : (performance.now() - start) / 1000 / i * (samples.length - i);
      output.progress.update({ done: i, of: samples.length, label, secondsLeft });
      await writeImage(join(out, sample.id), await encodePng(drawSample(product, sample)));
    }
    output.progress.clear();
    const { digest } = syntheticDataset(product);
    const folders = countFolders(samples);
    output.result(
      { out: positionals[0], images: samples.length, folders, drawing: digest },
      () =>
        [
          `Wrote ${samples.length} images of ${product.size} x ${product.size} pixels:`,
          ...Object.entries(folders).map(([folder, count]) => `  ${folder} ${count}`),
          `Use them with --data ${positionals[0]} --segmap vad.`,
          "",
        ].join("\n"),
    );
    return 0;
  },
});

const inspect = defineCommand({
  name: "inspect",
  summary: "Say what a folder of images holds and what is wrong with it, file by file.",
  examples: [{
    command: "data inspect product",
    description: "before the first run on own images",
  }],
  options: {},
  positionals: [{ name: "dir", description: "the folder" }],
  async run({ output }, { positionals }) {
    const { describeInspection, inspectFolder } = await import("../images/inspect.ts");
    const inspection = await inspectFolder(positionals[0], {
      onProgress: (done, of) => output.progress.update({ done, of, label: "reading images" }),
    });
    output.progress.clear();
    output.result(
      inspection,
      () => describeInspection(inspection).map((line) => `${line}\n`).join(""),
    );
    return inspection.problems.some(({ severity }) => severity === "error") ? 3 : 0;
  },
});

/** `data synthesize` and `data inspect`. */
export const dataCommands: CommandGroup = {
  name: "data",
  summary: "Write the embedded data set, or look at one of your own.",
  commands: [synthesize, inspect],
};

type ProductMaker = typeof import("../images/synthetic_product.ts").syntheticProduct;

/** The product that the options describe. */
function productOf(options: OptionValues<typeof synthesizeOptions>, make: ProductMaker) {
  const given: Record<keyof ProductCounts, number | undefined> = {
    train_good: options["train-good"],
    train_bad: options["train-bad"],
    test_good: options["test-good"],
    test_bad: options["test-bad"],
    test_bad_unseen: options["test-unseen"],
  };
  const counts = { ...make().counts };
  for (const name of Object.keys(counts) as (keyof ProductCounts)[]) {
    (counts as Record<string, number>)[name] = given[name] ?? counts[name];
  }
  try {
    return make({
      counts,
      ...(options.size === undefined ? {} : { size: options.size }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    });
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The folder may hold images of this product (they are written again) and nothing else. */
async function checkFolder(out: string, shown: string, ids: ReadonlySet<string>): Promise<void> {
  for await (const file of filesBelow(out, "")) {
    if (ids.has(file)) continue;
    throw new UsageError(
      `Cannot write into ${shown}: it holds ${file}, which is not of this data set`,
      {
        remedy: "Name a new folder.",
      },
    );
  }
}

async function* filesBelow(root: string, prefix: string): AsyncGenerator<string> {
  try {
    for await (const entry of Deno.readDir(join(root, prefix))) {
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory) yield* filesBelow(root, path);
      else yield path;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && prefix === "") return;
    throw storageError("read", join(root, prefix), error);
  }
}

async function writeImage(path: string, png: Uint8Array): Promise<void> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeFile(path, png);
  } catch (error) {
    throw storageError("write", path, error, png.length);
  }
}

function countFolders(samples: readonly Sample[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { id } of samples) {
    const folder = dirname(id);
    counts[folder] = (counts[folder] ?? 0) + 1;
  }
  return counts;
}
