// A list of thousands of images of which only those in view are elements.

/** A listbox: arrow keys move, Enter opens. */
export class ImageGrid {
  #element;
  #space;
  #options;
  #items = [];
  #cells = new Map();
  #free = [];
  #active = 0;
  #columns = 1;
  #frame;

  /**
   * @param element the listbox, which scrolls
   * @param options width and height of a cell, `fill(cell, item)`, `open(item)`; a cell that is filled
   *   may have been filled before
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
    this.#release(() => true);
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
      this.#release(() => true);
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
    this.#release((place) => place < first || place >= last);
    for (let place = first; place < last; place++) {
      if (!this.#cells.has(place)) this.#takeCell(place, clientWidth / columns);
    }
    for (const cell of this.#free) {
      cell.hidden = true;
      cell.removeAttribute("id");
    }
    this.#markActive();
  }

  /** Takes cells out of use; they are used again elsewhere. */
  #release(isUnused) {
    for (const [place, cell] of this.#cells) {
      if (!isUnused(place)) continue;
      this.#cells.delete(place);
      this.#free.push(cell);
    }
  }

  #takeCell(place, width) {
    const cell = this.#free.pop() ?? this.#makeCell();
    cell.hidden = false;
    cell.id = `image-${place}`;
    cell.dataset.place = place;
    cell.ariaSetSize = this.#items.length;
    cell.ariaPosInSet = place + 1;
    cell.ariaSelected = String(place === this.#active);
    cell.style.left = `${place % this.#columns * width}px`;
    cell.style.top = `${Math.floor(place / this.#columns) * this.#options.height}px`;
    this.#cells.set(place, cell);
    this.#options.fill(cell, this.#items[place]);
  }

  #makeCell() {
    const cell = document.createElement("div");
    cell.role = "option";
    cell.className = "image";
    this.#space.append(cell);
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
    if (this.#items.length === 0) return this.#element.removeAttribute("aria-activedescendant");
    const id = `image-${this.#active}`;
    const marked = this.#space.querySelector("[aria-selected=true]:not([hidden])");
    if (marked !== null && marked.id !== id) marked.ariaSelected = "false";
    const cell = this.#cells.get(this.#active);
    if (cell !== undefined && cell !== marked) cell.ariaSelected = "true";
    if (this.#element.getAttribute("aria-activedescendant") !== id) {
      this.#element.setAttribute("aria-activedescendant", id);
    }
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
