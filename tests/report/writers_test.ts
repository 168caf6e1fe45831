import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import { paperTable } from "../../lib/report/paper_table.ts";
import { tableCsvColumns, toCsv } from "../../lib/report/to_csv.ts";
import { toLatex } from "../../lib/report/to_latex.ts";
import { toMarkdown } from "../../lib/report/to_markdown.ts";
import { rowLine, textWidth, toText, wrap } from "../../lib/report/to_text.ts";
import { assertGolden } from "../golden.ts";
import { hostileNames, hostileResult, sampleResult } from "./sample_result.ts";

const table = paperTable(sampleResult);
const hostile = paperTable(hostileResult());
const golden = (name: string) => new URL(`../fixtures/golden/report/${name}`, import.meta.url);

Deno.test("Markdown, LaTeX, CSV and text of the sample result are as kept", async () => {
  await assertGolden(toMarkdown(table), golden("table.md"));
  await assertGolden(toLatex(table), golden("table.tex"));
  await assertGolden(toCsv(sampleResult), golden("table.csv"));
  await assertGolden(toText(table), golden("table.txt"));
});

Deno.test("Markdown: hostile names break no row and bring no markup, HTML or link", async () => {
  const text = toMarkdown(hostile);
  const lines = text.split("\n");
  const columns = (line: string) => line.match(/(?<!\\)\|/g)?.length;
  const rows = lines.filter((line) => line.startsWith("|"));
  assert.ok(rows.length > hostileNames.length);
  for (const line of rows) assert.equal(columns(line), columns(rows[0]), line);
  assert.doesNotMatch(text, /<|(?<!\\)`|(?<!\\)\[|https?:\/\/|www\.(?!\\)/);
  await assertGolden(text, golden("hostile.md"));
});

Deno.test("LaTeX: hostile names leave only commands that the writer knows, and balanced braces", async () => {
  const text = toLatex(hostile);
  const allowed = new Set(
    ("documentclass usepackage begin end centering resizebox linewidth toprule midrule bottomrule " +
      "multicolumn textit textbf scriptsize pm uparrow downarrow caption item textbackslash " +
      "textasciitilde textasciicircum textless textgreater textbar textendash textemdash times geq leq")
      .split(" "),
  );
  for (const [, command] of text.matchAll(/\\([a-zA-Z]{2,})/g)) {
    assert.ok(allowed.has(command), command);
  }
  assert.match(text, /^[\n\x20-\x7e]*$/);
  const braces = text.replace(/\\[{}]/g, "");
  let depth = 0;
  for (const c of braces) {
    if (c === "{") depth++;
    if (c === "}") depth--;
    assert.ok(depth >= 0);
  }
  assert.equal(depth, 0);
  // After a line's end "[" or "*" would be taken for its argument.
  assert.doesNotMatch(text, /(\\\\|\\item)\s*[[*]/);
  const body = text.slice(text.indexOf("\\midrule"), text.indexOf("\\bottomrule"));
  for (const line of body.split("\n").filter((line) => line.includes(" & "))) {
    assert.equal(line.match(/(?<!\\)&/g)?.length, 6, line);
  }
  assert.equal(body.match(/(?<!\\)[#_%]/), null);
  await assertGolden(text, golden("hostile.tex"));
});

Deno.test("CSV: every hostile name is one cell and none begins as a formula", () => {
  const records = parse(toCsv(hostileResult()), { columns: true }) as Record<string, string>[];
  assert.deepEqual(Object.keys(records[0]), [...tableCsvColumns]);
  for (const record of records) {
    for (const column of ["group", "row", "class", "error", "dataset"]) {
      assert.doesNotMatch(record[column], /^[=+\-@\t\r]/);
      assert.doesNotMatch(record[column], /[\n\r\u202e]/);
    }
  }
});

Deno.test("CSV: numbers read back as the same floats", () => {
  const records = parse(toCsv(sampleResult), { columns: true }) as Record<string, string>[];
  const row = records.find(({ row, metric }) => row === "PatchCore" && metric === "cl_auroc")!;
  assert.equal(Number(row.difference), 81 - 88.3);
  assert.deepEqual(row.values.split(" ").map(Number), [80, 82, 81]);
});

Deno.test("text: columns line up, colour changes no width, hostile names send no escape codes", () => {
  const plain = toText(table);
  const coloured = toText(table, { colour: true });
  assert.ok(coloured.includes("\u001b[1m"));
  // deno-lint-ignore no-control-regex
  assert.equal(coloured.replace(/\u001b\[\d+m/g, ""), plain);
  assert.doesNotMatch(toText(hostile), /[^\n\P{C}]/u);
});

Deno.test("text: the paper's longest row names fit 100 columns", () => {
  const rows = sampleResult.rows.map((row) =>
    row.row === "PatchCore + Ours" ? { ...row, row: "EfficientAD + Ours" } : row
  );
  const lines = toText(paperTable({ ...sampleResult, rows })).split("\n");
  for (const line of lines) assert.ok(textWidth(line) <= 100, `${textWidth(line)}: ${line}`);
});

Deno.test("rowLine shows one row while others run", () => {
  assert.equal(
    rowLine(sampleResult.rows[0]),
    "PatchCore: Cl. AUROC 81.0 ± 1.0, FPR@95TPR 61.0 ± 1.0, AUROC seen 81.5 ± 1.0, " +
      "AUROC unseen 78.0 ± 1.0",
  );
  assert.equal(rowLine(sampleResult.rows[1]), "RD4AD: needs RD4AD (not in this version)");
});

Deno.test("textWidth counts terminal columns, wrap breaks at spaces only", () => {
  assert.deepEqual(["abc", "缺陷", "e\u0301", "🔥"].map(textWidth), [3, 4, 1, 2]);
  assert.deepEqual(wrap("aa bb cccccccc d", 5), ["aa bb", "cccccccc", "d"]);
  assert.deepEqual(wrap("aa bb", 5, "  "), ["  aa", "  bb"]);
});
