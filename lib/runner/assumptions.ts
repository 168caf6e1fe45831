/**
 * What the paper leaves open and the harness decides, by id. Each is listed under every table that
 * depends on it.
 *
 * @module
 */
import { type Experiment, type RowMethod, type SingleMethod, singleMethods } from "./experiment.ts";
import type { RunSetting } from "./plan.ts";

/** A decision that the paper does not state. */
export interface Assumption {
  /** As records name it; it does not change when the text does. */
  readonly id: string;
  /** Stands under every table that depends on it. */
  readonly text: string;
  /** Whether a row's numbers depend on it. */
  readonly concerns: (method: SingleMethod, experiment: Experiment) => boolean;
  /** Whether it holds in a run with this setting. @default {() => true} */
  readonly holds?: (setting: AssumedSetting) => boolean;
}

/** What assumptions depend on beside rows and experiment. */
export type AssumedSetting = Pick<RunSetting, "imported" | "penalty" | "variants">;

const uses = (...detectors: string[]) => (method: SingleMethod): boolean =>
  method.kind === "detector"
    ? detectors.includes(method.detector)
    : method.kind === "segad" && method.detectors.some((id) => detectors.includes(id));
const usesForest = (method: SingleMethod): boolean => method.kind === "segad";
const trains = (...methods: string[]) => (method: SingleMethod): boolean =>
  method.kind === "supervised"
    ? methods.includes(method.method)
    : method.kind === "segad" && method.classifier !== undefined &&
      methods.includes(method.classifier);
const wrnVariant = ({ variants }: AssumedSetting): string => variants.wrn ?? "paper";
const always = (): boolean => true;
const onVad = (_: SingleMethod, { layout }: Experiment): boolean => layout === "vad";
const onClasses = (_: SingleMethod, { layout }: Experiment): boolean => layout !== "vad";

/** All assumptions. */
export const assumptions: readonly Assumption[] = [
  {
    id: "vad-seeds",
    text:
      "The five seeds of the VAD tables are not published; the first five of the public code's " +
      "list for VisA are used.",
    concerns: onVad,
  },
  {
    id: "vad-halves",
    text: "How the good training images are halved is not published; the first half of NumPy's " +
      "RandomState(seed).permutation trains the detectors, the rest the forest.",
    concerns: onVad,
  },
  {
    id: "std-sample",
    text: "± is the sample standard deviation over seeds (n - 1); the paper does not say which.",
    concerns: always,
  },
  {
    id: "patchcore-start",
    text: "The random first centre of the coreset is not part of the memory bank, as in anomalib " +
      "until 2026.",
    concerns: uses("patchcore"),
  },
  {
    id: "patchcore-projection",
    text:
      "The random projection of the coreset is left out where it would not lower the number of " +
      "dimensions.",
    concerns: uses("patchcore"),
  },
  {
    id: "fastflow-flow",
    text: "FastFlow's batch size (32), and the kernels of its subnets (3 x 3 and 1 x 1 in turn), " +
      "which the paper does not give, are anomalib's for WideResNet-50-2.",
    concerns: uses("fastflow"),
  },
  {
    id: "rd4ad-width",
    text:
      "The blocks of RD4AD's bottleneck are as wide inside as in anomalib, whose RD4AD the paper " +
      "names: anomalib makes them without telling them WideResNet's width, so they have half the " +
      "official code's (width_per_group 64 for 128). --variant rd4ad=official has the latter.",
    concerns: uses("rd4ad"),
  },
  {
    id: "rd4ad-decoders",
    text:
      "RD4AD's decoders of the backbones small and EfficientNet-Lite0, for which none is published, " +
      "mirror them with basic residual blocks (lib/maps/rd4ad.ts).",
    concerns: uses("rd4ad"),
  },
  {
    id: "efficientad-penalty",
    text:
      "EfficientAD's student is trained without the penalty on ImageNet images: none are given " +
      "(--penalty-images DIR gives some).",
    concerns: uses("efficientad"),
    holds: ({ penalty }) => penalty === undefined,
  },
  {
    id: "efficientad-augmentation",
    text:
      "The image of EfficientAD's autoencoder is not augmented, as the paper's appendix says of " +
      "all methods. --variant efficientad=official has the augmentation.",
    concerns: uses("efficientad"),
  },
  {
    id: "efficientad-teacher",
    text:
      "Profile paper takes EfficientAD's published teacher; the narrow networks of the other profiles, " +
      "and --variant efficientad=distilled, distil one from the run's backbone on drawn patterns.",
    concerns: uses("efficientad"),
  },
  {
    id: "efficientad-validation",
    text:
      "The tenth of EfficientAD's training images that fits its quantiles is not trained on; the head " +
      "of NumPy's RandomState(seed).permutation.",
    concerns: uses("efficientad"),
  },
  {
    id: "forest-scale-pos-weight",
    text:
      "scale_pos_weight is the number of good by the number of bad training images, as in the " +
      "public code for VisA.",
    concerns: usesForest,
  },
  {
    id: "forest-columns",
    text:
      "The forest's columns are the paper's vector: statistic, then detector, then segment; the " +
      "public code orders them otherwise and adds each map's maximum.",
    concerns: (method) =>
      method.kind === "segad" && (method.features === undefined || method.features === "paper"),
  },
  {
    id: "forest-columns-public",
    text:
      "The forest's columns are those of the public code, which made the paper's VisA numbers: " +
      "each segment's statistics by detector, then the maximum of each map.",
    concerns: (method) => method.kind === "segad" && method.features === "public_code",
  },
  {
    id: "low-shot-lists",
    text: "The k-th list of low_shot_train.json belongs to the k-th seed; where there is no such " +
      "file, 10 % of the bad training images (100 at most) are drawn by the seed.",
    concerns: (method, { protocol }) => protocol.bad === "low_shot" && method.kind !== "detector",
  },
  {
    id: "generated-sizes",
    text:
      "One defect is generated in each of the forest's good images; kinds are equally frequent, " +
      "and their sizes, which the paper does not give, are those of lib/segments/generated_defects.ts.",
    concerns: (method, { protocol }) => protocol.bad === "generated" && method.kind === "segad",
  },
  {
    id: "detectors-once",
    text:
      "Detectors are trained once per class, with seed 333, and not once per seed: the public " +
      "code reads one set of maps for all ten seeds.",
    concerns: (method, experiment) => onClasses(method, experiment) && trainsDetectors(method),
  },
  {
    id: "visa-order",
    text: "The ten bad images of a seed are drawn from the bad test images in the order of their " +
      "file names, the order that the public code's lists should have.",
    concerns: onClasses,
  },
  {
    id: "mvtec-split",
    text:
      "The paper does not say how the tenth of MVTec AD's good images and its 20 bad images are " +
      "drawn; they are drawn as the public code draws VisA's.",
    concerns: (_, { layout }) => layout === "mvtec",
  },
  {
    id: "wrn-epochs",
    text: "WRN is trained for 30 epochs in the profile paper, which the paper does not say; the " +
      "other profiles train it for fewer (lib/maps/wrn.ts).",
    concerns: trains("wrn"),
  },
  {
    id: "wrn-schedule",
    text:
      "WRN's learning rate falls from the paper's 0.025 to 0 along half a cosine, with no weight " +
      "decay; the paper gives no schedule.",
    concerns: trains("wrn"),
  },
  {
    id: "wrn-focal",
    text: "WRN's focal loss has gamma 2, and good and bad images weigh the same; the paper gives " +
      "neither.",
    concerns: trains("wrn"),
  },
  {
    id: "wrn-batch-norm",
    text: "All layers of WRN are trained, batch norm by each batch's own statistics, as torch " +
      "fine-tunes by default.",
    concerns: trains("wrn"),
  },
  {
    id: "wrn-score",
    text:
      "WRN has one output; its score is the logit, which tells images apart whose probabilities " +
      "round to 1.",
    concerns: trains("wrn"),
  },
  {
    id: "wrn-share",
    text:
      "Which 80 % of the training images WRN sees is drawn by the seed, good and bad apart. The " +
      "forest learns from scores of images that WRN was trained on; --variant wrn=out-of-fold " +
      "measures what that does.",
    concerns: trains("wrn"),
    holds: (setting) => wrnVariant(setting) === "paper",
  },
  {
    id: "wrn-folds",
    text:
      "Out of fold (--variant wrn=out-of-fold, and in the profile demo where a forest learns from WRN's " +
      "scores): five WRN are trained, each on another four fifths of the training images, the paper's " +
      "80 %. The forest learns from the scores of the network that did not see the image; a test image " +
      "has the mean of the five scores. --variant wrn=paper trains one.",
    concerns: trains("wrn"),
    holds: (setting) => wrnVariant(setting) === "out-of-fold",
  },
  {
    id: "dra-pseudo-anomalies",
    text: '"No augmentation" takes the rotation from DevNet and DRA; DRA\'s pseudo anomalies ' +
      "(CutMix) belong to the method and stay.",
    concerns: trains("dra"),
  },
  {
    id: "dra-references",
    text: "DRA's references are drawn as its published training draws them, half of them pseudo " +
      "anomalies; 32 draws are kept, and an image's bytes choose one. --variant " +
      "dra=clean-references takes one fixed batch of good images.",
    concerns: trains("dra"),
  },
  {
    id: "dra-residual",
    text: "Where DRA's paper is silent: references pass the network together with the batch, and " +
      "gradients flow through them.",
    concerns: trains("dra"),
  },
];

/**
 * The assumptions that some rows of an experiment depend on, by the methods of the rows.
 *
 * @param setting that of a run, in which not all of them hold; with maps of other tools no detector is
 *   trained here
 */
export function assumptionsOf(
  experiment: Experiment,
  methods: readonly RowMethod[],
  setting?: AssumedSetting,
): Assumption[] {
  const single = methods.flatMap(singleMethods).map((method) =>
    setting?.imported === undefined ? method : withoutDetectors(method)
  );
  return assumptions.filter(({ concerns, holds }) =>
    (setting === undefined || holds === undefined || holds(setting)) &&
    single.some((method) => concerns(method, experiment))
  );
}

const importedDetector = "imported";

function withoutDetectors(method: SingleMethod): SingleMethod {
  switch (method.kind) {
    case "detector":
      return { ...method, detector: importedDetector };
    case "segad":
      return { ...method, detectors: [] };
    case "supervised":
      return method;
  }
}

function trainsDetectors(method: SingleMethod): boolean {
  return method.kind === "detector"
    ? method.detector !== importedDetector
    : method.kind === "segad" && method.detectors.length > 0;
}
