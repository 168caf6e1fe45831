// What a reader can do with the table of report.html: sort it by a column, open a row's details.
// Without this script the page reads the same.

/** Brings the tables of the page to life. */
export function liveTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    openRows(table);
    sortByHeads(table);
  }
}

/** Each row's name opens the row below it. */
function openRows(table) {
  for (const button of table.tBodies[0].querySelectorAll("tr.row > th > button")) {
    const more = button.closest("tr").nextElementSibling;
    button.addEventListener("click", () => {
      more.hidden = !more.hidden;
      button.setAttribute("aria-expanded", String(!more.hidden));
    });
  }
}

/** Each head sorts: first with the good end on top, then with the other, then back to the paper's order. */
function sortByHeads(table) {
  const body = table.tBodies[0];
  const inOrder = [...body.rows];
  const rows = inOrder.filter((row) => row.classList.contains("row"));
  const below = new Map(rows.map((row) => [row, rowsBelow(row)]));
  const heads = [...table.tHead.rows[0].cells];
  for (const [column, head] of heads.entries()) {
    const { first } = head.dataset;
    if (first === undefined) continue;
    const second = first === "ascending" ? "descending" : "ascending";
    head.querySelector("button").addEventListener("click", () => {
      const now = head.ariaSort;
      const next = now === first ? second : now === second ? "none" : first;
      for (const other of heads) if (other.ariaSort !== null) other.ariaSort = "none";
      head.ariaSort = next;
      const sign = next === "ascending" ? 1 : -1;
      // Group headings stand in the table only in the paper's order.
      const sorted = next === "none" ? inOrder : [...rows]
        .sort((a, b) => compareCells(a.cells[column], b.cells[column], sign))
        .flatMap((row) => [row, ...below.get(row)]);
      body.replaceChildren(...sorted);
    });
  }
}

/** The rows that belong to a row and move with it: its details, and a line of published numbers. */
function rowsBelow(row) {
  const below = [];
  for (let next = row.nextElementSibling; next !== null; next = next.nextElementSibling) {
    if (!next.classList.contains("more") && !next.classList.contains("below")) break;
    below.push(next);
  }
  return below;
}

/** Order of two cells by number or text; cells without a value come last either way. */
function compareCells(a, b, sign) {
  const [x, y] = [a?.dataset.value, b?.dataset.value];
  if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
  if (a.tagName === "TH") return sign * x.localeCompare(y, "en");
  return sign * (Number(x) - Number(y));
}
