/**
 * The kinds of stages by name: a new one is one file and one line here.
 *
 * @module
 */
import type { StageKind } from "../stage_kind.ts";
import { auproKind } from "./aupro.ts";
import { comparisonKind } from "./comparison.ts";
import { embeddingsKind } from "./embeddings.ts";
import { evaluateKind } from "./evaluate.ts";
import { featuresKind } from "./features.ts";
import { fitKind } from "./fit.ts";
import { forestKind } from "./forest.ts";
import { generatedKind } from "./generated.ts";
import { importedKind } from "./imported.ts";
import { mapsKind } from "./maps.ts";
import { pictureKind } from "./picture.ts";
import { outOfFoldKind } from "./out_of_fold.ts";
import { pixelsKind } from "./pixels.ts";
import { prepareKind } from "./prepare.ts";
import { predictKind } from "./predict.ts";
import { scoresKind } from "./scores.ts";
import { speedKind } from "./speed.ts";
import { trainKind } from "./train.ts";

/** All kinds, in the order of the data flow. */
export const stageKinds: Readonly<Record<string, StageKind>> = {
  pixels: pixelsKind,
  generated: generatedKind,
  embeddings: embeddingsKind,
  prepare: prepareKind,
  fit: fitKind,
  maps: mapsKind,
  features: featuresKind,
  imported: importedKind,
  train: trainKind,
  predict: predictKind,
  out_of_fold: outOfFoldKind,
  scores: scoresKind,
  forest: forestKind,
  aupro: auproKind,
  speed: speedKind,
  evaluate: evaluateKind,
  comparison: comparisonKind,
  picture: pictureKind,
};

/** The revision of each kind, by which a store tells what an upgrade makes useless. */
export const stageRevisions: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(stageKinds).map(([name, { revision }]) => [name, revision]),
);
