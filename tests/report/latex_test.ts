/**
 * `table.tex` compiles: with every kind of table, and with names that would do harm.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { paperTable } from "../../lib/report/paper_table.ts";
import type { ExperimentResult } from "../../lib/report/results.ts";
import { toLatex } from "../../lib/report/to_latex.ts";
import { makePng } from "../images/made_folder.ts";
import { hostileResult, sampleResult } from "./sample_result.ts";
import { byClass, byDefect, ofDatasets, ofFigure } from "./view_results.ts";

const installed = await hasPdflatex();
if (!installed) console.log("skipped: install texlive-latex-recommended");

const results: Readonly<Record<string, ExperimentResult>> = {
  "a table of metrics": sampleResult,
  "a table by class": byClass,
  "a table by type of defect": byDefect,
  "a table of texts": ofDatasets,
  "a figure": ofFigure,
  "hostile names": hostileResult(),
};

for (const [name, result] of Object.entries(results)) {
  Deno.test({
    name: `table.tex with ${name} compiles with pdflatex`,
    ignore: !installed,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "segad" });
      try {
        const figure = join(folder, ofFigure.figures![0].file);
        await Deno.mkdir(dirname(figure));
        await Deno.writeFile(figure, await makePng(1));
        await Deno.writeTextFile(join(folder, "table.tex"), toLatex(paperTable(result)));
        const { success, stdout } = await new Deno.Command("pdflatex", {
          args: ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table.tex"],
          cwd: folder,
        }).output();
        const log = new TextDecoder().decode(stdout);
        assert.ok(success, log.slice(-2000));
        assert.match(log, /Output written on table\.pdf/);
        assert.doesNotMatch(log, /Missing character|undefined/i);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function hasPdflatex(): Promise<boolean> {
  try {
    return (await new Deno.Command("pdflatex", { args: ["--version"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
