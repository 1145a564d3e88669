// Filters to begin with.
// One rule: numbers that can be checked in the head.

const THREE_BY_THREE = {
  vertical: [1, 0, -1, 1, 0, -1, 1, 0, -1],
  horizontal: [1, 1, 1, 0, 0, 0, -1, -1, -1],
  sobel: [1, 0, -1, 2, 0, -2, 1, 0, -1],
  outline: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
};

/** The names of the presets, in the order in which they are offered. */
export const KERNELS = ["vertical", "horizontal", "sobel", "outline", "blur", "sharpen", "identity", "random"];

/**
 * One channel of a filter.
 * @param {string} name one of KERNELS
 * @param {number} size
 * @param {() => number} [random] from 0 to 1
 * @returns {number[]} size x size; a known 3 x 3 filter lies in the middle of a larger one, and a smaller one is cut from its middle
 */
export function kernelOf(name, size, random = Math.random) {
  const cells = Array.from({ length: size * size }, (_, i) => [Math.floor(i / size), i % size]);
  if (name === "blur") {
    return cells.map(() => 1 / (size * size));
  }
  if (name === "random") {
    return cells.map(() => Math.round(random() * 20 - 10) / 10 + 0);
  }
  const middle = Math.floor(size / 2);
  if (name === "identity") {
    return cells.map(([r, c]) => (r === middle && c === middle ? 1 : 0));
  }
  const known = THREE_BY_THREE[name];
  return cells.map(([r, c]) => {
    const [row, column] = [r - middle + 1, c - middle + 1];
    return row >= 0 && row < 3 && column >= 0 && column < 3 ? known[row * 3 + column] : 0;
  });
}

/**
 * The filters of a layer with one filter replaced by a preset, in each of its channels.
 * @param {{ filters: object, image: object }} layer
 * @param {string} name
 * @param {number} k which filter
 * @returns {object}
 */
export function withKernel({ filters, image }, name, k) {
  const { size, count } = filters;
  const values = [...filters.values];
  for (let c = 0; c < image.channels; c += 1) {
    kernelOf(name, size).forEach((value, cell) => {
      values[(cell * image.channels + c) * count + k] = value;
    });
  }
  return { ...filters, values };
}
