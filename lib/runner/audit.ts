/**
 * The audit: which images each training of a row saw, read from the inputs of the stages themselves and
 * not from what the planner meant. Images are told apart by content, so that a test image that also
 * lies in the training folder under another name is found too.
 *
 * Every choice that data can make is inside a training here: a detector's normalisation and quantiles
 * are part of its fit, and no epoch is chosen by its score.
 *
 * @module
 */
import type { FitPlan } from "../maps/detector.ts";
import type { PlannedCell } from "./plan.ts";
import type { PlannedPenalty } from "./planned_penalty.ts";
import type { Stage } from "./stage.ts";

/** A training and the content of the images that it saw. */
export interface Artefact {
  /** "detector patchcore", "classifier wrn", "penalty images of efficientad", "forest". */
  readonly name: string;
  /** Digests, one for each time an image was given. */
  readonly images: readonly string[];
}

/** What made the scores of a cell. */
export interface CellAudit {
  /** Models, maps and forests behind the scores, with what they were made from. */
  readonly artefacts: readonly Artefact[];
  /** Digests of the test images. */
  readonly test: readonly string[];
  /** Whether a map was made elsewhere, so that nothing is known of its training. */
  readonly foreign: boolean;
}

/** Audits cells; stages that several cells share are read once. */
export class Auditor {
  readonly #images = new Map<string, readonly string[]>();
  readonly #trainings = new Map<string, ReadonlyMap<string, Artefact>>();
  readonly #penalty: PlannedPenalty | undefined;

  /** `penalty`: the run's penalty images, where it has some. */
  constructor(penalty?: PlannedPenalty) {
    this.#penalty = penalty;
  }

  /** What made the scores of `cell`. */
  audit({ scores, test }: PlannedCell): CellAudit {
    const trainings = this.#trainingsBehind(scores);
    return {
      artefacts: [...trainings.values()].filter(({ name }) => name !== foreign),
      test: test.map(({ digest }) => digest),
      foreign: [...trainings.values()].some(({ name }) => name === foreign),
    };
  }

  /** Every training that the result of a stage depends on, by key. */
  #trainingsBehind(stage: Stage): ReadonlyMap<string, Artefact> {
    const known = this.#trainings.get(stage.key);
    if (known !== undefined) return known;
    const found = new Map<string, Artefact>();
    for (const need of stage.needs) {
      for (const [key, artefact] of this.#trainingsBehind(need)) found.set(key, artefact);
    }
    const own = this.#trainingOf(stage);
    if (own !== undefined) found.set(stage.key, own);
    const penalty = this.#penaltyOf(stage);
    if (penalty !== undefined) found.set(`${stage.key} penalty`, penalty);
    this.#trainings.set(stage.key, found);
    return found;
  }

  #trainingOf(stage: Stage): Artefact | undefined {
    const { stage: kind, parameters } = stage.input;
    switch (kind) {
      case "fit":
      case "train": {
        const rows = parameters.rows as readonly (readonly number[])[];
        const images = rows.flatMap((chosen, i) => pick(this.#imagesOf(stage.needs[i]), chosen));
        const name = kind === "fit"
          ? `detector ${parameters.detector}`
          : `classifier ${parameters.method}`;
        return { name, images };
      }
      case "forest": {
        const [detector] = parameters.detectors as readonly string[];
        const all = Object.entries(stage.input.inputs)
          .filter(([role]) => role.endsWith(`:${detector}`))
          .flatMap(([, keys]) => keys)
          .flatMap((key) => this.#imagesOf(stage.needs.find((need) => need.key === key)!));
        return { name: "forest", images: pick(all, parameters.train as readonly number[]) };
      }
      case "imported":
        return { name: foreign, images: [] };
      default:
        return undefined;
    }
  }

  /** The penalty images that a training drew from. */
  #penaltyOf({ input: { stage, parameters } }: Stage): Artefact | undefined {
    if (stage !== "fit" || this.#penalty === undefined) return undefined;
    const { penalty } = (parameters.plan as unknown as FitPlan).parameters;
    if (penalty !== this.#penalty.digest) return undefined;
    return { name: `penalty images of ${parameters.detector}`, images: this.#penalty.files };
  }

  /** The images whose rows a stage's result has, in order. */
  #imagesOf(stage: Stage): readonly string[] {
    const known = this.#images.get(stage.key);
    if (known !== undefined) return known;
    const { stage: kind, parameters } = stage.input;
    const images = ((): readonly string[] => {
      switch (kind) {
        case "pixels":
        case "imported":
          return parameters.images as readonly string[];
        case "embeddings":
        case "features":
          return this.#imagesOf(stage.needs[0]);
        case "generated":
        case "maps":
        case "predict": {
          const source = stage.needs.find((need) => need.input.stage in imageStages)!;
          return pick(this.#imagesOf(source), parameters.rows as readonly number[]);
        }
        default:
          throw new RangeError(`Cannot audit stage ${kind}: it has no images`);
      }
    })();
    this.#images.set(stage.key, images);
    return images;
  }
}

/** Stages whose rows are images that others read. */
const imageStages = { pixels: true, embeddings: true, generated: true };

const foreign = "maps of another tool";

function pick(images: readonly string[], rows: readonly number[]): string[] {
  return rows.map((row) => images[row]);
}
