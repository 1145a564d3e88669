// What a state may be. It can come from a link, a file or a notebook: from a stranger.
// One rule: it is refused whole, with one sentence that says why, or it is a state that every view can show.

import { windowAxis } from "./arithmetic.js";
import { FIRST_STATE } from "./opening.js";

/** The largest numbers that a state may hold. */
export const LIMITS = { side: 64, channels: 8, filters: 8, kernel: 11, stride: 8, padding: 16, dilation: 8, pool: 16, value: 1e12 };
export const VIEWS = ["layer", "pooling", "network", "mistakes"];

/** A reason why a state is refused: a key of the words, and what to put into them. */
export class StateProblem extends Error {
  constructor(key, values = {}) {
    super(`${key} ${JSON.stringify(values)}`);
    this.key = `problem.${key}`;
    this.values = values;
  }
}

/**
 * Check a state and return it complete: what it leaves out is as in the opening state, what nobody knows is left out.
 * @param {*} value
 * @returns {object}
 * @throws {StateProblem}
 */
export function checkedState(value) {
  const given = recordOf(value, "state");
  if (given.version !== 1) {
    throw new StateProblem("version", { given: briefly(given.version) });
  }
  return {
    version: 1,
    view: choiceOf(given.view ?? "layer", VIEWS, "view"),
    layer: checkedLayer(given.layer ?? FIRST_STATE.layer),
    pooling: checkedPooling(given.pooling ?? FIRST_STATE.pooling),
    network: checkedNetwork(given.network ?? FIRST_STATE.network),
    mistakes: checkedMistakes(given.mistakes ?? FIRST_STATE.mistakes),
  };
}

/**
 * Work out the axes of a layer, or say that its window does not fit.
 * @param {object} layer
 * @returns {{ rows: object, columns: object }} as `windowAxis` has them
 */
export function layerAxes({ image, filters, stride, padding, dilation }) {
  return axesOf(image, filters.size, stride, dilation, padding);
}

/**
 * Work out the axes of a pooling layer.
 * @param {object} pooling
 * @returns {{ rows: object, columns: object }}
 */
export function poolingAxes({ image, size, stride }) {
  return axesOf(image, size, stride, 1, "valid");
}

/**
 * Check an image.
 * @param {*} value
 * @param {string} name where it stands in the state
 * @returns {{ height: number, width: number, channels: number, values: number[] }}
 */
export function checkedImage(value, name) {
  const image = recordOf(value, name);
  const height = wholeOf(image.height, 1, LIMITS.side, `${name}.height`);
  const width = wholeOf(image.width, 1, LIMITS.side, `${name}.width`);
  const channels = wholeOf(image.channels, 1, LIMITS.channels, `${name}.channels`);
  return { height, width, channels, values: numbersOf(image.values, height * width * channels, `${name}.values`) };
}

function checkedLayer(value) {
  const given = { ...withoutData(FIRST_STATE.layer), ...recordOf(value, "layer") };
  const image = checkedImage(given.image, "layer.image");
  const filters = checkedFilters(given.filters, image.channels);
  const layer = {
    image,
    filters,
    bias: numbersOf(given.bias, filters.count, "layer.bias"),
    stride: wholeOf(given.stride, 1, LIMITS.stride, "layer.stride"),
    padding: ["valid", "same"].includes(given.padding) ? given.padding : wholeOf(given.padding, 0, LIMITS.padding, "layer.padding"),
    dilation: wholeOf(given.dilation, 1, LIMITS.dilation, "layer.dilation"),
  };
  const { rows, columns } = layerAxes(layer);
  const shape = [rows.out, columns.out, filters.count];
  return {
    ...layer,
    dz: given.dz === null ? null : numbersOf(given.dz, rows.out * columns.out * filters.count, "layer.dz"),
    at: placeOf(given.at, shape, "layer.at"),
    direction: choiceOf(given.direction, ["forward", "backward"], "layer.direction"),
    channel: wholeOf(given.channel, 0, image.channels - 1, "layer.channel"),
    sums: choiceOf(given.sums, ["running", "final"], "layer.sums"),
  };
}

function checkedFilters(value, channels) {
  const filters = recordOf(value, "layer.filters");
  const size = wholeOf(filters.size, 1, LIMITS.kernel, "layer.filters.size");
  const count = wholeOf(filters.count, 1, LIMITS.filters, "layer.filters.count");
  return { size, count, values: numbersOf(filters.values, size * size * channels * count, "layer.filters.values") };
}

function checkedPooling(value) {
  const given = { ...withoutData(FIRST_STATE.pooling), ...recordOf(value, "pooling") };
  const pooling = {
    image: checkedImage(given.image, "pooling.image"),
    size: wholeOf(given.size, 1, LIMITS.pool, "pooling.size"),
    stride: wholeOf(given.stride, 1, LIMITS.stride, "pooling.stride"),
    mode: choiceOf(given.mode, ["max", "average"], "pooling.mode"),
    rule: choiceOf(given.rule, ["course", "first"], "pooling.rule"),
  };
  const { rows, columns } = poolingAxes(pooling);
  const { channels } = pooling.image;
  return {
    ...pooling,
    da: given.da === null ? null : numbersOf(given.da, rows.out * columns.out * channels, "pooling.da"),
    at: placeOf(given.at, [rows.out, columns.out, channels], "pooling.at"),
    direction: choiceOf(given.direction, ["forward", "backward"], "pooling.direction"),
    sums: choiceOf(given.sums, ["running", "final"], "pooling.sums"),
  };
}

function checkedNetwork(value) {
  const given = recordOf(value, "network");
  return {
    of: (given.of ?? null) === null ? null : checkedOrigin(given.of),
    image: (given.image ?? null) === null ? null : checkedImage(given.image, "network.image"),
    layer: (given.layer ?? null) === null ? null : textOf(given.layer, "network.layer"),
    class: (given.class ?? null) === null ? null : wholeOf(given.class, 0, 1e6, "network.class"),
    map: wholeOf(given.map ?? 0, 0, 1e6, "network.map"),
    at: (given.at ?? null) === null ? null : placeOf(given.at, [LIMITS.side ** 2, LIMITS.side ** 2], "network.at"),
  };
}

/** Which network: what its file is called, and the SHA-256 of that file. */
function checkedOrigin(value) {
  const { name, digest } = recordOf(value, "network.of");
  if (typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest)) {
    throw new StateProblem("digest", { name: "network.of.digest", given: briefly(digest) });
  }
  return { name: textOf(name, "network.of.name"), digest };
}

function checkedMistakes(value) {
  const given = recordOf(value, "mistakes");
  return { id: (given.id ?? null) === null ? null : textOf(given.id, "mistakes.id") };
}

function axesOf({ height, width }, kernel, stride, dilation, padding) {
  try {
    const [rows, columns] = [height, width].map((size) => windowAxis(size, kernel, stride, dilation, padding));
    return { rows, columns };
  } catch (error) {
    throw error.reach === undefined ? error : new StateProblem("window", { reach: error.reach, padded: error.padded });
  }
}

/** What the first state has besides its numbers: a state that leaves a choice out gets it from here. */
function withoutData({ image, filters, bias, ...choices }) {
  return { ...choices, dz: null, da: null, at: null };
}

function recordOf(value, name) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new StateProblem("record", { name, given: briefly(value) });
  }
  return value;
}

function wholeOf(value, least, most, name) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new StateProblem("whole", { name, least, most, given: briefly(value) });
  }
  return value;
}

function choiceOf(value, known, name) {
  if (!known.includes(value)) {
    throw new StateProblem("choice", { name, known: known.join(", "), given: briefly(value) });
  }
  return value;
}

function textOf(value, where) {
  if (typeof value !== "string" || value.length > 200) {
    throw new StateProblem("text", { name: where, given: briefly(value) });
  }
  return value;
}

function numbersOf(values, count, name) {
  if (!Array.isArray(values) && !(values instanceof Float64Array)) {
    throw new StateProblem("list", { name, count, given: briefly(values) });
  }
  if (values.length !== count) {
    throw new StateProblem("count", { name, count, given: values.length });
  }
  let signed = false;
  for (const value of values) {
    if (typeof value !== "number" || !(Math.abs(value) <= LIMITS.value)) {
      throw new StateProblem("number", { name, given: briefly(value) });
    }
    signed ||= Object.is(value, -0);
  }
  return signed ? Array.from(values, (value) => value + 0) : values; // JSON has one zero
}

/** A place that a smaller output no longer has is its last cell; anything else that is no place is refused. */
function placeOf(value, shape, name) {
  if (value === null || value === undefined) {
    return shape.map(() => 0);
  }
  if (!Array.isArray(value) || value.length !== shape.length) {
    throw new StateProblem("place", { name, given: briefly(value) });
  }
  return value.map((index, axis) => wholeOf(index, 0, shape[axis] - 1, name));
}

function briefly(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
