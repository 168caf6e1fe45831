/**
 * The list of experiments: a new one is a file and a line here.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { table3 } from "./table3.ts";

/** All experiments in the order of the paper. */
export const experiments: readonly Experiment[] = [table3];
