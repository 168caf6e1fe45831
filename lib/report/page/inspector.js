// The inspector: a grid of the test images with their anomaly maps, filters, and one image in detail.
import { ImageDetails } from "./image_details.js";
import { ImageGrid } from "./image_grid.js";
import { drawScale } from "./map_colours.js";
import { float64FromBase64, inlineSource, servedSource } from "./packed.js";
import { chooseImages, kindWords, outcomeOf, ranksOf } from "./selection.js";
import { SheetReader } from "./sheets.js";

/** Opens the inspector of the page: gives `chooseRange(row, range)` for the histograms. */
export async function openInspector() {
  const { parts, stubs } = JSON.parse(document.getElementById("inspection").textContent);
  const source = stubs === undefined ? inlineSource(parts) : servedSource();
  const inspector = new Inspector(source, stubs ?? parts);
  await inspector.openPart(0);
  return inspector;
}

/** Size of a cell of the grid with its gap, and of its picture, in CSS pixels. */
const cellSize = { width: 116, height: 138 };

/** Outcomes as signs, so that they are not told by colour alone. */
const outcomeSigns = { "false positive": "FP", "false negative": "FN", right: "✓", "": "" };

class Inspector {
  #source;
  #parts;
  #part;
  #number;
  #ranks;
  #sheets;
  #grid;
  #details;
  #range;
  #controls;

  constructor(source, parts) {
    this.#source = source;
    this.#parts = parts;
    this.#sheets = new SheetReader(source);
    const names = ["part", "row", "other", "filter", "order", "map", "find", "low", "high"];
    this.#controls = Object.fromEntries(
      names.map((name) => [name, document.getElementById(`inspect-${name}`)]),
    );
    this.#grid = new ImageGrid(document.getElementById("inspect-grid"), {
      ...cellSize,
      fill: (cell, image) => this.#fillCell(cell, image),
      open: (image) => this.#details.open(image),
    });
    this.#details = new ImageDetails({
      source,
      sheets: this.#sheets,
      step: (by) => this.#grid.step(by),
      place: () => [this.#grid.items.indexOf(this.#grid.active) + 1, this.#grid.items.length],
    });
    this.#fillParts();
    this.#listen();
    drawScale(document.querySelector("#inspect-legend canvas"));
  }

  async openPart(number) {
    this.#setStatus("Loading…");
    const data = await this.#source.part(number);
    this.#number = number;
    this.#part = {
      ...data,
      rows: data.rows.map((row) => ({ ...row, scores: float64FromBase64(row.scores) })),
    };
    this.#ranks = this.#part.rows.map(({ scores }) => ranksOf(scores));
    this.#details.showPart(this.#part, number, this.#ranks);
    this.#fillRows();
    this.#fillMaps();
    this.#select();
  }

  /** Shows the images of `row` with scores in `range`; without a range all. */
  chooseRange(row, range) {
    const place = this.#part.rows.findIndex(({ name }) => name === row);
    if (place < 0) return;
    this.#controls.row.value = place;
    this.#showRange(range);
    this.#select();
  }

  #fillParts() {
    const { part } = this.#controls;
    const classes = new Set(this.#parts.map((one) => one.class));
    this.#parts.forEach((one, i) => {
      part.add(new Option(classes.size > 1 ? `${one.class}, seed ${one.seed}` : `${one.seed}`, i));
    });
    part.parentElement.hidden = this.#parts.length < 2;
  }

  #fillRows() {
    const { row, other } = this.#controls;
    const [rowBefore, otherBefore] = [row.value, other.value];
    const rows = this.#part.rows;
    for (const select of [row, other]) {
      select.replaceChildren(...rows.map(({ name }, i) => new Option(name, i)));
    }
    row.value = rowBefore === "" || rowBefore >= rows.length ? rows.length - 1 : rowBefore;
    other.value = otherBefore === "" || otherBefore >= rows.length ? 0 : otherBefore;
  }

  #fillMaps() {
    const { map } = this.#controls;
    const before = map.value;
    const maps = this.#part.detectors.map(({ name }, i) => new Option(`map of ${name}`, i));
    map.replaceChildren(new Option("photograph", "photo"), ...maps);
    map.value = [...map.options].some(({ value }) => value === before) ? before : "photo";
  }

  #listen() {
    const { part, find, map, low, high, ...others } = this.#controls;
    part.addEventListener("change", () => this.openPart(Number(part.value)));
    for (const control of Object.values(others)) {
      control.addEventListener("change", () => this.#select());
    }
    find.addEventListener("input", () => this.#select());
    for (const end of [low, high]) {
      end.addEventListener("input", () => {
        const [from, to] = [low, high].map(({ valueAsNumber }) => valueAsNumber);
        this.#range = Number.isNaN(from) && Number.isNaN(to)
          ? undefined
          : [Number.isNaN(from) ? -Infinity : from, Number.isNaN(to) ? Infinity : to];
        this.#select();
      });
    }
    map.addEventListener("change", () => {
      this.#showLegend();
      this.#grid.redraw();
    });
    document.getElementById("inspect-range").addEventListener("click", () => {
      this.#showRange(undefined);
      this.#select();
    });
  }

  /** Takes a range of scores, or none, and writes it into its two fields. */
  #showRange(range) {
    this.#range = range;
    const { low, high } = this.#controls;
    [low.value, high.value] = range?.map((score) => Number(score.toPrecision(3))) ?? ["", ""];
  }

  #select() {
    const { row, other, filter, order, find } = this.#controls;
    other.parentElement.hidden = filter.value !== "disagreement";
    const choice = {
      row: Number(row.value),
      other: Number(other.value),
      filter: filter.value,
      order: order.value,
      find: find.value,
      range: this.#range,
    };
    const images = chooseImages(this.#part, choice);
    const button = document.getElementById("inspect-range");
    button.hidden = this.#range === undefined;
    if (this.#range !== undefined) {
      const [low, high] = this.#range.map((score) => Number(score.toPrecision(3)));
      button.textContent = low === -Infinity
        ? `scores up to ${high} ✕`
        : high === Infinity
        ? `scores from ${low} ✕`
        : `scores ${low} to ${high} ✕`;
    }
    this.#setStatus(`${images.length} of ${this.#part.ids.length} images`);
    this.#details.showRow(choice.row);
    this.#showLegend();
    this.#grid.show(images);
  }

  #setStatus(text) {
    document.getElementById("inspect-count").textContent = text;
  }

  #showLegend() {
    const legend = document.getElementById("inspect-legend");
    const detector = this.#part.detectors[this.#controls.map.value];
    legend.hidden = detector === undefined;
    if (detector === undefined) return;
    const [low, high] = legend.querySelectorAll("span");
    low.textContent = detector.low.toPrecision(3);
    high.textContent = detector.high.toPrecision(3);
    legend.querySelector("b").textContent = `${detector.name}: ${detector.unit}`;
  }

  #fillCell(cell, image) {
    const part = this.#part;
    const row = part.rows[this.#controls.row.value];
    const rank = this.#ranks[this.#controls.row.value][image];
    const outcome = outcomeOf(part, row, image);
    const score = row.scores[image].toPrecision(3);
    const kind = part.kinds[image];
    cell.dataset.kind = kind;
    cell.dataset.outcome = outcome;
    // What is seen comes first, as it is seen.
    cell.ariaLabel = [
      `${score} ${outcomeSigns[outcome]}`.trim(),
      part.ids[image],
      kindWords[kind],
      `rank ${rank} of ${part.ids.length}`,
      ...(outcome === "" ? [] : [outcome]),
    ].join(", ");
    cell.title = part.ids[image];
    if (cell.firstChild === null) cell.append(...emptyCell());
    const [canvas, { firstChild: number, lastChild: sign }] = cell.children;
    number.textContent = score;
    sign.textContent = outcomeSigns[outcome];
    this.#draw(cell, canvas, image);
  }

  #draw(cell, canvas, image) {
    const { photos, detectors } = this.#part;
    const map = this.#controls.map.value;
    const what = `${this.#number} ${image} ${map}`;
    if (cell.dataset.drawn === what) return;
    cell.dataset.drawn = what;
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    this.#sheets.drawSoon(
      canvas,
      photos ?? undefined,
      detectors[map]?.sheets,
      image,
      photos === null ? 1 : 0.85,
      () => cell.dataset.drawn === what,
    );
  }
}

/** The parts of a cell: a picture, and below it the score and a sign. */
function emptyCell() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 104;
  const line = document.createElement("span");
  line.className = "line";
  line.append(document.createElement("span"), " ", document.createElement("b"));
  return [canvas, line];
}
