// The editor of segmentation maps: tools, segments, undo, zoom, saving.
import {
  fillEllipse,
  fillPolygon,
  fillRegion,
  LabelImage,
  removeLabel,
  strokeLine,
} from "./label_drawing.js";
import { fromBase64 } from "./packed.js";

/** What each tool does, for the line below the picture. */
const hints = {
  polygon:
    "Click the corners; Enter or a double click closes the shape, Backspace takes a corner back.",
  ellipse: "Drag from corner to corner of the ellipse's box; Shift keeps it a circle.",
  ring: "Drag from corner to corner of the ring's box; Shift keeps it round.",
  brush: "Paint. [ and ] change the brush.",
  fill: "Click an area: all of it goes to the chosen segment.",
};
/** Bytes of earlier states that are kept. */
const historyLimit = 128_000_000;
const svgNames = "http://www.w3.org/2000/svg";

class MapEditor {
  #image;
  #segments;
  #colours;
  #past = [];
  #future = [];
  #saved = true;
  #tool = "polygon";
  #label = 0;
  #points = [];
  #penDown = false;
  #cursor;
  #zoom = 1;
  #stage = document.getElementById("stage");
  #over = document.getElementById("over");
  #shape = document.getElementById("shape");
  #tick;

  constructor({ width, height, labels, segments, colours }) {
    this.#image = new LabelImage(width, height, fromBase64(labels).slice());
    this.#segments = segments;
    this.#colours = colours;
    this.#cursor = [Math.floor(width / 2) + 0.5, Math.floor(height / 2) + 0.5];
    this.#label = Math.min(1, segments.length - 1);
    this.#over.width = width;
    this.#over.height = height;
    this.#shape.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#listenToTools();
    this.#listenToStage();
    this.#listenToKeys();
    this.#fit();
    this.#showAll();
    this.#say(hints[this.#tool]);
  }

  // Tools and buttons.

  #listenToTools() {
    for (const input of document.querySelectorAll("[name=tool]")) {
      input.addEventListener("change", () => this.#chooseTool(input.value));
    }
    const press = (id, act) => document.getElementById(id).addEventListener("click", act);
    press("undo", () => this.#undo());
    press("redo", () => this.#redo());
    press("zoom-in", () => this.#setZoom(this.#zoom * 1.25));
    press("zoom-out", () => this.#setZoom(this.#zoom / 1.25));
    press("zoom-fit", () => this.#fit());
    press("save", () => this.#save());
    press("add", () => this.#addSegment());
    press("import", () => document.getElementById("file").click());
    document.getElementById("file").addEventListener("change", ({ target }) => {
      this.#import([...target.files]);
      target.value = "";
    });
    document.getElementById("opacity").addEventListener("input", () => this.#showOpacity());
    addEventListener("beforeunload", (event) => {
      if (!this.#saved) event.preventDefault();
    });
  }

  #chooseTool(tool) {
    this.#tool = tool;
    this.#cancel();
    document.querySelector(`[name=tool][value=${tool}]`).checked = true;
    document.getElementById("brush-size").parentElement.hidden = tool !== "brush";
    document.getElementById("ring-width").parentElement.hidden = tool !== "ring";
    this.#say(hints[tool]);
  }

  // The picture: pointer and keyboard move one cursor.

  #listenToStage() {
    const stage = this.#stage;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      this.#cursor = this.#placeOf(event);
      this.#down(event);
    });
    stage.addEventListener("pointermove", (event) => {
      this.#moveTo(this.#placeOf(event), event);
    });
    stage.addEventListener("pointerup", (event) => {
      this.#cursor = this.#placeOf(event);
      if (this.#tool !== "polygon" && this.#tool !== "fill") this.#up(event);
    });
    stage.addEventListener("dblclick", () => {
      if (this.#tool === "polygon") this.#closePolygon();
    });
    stage.addEventListener("keydown", (event) => this.#onStageKey(event));
    document.getElementById("desk").addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.#setZoom(this.#zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
    }, { passive: false });
  }

  #placeOf({ clientX, clientY }) {
    const box = this.#stage.getBoundingClientRect();
    const { width, height } = this.#image;
    return [(clientX - box.left) / box.width * width, (clientY - box.top) / box.height * height];
  }

  /** The button goes down, or the space bar is pressed for the first time. */
  #down() {
    switch (this.#tool) {
      case "polygon":
        this.#points.push(this.#cursor);
        break;
      case "fill":
        this.#change((image) => fillRegion(image, this.#cursor, this.#label));
        break;
      case "brush":
        this.#remember();
        this.#penDown = true;
        this.#paint(this.#cursor, this.#cursor);
        break;
      default:
        this.#penDown = true;
        this.#points = [this.#cursor];
    }
    this.#showShape();
  }

  #up(event) {
    if (!this.#penDown) return;
    this.#penDown = false;
    if (this.#tool === "ellipse" || this.#tool === "ring") {
      const [first] = this.#points;
      const last = event?.shiftKey ? squared(first, this.#cursor) : this.#cursor;
      this.#points = [];
      const inner = this.#tool === "ring" ? 1 - numberOf("ring-width") / 100 : 0;
      this.#change((image) => fillEllipse(image, first, last, this.#label, inner));
    } else this.#showAll();
    this.#showShape();
  }

  #moveTo(place, event) {
    const before = this.#cursor;
    this.#cursor = place;
    if (this.#tool === "brush" && this.#penDown) this.#paint(before, place);
    this.#showShape(event?.shiftKey);
  }

  #paint(from, to) {
    strokeLine(this.#image, from, to, numberOf("brush-size") / 2, this.#label);
    this.#later();
  }

  #closePolygon() {
    const corners = withoutRepeats(this.#points);
    this.#points = [];
    if (corners.length >= 3) this.#change((image) => fillPolygon(image, corners, this.#label));
    this.#showShape();
  }

  #cancel() {
    if (this.#tool === "brush" && this.#penDown) this.#undo();
    this.#points = [];
    this.#penDown = false;
    this.#showShape();
  }

  #onStageKey(event) {
    const step = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    if (Object.hasOwn(moves, event.key)) {
      const { width, height } = this.#image;
      const [dx, dy] = moves[event.key];
      const [x, y] = this.#cursor;
      this.#moveTo([clamp(x + dx, 0, width), clamp(y + dy, 0, height)]);
      this.#say(`x ${Math.floor(this.#cursor[0])}, y ${Math.floor(this.#cursor[1])}`);
    } else if (event.key === " ") {
      if (this.#penDown) this.#up();
      else this.#down();
    } else if (event.key === "Enter" && this.#tool === "polygon") this.#closePolygon();
    else if (event.key === "Backspace" && this.#tool === "polygon") {
      this.#points.pop();
      this.#showShape();
    } else if (event.key === "Escape") this.#cancel();
    else return;
    event.preventDefault();
  }

  #listenToKeys() {
    addEventListener("keydown", (event) => {
      const { key, target } = event;
      const control = event.ctrlKey || event.metaKey;
      const isText = target.matches("input:not([type=radio], [type=range], [type=color])");
      if (control && key.toLowerCase() === "s") this.#save();
      else if (control && key.toLowerCase() === "z" && !isText) {
        if (event.shiftKey) this.#redo();
        else this.#undo();
      } else if (control && key.toLowerCase() === "y" && !isText) this.#redo();
      else if (control || event.altKey || isText) return;
      else if (/^[1-9]$/.test(key)) this.#chooseSegment(Number(key) - 1);
      else if (key === "+" || key === "=") this.#setZoom(this.#zoom * 1.25);
      else if (key === "-") this.#setZoom(this.#zoom / 1.25);
      else if (key === "0") this.#fit();
      else if (key === "[" || key === "]") {
        const size = document.getElementById("brush-size");
        size.value = Number(size.value) + (key === "]" ? 2 : -2);
        this.#showShape();
      } else if (key === "n") this.#addSegment();
      else {
        const tool = { p: "polygon", e: "ellipse", r: "ring", b: "brush", f: "fill" }[key];
        if (tool === undefined) return;
        this.#chooseTool(tool);
      }
      event.preventDefault();
    });
  }

  // States.

  #remember() {
    this.#past.push(this.#state());
    this.#future = [];
    const most = Math.max(2, Math.floor(historyLimit / this.#image.labels.length));
    if (this.#past.length > most) this.#past.shift();
    this.#saved = false;
    this.#showHistory();
  }

  #state() {
    return { image: this.#image.copy(), segments: this.#segments.map((one) => ({ ...one })) };
  }

  #change(act) {
    this.#remember();
    act(this.#image);
    this.#showAll();
  }

  #undo() {
    this.#swap(this.#past, this.#future);
  }

  #redo() {
    this.#swap(this.#future, this.#past);
  }

  #swap(from, to) {
    const state = from.pop();
    if (state === undefined) return;
    to.push(this.#state());
    this.#image = state.image;
    this.#segments = state.segments;
    this.#label = Math.min(this.#label, this.#segments.length - 1);
    this.#saved = false;
    this.#penDown = false;
    this.#showAll();
  }

  // Segments.

  #chooseSegment(label) {
    if (label >= this.#segments.length) return;
    this.#label = label;
    this.#markChosen();
    this.#showShape();
  }

  #addSegment() {
    if (this.#segments.length >= 64) return this.#say("A map has at most 64 segments.");
    this.#remember();
    const label = this.#segments.length;
    const names = new Set(this.#segments.map(({ name }) => name));
    let number = label;
    while (names.has(`segment ${number}`)) number++;
    const colour = this.#colours[label % this.#colours.length];
    this.#segments.push({ name: `segment ${number}`, colour });
    this.#label = label;
    this.#showAll();
    const field = document.querySelector("#segments li:last-child input[type=text]");
    field.focus();
    field.select();
  }

  #removeSegment(label) {
    if (this.#segments.length === 1) return this.#say("A map has one segment at least.");
    this.#remember();
    removeLabel(this.#image, label);
    this.#segments.splice(label, 1);
    this.#label = Math.min(this.#label, this.#segments.length - 1);
    this.#showAll();
  }

  #showSegments() {
    const counts = this.#image.counts();
    const items = this.#segments.map((segment, label) => this.#segmentItem(segment, label, counts));
    document.getElementById("segments").replaceChildren(...items);
    this.#markChosen();
  }

  /** A line of the list. It stays while names and colours change, so that the focus stays too. */
  #segmentItem(segment, label, counts) {
    const [choose, remove] = [0, 1].map(() => document.createElement("button"));
    choose.type = remove.type = "button";
    choose.textContent = label < 9 ? label + 1 : "•";
    choose.addEventListener("click", () => this.#chooseSegment(label));
    remove.textContent = "✕";
    remove.addEventListener("click", () => this.#removeSegment(label));
    const colour = document.createElement("input");
    colour.type = "color";
    colour.value = segment.colour;
    // A choice of colour is one step back, however many colours are tried in it.
    let isTrying = false;
    colour.addEventListener("input", () => {
      if (!isTrying) this.#remember();
      isTrying = true;
      segment.colour = colour.value;
      this.#showOver();
    });
    colour.addEventListener("change", () => isTrying = false);
    const name = document.createElement("input");
    name.type = "text";
    name.value = segment.name;
    name.ariaLabel = `Name of segment ${label + 1}`;
    name.maxLength = 60;
    const showName = () => {
      choose.ariaLabel = `${label + 1}: draw ${segment.name}`;
      colour.ariaLabel = `Colour of ${segment.name}`;
      remove.ariaLabel = `Delete ${segment.name}`;
    };
    name.addEventListener("change", () => {
      this.#remember();
      segment.name = name.value = name.value.trim();
      showName();
    });
    showName();
    const share = document.createElement("span");
    const part = counts[label] / this.#image.labels.length;
    share.textContent = counts[label] === 0 ? "empty" : `${(100 * part).toFixed(1)} %`;
    share.classList.toggle("empty", counts[label] === 0);
    const item = document.createElement("li");
    item.append(choose, colour, name, share, remove);
    return item;
  }

  #markChosen() {
    for (const [label, item] of [...document.getElementById("segments").children].entries()) {
      const isChosen = label === this.#label;
      item.classList.toggle("chosen", isChosen);
      item.firstChild.ariaPressed = String(isChosen);
    }
  }

  // Showing.

  #later() {
    this.#tick ??= requestAnimationFrame(() => {
      this.#tick = undefined;
      this.#showOver();
    });
  }

  #showAll() {
    this.#showOver();
    this.#showSegments();
    this.#showHistory();
  }

  #showHistory() {
    document.getElementById("undo").disabled = this.#past.length === 0;
    document.getElementById("redo").disabled = this.#future.length === 0;
  }

  #showOver() {
    const { width, height, labels } = this.#image;
    const pixels = new Uint8ClampedArray(labels.length * 4);
    const colours = this.#segments.map(({ colour }) =>
      [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
    );
    for (let i = 0; i < labels.length; i++) {
      const colour = colours[labels[i]];
      if (colour === undefined) continue;
      pixels[4 * i] = colour[0];
      pixels[4 * i + 1] = colour[1];
      pixels[4 * i + 2] = colour[2];
      pixels[4 * i + 3] = 255;
    }
    this.#over.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
    this.#showOpacity();
  }

  #showOpacity() {
    this.#over.style.opacity = numberOf("opacity") / 100;
  }

  /** The shape under way and the cursor. */
  #showShape(isSquare) {
    const parts = [];
    const [x, y] = this.#cursor;
    const [first] = this.#points;
    if (this.#tool === "polygon" && this.#points.length > 0) {
      parts.push(svg("polygon", { points: [...this.#points, [x, y]].join(" ") }));
      for (const [cx, cy] of this.#points) parts.push(svg("circle", { cx, cy, r: 3 / this.#zoom }));
    }
    if (this.#penDown && first !== undefined) {
      const [x1, y1] = isSquare ? squared(first, [x, y]) : [x, y];
      const inner = this.#tool === "ring" ? 1 - numberOf("ring-width") / 100 : 0;
      for (const scale of inner > 0 ? [1, inner] : [1]) {
        parts.push(svg("ellipse", {
          cx: (first[0] + x1) / 2,
          cy: (first[1] + y1) / 2,
          rx: scale * Math.abs(x1 - first[0]) / 2,
          ry: scale * Math.abs(y1 - first[1]) / 2,
        }));
      }
    }
    if (this.#tool === "brush") {
      parts.push(svg("circle", { cx: x, cy: y, r: numberOf("brush-size") / 2 }));
    }
    const arm = 7 / this.#zoom;
    parts.push(svg("path", { d: `M${x - arm} ${y}h${2 * arm}M${x} ${y - arm}v${2 * arm}` }));
    this.#shape.replaceChildren(...parts);
  }

  #fit() {
    const desk = document.getElementById("desk");
    const { width, height } = this.#image;
    this.#setZoom(Math.min((desk.clientWidth - 24) / width, (desk.clientHeight - 24) / height));
  }

  #setZoom(zoom) {
    const { width, height } = this.#image;
    this.#zoom = clamp(zoom, 0.1, 32);
    this.#stage.style.width = `${width * this.#zoom}px`;
    this.#stage.style.height = `${height * this.#zoom}px`;
    document.getElementById("zoom").textContent = `${Math.round(100 * this.#zoom)} %`;
    this.#showShape();
  }

  #say(text, isProblem = false) {
    const status = document.getElementById("status");
    status.textContent = text;
    status.classList.toggle("problem", isProblem);
  }

  // The program behind the page.

  async #save() {
    const { labels } = this.#image;
    const body = JSON.stringify({ labels: toBase64(labels), segments: this.#segments });
    try {
      const { out, segments } = await ask("save", body);
      this.#saved = true;
      this.#say(`Saved to ${out} with ${segments} segments. Use it with --segmap ${out}.`);
    } catch (error) {
      this.#say(error.message, true);
    }
  }

  /** A label PNG, and its legend where that is chosen with it. */
  async #import(files) {
    if (files.length === 0) return;
    const isLegend = ({ name }) => /\.json$/i.test(name);
    const [legends, images] = [files.filter(isLegend), files.filter((file) => !isLegend(file))];
    if (images.length !== 1 || legends.length > 1) {
      return this.#say("Choose one label image, and with it its legend, if there is one.", true);
    }
    try {
      const [png, json] = await Promise.all(
        [...images, ...legends].map(async (file) => new Uint8Array(await file.arrayBuffer())),
      );
      const body = { labels: toBase64(png), legend: json && toBase64(json) };
      const answer = await ask("import", JSON.stringify(body));
      const labels = fromBase64(answer.labels).slice();
      this.#remember();
      this.#image = new LabelImage(this.#image.width, this.#image.height, labels);
      const colourOf = (label) => this.#colours[label % this.#colours.length];
      if (answer.legend.length > 0) {
        this.#segments = answer.legend.map(({ name, colour }, label) => ({
          name,
          colour: colour ?? colourOf(label),
        }));
        this.#label = Math.min(this.#label, this.#segments.length - 1);
      }
      const count = labels.reduce((most, label) => Math.max(most, label), 0) + 1;
      while (this.#segments.length < Math.min(count, 64)) {
        const label = this.#segments.length;
        this.#segments.push({ name: `segment ${label}`, colour: colourOf(label) });
      }
      this.#showAll();
      const names = json === undefined ? "" : `, names from ${legends[0].name}`;
      this.#say(`Imported ${images[0].name}: ${count} labels${names}.`);
    } catch (error) {
      this.#say(error.message, true);
    }
  }
}

async function ask(path, body) {
  const response = await fetch(path, { method: "POST", body });
  if (!response.ok) throw new Error(await response.text());
  const answer = await response.json();
  if (answer.problem !== undefined) throw new Error(answer.problem);
  return answer;
}

function toBase64(bytes) {
  if (bytes.toBase64 !== undefined) return bytes.toBase64();
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}

function numberOf(id) {
  return Number(document.getElementById(id).value);
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

/** The corner that makes the box a square. */
function squared([x0, y0], [x1, y1]) {
  const size = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0));
  return [x0 + Math.sign(x1 - x0) * size, y0 + Math.sign(y1 - y0) * size];
}

/** A double click puts two corners at one place. */
function withoutRepeats(points) {
  return points.filter(([x, y], i) => {
    const [px, py] = points[i - 1] ?? [NaN, NaN];
    return !(Math.abs(x - px) < 1e-6 && Math.abs(y - py) < 1e-6);
  });
}

function svg(name, attributes) {
  const element = document.createElementNS(svgNames, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

new MapEditor(JSON.parse(document.getElementById("map").textContent));
document.documentElement.dataset.ready = "";
