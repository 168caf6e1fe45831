/**
 * The list of experiments: a new one is a file and a line here.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { fig5 } from "./fig5.ts";
import { fig6 } from "./fig6.ts";
import { fig7 } from "./fig7.ts";
import { fig8 } from "./fig8.ts";
import { speed } from "./speed.ts";
import { table1 } from "./table1.ts";
import { table2 } from "./table2.ts";
import { table3 } from "./table3.ts";
import { table3Text } from "./table3_text.ts";
import { table4 } from "./table4.ts";
import { table5 } from "./table5.ts";
import { table6 } from "./table6.ts";
import { table7 } from "./table7.ts";
import { table8 } from "./table8.ts";
import { table9 } from "./table9.ts";

/** All experiments: the tables, then the figures, in the order of the paper. */
export const experiments: readonly Experiment[] = [
  table1,
  table2,
  table3,
  table3Text,
  table4,
  table5,
  table6,
  table7,
  table8,
  table9,
  fig5,
  fig6,
  fig7,
  fig8,
  speed,
];
