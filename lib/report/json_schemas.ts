/**
 * The files of a run and the definition of an experiment as JSON Schema (draft 2020-12), made from the
 * schemas that read them: for editors, and for programs in other languages.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../base/digest.ts";
import { executionFileSchema } from "../runner/execution_file.ts";
import { experimentSchema } from "../runner/experiment_schema.ts";
import { runFileSchema } from "../runner/run_file.ts";
import { certificateSchema } from "./certificate.ts";
import { experimentResult } from "./results.ts";

const schemas: Readonly<Record<string, readonly [title: string, schema: z.ZodType]>> = {
  certificate: ["What verify --certificate writes", certificateSchema],
  execution: ["execution.json: when, where and by which code a run was made", executionFileSchema],
  experiment: ["A table or figure of the paper as a definition", experimentSchema],
  result: ["result.json, and what reproduce --json and report --json print", experimentResult],
  run: ["run.json: what the numbers of a run were made from", runFileSchema],
};

/** The schemas by file name: "run.schema.json". */
export function jsonSchemas(): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, [title, schema]]) => {
      const { $schema, ...rest } = JSON.parse(JSON.stringify(z.toJSONSchema(schema)));
      return [`${name}.schema.json`, { $schema, title, ...rest }];
    }),
  );
}
