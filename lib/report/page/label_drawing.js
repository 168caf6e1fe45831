// Shapes drawn into label images. Pixel (x, y) has its centre at (x + 0.5, y + 0.5).

/** A label image: `labels[y * width + x]`. */
export class LabelImage {
  constructor(width, height, labels) {
    this.width = width;
    this.height = height;
    this.labels = labels;
  }

  copy() {
    return new LabelImage(this.width, this.height, this.labels.slice());
  }

  /** Number of pixels of each label. */
  counts() {
    const counts = new Array(256).fill(0);
    for (const label of this.labels) counts[label]++;
    return counts;
  }
}

/** Pixels whose centres lie inside the polygon (even-odd rule). */
export function fillPolygon(image, corners, label) {
  const { width, height, labels } = image;
  for (let y = 0; y < height; y++) {
    const centre = y + 0.5;
    const crossings = [];
    corners.forEach(([x0, y0], i) => {
      const [x1, y1] = corners[(i + 1) % corners.length];
      if ((y0 <= centre) === (y1 <= centre)) return;
      crossings.push(x0 + (centre - y0) / (y1 - y0) * (x1 - x0));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const first = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const last = Math.min(width - 1, Math.ceil(crossings[i + 1] - 0.5) - 1);
      if (first <= last) labels.fill(label, y * width + first, y * width + last + 1);
    }
  }
}

/**
 * Pixels whose centres lie in the ellipse between two corners of its box; with `inner` above 0 only the
 * ring outside the ellipse of that share of its size.
 */
export function fillEllipse(image, [x0, y0], [x1, y1], label, inner = 0) {
  const { width, height, labels } = image;
  const [centreX, centreY] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const [radiusX, radiusY] = [Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2];
  if (radiusX === 0 || radiusY === 0) return;
  for (let y = 0; y < height; y++) {
    const dy = (y + 0.5 - centreY) / radiusY;
    if (Math.abs(dy) > 1) continue;
    for (let x = 0; x < width; x++) {
      const dx = (x + 0.5 - centreX) / radiusX;
      const distance = dx * dx + dy * dy;
      if (distance <= 1 && distance > inner * inner - 1e-9) labels[y * width + x] = label;
    }
  }
}

/** Pixels whose centres are at most `radius` from the line between two points. */
export function strokeLine(image, [x0, y0], [x1, y1], radius, label) {
  const { width, height, labels } = image;
  const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(y0, y1) + radius));
  const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius));
  const right = Math.min(width - 1, Math.ceil(Math.max(x0, x1) + radius));
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
      const along = length === 0 ? 0 : Math.max(0, Math.min(1, (px * dx + py * dy) / length));
      const [ex, ey] = [px - along * dx, py - along * dy];
      if (ex * ex + ey * ey <= radius * radius) labels[y * width + x] = label;
    }
  }
}

/** The region of one label around the pixel below a point. */
export function fillRegion(image, [x, y], label) {
  const { width, height, labels } = image;
  const start = Math.floor(y) * width + Math.floor(x);
  if (!(x >= 0 && y >= 0 && x < width && y < height)) return;
  const before = labels[start];
  if (before === label) return;
  const pixels = [start];
  labels[start] = label;
  while (pixels.length > 0) {
    const pixel = pixels.pop();
    const column = pixel % width;
    const next = [];
    if (column > 0) next.push(pixel - 1);
    if (column < width - 1) next.push(pixel + 1);
    if (pixel >= width) next.push(pixel - width);
    if (pixel < width * (height - 1)) next.push(pixel + width);
    for (const one of next) {
      if (labels[one] !== before) continue;
      labels[one] = label;
      pixels.push(one);
    }
  }
}

/** Takes a label away: its pixels become label 0, and the labels above it move down. */
export function removeLabel(image, label) {
  const { labels } = image;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === label) labels[i] = 0;
    else if (labels[i] > label) labels[i]--;
  }
}
