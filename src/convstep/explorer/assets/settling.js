// What follows from a change: a smaller output has fewer places, another number of channels other filters.
// One rule: what a visitor made stays wherever there is still room for it.

import { layerAxes, poolingAxes } from "./checking.js";

/**
 * Make the parts of a state fit each other after one of them changed.
 * @param {object} next the changed state
 * @param {object} before the state before, in which they fitted
 * @returns {object}
 */
export function settled(next, before) {
  return {
    ...next,
    layer: next.layer === before.layer ? next.layer : settledLayer(next.layer, before.layer),
    pooling: next.pooling === before.pooling ? next.pooling : settledPooling(next.pooling, before.pooling),
  };
}

/**
 * Cut a tensor to another shape, or fill it up with zeros; an axis can keep its middle instead of its beginning.
 * @param {ArrayLike<number>} values
 * @param {number[]} from its shape
 * @param {number[]} to the shape it gets
 * @param {number[]} [shifts] for each axis, where the old beginning lies in the new tensor
 * @returns {number[]}
 */
export function reshaped(values, from, to, shifts = to.map(() => 0)) {
  const result = new Array(to.reduce((product, length) => product * length, 1)).fill(0);
  const index = from.map(() => 0);
  for (let place = 0; place < values.length; place += 1) {
    const moved = index.map((i, axis) => i + shifts[axis]);
    if (moved.every((i, axis) => i >= 0 && i < to[axis])) {
      result[moved.reduce((flat, i, axis) => flat * to[axis] + i, 0)] = values[place];
    }
    for (let axis = from.length - 1; axis >= 0; axis -= 1) {
      index[axis] += 1;
      if (index[axis] < from[axis]) {
        break;
      }
      index[axis] = 0;
    }
  }
  return result;
}

/**
 * Give a filter another size around its middle.
 * @param {object} layer
 * @param {number} size
 * @returns {object} the layer's filters
 */
export function resizedFilters({ filters, image }, size) {
  const shift = Math.floor(size / 2) - Math.floor(filters.size / 2);
  const from = [filters.size, filters.size, image.channels, filters.count];
  const values = reshaped(filters.values, from, [size, size, image.channels, filters.count], [shift, shift, 0, 0]);
  return { ...filters, size, values };
}

function settledLayer(layer, before) {
  const { image } = layer;
  let { filters, bias } = layer;
  if (filters.values.length !== filters.size ** 2 * image.channels * filters.count) {
    const from = [before.filters.size, before.filters.size, before.image.channels, before.filters.count];
    const values = reshaped(before.filters.values, from, [filters.size, filters.size, image.channels, filters.count]);
    filters = { ...filters, values: repeated(values, filters, before.image.channels, image.channels) };
  }
  bias = bias.length === filters.count ? bias : reshaped(bias, [bias.length], [filters.count]);
  const { rows, columns } = layerAxes({ ...layer, filters });
  const shape = [rows.out, columns.out, filters.count];
  return {
    ...layer,
    filters,
    bias,
    dz: layer.dz === null ? null : fitted3(layer.dz, () => shapeOfLayer(before), shape),
    at: clamped(layer.at, shape),
    channel: Math.min(layer.channel, image.channels - 1),
  };
}

/** A new channel is looked at with the weights of the last one that there was. */
function repeated(values, { size, count }, had, channels) {
  for (let cell = 0; cell < size * size; cell += 1) {
    for (let c = had; c < channels; c += 1) {
      for (let k = 0; k < count; k += 1) {
        values[(cell * channels + c) * count + k] = values[(cell * channels + had - 1) * count + k];
      }
    }
  }
  return values;
}

function settledPooling(pooling, before) {
  const { rows, columns } = poolingAxes(pooling);
  const shape = [rows.out, columns.out, pooling.image.channels];
  return {
    ...pooling,
    da: pooling.da === null ? null : fitted3(pooling.da, () => shapeOfPooling(before), shape),
    at: clamped(pooling.at, shape),
  };
}

function fitted3(values, shapeBefore, shape) {
  const from = shapeBefore();
  const same = from.every((length, axis) => length === shape[axis]);
  return same || values.length !== from[0] * from[1] * from[2] ? values : reshaped(values, from, shape);
}

function shapeOfLayer(layer) {
  const { rows, columns } = layerAxes(layer);
  return [rows.out, columns.out, layer.filters.count];
}

function shapeOfPooling(pooling) {
  const { rows, columns } = poolingAxes(pooling);
  return [rows.out, columns.out, pooling.image.channels];
}

function clamped(at, shape) {
  return at.map((index, axis) => Math.min(Math.max(index, 0), shape[axis] - 1));
}
