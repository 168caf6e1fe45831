/**
 * The option `--cache`, as every command that uses the store has it.
 *
 * @module
 */
import type { OptionSpecs } from "./arguments.ts";

/** Where the store is. */
export const cacheOption = {
  cache: {
    type: "string",
    value: "DIR",
    default: ".cache/segad",
    description: "folder of the store",
  },
} as const satisfies OptionSpecs;
