// The operations of a network that change every number by itself, or a group of numbers along some axes.
// One rule: exp of something positive never happens, so nothing overflows on the way; slopes at corners are those of convstep.

import { repeatedPlaces } from "./net_moving.js";

/**
 * A function of one number, and its slope there; made from the options that it was saved with.
 * @typedef {{ value: (x: number) => number, slope: (x: number) => number }} Curve
 */

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;
const GELU_CUBE = 0.044715;

const logistic = (x) => (x >= 0 ? 1 : Math.exp(-Math.abs(x))) / (1 + Math.exp(-Math.abs(x)));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const hardShare = (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1);
const bell = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** The curves by their names in convstep and Keras. Those with options take them as one object. */
const CURVES = {
  relu: ({ negative_slope: leak = 0, max_value: most = null, threshold = 0 }) => ({
    value: (x) => {
      const y = threshold === 0 && leak === 0 ? Math.max(x, 0) : x > threshold ? x : leak && leak * (x - threshold);
      return most === null ? y : Math.min(y, most);
    },
    slope: (x) => (most !== null && x > most ? 0 : x > threshold ? 1 : leak),
  }),
  relu6: () => ({ value: (x) => Math.min(Math.max(x, 0), 6), slope: (x) => (x > 0 && x < 6 ? 1 : 0) }),
  leaky_relu: ({ negative_slope: leak = 0.2 }) => ({ value: (x) => (x > 0 ? x : leak * x), slope: (x) => (x > 0 ? 1 : leak) }),
  elu: ({ alpha = 1 }) => ({
    value: (x) => (x > 0 ? x : alpha * Math.expm1(x)),
    slope: (x) => (x > 0 ? 1 : alpha * Math.exp(x)),
  }),
  celu: ({ alpha = 1 }) => ({
    value: (x) => (x > 0 ? x : alpha * Math.expm1(x / alpha)),
    slope: (x) => Math.exp(Math.min(x, 0) / alpha),
  }),
  selu: () => ({
    value: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    slope: (x) => SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * Math.exp(x)),
  }),
  gelu: ({ approximate = false }) =>
    approximate
      ? { value: (x) => x * tanhShare(x).share, slope: (x) => tanhShare(x).share + clipped(x) * tanhShare(x).slope }
      : { value: (x) => (x * erfc(-x * Math.SQRT1_2)) / 2, slope: (x) => erfc(-x * Math.SQRT1_2) / 2 + x * bell(x) },
  silu: () => ({ value: (x) => x * logistic(x), slope: (x) => logistic(x) * (1 + x * logistic(-x)) }),
  mish: () => ({
    value: (x) => x * Math.tanh(softplus(x)),
    slope: (x) => Math.tanh(softplus(x)) + x * (1 - Math.tanh(softplus(x)) ** 2) * logistic(x),
  }),
  sigmoid: () => ({ value: logistic, slope: (x) => logistic(x) * logistic(-x) }),
  hard_sigmoid: () => ({ value: hardShare, slope: (x) => (Math.abs(x) < 3 ? 1 / 6 : 0) }),
  hard_silu: () => ({ value: (x) => x * hardShare(x), slope: (x) => (Math.abs(x) < 3 ? x / 3 + 0.5 : x > 0 ? 1 : 0) }),
  tanh: () => ({ value: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2 }),
  softplus: () => ({ value: softplus, slope: logistic }),
  softsign: () => ({ value: (x) => x / (1 + Math.abs(x)), slope: (x) => 1 / (1 + Math.abs(x)) ** 2 }),
  exponential: () => ({ value: Math.exp, slope: Math.exp }),
};
const CURVE_ALIASES = { swish: "silu", hard_swish: "hard_silu" };

/**
 * Apply an activation.
 * @param {number[]} shape
 * @param {string} given its name
 * @param {object} options that it was saved with
 * @returns {Operation|null|undefined} null for "linear", which does nothing; undefined if there is none of that name
 */
export function activationOperation(shape, given, options = {}) {
  const name = CURVE_ALIASES[given] ?? given;
  if (name === "linear") {
    return null;
  }
  if (name === "softmax" || name === "log_softmax") {
    return softmaxOperation(shape, options.axis ?? -1, name === "log_softmax");
  }
  return Object.hasOwn(CURVES, name) ? curveOperation(shape, CURVES[name](options), name === "sigmoid") : undefined;
}

function curveOperation(shape, { value, slope }, squashes) {
  return {
    shape,
    work: 10 * shape.reduce((product, size) => product * size, 1),
    squashes,
    forward: ([x]) => x.map((number) => value(number)),
    backward: (dy, [x]) => [x.map((number, place) => dy[place] * slope(number))],
  };
}

/**
 * Multiply with a scale and add an offset: Rescaling, and BatchNormalization in inference.
 * @param {number[]} shape
 * @param {ArrayLike<number>} scale one number, or one for each entry of the axis
 * @param {ArrayLike<number>} offset likewise
 * @param {number} axis
 * @returns {Operation}
 */
export function scaleOperation(shape, scale, offset, axis = shape.length - 1) {
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const along = (values) => (place) => values[values.length === 1 ? 0 : Math.floor(place / inner) % shape[axis]];
  const [factor, summand] = [along(scale), along(offset)];
  return {
    shape,
    work: shape.reduce((product, size) => product * size, 1),
    forward: ([x]) => x.map((value, place) => value * factor(place) + summand(place)),
    backward: (dy) => [dy.map((value, place) => value * factor(place))],
  };
}

/**
 * PReLU: alpha * x below 0.
 * @param {number[]} shape
 * @param {Tensor} alpha of as many axes, of the same lengths or 1
 * @returns {Operation}
 */
export function preluOperation(shape, alpha) {
  const places = repeatedPlaces(shape, alpha.shape);
  return {
    shape,
    work: places.length,
    forward: ([x]) => x.map((value, place) => (value > 0 ? value : alpha.data[places[place]] * value)),
    backward: (dy, [x]) => [dy.map((value, place) => (x[place] > 0 ? value : alpha.data[places[place]] * value))],
  };
}

/**
 * LayerNormalization: mean 0 and variance 1 over some axes.
 * @param {number[]} shape
 * @param {number[]} axes counted without the batch
 * @param {{ epsilon: number, gamma: Tensor|null, beta: Tensor|null }} options gamma and beta have the lengths of the axes
 * @returns {Operation}
 */
export function normalizeOperation(shape, axes, { epsilon, gamma, beta }) {
  const { groups, size, groupOf } = groupsOver(shape, axes);
  const within = repeatedPlaces(shape, shape.map((length, axis) => (axes.includes(axis) ? length : 1)));
  const sums = (value) => sumsOf(groupOf, groups, value);
  const statistics = (x) => {
    const mean = sums((place) => x[place]).map((sum) => sum / size);
    const variance = sums((place) => (x[place] - mean[groupOf[place]]) ** 2).map((sum) => sum / size);
    const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon));
    return { inverse, normal: (place) => (x[place] - mean[groupOf[place]]) * inverse[groupOf[place]] };
  };
  const scaled = (value, place) => (gamma === null ? value : value * gamma.data[within[place]]);
  return {
    shape,
    work: 8 * groupOf.length,
    forward: ([x]) => {
      const { normal } = statistics(x);
      return x.map((_, place) => scaled(normal(place), place) + (beta === null ? 0 : beta.data[within[place]]));
    },
    backward: (dy, [x]) => {
      const { inverse, normal } = statistics(x);
      const given = dy.map(scaled);
      const mean = sums((place) => given[place]).map((sum) => sum / size);
      const lean = sums((place) => given[place] * normal(place)).map((sum) => sum / size);
      return [given.map((value, place) => inverse[groupOf[place]] * (value - mean[groupOf[place]] - normal(place) * lean[groupOf[place]]))];
    },
  };
}

/** Shares that add up to 1 over some axes, counted with the batch or from the end; or their logarithms. */
function softmaxOperation(shape, axis, isLogarithm) {
  const axes = [axis].flat().map((number) => (number < 0 ? number + shape.length : number - 1));
  if (axes.some((number) => !(Number.isInteger(number) && number >= 0 && number < shape.length))) {
    return undefined;
  }
  const { groups, groupOf } = groupsOver(shape, axes);
  const shares = (x) => {
    const largest = new Float64Array(groups).fill(-Infinity);
    x.forEach((value, place) => {
      largest[groupOf[place]] = Math.max(largest[groupOf[place]], value);
    });
    const powers = x.map((value, place) => Math.exp(value - largest[groupOf[place]]));
    const totals = sumsOf(groupOf, groups, (place) => powers[place]);
    return { largest, totals, share: powers.map((power, place) => power / totals[groupOf[place]]) };
  };
  const forward = ([x]) => {
    const { largest, totals, share } = shares(x);
    return isLogarithm ? x.map((value, place) => value - largest[groupOf[place]] - Math.log(totals[groupOf[place]])) : share;
  };
  const backward = (dy, [x]) => {
    const { share } = shares(x);
    const sums = sumsOf(groupOf, groups, (place) => (isLogarithm ? dy[place] : dy[place] * share[place]));
    const lean = (place) => share[place] * sums[groupOf[place]];
    return [dy.map((value, place) => (isLogarithm ? value : share[place] * value) - lean(place))];
  };
  return { shape, work: 20 * groupOf.length, squashes: true, forward, backward };
}

/** Which numbers belong together if some axes are summed over. */
function groupsOver(shape, axes) {
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const groupOf = repeatedPlaces(shape, kept);
  const groups = kept.reduce((product, size) => product * size, 1);
  return { groups, size: groupOf.length / groups, groupOf };
}

function sumsOf(groupOf, groups, value) {
  const sums = new Float64Array(groups);
  for (let place = 0; place < groupOf.length; place += 1) {
    sums[groupOf[place]] += value(place);
  }
  return sums;
}

function clipped(x) {
  return Math.min(Math.max(x, -20), 20); // tanh is exactly 1 from there on
}

/** The share of a normal distribution below x, taken from a tanh, and its slope. */
function tanhShare(x) {
  const width = Math.sqrt(2 / Math.PI);
  const near = clipped(x);
  const bend = Math.tanh(width * (near + GELU_CUBE * near ** 3));
  return { share: (1 + bend) / 2, slope: ((1 - bend ** 2) / 2) * width * (1 + 3 * GELU_CUBE * near ** 2) };
}

/**
 * 1 minus the error function: a series near 0, a continued fraction further out (Abramowitz and Stegun 1964, 7.1.6 and 7.1.14).
 * @param {number} x
 * @returns {number}
 */
export function erfc(x) {
  if (x < 0) {
    return 2 - erfc(-x);
  }
  if (x < 2) {
    let [term, sum] = [x, x];
    for (let n = 1; n < 60; n += 1) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = x;
  for (let n = 120; n > 0; n -= 1) {
    fraction = x + n / 2 / fraction;
  }
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}
