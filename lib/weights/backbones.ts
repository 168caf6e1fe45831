/**
 * The table of backbones: a new one is one file in `backbones/` and one line here.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import type { Backbone } from "./backbone.ts";
import { efficientnetLite0 } from "./backbones/efficientnet_lite0.ts";
import { resnet18 } from "./backbones/resnet18.ts";
import { small } from "./backbones/small.ts";
import { wideResnet50x2 } from "./backbones/wide_resnet50_2.ts";

/** All backbones by name. */
export const backbones: ReadonlyMap<string, Backbone> = new Map(
  [small, resnet18, wideResnet50x2, efficientnetLite0].map((backbone) => [backbone.name, backbone]),
);

/**
 * The backbone called `name`.
 *
 * @throws {UsageError} for an unknown name, with the nearest known one
 */
export function backboneNamed(name: string): Backbone {
  const backbone = backbones.get(name);
  if (backbone === undefined) throw unknownName("backbone", name, backbones.keys());
  return backbone;
}
