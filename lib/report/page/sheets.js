// Sheets of tiles: loaded when the first of their tiles is wanted, and kept.
import { colourPixels } from "./map_colours.js";

const side = 8;
const length = side * side;

/** Loads sheets from a source and draws single tiles. */
export class SheetReader {
  #source;
  #loading = new Map();
  #levels = new Map();
  #scratch = document.createElement("canvas");

  constructor(source) {
    this.#source = source;
  }

  /** The picture of a sheet, once it is decoded. */
  picture(name) {
    let loading = this.#loading.get(name);
    if (loading === undefined) {
      const image = new Image();
      image.src = this.#source.address(name);
      loading = image.decode().then(() => image);
      this.#loading.set(name, loading);
    }
    return loading;
  }

  /** Draws tile `image` of `sheets` over the whole canvas. */
  async drawPhoto(canvas, sheets, image, isWanted) {
    const picture = await this.picture(sheets.blocks[Math.floor(image / length)]);
    if (!isWanted()) return;
    const { tile } = sheets;
    const [x, y] = placeOf(image, tile);
    canvas.getContext("2d").drawImage(picture, x, y, tile, tile, 0, 0, canvas.width, canvas.height);
  }

  /** Draws the map of `image` over the whole canvas. */
  async drawMap(canvas, sheets, image, cover, isWanted) {
    const levels = await this.levels(sheets, image);
    if (!isWanted()) return;
    this.drawLevels(canvas, levels, sheets.tile, cover);
  }

  /** Draws levels `[size, size]` over the whole canvas. */
  drawLevels(canvas, levels, size, cover) {
    const scratch = this.#scratch;
    if (scratch.width !== size) scratch.width = scratch.height = size;
    scratch.getContext("2d")
      .putImageData(new ImageData(colourPixels(levels, cover), size, size), 0, 0);
    canvas.getContext("2d").drawImage(scratch, 0, 0, canvas.width, canvas.height);
  }

  /** The levels of one map, 0 to 255, `[tile, tile]`. */
  async levels({ tile, blocks }, image) {
    const name = blocks[Math.floor(image / length)];
    let sheet = this.#levels.get(name);
    if (sheet === undefined) {
      sheet = this.picture(name).then(greyOf);
      this.#levels.set(name, sheet);
    }
    const { width, grey } = await sheet;
    const [left, top] = placeOf(image, tile);
    const levels = new Uint8Array(tile * tile);
    for (let y = 0; y < tile; y++) {
      const from = (top + y) * width + left;
      levels.set(grey.subarray(from, from + tile), y * tile);
    }
    return levels;
  }
}

/** Corner of a tile in its sheet. */
function placeOf(image, tile) {
  const place = image % length;
  return [place % side * tile, Math.floor(place / side) * tile];
}

function greyOf(picture) {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) grey[i] = data[4 * i];
  return { width, grey };
}
