// One image in a dialog: its maps with outlines of the segments, its score by every row, and what
// raised the score.
import { drawScale } from "./map_colours.js";
import { calledBad, kindWords, outcomeOf } from "./selection.js";

/** Edge of the large picture in pixels. */
const pictureSize = 512;
/** Contributions that are shown. */
const shownContributions = 10;

export class ImageDetails {
  #dialog = document.getElementById("inspect-image");
  #options;
  #part;
  #number;
  #ranks;
  #row = 0;
  #image;
  #detector = 0;
  #explained = new Map();
  #exact;

  /** @param options source, sheets, `step(by)` gives the next image, `place()` where it stands */
  constructor(options) {
    this.#options = options;
    const dialog = this.#dialog;
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.querySelector(".before").addEventListener("click", () => this.#step(-1));
    dialog.querySelector(".next").addEventListener("click", () => this.#step(1));
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) dialog.close();
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.target.matches("input")) return;
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.#step(step);
    });
    for (const control of dialog.querySelectorAll(".viewing input")) {
      control.addEventListener("input", () => this.#drawPicture());
    }
    const viewer = dialog.querySelector(".viewer");
    viewer.addEventListener("pointermove", (event) => this.#readOut(event));
    viewer.addEventListener("pointerleave", () => this.#say(""));
  }

  showPart(part, number, ranks) {
    this.#part = part;
    this.#number = number;
    this.#ranks = ranks;
    this.#explained.clear();
    this.#detector = Math.min(this.#detector, Math.max(0, part.detectors.length - 1));
  }

  /** Chooses the row whose score is explained. */
  showRow(row) {
    this.#row = row;
  }

  open(image) {
    this.#image = image;
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#show();
  }

  #step(by) {
    const image = this.#options.step(by);
    if (image !== undefined) this.open(image);
  }

  #show() {
    const part = this.#part;
    const image = this.#image;
    const row = part.rows[this.#row];
    const dialog = this.#dialog;
    const kind = part.kinds[image];
    dialog.querySelector("h3").textContent = part.ids[image];
    const outcome = outcomeOf(part, row, image);
    const badges = dialog.querySelector(".badges");
    badges.replaceChildren(
      badge(kindWords[kind], `kind-${kind}`),
      ...(outcome === "" ? [] : [
        badge(
          `${outcome === "right" ? "called rightly" : outcome} by ${row.name}`,
          outcome.replace(" ", "-"),
        ),
      ]),
    );
    const [place, of] = this.#options.place();
    dialog.querySelector(".place").textContent = `${place} of ${of}`;
    this.#exact = undefined;
    this.#showMaps();
    this.#drawPicture();
    this.#showScores();
    this.#showContributions();
  }

  /** A small picture of each detector's map with its scale; pressing one lays it over the photograph. */
  #showMaps() {
    const list = this.#dialog.querySelector(".maps");
    const { detectors } = this.#part;
    list.hidden = detectors.length === 0;
    list.replaceChildren(...detectors.map((detector, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.ariaPressed = String(i === this.#detector);
      button.addEventListener("click", () => {
        this.#detector = i;
        for (const [j, other] of [...list.children].entries()) {
          other.ariaPressed = String(j === i);
        }
        this.#exact = undefined;
        this.#drawPicture();
      });
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 160;
      this.#options.sheets.drawMap(
        canvas,
        detector.sheets,
        this.#image,
        1,
        isStill(() => this.#image, this.#image),
      );
      const name = document.createElement("b");
      name.textContent = detector.name;
      button.append(canvas, name, scaleLegend(detector));
      return button;
    }));
  }

  async #drawPicture() {
    const image = this.#image;
    const isWanted = isStill(() => this.#image, image);
    const { photos, segments, detectors } = this.#part;
    const { source, sheets } = this.#options;
    const canvas = this.#dialog.querySelector(".viewer canvas");
    const cover = Number(this.#dialog.querySelector("[name=cover]").value) / 100;
    const outlined = this.#dialog.querySelector("[name=outlines]").checked;
    this.#drawOutlines(segments, outlined);
    canvas.width = canvas.height = pictureSize;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    if (photos !== null) await sheets.drawPhoto(canvas, photos, image, isWanted);
    if (source.served && photos !== null) {
      const picture = new Image();
      picture.src = source.photo(this.#number, image);
      await picture.decode();
      if (!isWanted()) return;
      context.drawImage(picture, 0, 0, pictureSize, pictureSize);
    }
    const detector = detectors[this.#detector];
    if (detector === undefined || cover === 0) return;
    const levels = await this.#levels(detector, image);
    if (!isWanted()) return;
    const size = Math.sqrt(levels.length);
    sheets.drawLevels(canvas, levels, size, photos === null ? 1 : cover);
  }

  /** The levels of the chosen map: exact ones from the program that serves the page. */
  async #levels(detector, image) {
    const { source, sheets } = this.#options;
    if (!source.served) return sheets.levels(detector.sheets, image);
    const map = await source.map(this.#number, this.#detector, image);
    if (this.#image === image) this.#exact = map;
    const { low, high } = detector;
    return Uint8ClampedArray.from(map, (value) => 255 * (value - low) / (high - low));
  }

  #drawOutlines(segments, outlined) {
    const svg = this.#dialog.querySelector(".viewer svg");
    svg.replaceChildren();
    if (segments === null || !outlined) return;
    svg.setAttribute("viewBox", `0 0 ${segments.width} ${segments.height}`);
    segments.paths.forEach((path, i) => {
      const outline = document.createElementNS("http://www.w3.org/2000/svg", "path");
      outline.setAttribute("d", path);
      outline.dataset.segment = segments.names[i];
      svg.append(outline);
    });
  }

  /** Says the value and the segment below the pointer. */
  async #readOut({ clientX, clientY }) {
    const { segments, detectors } = this.#part;
    const box = this.#dialog.querySelector(".viewer").getBoundingClientRect();
    const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return;
    const texts = [];
    const detector = detectors[this.#detector];
    if (detector !== undefined) {
      const value = await this.#valueAt(detector, x, y);
      texts.push(`${detector.name} ${value}`);
    }
    const segment = segments === null ? undefined : segmentAt(segments, x, y);
    if (segment !== undefined) texts.push(segment);
    this.#say(texts.join(" · "));
  }

  async #valueAt(detector, x, y) {
    if (this.#exact !== undefined) return valueOf(this.#exact, x, y).toPrecision(4);
    const level = valueOf(await this.#options.sheets.levels(detector.sheets, this.#image), x, y);
    const value = detector.low + level / 255 * (detector.high - detector.low);
    return level === 0 ? `at most ${value.toPrecision(2)}` : `about ${value.toPrecision(2)}`;
  }

  #say(text) {
    this.#dialog.querySelector(".readout").textContent = text;
  }

  #showScores() {
    const image = this.#image;
    const lines = this.#part.rows.map((row, i) => {
      const line = document.createElement("tr");
      const called = calledBad(row, image);
      const threshold = row.threshold === null ? "–" : row.threshold.toPrecision(4);
      const texts = [
        row.name,
        row.scores[image].toPrecision(4),
        threshold,
        `${this.#ranks[i][image]} of ${row.scores.length}`,
        called === undefined ? "–" : called ? "bad" : "good",
      ];
      line.append(...texts.map((text, column) => {
        const cell = document.createElement(column === 0 ? "th" : "td");
        if (column === 0) cell.scope = "row";
        cell.textContent = text;
        return cell;
      }));
      line.dataset.outcome = outcomeOf(this.#part, row, image);
      return line;
    });
    this.#dialog.querySelector(".scores tbody").replaceChildren(...lines);
  }

  /** What raised and lowered the score: contributions of a forest, else where the maps are highest. */
  async #showContributions() {
    const image = this.#image;
    const row = this.#part.rows[this.#row];
    const [head, text, list] = this.#dialog.querySelectorAll(".raised h4, .raised p, .raised ol");
    head.textContent = `What raised the score of ${row.name}`;
    list.replaceChildren();
    if (row.explained === null) {
      text.textContent = await this.#highest(row, image);
      return;
    }
    const { groups, mean } = row.explained;
    const values = await this.#contributions(row, image);
    if (this.#image !== image) return;
    const order = Array.from(values, (_, i) => i)
      .sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, shownContributions);
    const top = Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a])[0];
    text.textContent = values[top] > 0
      ? `Raised most by ${groupName(groups[top])}. In log odds; with ${
        mean.toFixed(2)
      }, the mean of ` +
        "the training images, all contributions add up to the score (TreeSHAP)."
      : "Nothing raised the score above that of the mean training image.";
    const largest = Math.abs(values[order[0]]) || 1;
    list.append(...order.map((group) => this.#contribution(groups[group], values[group], largest)));
  }

  #contribution(group, value, largest) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = groupName(group);
    const bar = document.createElement("i");
    bar.className = value > 0 ? "up" : "down";
    bar.style.width = `${100 * Math.abs(value) / largest}%`;
    const track = document.createElement("span");
    track.className = "track";
    track.append(bar);
    const number = document.createElement("b");
    number.textContent = `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`;
    item.append(name, track, number);
    const mark = (on) => {
      for (const path of this.#dialog.querySelectorAll(".viewer path")) {
        if (path.dataset.segment === group.segment) path.classList.toggle("marked", on);
      }
    };
    item.addEventListener("pointerenter", () => mark(true));
    item.addEventListener("pointerleave", () => mark(false));
    return item;
  }

  async #contributions({ explained: { block, scale, groups } }, image) {
    let numbers = this.#explained.get(block);
    if (numbers === undefined) {
      numbers = this.#options.source.bytes(block).then((bytes) =>
        new Int16Array(bytes.slice().buffer)
      );
      this.#explained.set(block, numbers);
    }
    const all = await numbers;
    return Float64Array.from(
      all.subarray(image * groups.length, (image + 1) * groups.length),
      (number) => number * scale,
    );
  }

  /** Where the maps that the row is made of are highest. */
  async #highest(row, image) {
    const { detectors, segments } = this.#part;
    const detector = detectors.find(({ id }) => row.detectors.includes(id));
    if (detector === undefined) return "This row's score comes from the whole photograph.";
    const levels = await this.#options.sheets.levels(detector.sheets, image);
    let at = 0;
    for (let i = 1; i < levels.length; i++) if (levels[i] > levels[at]) at = i;
    const size = detector.sheets.tile;
    const [x, y] = [(at % size + 0.5) / size, (Math.floor(at / size) + 0.5) / size];
    const segment = segments === null ? undefined : segmentAt(segments, x, y);
    const where = segment === undefined
      ? `${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top`
      : segment;
    return `The score is the largest value of ${detector.name}'s map. It is highest at: ${where}.`;
  }
}

function badge(text, kind) {
  const element = document.createElement("span");
  element.className = `badge ${kind}`;
  element.textContent = text;
  return element;
}

/** The colours of a detector's map with the values at their ends. */
function scaleLegend({ low, high, unit }) {
  const legend = document.createElement("span");
  legend.className = "scale";
  const canvas = document.createElement("canvas");
  drawScale(canvas);
  const ends = [low, high].map((value) => {
    const end = document.createElement("span");
    end.textContent = value.toPrecision(3);
    return end;
  });
  const words = document.createElement("small");
  words.textContent = unit;
  legend.append(ends[0], canvas, ends[1], words);
  return legend;
}

function groupName({ source, segment }) {
  return segment === null ? source : `${segment} in ${source}`;
}

/** The value of a square map at a place in [0, 1). */
function valueOf(map, x, y) {
  const size = Math.sqrt(map.length);
  return map[Math.floor(y * size) * size + Math.floor(x * size)];
}

function segmentAt({ names, paths, width, height }, x, y) {
  const context = document.createElement("canvas").getContext("2d");
  const place = paths.findIndex((path) =>
    path !== "" && context.isPointInPath(new Path2D(path), x * width, y * height)
  );
  return names[place];
}

/** Whether what is being drawn is still wanted when its data has come. */
function isStill(current, image) {
  return () => current() === image;
}
