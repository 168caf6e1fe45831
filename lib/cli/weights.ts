/**
 * `weights`: what weights there are, fetching them, taking a local file, checking what is stored, and
 * training the embedded product's small backbone.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../base/digest.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { unknownName } from "../base/errors.ts";
import { visible } from "../report/escape.ts";
import type { WeightsRecord } from "../weights/registry.ts";
import { type CommandGroup, defineCommand } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";
import { alignedLines } from "./output.ts";

const list = defineCommand({
  name: "list",
  summary: "The known weights: where they come from, their licence, and which are here.",
  examples: [{ command: "weights list", description: "what is here and what is to be had" }],
  options: cacheOption,
  positionals: [],
  async run({ output }, { options }) {
    const { listWeights } = await import("../weights/registry.ts");
    const listing = await listWeights(options.cache);
    output.result(listing, () =>
      alignedLines([
        ["name", "state", "SHA-256", "licence", "from"],
        ...listing.map(({ name, state, sha256, licence, source }) => [
          name,
          state,
          sha256 === "" ? "" : `${sha256.slice(0, 12)}…`,
          licence,
          visible(source),
        ]),
      ]).map((line) => `${line}\n`).join(""));
    return 0;
  },
});

const pull = defineCommand({
  name: "pull",
  summary: "Fetch known weights and check their SHA-256.",
  description:
    "A pull that was cut off goes on where it stopped. Without a way to the address, fetch " +
    "the file elsewhere and use `weights import`.",
  examples: [{ command: "weights pull wide_resnet50_2", description: "the paper's backbone" }],
  options: cacheOption,
  positionals: [{ name: "name", description: "as `weights list` shows it", repeatable: true }],
  async run({ output, signal }, { options, positionals }) {
    const [{ knownWeightsNamed }, { pullWeights }] = await Promise.all([
      import("../weights/known_weights.ts"),
      import("../weights/pull.ts"),
    ]);
    const known = positionals.map(knownWeightsNamed);
    const records: WeightsRecord[] = [];
    for (const weights of known) {
      records.push(
        ...await pullWeights(weights, {
          cache: options.cache,
          signal,
          onProgress: (received, total) =>
            output.progress.update({
              done: Math.floor(received / 1e6),
              of: Math.ceil((total ?? received) / 1e6),
              label: `MB of ${weights.file}`,
            }),
        }),
      );
    }
    output.result(records, () => records.map(storedLine).join(""));
    return 0;
  },
});

const importCommand = defineCommand({
  name: "import",
  summary: "Take a local .pth or .safetensors file into the store.",
  description:
    "Known weights are recognised by their SHA-256; for others say with --backbone which " +
    "network they are of. A .pth file is read as data: nothing in it is executed.",
  examples: [
    {
      command: "weights import wide_resnet50_2-95faca4d.pth",
      description: "known weights, fetched by hand",
    },
    {
      command: "weights import mine.safetensors --backbone resnet18",
      description: "weights of your own",
    },
  ],
  options: {
    backbone: {
      type: "string",
      value: "NAME",
      description: "the network, for weights that are not known",
    },
    ...cacheOption,
  },
  positionals: [{ name: "file", description: "the .pth or .safetensors file" }],
  async run({ output }, { options, positionals }) {
    const { importWeights } = await import("../weights/registry.ts");
    const records = await importWeights(positionals[0], options);
    output.result(records, () => records.map(storedLine).join(""));
    return 0;
  },
});

const verify = defineCommand({
  name: "verify",
  summary: "Hash and read all stored weights again.",
  examples: [{ command: "weights verify", description: "after a disk failure, or a copied cache" }],
  options: cacheOption,
  positionals: [],
  async run({ output }, { options }) {
    const { verifyWeights } = await import("../weights/registry.ts");
    const verdicts = await verifyWeights(options.cache);
    output.result(
      verdicts,
      () =>
        alignedLines(verdicts.map(({ name, state, detail }) => [name, state, visible(detail)]))
          .map((line) => `${line}\n`).join(""),
    );
    return verdicts.every(({ state }) => state === "ok") ? 0 : 3;
  },
});

const embeddedFile = join(
  fileURLToPath(new URL("../../", import.meta.url)),
  "weights/small.safetensors",
);

const train = defineCommand({
  name: "train",
  summary: "Train the embedded product's small backbone on drawn patterns.",
  description:
    "Writes the weights that are part of the project: the same bytes on machines of one " +
    "class (the same processor family and onnxruntime).",
  examples: [
    {
      command: "weights train small --out small.safetensors",
      description: "compare with the project's",
    },
  ],
  options: {
    out: {
      type: "string",
      value: "FILE",
      description: "where to write; without it the project's own file",
    },
    steps: {
      type: "integer",
      value: "N",
      description: "fewer steps than published, to try it out",
    },
  },
  positionals: [{ name: "name", description: "small" }],
  async run({ output, signal }, { options, positionals }) {
    if (positionals[0] !== "small") {
      throw unknownName("trainable network", positionals[0], ["small"]);
    }
    const [{ trainSmallBackbone }, { safetensorsBytes }] = await Promise.all([
      import("../weights/pretrain_small.ts"),
      import("../weights/safetensors.ts"),
    ]);
    const tensors = await trainSmallBackbone({
      signal,
      ...(options.steps === undefined ? {} : { steps: options.steps }),
      onProgress: ({ step, of, loss, secondsLeft }) =>
        output.progress.update({ done: step, of, label: `loss ${loss.toFixed(4)}`, secondsLeft }),
    });
    output.progress.clear();
    const before = await readFileIfThere(embeddedFile);
    const bytes = safetensorsBytes(tensors);
    const digest = sha256(bytes);
    const file = options.out ?? embeddedFile;
    await writeFileAtomic(file, bytes);
    const same = before !== undefined && sha256(before) === digest;
    output.result(
      {
        file: options.out ?? "weights/small.safetensors",
        sha256: digest,
        bytes: bytes.length,
        same,
      },
      () =>
        `SHA-256 ${digest}, ${bytes.length} bytes: ` +
        `${same ? "the same as" : "not the same as"} the project's weights were.\n`,
    );
    return 0;
  },
});

/** `weights list`, `pull`, `import`, `verify` and `train`. */
export const weightsCommands: CommandGroup = {
  name: "weights",
  summary: "Weights of the backbones: list, pull, import, verify, train.",
  commands: [list, pull, importCommand, verify, train],
};

function storedLine({ name, sha256, bytes }: WeightsRecord): string {
  return `Stored ${name}: ${(bytes / 1e6).toFixed(1)} MB, SHA-256 ${sha256}.\n`;
}
