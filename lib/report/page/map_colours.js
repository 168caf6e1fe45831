// Colours of anomaly maps: from dark to light in equal steps of brightness ("inferno").

const stops = [
  [0, 0, 4],
  [27, 12, 65],
  [74, 12, 107],
  [120, 28, 109],
  [165, 44, 96],
  [207, 68, 70],
  [237, 105, 37],
  [251, 155, 6],
  [247, 209, 61],
  [252, 255, 164],
];

/** Red, green and blue of the 256 levels of a map. */
export const mapColours = Array.from({ length: 256 }, (_, level) => {
  const place = level / 255 * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2);
  return stops[below].map((value, i) =>
    Math.round(value + (stops[below + 1][i] - value) * (place - below))
  );
});

/** The colours of the levels as the bytes of a pixel, by cover. */
const tables = new Map();

function tableOf(cover) {
  let table = tables.get(cover);
  if (table === undefined) {
    if (tables.size > 200) tables.clear();
    const bytes = new Uint8ClampedArray(4 * 256);
    mapColours.forEach((colour, level) => {
      bytes.set(colour, 4 * level);
      bytes[4 * level + 3] = 255 * (cover >= 1 ? 1 : cover * Math.min(1, level / 110));
    });
    tables.set(cover, table = new Uint32Array(bytes.buffer));
  }
  return table;
}

/**
 * Levels 0 to 255 as coloured pixels; with `cover` below 1 they let what is below them shine through,
 * low levels more than high ones.
 */
export function colourPixels(levels, cover) {
  const table = tableOf(cover);
  const pixels = new Uint32Array(levels.length);
  for (let i = 0; i < levels.length; i++) pixels[i] = table[levels[i]];
  return new Uint8ClampedArray(pixels.buffer);
}

/** Draws the scale from low to high into a canvas. */
export function drawScale(canvas) {
  canvas.width = 256;
  canvas.height = 1;
  const pixels = colourPixels(Uint8Array.from({ length: 256 }, (_, i) => i), 1);
  canvas.getContext("2d").putImageData(new ImageData(pixels, 256, 1), 0, 0);
}
