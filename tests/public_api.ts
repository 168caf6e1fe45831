/**
 * The part of `lib` that others build on: data and formats, the arithmetic, and what a detector, a
 * layout or an experiment is. Everything else may change from one version to the next.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Folders of `lib` that belong to it whole, and single files. */
const parts: readonly string[] = [
  "lib/base",
  "lib/store",
  "lib/images/layout.ts",
  "lib/images/sample.ts",
  "lib/maps/anomaly_map.ts",
  "lib/maps/detector.ts",
  "lib/maps/supervised.ts",
  "lib/features",
  "lib/metrics",
  "lib/runner/experiment.ts",
  "lib/report/results.ts",
];

/** The files of the public part by path from the project's root, sorted. */
export async function publicFiles(): Promise<string[]> {
  const files: string[] = [];
  for (const part of parts) {
    if (part.endsWith(".ts")) files.push(part);
    else {
      for await (const { name } of Deno.readDir(root + part)) files.push(`${part}/${name}`);
    }
  }
  return files.sort();
}

/** The names that a source exports, with what they are, sorted. */
export function exportedNames(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "");
  const names = [
    ...code.matchAll(
      /^export (?:async )?(const|function|class|interface|type|enum)\*? (\w+)/gm,
    ),
  ].map(([, kind, name]) => `${kind} ${name}`);
  for (const [, kind, list] of code.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const one of list.split(",").map((text) => text.trim())) {
      if (one !== "") names.push(`${kind ?? ""}${one}`);
    }
  }
  return names.sort();
}
