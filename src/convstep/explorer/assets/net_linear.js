// The linear operations of a network: convolution, its transpose, and dense layers, each with its way back to the input.
// One rule: an operation is a shape and two functions, forward(inputs) and backward(dy, inputs, output); neither changes what it is given.

import { windowAxis } from "./arithmetic.js";

/** Where a cell of the padding is: nowhere in the image. */
const OUTSIDE = -1;

/**
 * One operation of a network, on one image without a batch.
 * @typedef {{ shape: number[], work: number, forward: (inputs: Float64Array[]) => Float64Array,
 *   backward: (dy: Float64Array, inputs: Float64Array[], output: Float64Array) => Float64Array[], squashes?: boolean }} Operation
 * shape: of the output; work: about how many multiplications it takes; squashes: whether it turns scores into probabilities.
 */

/**
 * Slide filters over an image.
 * @param {number[]} shape (H, W, C) of the image
 * @param {Tensor} kernel (rows, columns, C / groups, K)
 * @param {Tensor|null} bias (K)
 * @param {{ rows: WindowAxis, columns: WindowAxis, groups: number }} window
 * @returns {Operation}
 */
export function convolutionOperation(shape, kernel, bias, { rows, columns, groups }) {
  const filters = kernel.shape[3];
  const geometry = { rows, columns, channels: shape[2], filters, groups };
  return {
    shape: [rows.out, columns.out, filters],
    work: rows.out * columns.out * kernel.data.length,
    forward: ([x]) => {
      const z = repeatedBias(bias, rows.out * columns.out, filters);
      slideFilters(x, kernel.data, geometry, z);
      return z;
    },
    backward: (dz) => {
      const dx = new Float64Array(rows.size * columns.size * shape[2]);
      spreadFilters(dz, kernel.data, geometry, dx);
      return [dx];
    },
  };
}

/**
 * Spread every pixel over a window: the way back of a convolution, used forwards.
 * @param {number[]} shape (H, W, C) of the image
 * @param {Tensor} kernel (rows, columns, K, C)
 * @param {Tensor|null} bias (K)
 * @param {{ rows: WindowAxis, columns: WindowAxis }} window of the convolution whose output has the shape of the image
 * @returns {Operation}
 */
export function transposedOperation(shape, kernel, bias, { rows, columns }) {
  const filters = kernel.shape[2];
  const geometry = { rows, columns, channels: filters, filters: shape[2], groups: 1 };
  return {
    shape: [rows.size, columns.size, filters],
    work: rows.out * columns.out * kernel.data.length,
    forward: ([x]) => {
      const z = repeatedBias(bias, rows.size * columns.size, filters);
      spreadFilters(x, kernel.data, geometry, z);
      return z;
    },
    backward: (dz) => {
      const dx = new Float64Array(rows.out * columns.out * shape[2]);
      slideFilters(dz, kernel.data, geometry, dx);
      return [dx];
    },
  };
}

/**
 * The axis of the convolution that a transposed one undoes: the twin of `convstep.geometry.Axis.transposed`.
 * @param {number} out cells of the image
 * @param {number} kernel
 * @param {{ stride: number, dilation: number, padding: "valid"|"same"|[number, number], extra: number|null }} options
 * @returns {WindowAxis} its `size` is the output of the transposed convolution
 */
export function transposedAxis(out, kernel, { stride, dilation, padding, extra }) {
  const reach = (kernel - 1) * dilation + 1;
  const smallest = (out - 1) * stride + reach;
  if (padding === "same") {
    const size = extra === null ? out * stride : (out - 1) * stride + (reach % 2) + extra;
    const total = Math.max(smallest - size, 0);
    return windowAxis(size, kernel, stride, dilation, [Math.floor(total / 2), total - Math.floor(total / 2)]);
  }
  if (padding === "valid") {
    return windowAxis(smallest + (extra === null ? Math.max(stride - reach, 0) : extra), kernel, stride, dilation, [0, 0]);
  }
  return windowAxis(smallest - padding[0] - padding[1] + (extra ?? 0), kernel, stride, dilation, padding);
}

/**
 * Multiply the last axis with a matrix.
 * @param {number[]} shape (..., inputs)
 * @param {Tensor} kernel (inputs, units)
 * @param {Tensor|null} bias (units)
 * @returns {Operation}
 */
export function denseOperation(shape, kernel, bias) {
  const [inputs, units] = kernel.shape;
  const pixels = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const window = { rows: windowAxis(1, 1), columns: windowAxis(pixels, 1), groups: 1 };
  const spread = { shape: [1, 1, inputs, units], data: kernel.data };
  return { ...convolutionOperation([1, pixels, inputs], spread, bias, window), shape: [...shape.slice(0, -1), units] };
}

function repeatedBias(bias, pixels, filters) {
  const z = new Float64Array(pixels * filters);
  for (let place = 0; bias !== null && place < z.length; place += filters) {
    z.set(bias.data, place);
  }
  return z;
}

/** Add to every output its window times the filters: z[h,v,k] += sum over i,j,c of x[r,s,c] * w[i,j,c,k]. */
function slideFilters(x, w, geometry, z) {
  const { filters, groups } = geometry;
  eachWindow(geometry, (window, place, group, out) => {
    for (let n = 0; n < window.length; n += 1) {
      window[n] = place[n] === OUTSIDE ? 0 : x[place[n]];
    }
    rowTimesMatrix(window, w, { filters, first: group * (filters / groups), count: filters / groups }, z, out);
  });
}

/** Add to every window its output times the filters: dx[r,s,c] += sum over k of dz[h,v,k] * w[i,j,c,k]. */
function spreadFilters(dz, w, geometry, dx) {
  const { filters, groups } = geometry;
  eachWindow(geometry, (window, place, group, out) => {
    matrixTimesRow(dz, w, { filters, first: group * (filters / groups), count: filters / groups }, window, out);
    for (let n = 0; n < window.length; n += 1) {
      if (place[n] !== OUTSIDE) {
        dx[place[n]] += window[n];
      }
    }
  });
}

/**
 * Call visit(window, place, group, out) for every window and group: `window` is room for as many numbers as one has in the channels of the
 * group, `place` says where each is in the image, `out` where the numbers of the group begin in the output.
 */
function eachWindow({ rows, columns, channels, filters, groups }, visit) {
  const depth = channels / groups;
  const window = new Float64Array(rows.kernel * columns.kernel * depth);
  const place = new Int32Array(window.length);
  for (let h = 0; h < rows.out; h += 1) {
    for (let v = 0; v < columns.out; v += 1) {
      for (let group = 0; group < groups; group += 1) {
        placeWindow(place, rows, columns, h, v, depth, channels, group * depth);
        visit(window, place, group, ((h * columns.out + v) * groups + group) * (filters / groups));
      }
    }
  }
}

/** Where the numbers of window (h, v) are in the image: `depth` channels of each cell, beginning with `first`. */
function placeWindow(place, rows, columns, h, v, depth, channels, first) {
  let n = 0;
  for (let i = 0; i < rows.kernel; i += 1) {
    const r = h * rows.stride + i * rows.dilation - rows.before;
    for (let j = 0; j < columns.kernel; j += 1) {
      const s = v * columns.stride + j * columns.dilation - columns.before;
      const inside = r >= 0 && r < rows.size && s >= 0 && s < columns.size;
      const cell = (r * columns.size + s) * channels + first;
      for (let c = 0; c < depth; c += 1) {
        place[n] = inside ? cell + c : OUTSIDE;
        n += 1;
      }
    }
  }
}

/** z[out + k] += sum over n of row[n] * w[n, first + k]: four sums at a time, which stay in registers. */
function rowTimesMatrix(row, w, { filters, first, count }, z, out) {
  let k = 0;
  for (; k + 4 <= count; k += 4) {
    let [a, b, c, d, weight] = [0, 0, 0, 0, first + k];
    for (let n = 0; n < row.length; n += 1) {
      const value = row[n];
      a += value * w[weight];
      b += value * w[weight + 1];
      c += value * w[weight + 2];
      d += value * w[weight + 3];
      weight += filters;
    }
    z[out + k] += a;
    z[out + k + 1] += b;
    z[out + k + 2] += c;
    z[out + k + 3] += d;
  }
  for (; k < count; k += 1) {
    let sum = 0;
    for (let n = 0; n < row.length; n += 1) {
      sum += row[n] * w[n * filters + first + k];
    }
    z[out + k] += sum;
  }
}

/** row[n] = sum over k of dz[out + k] * w[n, first + k]: four sums at a time. */
function matrixTimesRow(dz, w, { filters, first, count }, row, out) {
  let n = 0;
  for (; n + 4 <= row.length; n += 4) {
    let [a, b, c, d] = [0, 0, 0, 0];
    const weight = n * filters + first;
    for (let k = 0; k < count; k += 1) {
      const value = dz[out + k];
      a += value * w[weight + k];
      b += value * w[weight + filters + k];
      c += value * w[weight + 2 * filters + k];
      d += value * w[weight + 3 * filters + k];
    }
    row[n] = a;
    row[n + 1] = b;
    row[n + 2] = c;
    row[n + 3] = d;
  }
  for (; n < row.length; n += 1) {
    let sum = 0;
    for (let k = 0; k < count; k += 1) {
      sum += dz[out + k] * w[n * filters + first + k];
    }
    row[n] = sum;
  }
}
