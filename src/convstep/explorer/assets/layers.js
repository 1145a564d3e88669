// The layers of convstep.layers by their class names: what each is made of, as operations one after the other.
// One rule: a layer does in inference what convstep's does; one that is not here is refused by name.

import { windowAxis } from "./arithmetic.js";
import { LayerReader } from "./layerreader.js";
import { NetworkError } from "./archive.js";
import { convolutionOperation, denseOperation, transposedAxis, transposedOperation } from "./net_linear.js";
import { averagePoolOperation, globalAverageOperation, globalMaxOperation, maxPoolOperation } from "./net_pooling.js";
import { activationOperation, normalizeOperation, preluOperation, scaleOperation } from "./net_functions.js";
import {
  bilinearOperation,
  commonShape,
  concatenateOperation,
  identityOperation,
  mergeOperation,
  permuteOperation,
  pixelsOperation,
} from "./net_moving.js";

/**
 * Make the operations of a layer.
 * @param {{ name: string, kind: string, config: object, shapes: number[][], find: (name: string) => Tensor|undefined }} layer
 * @returns {{ operations: Operation[], weights: Object<string, Tensor> }} the first operation takes the inputs, each other the one before
 * @throws {NetworkError} if the page does not have the layer, or its arguments or weights do not fit
 */
export function makeLayer(layer) {
  const make = LAYERS.get(layer.kind);
  if (make === undefined) {
    const values = { layer: layer.name, kind: layer.kind };
    throw new NetworkError("unknownLayer", `The layer "${layer.name}" is of the class ${layer.kind}, which this page cannot run.`, values);
  }
  const reader = new LayerReader(layer);
  reader.require(MERGING.has(layer.kind) || layer.shapes.length === 1, `it takes one input, not ${layer.shapes.length}`);
  const operations = make(reader);
  return { operations: operations.length ? operations : [identityOperation(reader.shape)], weights: reader.weights };
}

// --- convolutions and dense layers ---

function convolutionLayer(reader) {
  const [, , channels] = reader.image();
  const [filters, groups] = [reader.whole("filters"), reader.whole("groups")];
  reader.require(channels % groups === 0 && filters % groups === 0, `${channels} channels and ${filters} filters have no ${groups} groups`);
  const kernel = reader.weight("kernel", [...reader.pair("kernel_size"), channels / groups, filters]);
  return activated(reader, convolutionOperation(reader.shape, kernel, reader.bias(filters), { ...slidingWindow(reader), groups }));
}

function depthwiseLayer(reader) {
  const bias = reader.bias(reader.image()[2] * reader.whole("depth_multiplier"));
  return activated(reader, depthwiseOperation(reader, "kernel", bias));
}

function separableLayer(reader) {
  const between = depthwiseOperation(reader, "depthwise_kernel", null);
  const filters = reader.whole("filters");
  const pointwise = reader.weight("pointwise_kernel", [1, 1, between.shape[2], filters]);
  const [rows, columns] = between.shape.slice(0, 2).map((size) => windowAxis(size, 1));
  const mixing = convolutionOperation(between.shape, pointwise, reader.bias(filters), { rows, columns, groups: 1 });
  return [between, ...activated(reader, mixing)];
}

/** Filters of its own for every channel: as many groups as channels. */
function depthwiseOperation(reader, name, bias) {
  const [, , channels] = reader.image();
  const [size, multiplier] = [reader.pair("kernel_size"), reader.whole("depth_multiplier")];
  const { data } = reader.weight(name, [...size, channels, multiplier]);
  const kernel = { shape: [...size, 1, channels * multiplier], data };
  return convolutionOperation(reader.shape, kernel, bias, { ...slidingWindow(reader), groups: channels });
}

function transposedLayer(reader) {
  const image = reader.image();
  const [size, strides, dilations] = [reader.pair("kernel_size"), reader.pair("strides"), reader.pair("dilation_rate")];
  const [paddings, filters] = [reader.paddings(), reader.whole("filters")];
  const given = reader.config.output_padding ?? null;
  const extras = given === null ? [null, null] : reader.pairOf("output_padding", given, 0);
  const [rows, columns] = [0, 1].map((axis) => {
    const options = { stride: strides[axis], dilation: dilations[axis], padding: paddings[axis], extra: extras[axis] };
    return reader.fitting(() => transposedAxis(image[axis], size[axis], options));
  });
  reader.require(rows.out === image[0] && columns.out === image[1], "its output_padding is not smaller than its strides");
  const kernel = reader.weight("kernel", [...size, filters, image[2]]);
  reader.room(rows.size, columns.size, filters);
  return activated(reader, transposedOperation(image, kernel, reader.bias(filters), { rows, columns }));
}

function denseLayer(reader) {
  const [inputs, units] = [reader.shape[reader.shape.length - 1], reader.whole("units")];
  return activated(reader, denseOperation(reader.shape, reader.weight("kernel", [inputs, units]), reader.bias(units)));
}

function slidingWindow(reader) {
  return reader.window(reader.pair("kernel_size"), reader.pair("strides"), reader.pair("dilation_rate"));
}

function activated(reader, operation) {
  return [operation, ...reader.activation(operation.shape)];
}

// --- pooling ---

function poolingLayer(operation) {
  return (reader) => {
    const size = reader.pair("pool_size");
    const window = reader.window(size, reader.pair("strides"));
    const covered = [window.rows, window.columns].every(({ before, after, reach }) => Math.max(before, after) < reach);
    reader.require(covered, "its padding is as large as its window");
    const [height, width] = reader.shape;
    reader.room(window.rows.out, window.columns.out, Math.min(size[0], height), Math.min(size[1], width));
    return [operation(reader.shape, window)];
  };
}

function globalLayer(operation) {
  return (reader) => {
    const [, , channels] = reader.image();
    return [operation(reader.shape, reader.flag("keepdims") ? [1, 1, channels] : [channels])];
  };
}

// --- normalization ---

function batchNormalLayer(reader) {
  const axis = reader.axis(reader.config.axis);
  const shape = [reader.shape[axis]];
  const [gamma, beta] = gammaAndBeta(reader, shape);
  const [mean, variance] = [reader.weight("moving_mean", shape).data, reader.weight("moving_variance", shape).data];
  const epsilon = reader.number("epsilon");
  const scale = variance.map((value, c) => (1 / Math.sqrt(value + epsilon)) * (gamma === null ? 1 : gamma.data[c]));
  const offset = mean.map((value, c) => (beta === null ? 0 : beta.data[c]) - value * scale[c]);
  return [scaleOperation(reader.shape, scale, offset, axis)];
}

function layerNormalLayer(reader) {
  const given = reader.config.axis;
  const axes = [given].flat().map((axis) => reader.axis(axis)).sort((one, other) => one - other);
  reader.require(new Set(axes).size === axes.length && axes.length > 0, "its axes are named twice, or there are none");
  const [gamma, beta] = gammaAndBeta(reader, axes.map((axis) => reader.shape[axis]));
  return [normalizeOperation(reader.shape, axes, { epsilon: reader.number("epsilon"), gamma, beta })];
}

function gammaAndBeta(reader, shape) {
  return [["scale", "gamma"], ["center", "beta"]].map(([key, name]) => (reader.flag(key) ? reader.weight(name, shape) : null));
}

// --- functions of single numbers ---

function curveLayer(name, keys) {
  return (reader) => {
    const given = keys.filter((key) => reader.config[key] !== null && reader.config[key] !== undefined);
    return [activationOperation(reader.shape, name, Object.fromEntries(given.map((key) => [key, reader.number(key)])))];
  };
}

function softmaxLayer(reader) {
  return reader.activation(reader.shape, { class_name: "softmax", config: { axis: reader.config.axis } });
}

function preluLayer(reader) {
  const shared = (reader.config.shared_axes ?? null) === null ? [] : reader.list("shared_axes", 1);
  const shape = reader.shape.map((size, axis) => (shared.includes(axis + 1) ? 1 : size));
  return [preluOperation(reader.shape, reader.weight("alpha", shape))];
}

function rescalingLayer(reader) {
  const [scale, offset] = ["scale", "offset"].map((key) => {
    const values = [reader.config[key]].flat();
    const last = reader.shape[reader.shape.length - 1];
    const fits = values.every(Number.isFinite) && (values.length === 1 || values.length === last);
    reader.require(fits, `its ${key} is neither a number nor one for each channel`);
    return values;
  });
  return [scaleOperation(reader.shape, scale, offset)];
}

// --- shapes ---

function reshapeLayer(reader) {
  const count = reader.shape.reduce((product, size) => product * size, 1);
  const target = reader.list("target_shape", -1);
  const known = target.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const shape = target.map((size) => (size === -1 ? count / known : size));
  const fits = shape.every((size) => Number.isInteger(size) && size > 0) && shape.reduce((product, size) => product * size, 1) === count;
  reader.require(fits, `${count} numbers cannot have the shape (${target.join(", ")})`);
  return [identityOperation(shape)];
}

function permuteLayer(reader) {
  const order = reader.list("dims", 1).map((axis) => axis - 1);
  const fits = order.length === reader.shape.length && reader.shape.every((_, axis) => order.includes(axis));
  reader.require(fits, `its dims are not the numbers 1 to ${reader.shape.length}`);
  return [permuteOperation(reader.shape, order)];
}

/** Rows and columns from `first` of the image to `last`; what lies outside is 0. */
function frameLayer(key, sign) {
  return (reader) => {
    const image = reader.image();
    const sides = reader.sides(key);
    const counts = sides.map(([before, after], axis) => image[axis] + sign * (before + after));
    reader.require(counts.every((count) => count > 0), "nothing is left of the image");
    reader.room(...counts, image[2]);
    const [rows, columns] = sides.map(([before], axis) => Array.from({ length: counts[axis] }, (_, cell) => cell - sign * before));
    return [pixelsOperation(image, rows, columns)];
  };
}

function upSamplingLayer(reader) {
  const image = reader.image();
  const factors = reader.pair("size");
  reader.room(...factors, ...image);
  const interpolation = reader.config.interpolation;
  if (interpolation === "bilinear") {
    return [bilinearOperation(image, factors)];
  }
  reader.require(interpolation === "nearest", "its interpolation is neither nearest nor bilinear");
  const [rows, columns] = factors.map((factor, axis) =>
    Array.from({ length: factor * image[axis] }, (_, cell) => Math.floor(cell / factor)),
  );
  return [pixelsOperation(image, rows, columns)];
}

// --- several inputs ---

function mergingLayer(merging, exactly = null) {
  return (reader) => {
    reader.require(exactly === null || reader.shapes.length === exactly, `it takes ${exactly} inputs, not ${reader.shapes.length}`);
    const shape = commonShape(reader.shapes);
    reader.require(shape !== null, "its inputs do not fit together");
    reader.room(...shape);
    return [mergeOperation(shape, reader.shapes, merging)];
  };
}

function concatenateLayer(reader) {
  const axis = reader.axis(reader.config.axis);
  const fits = reader.shapes.every(
    (shape) => shape.length === reader.shape.length && shape.every((size, place) => place === axis || size === reader.shape[place]),
  );
  reader.require(fits, "its inputs do not fit together");
  return [concatenateOperation(reader.shapes, axis)];
}

const added = { combine: (values) => sumOf(values), spread: (values, slopes) => slopes.fill(1) };
const subtracted = { combine: (values) => values[0] - values[1], spread: (values, slopes) => slopes.set([1, -1]) };
const multiplied = {
  combine: (values) => productWithout(values, -1),
  spread: (values, slopes) => slopes.forEach((_, i) => { slopes[i] = productWithout(values, i); }),
};
const averaged = { combine: (values) => sumOf(values) / values.length, spread: (values, slopes) => slopes.fill(1 / values.length) };
const largest = {
  combine: (values) => Math.max(...values),
  // from the last input to the first, each against the largest of those before it; two equals share
  spread: (values, slopes) => {
    let rest = 1;
    for (let i = values.length - 1; i > 0; i -= 1) {
      const before = Math.max(...values.subarray(0, i));
      const share = before > values[i] ? 1 : before < values[i] ? 0 : 0.5;
      slopes[i] = rest * (1 - share);
      rest *= share;
    }
    slopes[0] = rest;
  },
};

function sumOf(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

function productWithout(values, left) {
  return values.reduce((product, value, i) => (i === left ? product : product * value), 1);
}

const MERGING = new Set(["Add", "Subtract", "Multiply", "Average", "Maximum", "Concatenate"]);
const LAYERS = new Map(Object.entries({
  InputLayer: () => [],
  Conv2D: convolutionLayer,
  DepthwiseConv2D: depthwiseLayer,
  SeparableConv2D: separableLayer,
  Conv2DTranspose: transposedLayer,
  Dense: denseLayer,
  MaxPooling2D: poolingLayer(maxPoolOperation),
  AveragePooling2D: poolingLayer(averagePoolOperation),
  GlobalMaxPooling2D: globalLayer(globalMaxOperation),
  GlobalAveragePooling2D: globalLayer(globalAverageOperation),
  BatchNormalization: batchNormalLayer,
  LayerNormalization: layerNormalLayer,
  Dropout: () => [],
  Activation: (reader) => reader.activation(reader.shape),
  ReLU: curveLayer("relu", ["max_value", "negative_slope", "threshold"]),
  LeakyReLU: curveLayer("leaky_relu", ["negative_slope"]),
  ELU: curveLayer("elu", ["alpha"]),
  Softmax: softmaxLayer,
  PReLU: preluLayer,
  Rescaling: rescalingLayer,
  Flatten: (reader) => [identityOperation([reader.shape.reduce((product, size) => product * size, 1)])],
  Reshape: reshapeLayer,
  Permute: permuteLayer,
  ZeroPadding2D: frameLayer("padding", 1),
  Cropping2D: frameLayer("cropping", -1),
  UpSampling2D: upSamplingLayer,
  Add: mergingLayer(added),
  Subtract: mergingLayer(subtracted, 2),
  Multiply: mergingLayer(multiplied),
  Average: mergingLayer(averaged),
  Maximum: mergingLayer(largest),
  Concatenate: concatenateLayer,
}));
