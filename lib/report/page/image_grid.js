// A list of thousands of images of which only those in view are elements.

/** A listbox: arrow keys move, Enter opens. */
export class ImageGrid {
  #element;
  #space;
  #options;
  #items = [];
  #cells = new Map();
  #active = 0;
  #columns = 1;
  #frame;

  /**
   * @param element the listbox, which scrolls
   * @param options width and height of a cell, `fill(cell, item)`, `open(item)`
   */
  constructor(element, options) {
    this.#element = element;
    this.#options = options;
    this.#space = document.createElement("div");
    this.#space.className = "space";
    this.#space.role = "presentation";
    element.append(this.#space);
    element.addEventListener("scroll", () => this.#later(), { passive: true });
    element.addEventListener("keydown", (event) => this.#onKey(event));
    element.addEventListener("click", ({ target }) => {
      const cell = target.closest("[role=option]");
      if (cell === null) return;
      this.#activate(Number(cell.dataset.place), false);
      options.open(this.#items[this.#active]);
    });
    new ResizeObserver(() => this.#later()).observe(element);
  }

  get items() {
    return this.#items;
  }

  /** The item that the keyboard is at. */
  get active() {
    return this.#items[this.#active];
  }

  /** Shows other items from the top. */
  show(items) {
    this.#items = items;
    this.#active = 0;
    this.#element.scrollTop = 0;
    this.redraw();
  }

  /** Fills all cells anew. */
  redraw() {
    for (const cell of this.#cells.values()) cell.remove();
    this.#cells.clear();
    this.#update();
  }

  /** Moves to the item that lies `step` places on, and gives it. */
  step(step) {
    this.#activate(Math.max(0, Math.min(this.#items.length - 1, this.#active + step)), true);
    return this.active;
  }

  #later() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#update();
    });
  }

  #update() {
    const { width, height } = this.#options;
    const { clientWidth, clientHeight, scrollTop } = this.#element;
    const columns = Math.max(1, Math.floor(clientWidth / width));
    if (columns !== this.#columns) {
      this.#columns = columns;
      for (const cell of this.#cells.values()) cell.remove();
      this.#cells.clear();
    }
    const lines = Math.ceil(this.#items.length / columns);
    this.#space.style.height = `${lines * height}px`;
    // Few images need no tall box; the style has the most.
    this.#element.style.setProperty("--needed", `${Math.max(1, lines) * height + 18}px`);
    const first = Math.max(0, Math.floor(scrollTop / height) - 1) * columns;
    const last = Math.min(
      this.#items.length,
      (Math.floor((scrollTop + clientHeight) / height) + 2) * columns,
    );
    for (const [place, cell] of this.#cells) {
      if (place >= first && place < last) continue;
      cell.remove();
      this.#cells.delete(place);
    }
    const added = document.createDocumentFragment();
    for (let place = first; place < last; place++) {
      if (!this.#cells.has(place)) added.append(this.#makeCell(place, clientWidth / columns));
    }
    this.#space.append(added);
    this.#markActive();
  }

  #makeCell(place, width) {
    const cell = document.createElement("div");
    cell.role = "option";
    cell.id = `image-${place}`;
    cell.className = "image";
    cell.dataset.place = place;
    cell.ariaSetSize = this.#items.length;
    cell.ariaPosInSet = place + 1;
    cell.style.left = `${place % this.#columns * width}px`;
    cell.style.top = `${Math.floor(place / this.#columns) * this.#options.height}px`;
    this.#cells.set(place, cell);
    this.#options.fill(cell, this.#items[place]);
    return cell;
  }

  #activate(place, scroll) {
    this.#active = place;
    if (scroll) {
      const { height } = this.#options;
      const top = Math.floor(place / this.#columns) * height;
      const { scrollTop, clientHeight } = this.#element;
      if (top < scrollTop) this.#element.scrollTop = top;
      if (top + height > scrollTop + clientHeight) {
        this.#element.scrollTop = top + height - clientHeight;
      }
    }
    this.#update();
  }

  #markActive() {
    for (const [place, cell] of this.#cells) cell.ariaSelected = String(place === this.#active);
    const id = `image-${this.#active}`;
    if (this.#items.length === 0) this.#element.removeAttribute("aria-activedescendant");
    else this.#element.setAttribute("aria-activedescendant", id);
  }

  #onKey(event) {
    const page = this.#columns *
      Math.max(1, Math.floor(this.#element.clientHeight / this.#options.height));
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: this.#columns,
      ArrowUp: -this.#columns,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key === "Enter" || event.key === " ") {
      if (this.#items.length > 0) this.#options.open(this.active);
    } else if (Object.hasOwn(steps, event.key)) this.step(steps[event.key]);
    else return;
    event.preventDefault();
  }
}
