/**
 * The option `--port`, as every command that serves a page has it.
 *
 * @module
 */
import type { OptionSpecs } from "./arguments.ts";

/** On which port of 127.0.0.1 a page is served. */
export const portOption = {
  port: {
    type: "integer",
    value: "N",
    default: 0,
    description: "port of 127.0.0.1 (any that is free)",
  },
} as const satisfies OptionSpecs;
