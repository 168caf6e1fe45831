/**
 * Profiles: the same methods with declared budgets. A profile is part of every key through the sizes
 * and budgets it sets, and stands in the head of every table. Only `paper` on the real data is compared
 * with the paper's numbers with a verdict.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";

/** Name of a profile, as `--profile` takes it. */
export type ProfileName = "demo" | "cpu" | "paper";

/** Budgets and sizes of a run. */
export interface Profile {
  /** As in `profiles`, and in the head of every table. */
  readonly name: ProfileName;
  /** Edge length in pixels of the square images that every method sees. */
  readonly size: number;
  /** Backbone when `--backbone` names none. */
  readonly backbone: string;
  /**
   * Classifiers that have another variant than their first, the paper's, by id, in experiments whose
   * forests learn from their scores. Their tables say so, and `--variant` overrules it.
   */
  readonly classifierVariants: Readonly<Record<string, string>>;
  /** For people: image size, backbone, and what machine it is for. */
  readonly description: string;
}

/** All profiles by name. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  demo: {
    name: "demo",
    size: 128,
    backbone: "small",
    classifierVariants: { wrn: "out-of-fold" },
    description: "128 x 128 pixels, the small backbone: minutes on two cores",
  },
  cpu: {
    name: "cpu",
    size: 256,
    backbone: "efficientnet_lite0",
    classifierVariants: {},
    description: "256 x 256 pixels, EfficientNet-Lite0: a workstation without a GPU",
  },
  paper: {
    name: "paper",
    size: 256,
    backbone: "wide_resnet50_2",
    classifierVariants: {},
    description: "256 x 256 pixels, WideResNet-50-2 and the paper's budgets",
  },
};

/** The profile called `name`. */
export function profileNamed(name: string): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name as ProfileName] : undefined;
  if (profile === undefined) throw unknownName("profile", name, Object.keys(profiles));
  return profile;
}
