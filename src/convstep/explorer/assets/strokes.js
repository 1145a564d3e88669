// What was drawn with a pen, as an image.
// One rule: only the drawing counts, not its size or its place: it is fitted and centred as MNIST's digits are (see photograph.js).

import { centred } from "./photograph.js";

const PEN_POINTS = 4; // points of a cell along each side
const [DRAWN_SIDE, DRAWN_BOX, DRAWN_PEN] = [28, 20, 2.2]; // of MNIST's images: cells, cells of the digit's longer side, cells that a pen is wide
const LEAST = 0.2; // of the pad: what is smaller than that stays small, such as a dot

/**
 * Turn strokes into cells.
 * @param {number[][]} strokes each [x, y, x, y, ...] in parts of the pad, from 0 to 1
 * @param {{ height: number, width: number }} size
 * @returns {{ height: number, width: number, channels: 1, data: Float64Array }} from 0 to 255, ink is bright
 */
export function drawnImage(strokes, { height, width }) {
  const points = strokes.flat();
  if (points.length === 0) {
    return { height, width, channels: 1, data: new Float64Array(height * width) };
  }
  const side = Math.min(height, width);
  const pen = Math.max((DRAWN_PEN * side) / DRAWN_SIDE, Math.min(1, side));
  const [left, right, top, bottom] = bounds(points);
  const scale = ((DRAWN_BOX * side) / DRAWN_SIDE - pen) / Math.max(right - left, bottom - top, LEAST);
  const cells = blank(Math.ceil((bottom - top) * scale + pen), Math.ceil((right - left) * scale + pen), height, width);
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i += 2) {
      const [from, to] = [Math.max(i - 2, 0), i].map((k) => [(stroke[k] - left) * scale + pen / 2, (stroke[k + 1] - top) * scale + pen / 2]);
      drawLine(cells, from, to, pen / 2);
    }
  }
  return centred({ ...cells, data: averaged(cells) }, height, width, (value) => Math.round(value * 255));
}

function bounds(points) {
  const result = [Infinity, -Infinity, Infinity, -Infinity];
  points.forEach((value, i) => {
    const k = (i % 2) * 2;
    result[k] = Math.min(result[k], value);
    result[k + 1] = Math.max(result[k + 1], value);
  });
  return result;
}

function blank(rows, columns, mostRows, mostColumns) {
  const [height, width] = [Math.min(Math.max(rows, 1), mostRows), Math.min(Math.max(columns, 1), mostColumns)];
  return { height, width, fine: new Uint8Array(height * width * PEN_POINTS * PEN_POINTS) };
}

/** Mark the points that lie within a radius of a line. */
function drawLine({ height, width, fine }, [x0, y0], [x1, y1], radius) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy || 1;
  const point = (place, size) => Math.min(Math.max(Math.round(place * PEN_POINTS), 0), size * PEN_POINTS);
  const range = (a, b, size) => [point(Math.min(a, b) - radius, size), point(Math.max(a, b) + radius, size)];
  const [rows, columns] = [range(y0, y1, height), range(x0, x1, width)];
  for (let r = rows[0]; r < rows[1]; r += 1) {
    for (let c = columns[0]; c < columns[1]; c += 1) {
      const [x, y] = [(c + 0.5) / PEN_POINTS - x0, (r + 0.5) / PEN_POINTS - y0];
      const along = Math.min(1, Math.max(0, (x * dx + y * dy) / length));
      if ((x - along * dx) ** 2 + (y - along * dy) ** 2 <= radius * radius) {
        fine[r * width * PEN_POINTS + c] = 1;
      }
    }
  }
}

function averaged({ height, width, fine }) {
  const data = new Float64Array(height * width);
  fine.forEach((value, i) => {
    const [r, c] = [Math.floor(i / (width * PEN_POINTS)), i % (width * PEN_POINTS)];
    data[Math.floor(r / PEN_POINTS) * width + Math.floor(c / PEN_POINTS)] += value / (PEN_POINTS * PEN_POINTS);
  });
  return data;
}
