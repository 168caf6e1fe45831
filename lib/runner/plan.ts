/**
 * The planner: from an experiment and a setting to stages. It computes nothing; every key follows from
 * the definition and the content of the images, so that a plan of thousands of cells is ready at once.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { HarnessError, UsageError } from "../base/errors.ts";
import { forestPresets } from "../forest/presets.ts";
import type { Dataset, Sample } from "../images/sample.ts";
import { classifierFolds, classifierSplit } from "../images/splits.ts";
import type { Detector, DetectorPlan, DetectorSetting } from "../maps/detector.ts";
import type { MapReading } from "../maps/anomaly_map.ts";
import { detectors } from "../maps/detectors.ts";
import type { ImportedImage } from "../maps/imported_maps.ts";
import type { SupervisedMethod, SupervisedPlan } from "../maps/supervised.ts";
import { supervisedMethods } from "../maps/supervised_methods.ts";
import type { NumericsClass } from "../onnx/session.ts";
import {
  type Experiment,
  type ExperimentRow,
  type RowMethod,
  type SingleMethod,
  singleMethods,
} from "./experiment.ts";
import { type Pack, type PackRows, packSize, packsOf, samplesOf, selectRows } from "./packs.ts";
import type { PlannedPenalty } from "./planned_penalty.ts";
import type { PlannedMap, PlannedSegmentation } from "./planned_segmentation.ts";
import type { PlannedWeights } from "./planned_weights.ts";
import type { Profile } from "./profile.ts";
import { type SplitImages, splitImages } from "./split_images.ts";
import type { Stage } from "./stage.ts";
import { auproStage, type MaskFile } from "./stages/aupro.ts";
import { comparisonStage } from "./stages/comparison.ts";
import { embeddingsStage } from "./stages/embeddings.ts";
import type { TestKind } from "./evaluation.ts";
import { evaluateStage, type EvaluateTask } from "./stages/evaluate.ts";
import { featuresStage } from "./stages/features.ts";
import { fitStage } from "./stages/fit.ts";
import { forestStage } from "./stages/forest.ts";
import { generatedId, generatedStage } from "./stages/generated.ts";
import { mapsStage } from "./stages/maps.ts";
import { outOfFoldStage } from "./stages/out_of_fold.ts";
import { importedStage } from "./stages/imported.ts";
import { pictureStage } from "./stages/picture.ts";
import { pixelsStage } from "./stages/pixels.ts";
import { predictStage } from "./stages/predict.ts";
import { prepareStage } from "./stages/prepare.ts";
import { scoresStage } from "./stages/scores.ts";
import { classifierSpeedStage, detectorSpeedStage, forestSpeedStage } from "./stages/speed.ts";
import { trainStage } from "./stages/train.ts";

/** Everything a run chooses beside the experiment. */
export interface RunSetting {
  /** All images, of all classes. */
  readonly dataset: Dataset;
  /** Sizes and budgets. */
  readonly profile: Profile;
  /** The first so many of the experiment's, or others. */
  readonly seeds: readonly number[];
  /** Which implementation's details each detector follows, by detector id; the first by default. */
  readonly variants: Readonly<Record<string, string>>;
  /** Name in `lib/weights/backbones.ts`. */
  readonly backbone: string;
  /** Weights by backbone, or why there are none. */
  readonly weights: ReadonlyMap<string, PlannedWeights | HarnessError>;
  /** Segmentation of each class, or why there is none. */
  readonly segmentations: ReadonlyMap<string, PlannedSegmentation | HarnessError>;
  /** The map with one segment, for ablations. */
  readonly wholeImage: PlannedMap;
  /** What decides the bits of a result on this machine; part of keys. */
  readonly numerics: NumericsClass;
  /** Maps that other tools made: by detector and id of the image. Nothing is trained then. */
  readonly imported?: ReadonlyMap<string, ReadonlyMap<string, ImportedImage>>;
  /** Images for the penalty term of detectors that take some; left out, their penalty is off. */
  readonly penalty?: PlannedPenalty;
  /** Ground truth masks by the image's id, of classes whose bad test images all have one. */
  readonly masks?: ReadonlyMap<string, MaskFile>;
  /** What stands under every table of the run. */
  readonly notes?: readonly string[];
}

/** The scores of a row for one class and seed. */
export interface PlannedCell {
  /** One class of the data set: "vad", "candle", … */
  readonly class: string;
  /** Name of the method, in a row that is the mean of several. */
  readonly part?: string;
  /** Seed of the split and of all draws. */
  readonly seed: number;
  /** Its payload has `scores.npy`, in the order of `test`. */
  readonly scores: Stage;
  /** In canonical order, after the protocol moved any. */
  readonly test: readonly Sample[];
  /** Of a detector alone: its maps by pack. */
  readonly maps?: readonly PlannedMaps[];
}

/** The maps of some images. */
export interface PlannedMaps {
  /** Its payload has `maps.npy` at native resolution, in the order of `samples`. */
  readonly stage: Stage;
  /** In the order of the maps. */
  readonly samples: readonly Sample[];
  /** How a map's values are read: upsampling, blur, border. */
  readonly reading: MapReading;
}

/** A row with what it takes to fill it, or the reason why it cannot be. */
export interface PlannedRow {
  /** As declared. */
  readonly row: ExperimentRow;
  /** Class by class, and within a class seed by seed; empty where there is an obstacle. */
  readonly cells: readonly PlannedCell[];
  /** Its payload has the row's metrics. */
  readonly evaluation?: Stage;
  /** Why the row stays empty; a method that this version does not have is no failure of the run. */
  readonly obstacle?: HarnessError;
}

/** What stands beside the rows of a table: pictures, and comparisons of a row with its base. */
export type PlannedExtra =
  | { readonly kind: "pictures"; readonly name: string; readonly stage: Stage }
  | {
    readonly kind: "comparison";
    readonly row: string;
    readonly base: string;
    readonly stage: Stage;
  };

/** A planned experiment. */
export interface Plan {
  /** As declared. */
  readonly experiment: Experiment;
  /** What the run chose beside it. */
  readonly setting: RunSetting;
  /** The rows that were asked for, in the table's order. */
  readonly rows: readonly PlannedRow[];
  /** Of the rows above. */
  readonly extras: readonly PlannedExtra[];
}

/** A method is declared in the experiment and cannot be run by this version. */
class MissingMethod extends HarnessError {
  readonly exitCode = 0;
}

/** Plans the rows of `experiment`; a row that cannot be planned carries its obstacle. */
export function planExperiment(
  experiment: Experiment,
  rows: readonly ExperimentRow[],
  setting: RunSetting,
): Plan {
  const planner = new RowPlanner(experiment, setting);
  const planned = rows.map((row): PlannedRow => {
    try {
      return planner.plan(row);
    } catch (error) {
      if (!(error instanceof HarnessError)) throw error;
      return { row, cells: [], obstacle: error };
    }
  });
  return {
    experiment,
    setting,
    rows: planned,
    extras: [...planner.pictures(), ...comparisons(planned, sharesTests(experiment))],
  };
}

/** A comparison for each row whose base can be run too. */
function comparisons(rows: readonly PlannedRow[], sharedImages: boolean): PlannedExtra[] {
  return rows.flatMap(({ row: { row, base }, cells }): PlannedExtra[] => {
    const other = rows.find((one) => one.row.row === base);
    if (base === undefined || cells.length === 0 || (other?.cells.length ?? 0) === 0) return [];
    const stage = cellComparison(cells, other!.cells, sharedImages, `${row}, ${base}`);
    return [{ kind: "comparison", row, base, stage }];
  });
}

/** The comparison of a row's cells with another's on the same test images, in the same order. */
export function cellComparison(
  cells: readonly PlannedCell[],
  base: readonly PlannedCell[],
  sharedImages: boolean,
  label: string,
): Stage {
  const bySeed = Map.groupBy(cells, (cell) => cell.part ?? cell.class);
  const labels = [...bySeed.values()].map((group) =>
    group.map(({ test }) => test.map(({ label }) => label).join(""))
  );
  const stages = (list: readonly PlannedCell[]) => list.map(({ scores }) => scores);
  return comparisonStage(stages(cells), stages(base), labels, sharedImages, label);
}

/** Stages with a row for each image that a class and seed need. */
interface ImageRows {
  readonly stages: readonly Stage[];
  /** Place of an image among the rows of the stages, by id. */
  readonly places: ReadonlyMap<string, number>;
  /** The maps that features are made of, except imported ones. */
  readonly maps?: readonly PlannedMaps[];
}

/** Plans rows; stages that several rows share are made once. */
class RowPlanner {
  readonly #experiment: Experiment;
  readonly #setting: RunSetting;
  readonly #packs: ReadonlyMap<string, readonly Pack[]>;
  readonly #made = new Map<string, unknown>();

  constructor(experiment: Experiment, setting: RunSetting) {
    this.#experiment = experiment;
    this.#setting = setting;
    const classes = Map.groupBy(setting.dataset.samples, (sample) => sample.class);
    this.#packs = new Map([...classes].map(([name, samples]) => [name, packsOf(samples)]));
  }

  plan(row: ExperimentRow): PlannedRow {
    const { seeds } = this.#setting;
    const groups = this.#groups(row);
    const cells = groups.map(({ name, part, method }) =>
      seeds.map((seed): PlannedCell => {
        const split = this.#split(name, seed);
        const label = part === undefined ? row.row : `${row.row}: ${part}`;
        const { scores, maps } = this.#scores(label, method, name, seed, split);
        return {
          class: name,
          ...(part === undefined ? {} : { part }),
          seed,
          scores,
          test: split.test,
          ...(maps === undefined ? {} : { maps }),
        };
      })
    );
    const defects = this.#experiment.shows !== "defects"
      ? undefined
      : cells.map((bySeed) => bySeed.map(({ test }) => test.map(({ defect }) => defect ?? null)));
    const speed = this.#experiment.shows === "speed" ? this.#speed(row, cells[0][0]) : undefined;
    const aupro = this.#aupro(row.row, cells.flat());
    const evaluation = evaluateStage({
      row: row.row,
      classes: groups.map(({ name, part }) => part ?? name),
      seeds,
      scores: cells.map((bySeed) => bySeed.map(({ scores }) => scores)),
      kinds: cells.map((bySeed) => bySeed.map(({ test }) => test.map(testKind).join(""))),
      sharedImages: sharesTests(this.#experiment),
      ...(speed === undefined ? {} : { speed }),
      ...(aupro === undefined ? {} : { aupro }),
      ...(defects === undefined ? {} : { defects }),
    });
    return { row, cells: cells.flat(), evaluation };
  }

  /** AUPRO of each cell, where the row is of a detector alone and all its test images have their truth. */
  #aupro(row: string, cells: readonly PlannedCell[]): Stage[] | undefined {
    const { masks, profile } = this.#setting;
    const known = ({ id, label }: Sample) => label === 0 || masks!.has(id);
    if (masks === undefined || masks.size === 0) return undefined;
    if (!cells.every(({ maps, test }) => maps !== undefined && test.every(known))) return undefined;
    return cells.map(({ class: name, seed, maps, test }) => {
      const tested = new Set(test.map(({ id }) => id));
      const chosen = maps!.map(({ stage, samples, reading }) => ({
        stage,
        samples,
        reading,
        rows: samples.flatMap(({ id }, row) => tested.has(id) ? [row] : []),
      })).filter(({ rows }) => rows.length > 0);
      return auproStage({
        maps: chosen,
        masks: chosen.map(({ samples, rows }) =>
          rows.map((row) => masks.get(samples[row].id) ?? null)
        ),
        reading: chosen[0].reading,
        size: profile.size,
        label: `${row}, ${name}, seed ${seed}`,
      });
    });
  }

  /** What measures the steps of a row: read from the stages behind its first cell. */
  #speed({ row }: ExperimentRow, { class: name, scores }: PlannedCell): EvaluateTask["speed"] {
    const { profile, segmentations, wholeImage } = this.#setting;
    const numerics = this.#setting.numerics as unknown as Json;
    const known = segmentations.get(name);
    const segmentation = known instanceof HarnessError || known?.kind !== "map"
      ? wholeImage
      : known;
    const behind = Map.groupBy(scores.needs, ({ input }) => input.stage);
    // Of each detector one of its packs is enough: their order follows the detectors.
    const perDetector = Map.groupBy(
      behind.get("features") ?? [],
      ({ needs: [maps] }) => maps.needs[0].key,
    ).values();
    const stages = [...perDetector].map(([features]) =>
      detectorSpeedStage(features, segmentation, profile.size, numerics)
    );
    const [folds] = behind.get("out_of_fold") ?? [];
    const predict = folds?.needs ?? behind.get("predict")?.slice(0, 1) ?? [];
    if (predict.length > 0) {
      stages.push(classifierSpeedStage(predict[0], predict.length, numerics));
    }
    const forest = scores.input.stage === "forest";
    if (forest) stages.push(forestSpeedStage(scores, row));
    return {
      stages,
      steps: forest ? ["map", "features", "classifier", "forest"] : ["map", "classifier"],
    };
  }

  /** The pictures of a figure: each class's segmentation, or generated defects. */
  pictures(): PlannedExtra[] {
    const { dataset, profile } = this.#setting;
    const { shows, seeds, id } = this.#experiment;
    if (shows !== "segmentation" && shows !== "generated") return [];
    const names = [...this.#packs.keys()];
    // A class without a segmentation has no picture; which ones these are stands under the figure.
    const shown = names.filter((name) =>
      names.length === 1 || !(this.#setting.segmentations.get(name) instanceof HarnessError)
    );
    return shown.map((name): PlannedExtra => {
      const good = dataset.samples.filter((sample) =>
        sample.class === name && sample.split === "train" && sample.label === 0
      );
      const [samples, seed] = shows === "segmentation"
        ? [good.slice(0, 1), 0]
        : [this.#split(name, seeds[0]).forestGood.slice(0, packSize), seeds[0]];
      const segmentation = this.#segmentation(name);
      const stage = pictureStage(shows, dataset, samples, segmentation, profile.size, seed);
      return { kind: "pictures", name: names.length === 1 ? id : `${id}-${name}`, stage };
    });
  }

  /** What a row takes the mean over: its classes, or the methods that it is made of. */
  #groups(
    { row, method }: ExperimentRow,
  ): { readonly name: string; readonly part?: string; readonly method: SingleMethod }[] {
    const classes = [...this.#packs.keys()];
    if (method.kind !== "mean") return classes.map((name) => ({ name, method }));
    if (classes.length > 1) {
      throw new UsageError(
        `Cannot fill row ${row}: it is a mean over methods, and the data set has ${classes.length} classes`,
        { remedy: "Give a data set of one class, in VAD's layout." },
      );
    }
    return method.of.map((one) => ({ name: classes[0], part: singleName(one), method: one }));
  }

  #scores(
    label: string,
    method: SingleMethod,
    name: string,
    seed: number,
    split: SplitImages,
  ): Pick<PlannedCell, "scores" | "maps"> {
    switch (method.kind) {
      case "detector": {
        const { segmentations, wholeImage } = this.#setting;
        const known = segmentations.get(name);
        const segmentation = known === undefined || known instanceof HarnessError
          ? wholeImage
          : known;
        const { stages, places, maps } = this.#features(
          method.detector,
          name,
          seed,
          segmentation,
        );
        const test = split.test.map(({ id }) => places.get(id)!);
        const scores = scoresStage(stages, test, `${label}, seed ${seed}`);
        return maps === undefined ? { scores } : { scores, maps };
      }
      case "segad":
        return { scores: this.#forest(label, method, name, seed, split) };
      case "supervised": {
        const { stages, places } = this.#predictions(method.method, name, seed, method.size);
        const test = split.test.map(({ id }) => places.get(id)!);
        return { scores: scoresStage(stages, test, `${label}, seed ${seed}`) };
      }
    }
  }

  #forest(
    label: string,
    method: Extract<SingleMethod, { kind: "segad" }>,
    name: string,
    seed: number,
    split: SplitImages,
  ): Stage {
    const { classifier } = method;
    const { imported } = this.#setting;
    const missing = method.detectors.filter((id) => !(imported ?? detectors).has(id));
    if (classifier !== undefined && !supervisedMethods.has(classifier)) missing.push(classifier);
    if (missing.length > 0) {
      throw this.#missing(missing);
    }
    const segmentation = method.segments === "one"
      ? this.#setting.wholeImage
      : this.#segmentation(name);
    const features = method.detectors.map((id) => this.#features(id, name, seed, segmentation));
    const { places } = features[0];
    const placeOf = ({ id }: Sample) => places.get(id)!;
    const good = split.forestGood;
    const bad = this.#experiment.protocol.bad === "generated"
      ? good.map((sample) => ({ ...sample, id: generatedId(sample.id) }))
      : split.forestBad;
    return forestStage({
      featureSet: method.features ?? "paper",
      features: new Map(
        method.detectors.map((id, i) => [methodName(id), features[i].stages]),
      ),
      segments: segmentation.segments,
      ...(classifier === undefined ? {} : {
        classifier: {
          name: supervisedMethods.get(classifier)!.name,
          scores: this.#predictions(classifier, name, seed).stages,
        },
      }),
      forest: {
        ...forestPresets[method.forest ?? "BRF"],
        scale_pos_weight: good.length / bad.length,
      },
      seed,
      train: [...good, ...bad].map(placeOf),
      labels: [...good.map(() => 0), ...bad.map(() => 1)],
      test: split.test.map(placeOf),
      label,
    });
  }

  /** Statistics of a detector's maps for all images of a class and seed that the forest or the test needs. */
  #features(
    id: string,
    name: string,
    seed: number,
    segmentation: PlannedSegmentation,
  ): ImageRows {
    const parts = ["features", id, name, this.#detectorSplit(seed), segmentation.digest];
    return this.#once(parts, () => {
      if (this.#setting.imported !== undefined) return this.#imported(id, name, segmentation);
      const detector = detectors.get(id);
      if (detector === undefined) throw this.#missing([id]);
      const { profile, numerics } = this.#setting;
      const plan = this.#once(
        ["plan", id],
        () => detector.plan(this.#detectorSetting(detector)),
      );
      const prepared = this.#prepared(detector, plan);
      const weights = plan.backbone === undefined || prepared !== undefined
        ? undefined
        : this.#weights(plan.backbone);
      const split = this.#split(name, seed);
      const fitSeed = this.#experiment.protocol.detectorSeed ?? seed;
      const training = this.#select(name, split.detectorGood);
      const fit = fitStage(
        detector,
        plan,
        training,
        training.map(({ pack }) => this.#images(plan, pack)),
        fitSeed,
        weights,
        prepared,
        detector.takesPenaltyImages ? this.#setting.penalty : undefined,
        numerics as unknown as Json,
      );
      const label = `${detector.name}, seed ${fitSeed}`;
      const featuresOf = (images: Stage, packRows: PackRows) => {
        const maps = mapsStage(
          detector,
          plan,
          fit,
          images,
          packRows,
          fitSeed,
          weights,
          numerics as unknown as Json,
        );
        return featuresStage(maps, segmentation, plan.reading, profile.size, packRows, label);
      };
      const mapped = this.#select(name, split.mapped);
      const generated = this.#generated(name, seed, split);
      const stages = [
        ...mapped.map((packRows) => featuresOf(this.#images(plan, packRows.pack), packRows)),
        ...generated.map(({ packRows, stage }) =>
          featuresOf(this.#embedded(plan, packRows.pack, stage), packRows)
        ),
      ];
      const samples = samplesOf([...mapped, ...generated.map(({ packRows }) => packRows)]);
      const places = new Map(samples.map((sample, place) => [sample.id, place]));
      const maps = mapped.map((packRows, i): PlannedMaps => ({
        stage: stages[i].needs[0],
        samples: samplesOf([packRows]),
        reading: plan.reading,
      }));
      return { stages, places, maps };
    });
  }

  /** The seed of a class's detectors and of their images, or the one seed that stands for all. */
  #detectorSplit(seed: number): number {
    const { good, bad, detectorSeed } = this.#experiment.protocol;
    return good === "tenth" && bad !== "generated" ? detectorSeed ?? seed : seed;
  }

  /** Statistics of the maps that another tool made. */
  #imported(id: string, name: string, segmentation: PlannedSegmentation): ImageRows {
    const maps = this.#setting.imported!.get(id);
    if (maps === undefined) throw this.#missing([id]);
    const stages = this.#packs.get(name)!.map((pack) => {
      const packRows = { pack, rows: pack.samples.map((_, row) => row) };
      const images = pack.samples.map((sample) => maps.get(sample.id)!);
      return importedStage(
        images,
        segmentation,
        this.#setting.profile.size,
        packRows,
        methodName(id),
      );
    });
    const samples = this.#packs.get(name)!.flatMap((pack) => pack.samples);
    return { stages, places: new Map(samples.map(({ id }, place) => [id, place])) };
  }

  /** Why a method cannot be used. */
  #missing(ids: readonly string[]): MissingMethod {
    const names = ids.map(methodName).join(", ");
    return new MissingMethod(
      this.#setting.imported === undefined
        ? `needs ${names}, which this version cannot train`
        : `needs ${names}, of which the given folder has no maps`,
    );
  }

  /** The forest's good images with generated defects, for the protocol that asks for them. */
  #generated(
    name: string,
    seed: number,
    { forestGood }: SplitImages,
  ): { readonly packRows: PackRows; readonly stage: Stage }[] {
    if (this.#experiment.protocol.bad !== "generated") return [];
    return this.#once(["generated", name, seed], () => {
      const { size } = this.#setting.profile;
      return this.#select(name, forestGood).map((packRows) => {
        const pixels = this.#pixels(packRows.pack, size);
        const segmentation = this.#segmentation(name);
        const { pack, stage } = generatedStage(pixels, packRows, segmentation, size, seed);
        return { packRows: { pack, rows: pack.samples.map((_, row) => row) }, stage };
      });
    });
  }

  /** Scores of a supervised method for all images of a class that the forest or the test needs. */
  #predictions(id: string, name: string, seed: number, size?: number): ImageRows {
    return this.#once(["predictions", id, name, seed, size ?? 0], () => {
      const method = supervisedMethods.get(id);
      if (method === undefined) throw this.#missing([id]);
      if (this.#setting.imported !== undefined) {
        throw new MissingMethod(
          `${method.name} needs the images, and maps of other tools were given`,
        );
      }
      const setting = this.#methodSetting(method);
      const plan = this.#once(
        ["plan", id, size ?? 0],
        () => method.plan({ ...setting, size: scaledSize(size, setting.size) }),
      );
      const { training, mapped } = this.#split(name, seed);
      const needed = this.#select(name, mapped);
      const label = `${method.name}, seed ${seed}`;
      let stages: Stage[];
      if (plan.folds === undefined) {
        const { seen } = classifierSplit(training, seed, plan.share);
        const predict = this.#trained(method, plan, name, seed, seen, label);
        stages = needed.map((packRows) => predict(packRows));
      } else {
        stages = this.#outOfFold(method, plan, plan.folds, name, seed, needed);
      }
      const places = new Map(samplesOf(needed).map((sample, place) => [sample.id, place]));
      return { stages, places };
    });
  }

  /** A method trained on `samples`, as the function that plans its scores. */
  #trained(
    method: SupervisedMethod,
    plan: SupervisedPlan,
    name: string,
    seed: number,
    samples: readonly Sample[],
    label: string,
  ): (packRows: PackRows) => Stage {
    const numerics = this.#setting.numerics as unknown as Json;
    const training = this.#select(name, samples);
    const train = trainStage(
      method,
      plan,
      training,
      training.map(({ pack }) => this.#pixels(pack, plan.size)),
      seed,
      this.#weights(plan.backbone),
      numerics,
      label,
    );
    return (packRows) => {
      const pixels = this.#pixels(packRows.pack, plan.size);
      return predictStage(method, plan, train, pixels, packRows, numerics, label);
    };
  }

  /**
   * Scores out of fold: one model per fold, trained without it. A training image is scored by the model
   * of its fold, every other image by all of them.
   */
  #outOfFold(
    method: SupervisedMethod,
    plan: SupervisedPlan,
    count: number,
    name: string,
    seed: number,
    needed: readonly PackRows[],
  ): Stage[] {
    const { training } = this.#split(name, seed);
    const label = `${method.name}, seed ${seed}`;
    const folds = classifierFolds(training, seed, count);
    const foldOf = new Map(folds.flatMap((fold, i) => fold.map(({ id }) => [id, i] as const)));
    const models = folds.map((_, i) => {
      const others = training.filter(({ id }) => foldOf.get(id) !== i);
      return this.#trained(method, plan, name, seed, others, `${label}, fold ${i + 1} of ${count}`);
    });
    return needed.map((packRows) => {
      const { pack, rows } = packRows;
      const scores = models.flatMap((predict, i) => {
        const own = rows.filter((row) => (foldOf.get(pack.samples[row].id) ?? i) === i);
        return own.length === 0 ? [] : [{ stage: predict({ pack, rows: own }), rows: own }];
      });
      return outOfFoldStage(scores, packRows, `${label}, out of fold`);
    });
  }

  #detectorSetting(detector: Detector): DetectorSetting {
    const setting = this.#methodSetting(detector);
    const { penalty } = this.#setting;
    if (!detector.takesPenaltyImages || penalty === undefined) return setting;
    return { ...setting, penalty: penalty.digest };
  }

  #methodSetting(method: Detector | SupervisedMethod): DetectorSetting {
    const { profile, backbone, variants } = this.#setting;
    const variant = variants[method.id] ?? method.variants[0];
    return { profile: profile.name, size: profile.size, backbone, variant };
  }

  /** What the fits of a detector share, if it has such a thing. */
  #prepared(detector: Detector, plan: DetectorPlan): Stage | undefined {
    if (plan.preparation === undefined) return undefined;
    const numerics = this.#setting.numerics as unknown as Json;
    return this.#once(
      ["prepare", detector.id, JSON.stringify(plan.preparation)],
      () => prepareStage(detector, plan, this.#weights(plan.backbone!), numerics),
    );
  }

  #weights(backbone: string): PlannedWeights {
    const weights = this.#setting.weights.get(backbone);
    if (weights === undefined) throw new RangeError(`Cannot plan: no weights for ${backbone}`);
    if (weights instanceof HarnessError) throw weights;
    return weights;
  }

  #pixels(pack: Pack, size: number): Stage {
    const { dataset } = this.#setting;
    return this.#once(
      ["pixels", pack.class, pack.index, size],
      () => pixelsStage(dataset, pack, size),
    );
  }

  /** What a detector reads of a pack: embeddings of the backbone, or pixels. */
  #images(plan: DetectorPlan, pack: Pack): Stage {
    const pixels = this.#pixels(pack, this.#setting.profile.size);
    if (plan.embedding === undefined) return pixels;
    return this.#once(
      ["embeddings", JSON.stringify(plan.embedding), pack.class, pack.index],
      () => this.#embedded(plan, pack, pixels),
    );
  }

  /** `pixels` of a pack, or the embeddings of them that the detector works on. */
  #embedded({ embedding }: DetectorPlan, pack: Pack, pixels: Stage): Stage {
    if (embedding === undefined) return pixels;
    const numerics = this.#setting.numerics as unknown as Json;
    return embeddingsStage(pixels, pack, embedding, this.#weights(embedding.backbone), numerics);
  }

  #segmentation(name: string): PlannedSegmentation {
    const segmentation = this.#setting.segmentations.get(name);
    if (segmentation === undefined) throw new RangeError(`Cannot plan: no segmentation of ${name}`);
    if (segmentation instanceof HarnessError) throw segmentation;
    return segmentation;
  }

  #split(name: string, seed: number): SplitImages {
    return this.#once(["split", name, seed], () => {
      const { protocol, seeds } = this.#experiment;
      return splitImages(this.#setting.dataset, name, protocol, seed, seeds.indexOf(seed));
    });
  }

  #select(name: string, samples: readonly Sample[]): PackRows[] {
    return selectRows(this.#packs.get(name)!, new Set(samples.map(({ id }) => id)));
  }

  #once<T>(parts: readonly (string | number)[], make: () => T): T {
    const key = JSON.stringify(parts);
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key) as T;
  }
}

/** Whether every seed is tested on the same images: unless bad ones are moved out of the test set. */
export function sharesTests({ protocol }: Experiment): boolean {
  return protocol.bad !== "from_test";
}

function testKind({ label, unseen }: Sample): TestKind {
  return label === 0 ? "g" : unseen ? "u" : "b";
}

/** Edge length of the images in the paper, to which sizes of single methods relate. */
const paperSize = 256;

/** The size of a method with images of its own size, scaled as the profile's images are. */
function scaledSize(size: number | undefined, profileSize: number): number {
  return size === undefined ? profileSize : Math.round(size * profileSize / paperSize);
}

/** "PatchCore + WRN + Ours": the setup's name as in the paper, for one part of a mean. */
function singleName(method: SingleMethod): string {
  switch (method.kind) {
    case "detector":
      return methodName(method.detector);
    case "supervised":
      return methodName(method.method);
    case "segad":
      return [
        ...method.detectors.map(methodName),
        ...(method.classifier === undefined ? [] : [methodName(method.classifier)]),
        "Ours",
      ].join(" + ");
  }
}

/** Names of the paper's methods, for rows whose method is not there. */
const methodNames: Readonly<Record<string, string>> = {
  patchcore: "PatchCore",
  fastflow: "FastFlow",
  rd4ad: "RD4AD",
  efficientad: "EfficientAD",
  wrn: "WRN",
  devnet: "DevNet",
  dra: "DRA",
};

function methodName(id: string): string {
  return methodNames[id] ?? id;
}

/** The rows of an experiment that are among `names` and use no other detectors than `detectorIds`. */
export function chooseRows(
  experiment: Experiment,
  names: readonly string[] | undefined,
  detectorIds: readonly string[] | undefined,
): ExperimentRow[] {
  return experiment.rows.filter(({ row, method }) =>
    (names === undefined || names.includes(row)) &&
    (detectorIds === undefined || detectorsOf(method).every((id) => detectorIds.includes(id)))
  );
}

function detectorsOf(method: RowMethod): readonly string[] {
  return singleMethods(method).flatMap((one) =>
    one.kind === "detector" ? [one.detector] : one.kind === "segad" ? one.detectors : []
  );
}
