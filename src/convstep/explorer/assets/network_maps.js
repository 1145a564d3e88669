// Feature maps on canvases: a pixel a cell, and the style sheet makes it large.
// One rule: all maps of one tensor share one scale, so that a pale map is a weak one.

import { cellColour } from "./colours.js";
import { plainNumber } from "./numbers.js";

const SHADES = 255; // on each side of zero
const WIDEST = 64; // numbers of a vector in one line
const palettes = new Map();

/**
 * How many maps a tensor has, or how many filters: a vector is one.
 * @param {number[]} shape without the batch
 * @returns {number}
 */
export function mapCount(shape) {
  return shape.length >= 3 ? shape.at(-1) : 1;
}

/**
 * One map of a tensor, as a matrix. A long vector is folded into lines.
 * @param {{ shape: number[], data: Float64Array }} tensor (height, width, channels), or (numbers,)
 * @param {number} k
 * @returns {{ rows: number, columns: number, at: (r: number, c: number) => number, index: (r: number, c: number) => number[] }} at: NaN
 *   behind the end of a vector; index: the entry's place in the tensor
 */
export function mapOf({ shape, data }, k) {
  if (shape.length === 3) {
    const [rows, columns, channels] = shape;
    return { rows, columns, at: (r, c) => data[(r * columns + c) * channels + k], index: (r, c) => [r, c, k] };
  }
  const columns = lineLength(data.length);
  return { rows: Math.ceil(data.length / columns), columns, at: (r, c) => data[r * columns + c] ?? NaN, index: (r, c) => [r * columns + c] };
}

/**
 * One filter as a matrix: what it does with each map above, beside each other, with a gap between them.
 * @param {{ shape: number[], data: Float64Array }} kernel (rows, columns, maps above, filters)
 * @param {number} k
 * @returns {{ rows: number, columns: number, at: (r: number, c: number) => number }} at: NaN in the gaps
 */
export function filterOf({ shape: [rows, columns, above, filters], data }, k) {
  const across = Math.ceil(Math.sqrt(above));
  const down = Math.ceil(above / across);
  const at = (r, c) => {
    const [plane, row, column] = [Math.floor(r / (rows + 1)) * across + Math.floor(c / (columns + 1)), r % (rows + 1), c % (columns + 1)];
    return plane < above && row < rows && column < columns ? data[((row * columns + column) * above + plane) * filters + k] : NaN;
  };
  return { rows: down * (rows + 1) - 1, columns: across * (columns + 1) - 1, at };
}

/**
 * Paint a map.
 * @param {HTMLCanvasElement} canvas
 * @param {{ rows: number, columns: number, at: Function }} map
 * @param {{ limit: number, dark: boolean }} scale limit: the size of the strongest colour
 */
export function paintMap(canvas, { rows, columns, at }, { limit, dark }) {
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const palette = paletteOf(dark);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  const cells = new Uint32Array(pixels.data.buffer);
  for (let r = 0, cell = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1, cell += 1) {
      const value = at(r, c);
      cells[cell] = Number.isNaN(value) ? 0 : palette[Math.round(Math.min(1, Math.max(-1, value / limit)) * SHADES) + SHADES];
    }
  }
  context.putImageData(pixels, 0, 0);
}

/**
 * Say in words what a map shows.
 * @param {{ rows: number, columns: number, at: Function }} map
 * @param {{ words: object, name: string }} parts
 * @returns {string}
 */
export function mapInWords({ rows, columns, at }, { words, name }) {
  let [least, most, place] = [Infinity, -Infinity, [0, 0]];
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      const value = at(r, c);
      least = value < least ? value : least;
      if (value > most) {
        [most, place] = [value, [r, c]];
      }
    }
  }
  const key = most > least ? "net.map.says" : "net.map.flat";
  return words.t(key, { name, least: plainNumber(least), most: plainNumber(most), row: place[0], column: place[1] });
}

/** The length of the lines in which a vector is shown: one line, or as near to a square as divides it. */
function lineLength(count) {
  if (count <= 16) {
    return count;
  }
  for (let length = Math.ceil(Math.sqrt(count)); length <= Math.min(count, WIDEST); length += 1) {
    if (count % length === 0) {
      return length;
    }
  }
  return Math.min(count, WIDEST);
}

/** Colours for sizes from -1 to 1, as the four bytes of a pixel. */
function paletteOf(dark) {
  if (!palettes.has(dark)) {
    const colours = new Uint8Array((2 * SHADES + 1) * 4).fill(255);
    for (let i = 0; i <= 2 * SHADES; i += 1) {
      const { fill } = cellColour(i - SHADES, { kind: "signed", limit: SHADES, dark });
      colours.set(fill.match(/\d+/g).map(Number), i * 4);
    }
    palettes.set(dark, new Uint32Array(colours.buffer));
  }
  return palettes.get(dark);
}
