// The operations of a network that keep one number of many: of each window, or of the whole image.
// One rule: cells of the padding never count, and ties go as in convstep.layers: the first maximum of a window, shares of a whole image.

/**
 * Keep the largest number of each window.
 * @param {number[]} shape (H, W, C)
 * @param {{ rows: WindowAxis, columns: WindowAxis }} window
 * @returns {Operation}
 */
export function maxPoolOperation(shape, window) {
  const offsets = windowCells(shape, window);
  return {
    ...pooledSize(shape, window),
    forward: ([x]) => {
      const y = new Float64Array(window.rows.out * window.columns.out * shape[2]);
      offsets.forEach((cells, out) => {
        for (let c = 0; c < shape[2]; c += 1) {
          y[out * shape[2] + c] = x[firstLargest(x, cells, c)];
        }
      });
      return y;
    },
    backward: (dy, [x]) => {
      const dx = new Float64Array(x.length);
      offsets.forEach((cells, out) => {
        for (let c = 0; c < shape[2]; c += 1) {
          dx[firstLargest(x, cells, c)] += dy[out * shape[2] + c];
        }
      });
      return [dx];
    },
  };
}

/**
 * Keep the mean of each window.
 * @param {number[]} shape (H, W, C)
 * @param {{ rows: WindowAxis, columns: WindowAxis }} window
 * @returns {Operation}
 */
export function averagePoolOperation(shape, window) {
  const offsets = windowCells(shape, window);
  return {
    ...pooledSize(shape, window),
    forward: ([x]) => {
      const y = new Float64Array(window.rows.out * window.columns.out * shape[2]);
      offsets.forEach((cells, out) => {
        for (let c = 0; c < shape[2]; c += 1) {
          let sum = 0;
          for (let i = 0; i < cells.length; i += 1) {
            sum += x[cells[i] + c];
          }
          y[out * shape[2] + c] = sum / cells.length;
        }
      });
      return y;
    },
    backward: (dy, [x]) => {
      const dx = new Float64Array(x.length);
      offsets.forEach((cells, out) => {
        for (let c = 0; c < shape[2]; c += 1) {
          const share = dy[out * shape[2] + c] / cells.length;
          for (let i = 0; i < cells.length; i += 1) {
            dx[cells[i] + c] += share;
          }
        }
      });
      return [dx];
    },
  };
}

/**
 * Keep the mean of each channel.
 * @param {number[]} shape (H, W, C)
 * @param {number[]} kept the shape of the output: (C) or (1, 1, C)
 * @returns {Operation}
 */
export function globalAverageOperation(shape, kept) {
  const [pixels, channels] = [shape[0] * shape[1], shape[2]];
  return {
    shape: kept,
    work: pixels * channels,
    forward: ([x]) => {
      const y = new Float64Array(channels);
      x.forEach((value, place) => {
        y[place % channels] += value;
      });
      return y.map((sum) => sum / pixels);
    },
    backward: (dy, [x]) => [x.map((_, place) => dy[place % channels] / pixels)],
  };
}

/**
 * Keep the largest number of each channel; equal ones share its gradient.
 * @param {number[]} shape (H, W, C)
 * @param {number[]} kept the shape of the output: (C) or (1, 1, C)
 * @returns {Operation}
 */
export function globalMaxOperation(shape, kept) {
  const channels = shape[2];
  return {
    shape: kept,
    work: shape[0] * shape[1] * channels,
    forward: ([x]) => {
      const y = x.slice(0, channels);
      x.forEach((value, place) => {
        y[place % channels] = Math.max(y[place % channels], value);
      });
      return y;
    },
    backward: (dy, [x], y) => {
      const equals = new Float64Array(channels);
      x.forEach((value, place) => {
        equals[place % channels] += value === y[place % channels] ? 1 : 0;
      });
      return [x.map((value, place) => (value === y[place % channels] ? dy[place % channels] / equals[place % channels] : 0))];
    },
  };
}

function pooledSize(shape, { rows, columns }) {
  const [work, other] = [rows, columns].map((axis) => axis.out * Math.min(axis.kernel, axis.size));
  return { shape: [rows.out, columns.out, shape[2]], work: work * other * shape[2] };
}

/** For every output, where the cells of its window begin in the image: those of the image alone, in reading order; no dilation. */
function windowCells(shape, { rows, columns }) {
  const [inRows, inColumns] = [rows, columns].map(cellsOfWindows);
  return inRows.flatMap((ofRows) =>
    inColumns.map((ofColumns) => Int32Array.from(ofRows.flatMap((r) => ofColumns.map((s) => (r * columns.size + s) * shape[2])))),
  );
}

function cellsOfWindows(axis) {
  return Array.from({ length: axis.out }, (_, out) => {
    const start = out * axis.stride - axis.before;
    const end = Math.min(start + axis.reach, axis.size);
    return Array.from({ length: end - Math.max(start, 0) }, (__, i) => Math.max(start, 0) + i);
  });
}

/** The place of the first largest number of a window in one channel; a NaN is larger than any number. */
function firstLargest(x, cells, c) {
  let best = cells[0] + c;
  for (let i = 1; i < cells.length && !Number.isNaN(x[best]); i += 1) {
    const value = x[cells[i] + c];
    if (value > x[best] || Number.isNaN(value)) {
      best = cells[i] + c;
    }
  }
  return best;
}
