// Convolution and pooling, forward and backward: the arithmetic of convstep.steps, in float64, for one image (H, W, C).
// One rule: every sum is added up in the order of convstep.steps, so that the bits are the same.

/**
 * A tensor is its shape and its numbers, row by row, the last axis fastest.
 * @typedef {{ shape: number[], data: Float64Array }} Tensor
 */

/**
 * One axis of an image and the window that slides along it.
 * @typedef {{ size: number, kernel: number, stride: number, dilation: number, before: number, after: number, padded: number,
 *   reach: number, out: number, ignored: number }} WindowAxis
 * before, after: zeros at the two ends; padded: cells with them; reach: cells from the first to the last cell of a window, both
 * counted; out: windows that fit; ignored: padded cells at the end that no window reaches.
 */

/**
 * Make a tensor, of zeros if no numbers are given.
 * @param {number[]} shape
 * @param {ArrayLike<number>} [values] as many as the shape asks for, in reading order
 * @returns {Tensor}
 */
export function makeTensor(shape, values) {
  const count = shape.reduce((product, length) => product * length, 1);
  if (values !== undefined && values.length !== count) {
    throw new RangeError(`a tensor of shape (${shape.join(", ")}) holds ${count} numbers, not ${values.length}`);
  }
  return { shape: [...shape], data: values === undefined ? new Float64Array(count) : Float64Array.from(values) };
}

/**
 * Work out one axis: the twin of `convstep.geometry.Axis`.
 * @param {number} size cells of the axis before padding
 * @param {number} kernel cells of the window
 * @param {number} stride cells from the start of one window to the start of the next
 * @param {number} dilation cells from one cell of the window to its neighbour
 * @param {"valid"|"same"|number|[number, number]} padding "same" makes out = ceil(size / stride), an odd zero goes after
 * @returns {WindowAxis}
 * @throws {RangeError} if a number is not a whole one of its range, or not even one window fits; then `reach` and `padded` hang on it
 */
export function windowAxis(size, kernel, stride = 1, dilation = 1, padding = "valid") {
  for (const [name, value] of Object.entries({ size, kernel, stride, dilation })) {
    requireWhole(name, value, 1);
  }
  const reach = (kernel - 1) * dilation + 1;
  const [before, after] = padsOf(padding, size, stride, reach);
  const padded = before + size + after;
  if (reach > padded) {
    const error = new RangeError(`a window that reaches over ${reach} cells does not fit into ${padded}`);
    throw Object.assign(error, { reach, padded });
  }
  const out = Math.floor((padded - reach) / stride) + 1;
  const ignored = padded - ((out - 1) * stride + reach);
  return { size, kernel, stride, dilation, before, after, padded, reach, out, ignored };
}

function padsOf(padding, size, stride, reach) {
  if (padding === "valid") {
    return [0, 0];
  }
  if (padding === "same") {
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  }
  const pads = Array.isArray(padding) ? padding : [padding, padding];
  pads.forEach((pad) => requireWhole("padding", pad, 0));
  return pads;
}

function requireWhole(name, value, least) {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be a whole number, ${least} or more, not ${value}`);
  }
}

/**
 * Put zeros around an image.
 * @param {Tensor} x (H, W, C)
 * @param {WindowAxis} rows
 * @param {WindowAxis} columns
 * @returns {Tensor} (rows.padded, columns.padded, C)
 */
export function zeroPad(x, rows, columns) {
  const [height, width, channels] = x.shape;
  const padded = makeTensor([rows.padded, columns.padded, channels]);
  for (let r = 0; r < height; r += 1) {
    const start = ((r + rows.before) * columns.padded + columns.before) * channels;
    padded.data.set(x.data.subarray(r * width * channels, (r + 1) * width * channels), start);
  }
  return padded;
}

/**
 * Slide every filter over an image; filters are not flipped.
 * @param {Tensor} x (H, W, C)
 * @param {Tensor} w (f, f, C, K)
 * @param {Tensor} b (K)
 * @param {{ stride?: number, padding?: "valid"|"same"|number, dilation?: number }} [options]
 * @returns {{ z: Tensor, rows: WindowAxis, columns: WindowAxis, padded: Tensor }} z is (rows.out, columns.out, K)
 */
export function convForward(x, w, b, options = {}) {
  const [rows, columns] = convAxes(x, w, b, options);
  const padded = zeroPad(x, rows, columns);
  const count = w.shape[3];
  const offsets = windowOffsets(rows, columns, x.shape[2]);
  const z = makeTensor([rows.out, columns.out, count]);
  for (let h = 0; h < rows.out; h += 1) {
    for (let v = 0; v < columns.out; v += 1) {
      const corner = cornerOf(rows, columns, x.shape[2], h, v);
      for (let k = 0; k < count; k += 1) {
        // the first product begins the sum: 0 + -0 would lose the sign
        let sum = padded.data[corner + offsets[0]] * w.data[k];
        for (let i = 1; i < offsets.length; i += 1) {
          sum += padded.data[corner + offsets[i]] * w.data[i * count + k];
        }
        z.data[(h * columns.out + v) * count + k] = sum + b.data[k];
      }
    }
  }
  return { z, rows, columns, padded };
}

/**
 * Carry the gradient of a convolution back to its image, its filters and its biases.
 * @param {Tensor} dz (h, w, K)
 * @param {Tensor} x (H, W, C)
 * @param {Tensor} w (f, f, C, K)
 * @param {Tensor} b (K)
 * @param {{ stride?: number, padding?: "valid"|"same"|number, dilation?: number }} [options]
 * @returns {{ dx: Tensor, dxPadded: Tensor, dw: Tensor, db: Tensor }} of the shapes of x, of x with its padding, of w and of b
 */
export function convBackward(dz, x, w, b, options = {}) {
  const [rows, columns] = convAxes(x, w, b, options);
  const count = w.shape[3];
  requireShape("dz", dz, [rows.out, columns.out, count]);
  const padded = zeroPad(x, rows, columns);
  const offsets = windowOffsets(rows, columns, x.shape[2]);
  const [dxPadded, dw, db] = [makeTensor(padded.shape), makeTensor(w.shape), makeTensor(b.shape)];
  for (let h = 0; h < rows.out; h += 1) {
    for (let v = 0; v < columns.out; v += 1) {
      const corner = cornerOf(rows, columns, x.shape[2], h, v);
      for (let k = 0; k < count; k += 1) {
        const received = dz.data[(h * columns.out + v) * count + k];
        for (let i = 0; i < offsets.length; i += 1) {
          dxPadded.data[corner + offsets[i]] += w.data[i * count + k] * received;
          dw.data[i * count + k] += padded.data[corner + offsets[i]] * received;
        }
        db.data[k] += received;
      }
    }
  }
  return { dx: withoutPadding(dxPadded, rows, columns), dxPadded, dw, db };
}

/**
 * Take one step of a convolution apart.
 * @param {Tensor} x (H, W, C)
 * @param {Tensor} w (f, f, C, K)
 * @param {Tensor} b (K)
 * @param {{ stride?: number, padding?: "valid"|"same"|number, dilation?: number }} options
 * @param {[number, number, number]} at row, column and filter of the output
 * @returns {{ window: Tensor, products: Tensor, sum: number, bias: number, value: number, rows: { start: number, step: number,
 *   count: number }, columns: { start: number, step: number, count: number } }} window and products are (f, f, C);
 *   rows and columns say which cells of the padded image the window has
 */
export function convStep(x, w, b, options, [h, v, k]) {
  const [rows, columns] = convAxes(x, w, b, options);
  const count = w.shape[3];
  requireInside([h, v, k], [rows.out, columns.out, count]);
  const padded = zeroPad(x, rows, columns);
  const corner = cornerOf(rows, columns, x.shape[2], h, v);
  const cells = Array.from(windowOffsets(rows, columns, x.shape[2]), (offset) => padded.data[corner + offset]);
  const products = cells.map((cell, i) => cell * w.data[i * count + k]);
  const sum = addUp(products);
  const bias = b.data[k];
  return {
    window: makeTensor(w.shape.slice(0, 3), cells),
    products: makeTensor(w.shape.slice(0, 3), products),
    sum,
    bias,
    value: sum + bias,
    rows: cellsUnder(rows, h),
    columns: cellsUnder(columns, v),
  };
}

/**
 * Keep the largest or the mean value of every window, channel by channel.
 * @param {Tensor} x (H, W, C)
 * @param {{ size: number, stride: number, mode: "max"|"average" }} options
 * @returns {{ a: Tensor, rows: WindowAxis, columns: WindowAxis }} a is (rows.out, columns.out, C)
 */
export function poolForward(x, options) {
  const [rows, columns] = poolAxes(x, options);
  const a = makeTensor([rows.out, columns.out, x.shape[2]]);
  eachPoolWindow(x, rows, columns, (cell, window) => {
    a.data[cell] = options.mode === "max" ? window[placeOfLargest(window)] : addUp(window) / window.length;
  });
  return { a, rows, columns };
}

/**
 * Carry the gradient of pooling back to its image.
 * @param {Tensor} da (h, w, C)
 * @param {Tensor} x (H, W, C)
 * @param {{ size: number, stride: number, mode: "max"|"average", rule?: "course"|"first" }} options "course" gives the whole
 *   gradient to every cell that is equal to the largest, "first" to the first of them in reading order
 * @returns {{ dx: Tensor }} of the shape of x
 */
export function poolBackward(da, x, options) {
  const [rows, columns] = poolAxes(x, options);
  requireShape("da", da, [rows.out, columns.out, x.shape[2]]);
  const dx = makeTensor(x.shape);
  eachPoolWindow(x, rows, columns, (cell, window, places) => {
    const shares = poolShares(window, da.data[cell], options);
    places.forEach((place, i) => {
      dx.data[place] += shares[i];
    });
  });
  return { dx };
}

/**
 * Mark the largest value of a window.
 * @param {Tensor} window of any shape, with at least one cell
 * @param {"course"|"first"} [rule] every cell that is equal to the largest value, or the first of them in reading order
 * @returns {Tensor} 1 where the mark is, 0 elsewhere. A NaN is the largest value and equal to nothing: "course" marks no cell then,
 *   "first" the first NaN, as convstep.ops does
 */
export function poolMask(window, rule = "course") {
  return makeTensor(window.shape, marksOf(window.data, rule));
}

/**
 * Take one step of pooling apart.
 * @param {Tensor} x (H, W, C)
 * @param {{ size: number, stride: number, mode: "max"|"average", rule?: "course"|"first" }} options
 * @param {[number, number, number]} at row, column and channel of the output
 * @returns {{ window: Tensor, mask: Tensor|null, sum: number|null, value: number, rows: { start: number, step: number,
 *   count: number }, columns: { start: number, step: number, count: number } }} window and mask are (f, f);
 *   mask is null for an average, sum is null for a maximum
 */
export function poolStep(x, options, [h, v, c]) {
  const [rows, columns] = poolAxes(x, options);
  requireInside([h, v, c], [rows.out, columns.out, x.shape[2]]);
  const corner = cornerOf(rows, columns, x.shape[2], h, v) + c;
  const cells = Array.from(windowOffsets(rows, columns, x.shape[2], 1), (offset) => x.data[corner + offset]);
  const window = makeTensor([rows.kernel, columns.kernel], cells);
  const isMax = options.mode === "max";
  const sum = isMax ? null : addUp(cells);
  return {
    window,
    mask: isMax ? poolMask(window, options.rule) : null,
    sum,
    value: isMax ? cells[placeOfLargest(cells)] : sum / cells.length,
    rows: cellsUnder(rows, h),
    columns: cellsUnder(columns, v),
  };
}

function poolShares(window, received, { mode, rule }) {
  if (mode === "average") {
    return Array.from(window, () => received / window.length);
  }
  const marks = marksOf(window, rule ?? "course");
  // the course multiplies the mask with the gradient, so that 0 times infinity is NaN; the other rule moves one number
  return rule === "first" ? marks.map((mark) => (mark ? received : 0)) : marks.map((mark) => mark * received);
}

function marksOf(window, rule) {
  const place = placeOfLargest(window);
  return Array.from(window, (value, i) => ((rule === "first" ? i === place : value === window[place]) ? 1 : 0));
}

/** Where the largest value is: the first of equal ones (0 and -0 are); a NaN counts as the largest. */
function placeOfLargest(values) {
  let place = 0;
  for (let i = 1; i < values.length && !Number.isNaN(values[place]); i += 1) {
    if (values[i] > values[place] || Number.isNaN(values[i])) {
      place = i;
    }
  }
  return place;
}

/** The values added up one after another, beginning with the first. */
function addUp(values) {
  let sum = values[0];
  for (let i = 1; i < values.length; i += 1) {
    sum += values[i];
  }
  return sum;
}

/** Call visit(cell of the output, values of the window, their places in x) for every output in reading order. */
function eachPoolWindow(x, rows, columns, visit) {
  const channels = x.shape[2];
  const offsets = windowOffsets(rows, columns, channels, 1);
  const [window, places] = [new Float64Array(offsets.length), new Int32Array(offsets.length)];
  for (let h = 0; h < rows.out; h += 1) {
    for (let v = 0; v < columns.out; v += 1) {
      for (let c = 0; c < channels; c += 1) {
        const corner = cornerOf(rows, columns, channels, h, v) + c;
        for (let i = 0; i < offsets.length; i += 1) {
          places[i] = corner + offsets[i];
          window[i] = x.data[places[i]];
        }
        visit((h * columns.out + v) * channels + c, window, places);
      }
    }
  }
}

/** Where the cells of a window lie, counted from its corner in the padded image: row by row, channel by channel. */
function windowOffsets(rows, columns, channels, depth = channels) {
  const offsets = new Int32Array(rows.kernel * columns.kernel * depth);
  let place = 0;
  for (let i = 0; i < rows.kernel; i += 1) {
    for (let j = 0; j < columns.kernel; j += 1) {
      for (let c = 0; c < depth; c += 1) {
        offsets[place] = (i * rows.dilation * columns.padded + j * columns.dilation) * channels + c;
        place += 1;
      }
    }
  }
  return offsets;
}

function cornerOf(rows, columns, channels, h, v) {
  return (h * rows.stride * columns.padded + v * columns.stride) * channels;
}

function cellsUnder(axis, place) {
  return { start: place * axis.stride, step: axis.dilation, count: axis.kernel };
}

function convAxes(x, w, b, { stride = 1, padding = "valid", dilation = 1 } = {}) {
  requireShape("w", w, [w.shape[0], w.shape[1], x.shape[2], w.shape[3]]);
  requireShape("b", b, [w.shape[3]]);
  return [0, 1].map((axis) => windowAxis(x.shape[axis], w.shape[axis], stride, dilation, padding));
}

function poolAxes(x, { size, stride }) {
  return [0, 1].map((axis) => windowAxis(x.shape[axis], size, stride, 1, "valid"));
}

function withoutPadding(padded, rows, columns) {
  const channels = padded.shape[2];
  const inner = makeTensor([rows.size, columns.size, channels]);
  for (let r = 0; r < rows.size; r += 1) {
    const start = ((r + rows.before) * columns.padded + columns.before) * channels;
    inner.data.set(padded.data.subarray(start, start + columns.size * channels), r * columns.size * channels);
  }
  return inner;
}

function requireShape(name, tensor, expected) {
  const given = tensor.shape;
  if (given.length !== expected.length || given.some((length, axis) => length !== expected[axis])) {
    throw new RangeError(`${name} has the shape (${given.join(", ")}) but (${expected.join(", ")}) is needed`);
  }
}

function requireInside(at, shape) {
  if (at.some((place, axis) => !(Number.isInteger(place) && place >= 0 && place < shape[axis]))) {
    throw new RangeError(`there is no cell (${at.join(", ")}) in an output of shape (${shape.join(", ")})`);
  }
}
