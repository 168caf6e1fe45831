/**
 * The program: hands the table of commands and the list of experiments to the command line.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import { experiments } from "./experiments/mod.ts";
import { type Program, runCommandLine } from "./lib/cli/command_line.ts";
import { processSurroundings } from "./lib/cli/surroundings.ts";

/** The commands and the experiments that `deno task` knows. */
export const program: Program = {
  name: "deno task",
  title: "SegAD: supervised anomaly detection for complex industrial images, reproduced.",
  version: config.version,
  experiments,
  commands: {
    reproduce: {
      summary: "run experiments and print their tables",
      load: async () => (await import("./lib/cli/reproduce.ts")).reproduceCommand,
    },
    plan: {
      summary: "say what reproduce would run, and what blocks it",
      load: async () => (await import("./lib/cli/plan.ts")).planCommand,
    },
    why: {
      summary: "say what a row was made from, and why a stage will run",
      load: async () => (await import("./lib/cli/why.ts")).whyCommand,
    },
    list: {
      summary: "the experiments, and what each of their rows needs",
      load: async () => (await import("./lib/cli/list.ts")).listCommand,
    },
    report: {
      summary: "write tables, charts and page of a finished run again",
      load: async () => (await import("./lib/cli/report.ts")).reportCommand,
    },
    compare: {
      summary: "two finished runs, or a method's variants, side by side with paired tests",
      load: async () => (await import("./lib/cli/compare.ts")).compareCommand,
    },
    check: {
      summary: "compare the numbers of experiments with the baselines",
      load: async () => (await import("./lib/cli/check.ts")).checkCommand,
    },
    verify: {
      summary: "compute every number of a finished run anew",
      load: async () => (await import("./lib/cli/verify.ts")).verifyCommand,
    },
    inspect: {
      summary: "look at the images of a finished run in the browser",
      load: async () => (await import("./lib/cli/inspect.ts")).inspectCommand,
    },
    segmap: {
      summary: "make, show and draw segmentation maps",
      load: async () => (await import("./lib/cli/segmap.ts")).segmapCommands,
    },
    doctor: {
      summary: "check the machine, the store, maps and weights",
      load: async () => (await import("./lib/cli/doctor.ts")).doctorCommand,
    },
    data: {
      summary: "write the embedded product; say what a folder of images holds",
      load: async () => (await import("./lib/cli/data.ts")).dataCommands,
    },
    weights: {
      summary: "list, fetch, import and verify weights",
      load: async () => (await import("./lib/cli/weights.ts")).weightsCommands,
    },
    maps: {
      summary: "read anomaly maps of other tools, write ours for them",
      load: async () => (await import("./lib/cli/maps.ts")).mapsCommands,
    },
    cache: {
      summary: "what the store holds, and whether it is whole",
      load: async () => (await import("./lib/cli/cache.ts")).cacheCommand,
    },
    scaffold: {
      summary: "write a new detector, data set or experiment to start from, with its test",
      load: async () => (await import("./lib/cli/scaffold.ts")).scaffoldCommands,
    },
    completions: {
      summary: "print a script with which a shell completes the commands",
      load: async () =>
        (await import("./lib/cli/completions.ts")).completionsCommand(() => program.commands),
    },
  },
};

if (import.meta.main) Deno.exit(await runCommandLine(Deno.args, program, processSurroundings()));
