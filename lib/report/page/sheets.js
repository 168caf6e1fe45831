// Sheets of tiles: loaded when the first of their tiles is wanted, and kept.
import { colourPixels } from "./map_colours.js";

const sheetSide = 8;
const sheetLength = sheetSide * sheetSide;
/** Milliseconds of a frame that small pictures may take. */
const drawingTime = 6;

/** Loads sheets from a source and draws single tiles. */
export class SheetReader {
  #source;
  #sheets = new Map();
  #scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  #waiting = [];

  constructor(source) {
    this.#source = source;
  }

  /**
   * Draws a photograph and a map over it, either of which may be undefined, into a small canvas soon: a
   * few in each frame, so that scrolling stays smooth.
   *
   * @param isWanted whether the canvas still stands for this image
   */
  async drawSoon(canvas, photos, maps, image, cover, isWanted) {
    await Promise.all([photos, maps].map((sheets) => sheets && this.#sheetOf(sheets, image)));
    this.#waiting.push(async () => {
      if (!isWanted()) return;
      if (photos !== undefined) await this.drawPhoto(canvas, photos, image, isWanted);
      if (maps !== undefined) await this.drawMap(canvas, maps, image, cover, isWanted);
    });
    if (this.#waiting.length === 1) requestAnimationFrame(() => this.#drawSome());
  }

  async #drawSome() {
    const end = performance.now() + drawingTime;
    while (this.#waiting.length > 0 && performance.now() < end) {
      await this.#waiting[0]();
      this.#waiting.shift();
    }
    if (this.#waiting.length > 0) requestAnimationFrame(() => this.#drawSome());
  }

  /** Draws tile `image` of `sheets` over the whole canvas. */
  async drawPhoto(canvas, sheets, image, isWanted) {
    const picture = await this.#sheetOf(sheets, image);
    if (!isWanted()) return;
    const { tile } = sheets;
    const [x, y] = placeOf(image, tile);
    canvas.getContext("2d").drawImage(picture, x, y, tile, tile, 0, 0, canvas.width, canvas.height);
  }

  /** Draws the map of `image` over the whole canvas. */
  async drawMap(canvas, sheets, image, cover, isWanted) {
    const levels = await this.levels(sheets, image);
    if (isWanted()) this.drawLevels(canvas, levels, sheets.tile, cover);
  }

  /** Draws levels `[size, size]` over the whole canvas. */
  drawLevels(canvas, levels, size, cover) {
    const scratch = this.#scratchOf(size);
    scratch.putImageData(new ImageData(colourPixels(levels, cover), size, size), 0, 0);
    canvas.getContext("2d").drawImage(scratch.canvas, 0, 0, canvas.width, canvas.height);
  }

  /** The levels of one map, 0 to 255, `[tile, tile]`. */
  async levels(sheets, image) {
    const picture = await this.#sheetOf(sheets, image);
    const { tile } = sheets;
    const [x, y] = placeOf(image, tile);
    const scratch = this.#scratchOf(tile);
    scratch.drawImage(picture, x, y, tile, tile, 0, 0, tile, tile);
    const { data } = scratch.getImageData(0, 0, tile, tile);
    return Uint8Array.from({ length: tile * tile }, (_, i) => data[4 * i]);
  }

  #scratchOf(size) {
    const { canvas } = this.#scratch;
    if (canvas.width !== size) canvas.width = canvas.height = size;
    return this.#scratch;
  }

  /** The sheet with `image`, decoded. */
  #sheetOf({ blocks }, image) {
    const name = blocks[Math.floor(image / sheetLength)];
    let sheet = this.#sheets.get(name);
    if (sheet === undefined) {
      sheet = this.#source.bytes(name)
        .then((bytes) => createImageBitmap(new Blob([bytes], { type: "image/webp" })));
      this.#sheets.set(name, sheet);
    }
    return sheet;
  }
}

/** Corner of a tile in its sheet. */
function placeOf(image, tile) {
  const place = image % sheetLength;
  return [place % sheetSide * tile, Math.floor(place / sheetSide) * tile];
}
