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

/**
 * Levels 0 to 255 as coloured pixels; with `cover` below 1 they let what is below them shine through,
 * low levels more than high ones.
 */
export function colourPixels(levels, cover) {
  const pixels = new Uint8ClampedArray(levels.length * 4);
  for (let i = 0; i < levels.length; i++) {
    const [red, green, blue] = mapColours[levels[i]];
    const alpha = cover >= 1 ? 1 : cover * Math.min(1, levels[i] / 110);
    pixels[4 * i] = red;
    pixels[4 * i + 1] = green;
    pixels[4 * i + 2] = blue;
    pixels[4 * i + 3] = 255 * alpha;
  }
  return pixels;
}

/** Draws the scale from low to high into a canvas. */
export function drawScale(canvas) {
  canvas.width = 256;
  canvas.height = 1;
  const pixels = colourPixels(Uint8Array.from({ length: 256 }, (_, i) => i), 1);
  canvas.getContext("2d").putImageData(new ImageData(pixels, 256, 1), 0, 0);
}
