// Where an entry of a right result comes from: the entries of the arguments that it depends on.
// One rule: geometry and dependencies are those of the other views; here images are only taken out of their batch and put back.

import { makeTensor, windowAxis } from "./arithmetic.js";
import { convDependencies, poolDependencies } from "./dependencies.js";

/**
 * Say which entries of which arguments an entry of a right result depends on.
 * @param {string} name of the function
 * @param {object} given the arguments by name, arrays as the page carries them
 * @param {string} result which of the results
 * @param {number[]} at which entry of it
 * @returns {Object<string, number[][]>} of each argument the places of entries; rows and columns before 0 or behind the end are padding
 */
export function originsOf(name, given, result, at) {
  return (ORIGINS[name] ?? (() => ({})))(given, at, result);
}

/**
 * The zeros that a call puts around its images.
 * @param {string} name of the function
 * @param {object} given
 * @returns {number}
 */
export function padOf(name, given) {
  return name === "conv_forward" || name === "conv_backward" ? given.hparameters.pad : 0;
}

const ORIGINS = {
  zero_pad: ({ X, pad }, [i, r, s, c]) => ({ X: [[i, r - pad, s - pad, c]] }),
  conv_single_step: ({ W }) => ({ a_slice_prev: everyPlace(W.shape), W: everyPlace(W.shape), b: [[0, 0, 0]] }),
  conv_forward: (given, [i, ...at]) => convOrigins(given, i, "z", at),
  conv_backward: convGradientOrigins,
  pool_forward: ({ A_prev, hparameters, mode = "max" }, [i, ...at]) => {
    const { image } = poolDependencies(poolLab(A_prev, hparameters, mode, i), "a", at).dependsOn;
    return { A_prev: image.map((place) => [i, ...place]) };
  },
  pool_backward: ({ dA, A_prev, hparameters, mode = "max" }, [i, ...at]) => {
    const { da, image = [] } = poolDependencies(poolLab(A_prev, hparameters, mode, i, dA), "dx", at).dependsOn;
    return { dA: da.map((place) => [i, ...place]), A_prev: image.map((place) => [i, ...place]) };
  },
  create_mask_from_window: ({ x }) => ({ x: everyPlace(x.shape) }),
};

function convGradientOrigins(given, at, result) {
  if (result === "dA_prev") {
    const [i, ...place] = at;
    return convOrigins(given, i, "dx", place);
  }
  const images = Array.from({ length: given.A_prev.shape[0] }, (_, i) => i);
  const parts = images.map((i) => convOrigins(given, i, result === "dW" ? "dw" : "db", result === "dW" ? at : [at[3]]));
  return { dZ: parts.flatMap(({ dZ }) => dZ), A_prev: parts.flatMap(({ A_prev }) => A_prev) };
}

function convOrigins({ A_prev, W, b, dZ, hparameters: { stride, pad } }, i, tensor, at) {
  const axes = [1, 2].map((axis) => windowAxis(A_prev.shape[axis], W.shape[0], stride, 1, pad));
  const z = [axes[0].out, axes[1].out, W.shape[3]];
  const lab = {
    x: imageOf(A_prev, i),
    w: makeTensor(W.shape, W.data),
    b: makeTensor([W.shape[3]], b.data),
    dz: dZ === undefined ? makeTensor(z) : imageOf(dZ, i),
    options: { stride, padding: pad },
  };
  const { padded = [], filters = [], bias = [], dz = [] } = convDependencies(lab, tensor, at).dependsOn;
  return {
    A_prev: padded.map(([r, s, c]) => [i, r - pad, s - pad, c]),
    W: filters,
    b: bias.map(([k]) => [0, 0, 0, k]),
    dZ: dz.map((place) => [i, ...place]),
  };
}

function poolLab(A_prev, { f, stride }, mode, i, dA) {
  const x = imageOf(A_prev, i);
  const axes = [0, 1].map((axis) => windowAxis(x.shape[axis], f, stride));
  const da = dA === undefined ? makeTensor([axes[0].out, axes[1].out, x.shape[2]]) : imageOf(dA, i);
  return { x, da, options: { size: f, stride, mode, rule: "course" } };
}

/** One image of a batch, or its gradient, as the other views have it. */
function imageOf({ shape: [, ...shape], data }, i) {
  const size = shape.reduce((product, length) => product * length, 1);
  return makeTensor(shape, data.slice(i * size, (i + 1) * size));
}

function everyPlace(shape) {
  return shape.reduce((places, length) => places.flatMap((place) => Array.from({ length }, (_, i) => [...place, i])), [[]]);
}
