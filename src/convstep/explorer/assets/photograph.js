// A photographed or drawn digit becomes what MNIST would have made of it: 28 x 28 cells, ink bright on black.
// One rule: it does, step by step, what src/convstep/runs/photograph.py does, whose comments say why.

import { resampled } from "./resampling.js";

const [DIGIT_SIDE, DIGIT_BOX, LARGEST_LOOKED_AT] = [28, 20, 200];
const [FAINTEST, SPECK, THINNEST, ROUNDS] = [24, 0.05, 1.8, 3];

/**
 * Find the digit on a photograph.
 * @param {{ height: number, width: number, data: ArrayLike<number> }} image grey, from 0 to 255
 * @returns {{ height: 28, width: 28, channels: 1, data: Float64Array }|null} from 0 for paper to 255 for ink; null if nothing stands out
 */
export function digitCells({ height, width, data }) {
  const small = scaled({ height, width, channels: 1, data }, Math.min(1, LARGEST_LOOKED_AT / Math.max(height, width)));
  const ink = inkOf(small);
  if (ink === null) {
    return null;
  }
  const kept = strokesOf(ink);
  return centredDigit({ ...small, data: ink.data.map((value, i) => value * kept[i]) });
}

/**
 * Fit a drawing into 28 x 28 cells: its longer side is 20 cells, its centre of mass lies in the middle.
 * @param {{ height: number, width: number, data: Float64Array }} drawn how much of each cell is ink, from 0 to 1; there is some
 * @returns {{ height: 28, width: 28, channels: 1, data: Float64Array }} from 0 to 255
 */
export function centredDigit(drawn) {
  const cropped = croppedTo(drawn, 1 / 4);
  const bold = bolder(cropped);
  const fitted = scaled(bold, DIGIT_BOX / Math.max(cropped.height, cropped.width));
  const full = Math.max(quantile(sorted(fitted.data), 0.98), 1 / 2);
  const cells = fitted.data.map((value) => Math.min(1, Math.max(0, value / full)));
  return centred({ ...fitted, data: cells }, DIGIT_SIDE, DIGIT_SIDE, (value) => evenRound(value * 255));
}

/**
 * Put cells into a larger field with their centre of mass in its middle, as far as they then lie within it.
 * @param {{ height: number, width: number, data: ArrayLike<number> }} cells
 * @param {number} height
 * @param {number} width
 * @param {(value: number) => number} [become] what each number becomes
 * @returns {{ height: number, width: number, channels: 1, data: Float64Array }}
 */
export function centred(cells, height, width, become = (value) => value) {
  const [rows, columns] = [new Float64Array(cells.height), new Float64Array(cells.width)];
  each(cells, (value, r, c) => {
    rows[r] += value;
    columns[c] += value;
  });
  const [top, left] = [start(rows, height), start(columns, width)];
  const data = new Float64Array(height * width);
  each(cells, (value, r, c) => {
    data[(r + top) * width + c + left] = become(value);
  });
  return { height, width, channels: 1, data };
}

function start(mass, size) {
  const total = mass.reduce((sum, value) => sum + value, 0);
  const centre = mass.reduce((sum, value, i) => sum + value * (i + 1 / 2), 0) / total;
  return Math.min(Math.max(evenRound(size / 2 - centre), 0), size - mass.length);
}

/** How much of each cell is ink, from 0 to 1. */
function inkOf(cells) {
  const paper = paperOf(cells);
  const differences = cells.data.map((value, i) => value - paper[i]);
  const inOrder = sorted(differences);
  const many = inOrder.length > 1000;
  const [low, high] = [quantile(inOrder, many ? 0.002 : 0), quantile(inOrder, many ? 0.998 : 1)];
  const top = Math.max(-low, high);
  if (top < FAINTEST) {
    return null;
  }
  const away = -low > high ? differences.map((value) => -value) : differences;
  const threshold = otsu(away.map((value) => Math.min(top, Math.max(0, value))));
  const strong = median(away.filter((value) => value > threshold));
  const span = Math.max(strong - threshold / 2, 1);
  return { ...cells, data: away.map((value) => Math.min(1, Math.max(0, (value - threshold / 2) / span))) };
}

/** A quadratic surface through the cells that are paper. */
function paperOf({ height, width, data }) {
  const middle = median(data);
  const spread = median(data.map((value) => Math.abs(value - middle)));
  let kept = data.map((value) => (Math.abs(value - middle) <= Math.max(spread * 4, FAINTEST) ? 1 : 0));
  const edges = [
    [...data.subarray(0, width), ...data.subarray((height - 1) * width)],
    Array.from({ length: 2 * height }, (_, i) => data[(i >> 1) * width + (i % 2) * (width - 1)]),
  ];
  if (edges.every((edge) => extent(edge) < FAINTEST)) {
    return new Float64Array(data.length).fill(median(Float64Array.from(edges.flat())));
  }
  const at = (i, size) => (size === 1 ? -1 : -1 + (2 * i) / (size - 1));
  const terms = Array.from(data, (_, i) => {
    const [y, x] = [at(Math.floor(i / width), height), at(i % width, width)];
    return [1, x, y, x * y, x * x, y * y];
  });
  let surface = data;
  for (let round = 0; round < ROUNDS; round += 1) {
    const weights = leastSquares(terms, data, kept);
    surface = Float64Array.from(terms, (term) => term.reduce((sum, value, i) => sum + value * weights[i], 0));
    const distance = data.map((value, i) => Math.abs(value - surface[i]));
    const near = Math.max(2.5 * median(distance), FAINTEST / 2);
    kept = distance.map((value) => (value <= near ? 1 : 0));
  }
  return surface;
}

/** The weights of the terms that come nearest to the kept values: Gauss's elimination on the normal equations. */
function leastSquares(terms, values, kept) {
  const size = terms[0].length;
  const rows = Array.from({ length: size }, () => new Float64Array(size + 1));
  terms.forEach((term, n) => {
    for (let i = 0; kept[n] && i < size; i += 1) {
      for (let j = 0; j < size; j += 1) {
        rows[i][j] += term[i] * term[j];
      }
      rows[i][size] += term[i] * values[n];
    }
  });
  for (let i = 0; i < size; i += 1) {
    const best = rows.slice(i).reduce((most, row, k) => (Math.abs(row[i]) > Math.abs(rows[most][i]) ? i + k : most), i);
    [rows[i], rows[best]] = [rows[best], rows[i]];
    const pivot = Math.abs(rows[i][i]) < 1e-9 ? Infinity : rows[i][i]; // a term that others explain gets no weight
    rows.forEach((row, k) => {
      const part = k === i ? 0 : row[i] / pivot;
      row.forEach((_, j) => {
        row[j] -= part * rows[i][j];
      });
    });
    rows[i] = rows[i].map((value) => value / pivot);
  }
  return rows.map((row) => row[size]);
}

/** The threshold that parts the values into two groups that differ most (Otsu 1979). */
function otsu(values) {
  const bins = 128;
  const [least, most] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const width = (most - least) / bins;
  const counts = new Float64Array(bins);
  values.forEach((value) => {
    counts[Math.min(bins - 1, Math.floor((value - least) / width))] += 1;
  });
  const middles = Array.from(counts, (_, i) => least + (i + 1 / 2) * width);
  const [all, total] = [values.length, counts.reduce((sum, count, i) => sum + count * middles[i], 0)];
  let [below, sum, best, found] = [0, 0, -1, 0];
  counts.forEach((count, i) => {
    below += count;
    sum += count * middles[i];
    const above = all - below;
    const apart = below * above * (sum / below - (total - sum) / above) ** 2;
    if (apart > best) {
      [best, found] = [apart, i];
    }
  });
  return middles[found];
}

/** Which cells lie in or next to the strokes that belong to the digit, as 0 and 1. */
function strokesOf(ink) {
  const { labels, areas } = componentsOf(ink);
  const touching = new Set();
  each({ ...ink, data: labels }, (label, r, c) => {
    if (r === 0 || c === 0 || r === ink.height - 1 || c === ink.width - 1) {
      touching.add(label);
    }
  });
  const all = [...areas.keys()].slice(1);
  const within = all.filter((label) => !touching.has(label));
  const inside = within.length > 0 ? within : all;
  const largest = Math.max(...inside.map((label) => areas[label]));
  const chosen = new Set(inside.filter((label) => areas[label] >= SPECK * largest));
  return grown({ ...ink, data: Float64Array.from(labels, (label) => (chosen.has(label) ? 1 : 0)) }).data;
}

/** Numbers from 1 for the connected parts of the ink, and how many cells each has. */
function componentsOf({ height, width, data }) {
  const labels = new Int32Array(data.length);
  const areas = [0];
  data.forEach((value, first) => {
    if (value <= 1 / 2 || labels[first] > 0) {
      return;
    }
    const [label, stack] = [areas.length, [first]];
    areas.push(0);
    labels[first] = label;
    while (stack.length > 0) {
      const cell = stack.pop();
      const [row, column] = [Math.floor(cell / width), cell % width];
      areas[label] += 1;
      for (let r = Math.max(row - 1, 0); r < Math.min(row + 2, height); r += 1) {
        for (let c = Math.max(column - 1, 0); c < Math.min(column + 2, width); c += 1) {
          if (data[r * width + c] > 1 / 2 && labels[r * width + c] === 0) {
            labels[r * width + c] = label;
            stack.push(r * width + c);
          }
        }
      }
    }
  });
  return { labels, areas };
}

/** The drawing with strokes that will still be seen when it is small. */
function bolder(cells) {
  const scale = DIGIT_BOX / Math.max(cells.height, cells.width);
  let bold = cells;
  for (let round = 0; round < LARGEST_LOOKED_AT; round += 1) {
    const mask = widened({ ...bold, data: bold.data.map((value) => (value > 1 / 2 ? 1 : 0)) });
    const empty = grown({ ...mask, data: mask.data.map((value) => 1 - value) });
    const [area, edge] = [0, 1].map((k) => mask.data.reduce((sum, value, i) => sum + value * (k === 0 ? 1 : empty.data[i]), 0));
    if (((2 * area) / Math.max(edge, 1)) * scale >= THINNEST) {
      break;
    }
    bold = grown(widened(bold));
  }
  return bold;
}

/** The largest value among each cell and its eight neighbours. */
function grown({ height, width, data }) {
  const across = data.map((value, i) => Math.max(value, i % width > 0 ? data[i - 1] : 0, i % width < width - 1 ? data[i + 1] : 0));
  return { height, width, data: across.map((value, i) => Math.max(value, across[i - width] ?? 0, across[i + width] ?? 0)) };
}

/** A rim of zeros around the cells. */
function widened(cells) {
  const [height, width] = [cells.height + 2, cells.width + 2];
  const data = new Float64Array(height * width);
  each(cells, (value, r, c) => {
    data[(r + 1) * width + c + 1] = value;
  });
  return { height, width, data };
}

function croppedTo(cells, least) {
  const [rows, columns] = [[], []];
  each(cells, (value, r, c) => {
    if (value > least) {
      rows.push(r);
      columns.push(c);
    }
  });
  const [top, bottom, left, right] = [lowest(rows), highest(rows), lowest(columns), highest(columns)];
  const [height, width] = [bottom - top + 1, right - left + 1];
  const data = new Float64Array(height * width);
  each({ height, width, data }, (_, r, c) => {
    data[r * width + c] = cells.data[(r + top) * cells.width + c + left];
  });
  return { height, width, data };
}

function scaled(cells, scale) {
  if (scale === 1) {
    return { ...cells, channels: 1, data: Float64Array.from(cells.data) };
  }
  const [height, width] = [cells.height, cells.width].map((size) => Math.max(1, evenRound(size * scale)));
  const single = { ...cells, channels: 1, data: Float64Array.from(cells.data, Math.fround) };
  return resampled(single, height, width, { filter: scale < 1 ? "box" : "triangle" });
}

function each({ height, width, data }, visit) {
  for (let r = 0; r < height; r += 1) {
    for (let c = 0; c < width; c += 1) {
      visit(data[r * width + c], r, c);
    }
  }
}

const lowest = (values) => values.reduce((least, value) => Math.min(least, value), Infinity);
const highest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);
const extent = (values) => highest(values) - lowest(values);
const sorted = (values) => Float64Array.from(values).sort();
const median = (values) => quantile(sorted(values), 1 / 2);

/** A quantile of numbers in order, as NumPy interpolates it. */
function quantile(inOrder, part) {
  const place = part * (inOrder.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, inOrder.length - 1);
  return inOrder[below] + (inOrder[above] - inOrder[below]) * (place - below);
}

/** Round as Python does: what lies in the middle goes to the even neighbour. */
function evenRound(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest < 1 / 2 || (rest === 1 / 2 && down % 2 === 0) ? down : down + 1;
}
