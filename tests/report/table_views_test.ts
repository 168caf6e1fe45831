import assert from "node:assert/strict";
import { paperTable } from "../../lib/report/paper_table.ts";
import { toLatex } from "../../lib/report/to_latex.ts";
import { toMarkdown } from "../../lib/report/to_markdown.ts";
import { toText } from "../../lib/report/to_text.ts";
import { byClass, byDefect, ofDatasets, ofFigure } from "./view_results.ts";

Deno.test("a table by class has a column per class and one for the mean, without deviations", () => {
  const table = paperTable(byClass);
  assert.deepEqual(table.columns.map(({ heading }) => heading), ["candle", "pcb1", "Mean"]);
  const lines = toMarkdown(table).split("\n").filter((line) => line.startsWith("| RD4AD"));
  assert.deepEqual(lines, [
    "| RD4AD | 94.0 | **90.0** | 92.0 |",
    "| RD4AD, paper | 94.6 | 96.0 | 94.7 |",
    "| RD4AD + Ours | **98.0** | 89.0 | **93.5** |",
    "| RD4AD + Ours, paper | 94.6 | 96.0 | 94.7 |",
  ]);
});

Deno.test("classes that the paper does not have leave the published mean a column", () => {
  const own = {
    ...byClass,
    rows: byClass.rows.map(({ paperClasses: _, ...row }) => row),
  };
  const table = paperTable(own);
  assert.match(toMarkdown(table), /\| RD4AD \| 94\.0 \| \*\*90\.0\*\* \| 92\.0 \| 94\.7 \|/);
});

Deno.test("a table by type of defect has a line per type under its kind and a column per row", () => {
  const table = paperTable(byDefect);
  assert.deepEqual(table.columns.map(({ heading }) => heading), [
    "Images",
    "PatchCore",
    "PatchCore + Ours",
  ]);
  const lines = toMarkdown(table).split("\n").filter((line) => /^\| [*TBs]/.test(line));
  assert.deepEqual(lines, [
    "| *Logical* | | | |",
    "| The wire is on the top of the soldering | 8 | 60.0 | **70.0** |",
    "| *Not seen in training* | | | |",
    "| Burned wire | 11 | **50.0** | 40.0 |",
    "| *Types of this data set* | | | |",
    "| scratch | 3 | **10.0** | **10.0** |",
  ]);
  assert.ok(table.footnotes.some((note) => note.startsWith("RD4AD: needs RD4AD")));
});

Deno.test("a table of texts is printed as it is, with the heading of its names", () => {
  const table = paperTable(ofDatasets);
  assert.match(toMarkdown(table), /\| Dataset \| Images \|\n.*\n\| VAD \| 5000 \|/);
  assert.match(toLatex(table), /Dataset & Images \\\\[^]*a \\& b & 7 \\\\/);
  assert.match(toText(table), /Dataset +Images/);
});

Deno.test("a figure has its pictures in the table's place", () => {
  const table = paperTable(ofFigure);
  assert.match(toMarkdown(table), /!\[7 segments\\_of VAD\]\(figures\/fig5-1\.png\)/);
  assert.match(
    toLatex(table),
    /\\includegraphics\[width=0\.6\\linewidth\]\{figures\/fig5-1\.png\}/,
  );
  assert.doesNotMatch(toLatex(table), /tabular/);
  assert.match(toText(table), /figures\/fig5-1\.png: 7 segments_of VAD/);
});
