// Images scaled: what each new cell is made of, along rows and then along columns.
// One rule: it does what pillow does, with which the Python side reads images, so that both see the same numbers.

const FILTERS = {
  box: { support: 0.5, weigh: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  triangle: { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) },
};

/**
 * Scale an image. Where it becomes smaller, each new cell is the average of all that it covers.
 * @param {{ height: number, width: number, channels: number, data: ArrayLike<number> }} image
 * @param {number} height
 * @param {number} width
 * @param {{ filter?: "box"|"triangle", keep?: (value: number) => number }} [options] keep: how a number is kept between and after the
 *   two passes; `bytes` for whole numbers from 0 to 255, by default as float32
 * @returns {{ height: number, width: number, channels: number, data: Float64Array }}
 */
export function resampled(image, height, width, { filter = "triangle", keep = Math.fround } = {}) {
  const { channels } = image;
  let { data } = image;
  if (width !== image.width) {
    data = alongColumns(data, image.height, image.width, width, channels, FILTERS[filter], keep);
  }
  if (height !== image.height) {
    data = alongColumns(data, 1, image.height, height, channels * width, FILTERS[filter], keep);
  }
  return { height, width, channels, data: Float64Array.from(data) };
}

/**
 * Keep a number as a byte.
 * @param {number} value
 * @returns {number} from 0 to 255
 */
export function bytes(value) {
  return Math.min(255, Math.max(0, Math.round(value)));
}

/**
 * Make an image grey, with the weights that ITU-R 601 gives the colours.
 * @param {{ height: number, width: number, channels: number, data: ArrayLike<number> }} image of bytes, with three channels
 * @returns {{ height: number, width: number, channels: number, data: Float64Array }}
 */
export function greyed({ height, width, channels, data }) {
  const grey = new Float64Array(height * width);
  for (let cell = 0; cell < grey.length; cell += 1) {
    const [r, g, b] = [0, 1, 2].map((c) => data[cell * channels + c]);
    grey[cell] = Math.floor((r * 19595 + g * 38470 + b * 7471 + 32768) / 65536);
  }
  return { height, width, channels: 1, data: grey };
}

/**
 * Give an image so many channels: their average, or each of them the same.
 * @param {{ height: number, width: number, channels: number, data: ArrayLike<number> }} image
 * @param {number} channels
 * @returns {{ height: number, width: number, channels: number, data: ArrayLike<number> }}
 */
export function withDepth(image, channels) {
  if (image.channels === channels) {
    return image;
  }
  const cells = new Float64Array(image.height * image.width * channels);
  for (let cell = 0; cell < image.height * image.width; cell += 1) {
    let sum = 0;
    for (let k = 0; k < image.channels; k += 1) {
      sum += image.data[cell * image.channels + k];
    }
    cells.fill(sum / image.channels, cell * channels, (cell + 1) * channels);
  }
  return { ...image, channels, data: cells };
}

/** Scale the middle axis of (lines, from, inner) numbers. */
function alongColumns(data, lines, from, to, inner, filter, keep) {
  const result = new Float64Array(lines * to * inner);
  for (let column = 0; column < to; column += 1) {
    const { first, weights } = share(column, from, to, filter);
    for (let line = 0; line < lines; line += 1) {
      const start = (line * from + first) * inner;
      for (let k = 0; k < inner; k += 1) {
        let sum = 0;
        for (let i = 0; i < weights.length; i += 1) {
          sum += data[start + i * inner + k] * weights[i];
        }
        result[(line * to + column) * inner + k] = keep(sum);
      }
    }
  }
  return result;
}

/** Which old cells a new one is made of, and how much of each. */
function share(column, from, to, { support, weigh }) {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const centre = (column + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5));
  const end = Math.min(from, Math.trunc(centre + support * stretch + 0.5));
  const weights = Array.from({ length: end - first }, (_, i) => weigh((i + first - centre + 0.5) / stretch));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { first, weights: weights.map((weight) => weight / (total || 1)) };
}
