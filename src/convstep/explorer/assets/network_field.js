// What one number of a layer sees: its receptive field in the image; and the part of a layer that fits into the view "one layer".
// One rule: where the way back to the image is not known, the answer is the whole image, never too little of it.

import { windowAxis } from "./arithmetic.js";
import { LIMITS } from "./checking.js";

const SLIDING = {
  Conv2D: "kernel_size",
  DepthwiseConv2D: "kernel_size",
  SeparableConv2D: "kernel_size",
  MaxPooling2D: "pool_size",
  AveragePooling2D: "pool_size",
};
const ONE_BY_ONE = new Set([
  ...["ReLU", "LeakyReLU", "PReLU", "ELU", "Activation", "Rescaling", "Dropout", "BatchNormalization"],
  ...["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"],
]); // no softmax, which may run over rows and columns

/**
 * Find the rectangle of the image that one entry of a layer depends on.
 * @param {object[]} layers of a session
 * @param {string} name
 * @param {number[]} index of the entry
 * @returns {{ r: number, c: number, rows: number, columns: number }} no rows and no columns if it sees padding alone
 */
export function receptiveField(layers, name, index) {
  const known = new Map(layers.map((layer) => [layer.name, layer]));
  const { kind, inputs } = known.get(name);
  if (kind === "Flatten" && known.get(inputs[0]).shape.length === 3) {
    const [, across, deep] = known.get(inputs[0]).shape;
    return receptiveField(layers, inputs[0], [Math.floor(index[0] / deep / across), Math.floor(index[0] / deep) % across, index[0] % deep]);
  }
  const [height, width] = layers[0].shape;
  const spans = known.get(name).shape.length === 3 ? [0, 1].map((axis) => [index[axis], index[axis]]) : null;
  const [[top, bottom], [left, right]] = spansIn(known, name, spans) ?? [[0, height - 1], [0, width - 1]];
  const isSeen = top <= bottom && left <= right;
  return isSeen ? { r: top, c: left, rows: bottom - top + 1, columns: right - left + 1 } : { r: 0, c: 0, rows: 0, columns: 0 };
}

/** From rows and columns of a layer's output to those of the image; null is all of it. */
function spansIn(known, name, spans) {
  const layer = known.get(name);
  if (spans === null || layer.inputs.length === 0) {
    return spans;
  }
  const before = layer.inputs.map((input) => spansIn(known, input, withinLayer(spansBefore(layer, known.get(input), spans), known.get(input))));
  const reach = (axis) => [Math.min(...before.map((part) => part[axis][0])), Math.max(...before.map((part) => part[axis][1]))];
  return before.includes(null) ? null : [reach(0), reach(1)];
}

/** Without what is padding; nothing at all is a span from infinity to minus infinity, which no union feels. */
function withinLayer(spans, { shape }) {
  if (spans === null || shape.length !== 3) {
    return null;
  }
  const clipped = spans.map(([low, high], axis) => [Math.max(low, 0), Math.min(high, shape[axis] - 1)]);
  return clipped.every(([low, high]) => low <= high) ? clipped : clipped.map(() => [Infinity, -Infinity]);
}

/** What of its input a layer needs for some rows and columns of its output. */
function spansBefore({ kind, config }, input, spans) {
  if (ONE_BY_ONE.has(kind) && !String(config.activation).includes("softmax")) {
    return spans;
  }
  if (input.shape.length === 3 && kind in SLIDING) {
    return spans.map(([low, high], axis) => {
      const { kernel, stride, dilation, before } = slidingAxis(kind, config, input.shape, axis);
      return [low * stride - before, high * stride - before + (kernel - 1) * dilation];
    });
  }
  if (kind === "ZeroPadding2D" || kind === "Cropping2D") {
    const sides = config[kind === "ZeroPadding2D" ? "padding" : "cropping"];
    const sign = kind === "ZeroPadding2D" ? -1 : 1;
    return spans.map((span, axis) => span.map((place) => place + sign * sides[axis][0]));
  }
  return null;
}

function slidingAxis(kind, config, shape, axis) {
  const kernel = config[SLIDING[kind]][axis];
  const [stride, dilation] = [config.strides?.[axis] ?? kernel, config.dilation_rate?.[axis] ?? 1];
  return windowAxis(shape[axis], kernel, stride, dilation, config.padding ?? "valid");
}

/**
 * Cut the part out of a layer that the views "one layer" and "pooling" can show.
 * @param {{ layer: object, input: { shape: number[], data: Float64Array }, map: number, at: number[], gradient: object|undefined }} parts
 *   input: what the layer reads; gradient: by its output
 * @returns {{ view: "layer"|"pooling", state: object, channels: number[] }|null} channels: which of the input's maps are in it; null if
 *   there is no such part
 */
export function handedOver({ layer, input, map, at, gradient }) {
  const { kind, config } = layer;
  if (!["Conv2D", "MaxPooling2D", "AveragePooling2D"].includes(kind) || (config.groups ?? 1) !== 1 || input.shape.length !== 3) {
    return null;
  }
  const axes = [0, 1].map((axis) => slidingAxis(kind, config, input.shape, axis));
  const [rows, columns] = axes;
  const alike = ["kernel", "stride", "dilation"].every((key) => rows[key] === columns[key]);
  if (!alike || Math.max(input.shape[0], input.shape[1]) > LIMITS.side || rows.stride > LIMITS.stride) {
    return null;
  }
  return kind === "Conv2D" ? convolutionPart({ layer, input, map, at, gradient, rows }) : poolingPart({ layer, input, map, at, gradient, rows });
}

function convolutionPart({ layer: { config, weights, shape }, input, map, at, gradient, rows }) {
  const [size, all, filters] = [rows.kernel, input.shape[2], shape[2]];
  if (size > LIMITS.kernel || rows.dilation > LIMITS.dilation) {
    return null;
  }
  const channels = Array.from({ length: Math.min(all, LIMITS.channels) }, (_, k) => k);
  const values = [];
  for (let cell = 0; cell < size * size; cell += 1) {
    channels.forEach((c) => values.push(weights.kernel.data[(cell * all + c) * filters + map]));
  }
  const state = {
    image: partOfImage(input, channels),
    filters: { size, count: 1, values },
    bias: [weights.bias?.data[map] ?? 0],
    stride: rows.stride,
    padding: config.padding,
    dilation: rows.dilation,
    dz: mapValues(gradient, map),
    at: [at[0], at[1], 0],
    direction: "forward",
    channel: 0,
  };
  return { view: "layer", state, channels };
}

function poolingPart({ layer: { kind, config }, input, map, at, gradient, rows }) {
  if (config.padding !== "valid" || rows.kernel > LIMITS.pool) {
    return null;
  }
  const state = {
    image: partOfImage(input, [map]),
    size: rows.kernel,
    stride: rows.stride,
    mode: kind === "MaxPooling2D" ? "max" : "average",
    rule: "first",
    da: mapValues(gradient, map),
    at: [at[0], at[1], 0],
    direction: "forward",
  };
  return { view: "pooling", state, channels: [map] };
}

function partOfImage({ shape: [height, width, all], data }, channels) {
  const values = [];
  for (let cell = 0; cell < height * width; cell += 1) {
    channels.forEach((c) => values.push(data[cell * all + c]));
  }
  return { height, width, channels: channels.length, values };
}

function mapValues(tensor, map) {
  return tensor === undefined ? null : Array.from({ length: tensor.data.length / tensor.shape[2] }, (_, i) => tensor.data[i * tensor.shape[2] + map]);
}
