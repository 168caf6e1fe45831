/**
 * The option `--cache`, as every command that uses the store has it.
 *
 * @module
 */
import { defaultCache } from "../base/default_cache.ts";
import type { OptionSpecs } from "./arguments.ts";

/** Where the store is. */
export const cacheOption = {
  cache: {
    type: "string",
    value: "DIR",
    default: defaultCache,
    description: "folder of the store",
  },
} as const satisfies OptionSpecs;
