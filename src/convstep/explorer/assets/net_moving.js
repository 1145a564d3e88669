// The operations of a network that move numbers, and those that put several inputs together.
// One rule: a move is a list that says for each number of the output where it comes from; its way back adds up along the same list.

/** Where padding comes from: nowhere, it is 0. */
const NOWHERE = -1;

/**
 * Hand the input on, in another shape perhaps.
 * @param {number[]} shape
 * @returns {Operation}
 */
export function identityOperation(shape) {
  return { shape, work: 0, forward: ([x]) => x, backward: (dy) => [dy] };
}

/**
 * Move an image's rows and columns: pad, cut, enlarge.
 * @param {number[]} shape (H, W, C)
 * @param {number[]} rows for each row of the output the one that it comes from, or one that is not there for zeros
 * @param {number[]} columns likewise
 * @returns {Operation}
 */
export function pixelsOperation([height, width, channels], rows, columns) {
  const sources = new Int32Array(rows.length * columns.length * channels);
  let place = 0;
  for (const r of rows) {
    for (const s of columns) {
      const inside = r >= 0 && r < height && s >= 0 && s < width;
      for (let c = 0; c < channels; c += 1) {
        sources[place] = inside ? (r * width + s) * channels + c : NOWHERE;
        place += 1;
      }
    }
  }
  return moveOperation([rows.length, columns.length, channels], sources);
}

/**
 * Put the axes into another order.
 * @param {number[]} shape
 * @param {number[]} order for each axis of the output, the axis of the input
 * @returns {Operation}
 */
export function permuteOperation(shape, order) {
  const steps = stepsOf(shape);
  return moveOperation(order.map((axis) => shape[axis]), placesAlong(order.map((axis) => shape[axis]), order.map((axis) => steps[axis])));
}

/**
 * Put lines between the centres of pixels: UpSampling2D with "bilinear".
 * @param {number[]} shape (H, W, C)
 * @param {number[]} factors of the rows, of the columns
 * @returns {Operation}
 */
export function bilinearOperation([height, width, channels], factors) {
  const [rows, columns] = [height, width].map((size, axis) => linesBetween(size, factors[axis]));
  const each = (visit) =>
    rows.forEach((ofRows, h) =>
      columns.forEach((ofColumns, v) => {
        for (const [r, along] of ofRows) {
          for (const [s, across] of ofColumns) {
            visit((h * columns.length + v) * channels, (r * width + s) * channels, along * across);
          }
        }
      }),
    );
  return {
    shape: [rows.length, columns.length, channels],
    work: 4 * rows.length * columns.length * channels,
    forward: ([x]) => {
      const y = new Float64Array(rows.length * columns.length * channels);
      each((out, cell, weight) => addWeighted(y, out, x, cell, weight, channels));
      return y;
    },
    backward: (dy, [x]) => {
      const dx = new Float64Array(x.length);
      each((out, cell, weight) => addWeighted(dx, cell, dy, out, weight, channels));
      return [dx];
    },
  };
}

function addWeighted(into, place, from, start, weight, channels) {
  for (let c = 0; c < channels; c += 1) {
    into[place + c] += weight * from[start + c];
  }
}

/** For each new cell, the old cells between whose centres its own lies, and their weights. */
function linesBetween(size, factor) {
  return Array.from({ length: size * factor }, (_, i) => {
    const centre = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), size - 1);
    const first = Math.floor(centre);
    return first === centre ? [[first, 1]] : [[first, 1 - (centre - first)], [first + 1, centre - first]];
  });
}

/**
 * Put inputs one after the other.
 * @param {number[][]} shapes of the inputs
 * @param {number} axis along which
 * @returns {Operation}
 */
export function concatenateOperation(shapes, axis) {
  const shape = shapes[0].map((size, i) => (i === axis ? shapes.reduce((sum, other) => sum + other[i], 0) : size));
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const [blocks, whole] = [shape.slice(0, axis).reduce((product, size) => product * size, 1), shape[axis] * inner];
  const parts = shapes.map((other) => other[axis] * inner);
  const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + part, 0));
  return {
    shape,
    work: blocks * whole,
    forward: (inputs) => {
      const y = new Float64Array(blocks * whole);
      inputs.forEach((x, i) => {
        for (let block = 0; block < blocks; block += 1) {
          y.set(x.subarray(block * parts[i], (block + 1) * parts[i]), block * whole + starts[i]);
        }
      });
      return y;
    },
    backward: (dy, inputs) =>
      inputs.map((x, i) => {
        const dx = new Float64Array(x.length);
        for (let block = 0; block < blocks; block += 1) {
          const start = block * whole + starts[i];
          dx.set(dy.subarray(start, start + parts[i]), block * parts[i]);
        }
        return dx;
      }),
  };
}

/**
 * Combine inputs number by number; those of other shapes are repeated along axes of length 1, or that are missing in front.
 * @param {number[]} shape of the output: `commonShape(shapes)`
 * @param {number[][]} shapes of the inputs
 * @param {{ combine: (values: Float64Array) => number, spread: (values: Float64Array, slopes: Float64Array) => void }} merging
 *   `values` has one number of each input; `spread` writes the slope of the result by each of them into `slopes`
 * @returns {Operation}
 */
export function mergeOperation(shape, shapes, { combine, spread }) {
  const count = shape.reduce((product, size) => product * size, 1);
  const sources = shapes.map((other) => repeatedPlaces(shape, other));
  const values = new Float64Array(shapes.length);
  const read = (inputs, place) => {
    for (let i = 0; i < values.length; i += 1) {
      values[i] = inputs[i][sources[i][place]];
    }
    return values;
  };
  return {
    shape,
    work: count * shapes.length,
    forward: (inputs) => {
      const y = new Float64Array(count);
      for (let place = 0; place < count; place += 1) {
        y[place] = combine(read(inputs, place));
      }
      return y;
    },
    backward: (dy, inputs) => {
      const slopes = new Float64Array(shapes.length);
      const gradients = inputs.map((x) => new Float64Array(x.length));
      for (let place = 0; place < count; place += 1) {
        spread(read(inputs, place), slopes);
        for (let i = 0; i < slopes.length; i += 1) {
          gradients[i][sources[i][place]] += dy[place] * slopes[i];
        }
      }
      return gradients;
    },
  };
}

/**
 * The shape that inputs have together.
 * @param {number[][]} shapes
 * @returns {number[]|null} null if they do not fit together
 */
export function commonShape(shapes) {
  const most = Math.max(...shapes.map((shape) => shape.length));
  const aligned = shapes.map((shape) => [...Array(most - shape.length).fill(1), ...shape]);
  const common = aligned[0].map((_, axis) => aligned.map((shape) => shape[axis]).find((size) => size !== 1) ?? 1);
  return aligned.every((shape) => shape.every((size, axis) => size === 1 || size === common[axis])) ? common : null;
}

/**
 * Say where each number of an array comes from if a smaller one is repeated to its shape.
 * @param {number[]} shape
 * @param {number[]} small with as many axes or fewer, of the same lengths or 1
 * @returns {Int32Array} places in the smaller one
 */
export function repeatedPlaces(shape, small) {
  const aligned = [...Array(shape.length - small.length).fill(1), ...small];
  const steps = stepsOf(aligned);
  return placesAlong(shape, aligned.map((size, axis) => (size === 1 ? 0 : steps[axis])));
}

/** Where an array of this shape, read in order, finds its numbers, if each axis takes steps of these sizes. */
function placesAlong(shape, steps) {
  let places = Int32Array.of(0);
  shape.forEach((size, axis) => {
    const longer = new Int32Array(places.length * size);
    for (let place = 0; place < longer.length; place += 1) {
      longer[place] = places[Math.floor(place / size)] + (place % size) * steps[axis];
    }
    places = longer;
  });
  return places;
}

function stepsOf(shape) {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}

function moveOperation(shape, sources) {
  return {
    shape,
    work: sources.length,
    forward: ([x]) => {
      const y = new Float64Array(sources.length);
      for (let place = 0; place < sources.length; place += 1) {
        y[place] = sources[place] === NOWHERE ? 0 : x[sources[place]];
      }
      return y;
    },
    backward: (dy, [x]) => {
      const dx = new Float64Array(x.length);
      for (let place = 0; place < sources.length; place += 1) {
        if (sources[place] !== NOWHERE) {
          dx[sources[place]] += dy[place];
        }
      }
      return [dx];
    },
  };
}
