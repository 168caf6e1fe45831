// Which images of a part are shown, and in which order.

/** Words for the letters of a part's kinds. */
export const kindWords = { g: "good", b: "bad", u: "bad, unseen defect" };

/** Whether the row calls the image bad at its threshold; undefined where it has none. */
export function calledBad(row, image) {
  return row.threshold === null ? undefined : row.scores[image] >= row.threshold;
}

/** "false positive", "false negative" or "right"; "" where there is no threshold. */
export function outcomeOf(part, row, image) {
  const called = calledBad(row, image);
  if (called === undefined) return "";
  const isBad = part.kinds[image] !== "g";
  if (called === isBad) return "right";
  return called ? "false positive" : "false negative";
}

/** Rank of each score from 1, the highest; equal scores share the best rank. */
export function ranksOf(scores) {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a]);
  const ranks = new Int32Array(scores.length);
  order.forEach((image, place) => {
    const before = order[place - 1];
    ranks[image] = place > 0 && scores[before] === scores[image] ? ranks[before] : place + 1;
  });
  return ranks;
}

/** The tests of the filters by name: of part, row, other row and image. */
export const filters = {
  all: () => true,
  "false positives": (part, row, _, image) => outcomeOf(part, row, image) === "false positive",
  "false negatives": (part, row, _, image) => outcomeOf(part, row, image) === "false negative",
  disagreement: (_part, row, other, image) => calledBad(row, image) !== calledBad(other, image),
  good: (part, _row, _other, image) => part.kinds[image] === "g",
  bad: (part, _row, _other, image) => part.kinds[image] !== "g",
  unseen: (part, _row, _other, image) => part.kinds[image] === "u",
};

/** Orders by name: the number that comes first is shown first. */
const orders = {
  highest: (row, image) => -row.scores[image],
  lowest: (row, image) => row.scores[image],
  threshold: (row, image) => Math.abs(row.scores[image] - (row.threshold ?? 0)),
  name: () => 0,
};

/**
 * The images that a choice leaves, in its order.
 *
 * @param choice row, other (places of rows), filter, order, find (part of a name), range of scores
 */
export function chooseImages(part, { row: rowAt, other: otherAt, filter, order, find, range }) {
  const row = part.rows[rowAt];
  const other = part.rows[otherAt];
  const wanted = find.trim().toLowerCase();
  const images = [];
  for (let image = 0; image < part.ids.length; image++) {
    if (!filters[filter](part, row, other, image)) continue;
    const score = row.scores[image];
    if (range !== undefined && !(score >= range[0] && score <= range[1])) continue;
    if (wanted !== "" && !part.ids[image].toLowerCase().includes(wanted)) continue;
    images.push(image);
  }
  const first = orders[order];
  return images.sort((a, b) => first(row, a) - first(row, b) || a - b);
}
