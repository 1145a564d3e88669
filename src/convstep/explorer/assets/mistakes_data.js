// The grader's known mistakes: what the page carries of them, and how arrays of any shape fall into matrices.
// One rule: what a mistake does was run when the page was made; here nothing is computed but which entries differ.

import { strongest } from "./colours.js";

const ROUNDING = 1e-9; // of the largest number: sums in another order, and no mistake
const NAMED = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const loading = new Map();

/**
 * An array as the page carries it: its shape and its numbers in reading order; `bool` where 1 and 0 stand for True and False.
 * @typedef {{ shape: number[], data: number[], bool?: boolean }} Carried
 */

/**
 * Unfold the mistakes; the same text is unfolded once.
 * @param {string} packed JSON, deflated, as base64
 * @returns {Promise<{ known: number, solutions: number, functions: string[], list: object[], byId: Map<string, object> }>} each of the
 *   list is what `scripts/build_explorer.py` tells of a mistake, with its `function`, and as `call` the call that shows it; the most
 *   frequent come first
 */
export function loadMistakes(packed) {
  if (!loading.has(packed)) {
    loading.set(packed, unfold(packed));
  }
  return loading.get(packed);
}

async function unfold(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return indexMistakes(JSON.parse(await new Response(stream).text(), readCarried));
}

/**
 * Bring what mistakes.json holds into one list.
 * @param {object} told
 * @returns {object} see `loadMistakes`
 */
export function indexMistakes({ known, solutions, functions }) {
  const list = Object.entries(functions).flatMap(([name, { cases, mistakes }]) =>
    mistakes.map((mistake) => ({ ...mistake, function: name, call: cases[mistake.case] })),
  );
  list.sort((one, other) => other.seen - one.seen); // which keeps the order of equals
  return { known, solutions, functions: Object.keys(functions), list, byId: new Map(list.map((mistake) => [mistake.id, mistake])) };
}

/**
 * Read NaN and the infinities, which JSON has as words; for `JSON.parse`.
 * @param {string} key
 * @param {*} value
 * @returns {*}
 */
export function readCarried(key, value) {
  return key === "data" && Array.isArray(value) ? value.map((number) => NAMED[number] ?? number) : value;
}

/**
 * Say whether a value is an array as the page carries it.
 * @param {*} value
 * @returns {boolean}
 */
export function isCarried(value) {
  return Array.isArray(value?.data) && Array.isArray(value.shape);
}

/**
 * Find the entries in which two arrays of one shape differ by more than rounding.
 * @param {Carried} right
 * @param {Carried} wrong
 * @returns {boolean[]|null} in reading order; null if the shapes are not the same
 */
export function differingEntries(right, wrong) {
  if (right.shape.join() !== wrong.shape.join()) {
    return null;
  }
  const most = ROUNDING * strongest(right.data.filter(Number.isFinite));
  return right.data.map((value, i) => !(Object.is(value, wrong.data[i]) || Math.abs(value - wrong.data[i]) <= most));
}

/**
 * Write a shape as Python does.
 * @param {number[]} shape
 * @returns {string} "(1, 3, 4, 1)", "(6,)" or "()"
 */
export function tupleText(shape) {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

/**
 * Write the place of an entry as Python does.
 * @param {string} name
 * @param {number[]} index
 * @returns {string} "Z[0, 1, 2, 0]"
 */
export function entryText(name, index) {
  return index.length === 0 ? name : `${name}[${index.join(", ")}]`;
}

/**
 * Cut an array into matrices: the rows and columns of images and filters, one matrix for each image, channel and filter.
 * @param {string} name
 * @param {Carried} array
 * @returns {{ label: string, rows: number, columns: number, index: (r: number, c: number) => number[], flat: (r: number, c: number) => number,
 *   holds: (index: number[]) => boolean, cell: (index: number[]) => [number, number] }[]} label: the slice of NumPy that it is, "Z[0, :, :, 1]"
 */
export function matricesOf(name, { shape }) {
  const [rowAxis, columnAxis] = matrixAxes(name, shape);
  const rest = shape.map((_, axis) => axis).filter((axis) => axis !== rowAxis && axis !== columnAxis);
  const count = rest.reduce((product, axis) => product * shape[axis], 1);
  const [rows, columns] = [rowAxis, columnAxis].map((axis) => (axis === null ? 1 : shape[axis]));
  if (rows * columns === 0) {
    return [];
  }
  return Array.from({ length: count }, (_, number) => {
    const base = spread(number, rest, shape);
    const index = (r, c) => base.map((place, axis) => (axis === rowAxis ? r : axis === columnAxis ? c : place));
    const label = base.map((place, axis) => (axis === rowAxis || axis === columnAxis ? ":" : place));
    return {
      label: shape.length < 3 && rest.length === 0 ? name : `${name}[${label.join(", ")}]`,
      rows,
      columns,
      index,
      flat: (r, c) => index(r, c).reduce((place, part, axis) => place * shape[axis] + part, 0),
      holds: (other) => rest.every((axis) => other[axis] === base[axis]),
      cell: (other) => [rowAxis, columnAxis].map((axis) => (axis === null ? 0 : other[axis])),
    };
  });
}

/** Which axes are the rows and columns: of images the second and third, of filters the first two, of biases the last alone. */
function matrixAxes(name, shape) {
  const rank = shape.length;
  if (rank < 2) {
    return [null, rank === 0 ? null : 0];
  }
  if (rank === 4 && ["b", "db"].includes(name) && shape[0] * shape[1] * shape[2] === 1) {
    return [null, 3];
  }
  return rank < 4 || ["W", "dW"].includes(name) ? [0, 1] : [rank - 3, rank - 2].map((axis) => (rank === 4 ? axis : axis - 1));
}

function spread(number, axes, shape) {
  const base = shape.map(() => 0);
  for (const axis of [...axes].reverse()) {
    base[axis] = number % shape[axis];
    number = Math.floor(number / shape[axis]);
  }
  return base;
}
