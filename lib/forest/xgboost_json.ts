/**
 * Forests as XGBoost's JSON models, both ways: `xgboost.Booster(model_file=…)` reads what is written
 * here and predicts the same margins, and binary classifiers saved by XGBoost 1.6 or later are read.
 *
 * Format: the schema in XGBoost's documentation ("Introduction to Model IO"); written as version 2.0.3.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { ForestObjective } from "./parameters.ts";
import { type BoostedForest, forestNodes } from "./predictor.ts";

/** The parent's number that XGBoost gives to a root. */
const noParent = 2147483647;

/**
 * The forest as the text of an XGBoost JSON model.
 *
 * @param featureNames names of the columns, to be kept in the model
 */
export function forestToXgboostJson(
  forest: BoostedForest,
  featureNames: readonly string[] = [],
): string {
  const trees = forest.starts.length - 1;
  if (featureNames.length !== 0 && featureNames.length !== forest.columns) {
    throw new RangeError(
      `Cannot write an XGBoost model: ${featureNames.length} names for ${forest.columns} columns`,
    );
  }
  const rounds = trees / forest.num_parallel_tree;
  const roundStarts = Array.from({ length: rounds + 1 }, (_, round) => {
    return round * forest.num_parallel_tree;
  });
  const model = objectText({
    gbtree_model_param: JSON.stringify({
      num_parallel_tree: String(forest.num_parallel_tree),
      num_trees: String(trees),
    }),
    iteration_indptr: JSON.stringify(roundStarts),
    tree_info: JSON.stringify(new Array(trees).fill(0)),
    trees: `[${Array.from({ length: trees }, (_, tree) => treeText(forest, tree)).join(",")}]`,
  });
  const learner = objectText({
    attributes: "{}",
    feature_names: JSON.stringify(featureNames),
    feature_types: JSON.stringify(featureNames.map(() => "float")),
    gradient_booster: objectText({ model, name: JSON.stringify("gbtree") }),
    learner_model_param: JSON.stringify({
      base_score: floatText(forest.base_score),
      boost_from_average: "1",
      num_class: "0",
      num_feature: String(forest.columns),
      num_target: "1",
    }),
    objective: JSON.stringify({
      name: forest.objective,
      reg_loss_param: { scale_pos_weight: String(forest.scale_pos_weight) },
    }),
  });
  return objectText({ learner, version: "[2,0,3]" });
}

function treeText(forest: BoostedForest, tree: number): string {
  const begin = forest.starts[tree];
  const end = forest.starts[tree + 1];
  const size = end - begin;
  const left = forest.left.subarray(begin, end);
  const right = forest.right.subarray(begin, end);
  const parents = new Int32Array(size).fill(noParent);
  left.forEach((child, node) => {
    if (child < 0) return;
    parents[child] = node;
    parents[right[node]] = node;
  });
  const integers = (values: ArrayLike<number>) => `[${Array.from(values).join(",")}]`;
  const floats = (values: Float32Array) =>
    `[${Array.from(values.subarray(begin, end), floatText).join(",")}]`;
  return objectText({
    base_weights: floats(forest.weight),
    categories: "[]",
    categories_nodes: "[]",
    categories_segments: "[]",
    categories_sizes: "[]",
    default_left: integers(forest.defaultLeft.subarray(begin, end)),
    id: String(tree),
    left_children: integers(left),
    loss_changes: floats(forest.gain),
    parents: integers(parents),
    right_children: integers(right),
    split_conditions: floats(forest.threshold),
    split_indices: integers(forest.feature.subarray(begin, end)),
    split_type: integers(new Uint8Array(size)),
    sum_hessian: floats(forest.cover),
    tree_param: JSON.stringify({
      num_deleted: "0",
      num_feature: String(forest.columns),
      num_nodes: String(size),
      size_leaf_vector: "1",
    }),
  });
}

/** A JSON object from the JSON texts of its values. */
function objectText(values: Readonly<Record<string, string>>): string {
  return `{${
    Object.entries(values).map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")
  }}`;
}

/**
 * The shortest decimal text that rounds to the float32 number `value`. It always has a point or an
 * exponent: XGBoost takes `1` for an integer, and an integer for a mistake.
 */
function floatText(value: number): string {
  let short = Number(value.toPrecision(9));
  for (let digits = 8; digits >= 6; digits--) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) !== value) break;
    short = shorter;
  }
  const text = String(short);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/**
 * A forest from the text of an XGBoost JSON model: a `gbtree` booster of a binary classifier without
 * categorical splits.
 *
 * @param name of the file, for messages
 * @throws {DataError} for anything else
 */
export function forestFromXgboostJson(text: string, name = "XGBoost model"): BoostedForest {
  const model = parseModel(text, name);
  const trees = model.list("learner.gradient_booster.model.trees").map((tree) =>
    readTree(tree, name)
  );
  const starts = new Int32Array(trees.length + 1);
  trees.forEach((tree, i) => starts[i + 1] = starts[i] + tree.left.length);
  const nodes = starts[trees.length];
  const forest: BoostedForest = {
    objective: readObjective(model),
    columns: model.integer("learner.learner_model_param.num_feature"),
    num_parallel_tree: Math.max(
      1,
      model.integer("learner.gradient_booster.model.gbtree_model_param.num_parallel_tree"),
    ),
    scale_pos_weight: Number(model.at("learner.objective.reg_loss_param.scale_pos_weight")),
    base_score: readBaseScore(model),
    starts,
    ...forestNodes(nodes),
  };
  trees.forEach((tree, i) => {
    for (const field of Object.keys(tree) as (keyof TreeArrays)[]) {
      forest[field].set(tree[field], starts[i]);
    }
  });
  forest.feature.forEach((column, node) => {
    if (column < 0 || column >= forest.columns) {
      throw model.fail(`node ${node} splits column ${column} of ${forest.columns}`);
    }
  });
  return forest;
}

/** A tree's arrays, in the forest's terms. */
type TreeArrays = Record<
  | "left"
  | "right"
  | "feature"
  | "defaultLeft"
  | "threshold"
  | "gain"
  | "cover"
  | "weight",
  number[]
>;

/** A parsed model, asked by paths of names with dots. */
interface Model {
  at(path: string): unknown;
  list(path: string): unknown[];
  integer(path: string): number;
  fail(reason: string): DataError;
}

function parseModel(text: string, name: string): Model {
  const fail = (reason: string, cause?: unknown) =>
    new DataError(`Cannot read ${name} as an XGBoost JSON model: ${reason}`, {
      remedy: 'Save it with booster.save_model("model.json") from XGBoost 1.6 or later.',
      cause,
    });
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    throw fail("it is not JSON", error);
  }
  return modelOf(root, fail);
}

function modelOf(root: unknown, fail: (reason: string) => DataError): Model {
  const at = (path: string) => {
    let value = root;
    for (const key of path.split(".")) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
        throw fail(`${path} is missing`);
      }
      value = (value as Record<string, unknown>)[key];
    }
    return value;
  };
  return {
    at,
    fail,
    list(path) {
      const value = at(path);
      if (!Array.isArray(value)) throw fail(`${path} is not a list`);
      return value;
    },
    integer(path) {
      const value = Number(at(path));
      if (!Number.isInteger(value) || value < 0) throw fail(`${path} is ${at(path)}`);
      return value;
    },
  };
}

function readObjective(model: Model): ForestObjective {
  const booster = model.at("learner.gradient_booster.name");
  if (booster !== "gbtree") throw model.fail(`its booster is ${booster}, not gbtree`);
  const name = model.at("learner.objective.name");
  if (name !== "binary:logistic" && name !== "binary:logitraw") {
    throw model.fail(`its objective is ${name}, not binary:logistic or binary:logitraw`);
  }
  return name;
}

/** The base score, which newer versions write as a list of one number. */
function readBaseScore(model: Model): number {
  const path = "learner.learner_model_param.base_score";
  const text = String(model.at(path)).replace(/^\[(.*)\]$/, "$1");
  const score = Number(text);
  if (text === "" || !Number.isFinite(score)) throw model.fail(`${path} is ${model.at(path)}`);
  return Math.fround(score);
}

/** Reads a tree and numbers its nodes level by level; nodes that pruning has cut off are left out. */
function readTree(value: unknown, name: string): TreeArrays {
  const tree = modelOf(value, (reason) => {
    return new DataError(`Cannot read ${name} as an XGBoost JSON model: in a tree, ${reason}`);
  });
  const left = tree.list("left_children") as number[];
  const right = tree.list("right_children") as number[];
  const columns = {
    feature: tree.list("split_indices"),
    defaultLeft: tree.list("default_left"),
    threshold: tree.list("split_conditions"),
    gain: tree.list("loss_changes"),
    cover: tree.list("sum_hessian"),
    weight: tree.list("base_weights"),
  };
  const splitTypes = tree.list("split_type");
  for (const list of [right, splitTypes, ...Object.values(columns)]) {
    if (list.length !== left.length) {
      throw tree.fail(`lists have ${left.length} and ${list.length} nodes`);
    }
  }
  if (left.length === 0) throw tree.fail("there are no nodes");
  const order = levelOrder(left, right, tree);
  const numbers = new Map(order.map((node, number) => [node, number]));
  const arrays: TreeArrays = {
    left: order.map((node) => left[node] < 0 ? -1 : numbers.get(left[node])!),
    right: order.map((node) => left[node] < 0 ? -1 : numbers.get(right[node])!),
    feature: [],
    defaultLeft: [],
    threshold: [],
    gain: [],
    cover: [],
    weight: [],
  };
  for (const [field, list] of Object.entries(columns)) {
    arrays[field as keyof typeof columns] = order.map((node) => {
      const number = Number(list[node]);
      if (!Number.isFinite(number)) throw tree.fail(`node ${node} has ${field} ${list[node]}`);
      return number;
    });
  }
  for (const node of order) {
    if (Number(splitTypes[node]) !== 0) throw tree.fail(`node ${node} is a categorical split`);
  }
  return arrays;
}

/** The nodes from the root down, level by level. */
function levelOrder(left: readonly number[], right: readonly number[], tree: Model): number[] {
  const order = [0];
  const seen = new Set(order);
  for (const node of order) {
    if (left[node] === -1 && right[node] === -1) continue;
    for (const child of [left[node], right[node]]) {
      if (!Number.isInteger(child) || child < 0 || child >= left.length || seen.has(child)) {
        throw tree.fail(`node ${node} has the child ${child}`);
      }
      seen.add(child);
      order.push(child);
    }
  }
  return order;
}
