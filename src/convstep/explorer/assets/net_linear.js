// The linear operations of a network: convolution, its transpose, and dense layers, each with its way back to the input.
// One rule: an operation is a shape and two functions, forward(inputs) and backward(dy, inputs, output); neither changes what it is given.

import { windowAxis } from "./arithmetic.js";

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

/** Add to every output the cells of its window times a filter: z[h,v,k] += sum over i,j,c of x[r,s,c] * w[i,j,c,k]. */
function slideFilters(x, w, geometry, z) {
  const { channels, filters, groups } = geometry;
  const [depth, width] = [channels / groups, filters / groups];
  eachMeeting(geometry, (cell, tap, out) => {
    for (let group = 0; group < groups; group += 1) {
      const [from, to] = [cell * channels + group * depth, out * filters + group * width];
      let weight = tap * depth * filters + group * width;
      for (let c = 0; c < depth; c += 1) {
        const value = x[from + c];
        for (let k = 0; k < width; k += 1) {
          z[to + k] += value * w[weight + k];
        }
        weight += filters;
      }
    }
  });
}

/** Add to every cell the outputs that it was part of, times the weight that it met: dx[r,s,c] += sum over k of dz[h,v,k] * w[i,j,c,k]. */
function spreadFilters(dz, w, geometry, dx) {
  const { channels, filters, groups } = geometry;
  const [depth, width] = [channels / groups, filters / groups];
  eachMeeting(geometry, (cell, tap, out) => {
    for (let group = 0; group < groups; group += 1) {
      const [from, to] = [out * filters + group * width, cell * channels + group * depth];
      let weight = tap * depth * filters + group * width;
      for (let c = 0; c < depth; c += 1) {
        let sum = 0;
        for (let k = 0; k < width; k += 1) {
          sum += dz[from + k] * w[weight + k];
        }
        dx[to + c] += sum;
        weight += filters;
      }
    }
  });
}

/** Call visit(cell of the image, cell of the window, output) for every two that meet; padding meets nobody. */
function eachMeeting({ rows, columns }, visit) {
  for (let h = 0; h < rows.out; h += 1) {
    for (let v = 0; v < columns.out; v += 1) {
      for (let i = 0; i < rows.kernel; i += 1) {
        const r = h * rows.stride + i * rows.dilation - rows.before;
        for (let j = 0; j < columns.kernel && r >= 0 && r < rows.size; j += 1) {
          const s = v * columns.stride + j * columns.dilation - columns.before;
          if (s >= 0 && s < columns.size) {
            visit(r * columns.size + s, i * columns.kernel + j, h * columns.out + v);
          }
        }
      }
    }
  }
}
