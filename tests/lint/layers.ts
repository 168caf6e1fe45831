/**
 * A plugin of `deno lint` for the two rules of the tree (DESIGN section 1): a file of `lib` imports from
 * its own folder and from folders above it in the list, never downwards, and neither `experiments` nor
 * `main.ts`; and a third-party module with a heavy or native part is touched by one file.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path/posix";

/** The folders of `lib` in the order of the data flow. */
export const layers: readonly string[] = [
  "base",
  "store",
  "onnx",
  "weights",
  "images",
  "segments",
  "maps",
  "features",
  "forest",
  "metrics",
  "runner",
  "report",
  "cli",
];

/** The one file of `lib` that may import each of these modules, types included. */
export const soleImporters: Readonly<Record<string, string>> = {
  "onnxruntime-node": "lib/onnx/session.ts",
  "onnx-proto": "lib/onnx/proto.ts",
  "sharp": "lib/images/decode.ts",
  "vega": "lib/report/render.ts",
  "vega-interpreter": "lib/report/render.ts",
  "vega-lite": "lib/report/render.ts",
  "@resvg/resvg-js": "lib/report/render.ts",
};

/**
 * What is wrong with `file` importing `specifier`, or undefined.
 *
 * @param file path from the project's root, "lib/maps/patchcore.ts"
 * @param specifier as it is written
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(importProblem("lib/maps/patchcore.ts", "../base/npy.ts"), undefined);
 * assert.match(importProblem("lib/base/npy.ts", "../maps/patchcore.ts")!, /base stands above maps/);
 * ```
 */
export function importProblem(file: string, specifier: string): string | undefined {
  const [root, layer] = file.split("/");
  if (root !== "lib") return undefined;
  if (!layers.includes(layer)) {
    return `lib/${layer} is not in the list of folders (${
      layers.join(", ")
    }): a new folder needs its ` +
      "place in tests/lint/layers.ts";
  }
  if (!specifier.startsWith(".")) return moduleProblem(file, specifier);
  const target = normalize(join(dirname(file), specifier));
  const [targetRoot, targetLayer] = target.split("/");
  if (targetRoot === "experiments" || target === "main.ts") {
    return `lib imports neither experiments nor main.ts: ${target} is handed to the command instead`;
  }
  if (targetRoot === "tests") return `lib imports no tests: ${target}`;
  if (targetRoot !== "lib" || targetLayer === layer) return undefined;
  if (layers.indexOf(targetLayer) < layers.indexOf(layer)) return undefined;
  return `${layer} stands above ${targetLayer} in the data flow and cannot import ${target}: move what ` +
    `is shared up, or hand it over as an argument (order: ${layers.join(", ")})`;
}

function moduleProblem(file: string, specifier: string): string | undefined {
  if (/^(npm|jsr|https?):/.test(specifier)) {
    return `Import ${specifier} by its bare name: versions stand in deno.json only`;
  }
  const parts = specifier.split("/");
  const module = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
  if (!Object.hasOwn(soleImporters, module) || soleImporters[module] === file) return undefined;
  return `Only ${soleImporters[module]} touches ${module}: call what it exports`;
}

/** Path from the project's root, by the last of the project's folders in the path. */
export function projectPath(file: string): string | undefined {
  const parts = file.replaceAll("\\", "/").split("/");
  const at = parts.lastIndexOf("lib");
  return at < 0 ? undefined : parts.slice(at).join("/");
}

const plugin: Deno.lint.Plugin = {
  name: "layers",
  rules: {
    imports: {
      create(context) {
        const file = projectPath(context.filename);
        if (file === undefined) return {};
        const check = (source: Deno.lint.Node | null | undefined) => {
          if (source?.type !== "Literal" || typeof source.value !== "string") return;
          const message = importProblem(file, source.value);
          if (message !== undefined) context.report({ node: source, message });
        };
        return {
          ImportDeclaration: (node) => check(node.source),
          ExportAllDeclaration: (node) => check(node.source),
          ExportNamedDeclaration: (node) => check(node.source),
          ImportExpression: (node) => check(node.source),
          TSImportType: ({ argument }) =>
            check(argument.type === "TSLiteralType" ? argument.literal : null),
        };
      },
    },
  },
};
export default plugin;
