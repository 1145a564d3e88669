// What model.json says of one layer, read with suspicion: every argument is checked before it is used.
// One rule: an argument that is not as convstep writes it is refused in one sentence that names the layer.

import { windowAxis } from "./arithmetic.js";
import { isPlainObject, NetworkError } from "./archive.js";
import { activationOperation } from "./net_functions.js";

/** How many numbers all layers together may put out for one image. */
export const MOST_NUMBERS = 2 ** 24;

/** The error of a network that asks for more memory or time than a page should take. */
export function tooLarge() {
  return new NetworkError("tooLarge", "The network is too large for this page.");
}

/** One layer: its name, class, arguments, the shapes of its inputs, and its weights, which it asks for one by one. */
export class LayerReader {
  /**
   * @param {{ name: string, kind: string, config: object, shapes: number[][], find: (name: string) => Tensor|undefined }} layer
   *   shapes are those of the inputs without the batch; find looks a weight up
   */
  constructor({ name, kind, config, shapes, find }) {
    Object.assign(this, { name, kind, config, shapes, find });
    this.weights = {};
  }

  /** The shape of the only input, or of the first. */
  get shape() {
    return this.shapes[0];
  }

  /** The error to throw: what is wrong, in words that follow the layer's name. */
  refusal(reason) {
    const values = { layer: this.name, kind: this.kind, reason };
    return new NetworkError("layer", `The layer "${this.name}" (${this.kind}) cannot be run: ${reason}.`, values);
  }

  require(fits, reason) {
    if (!fits) {
      throw this.refusal(reason);
    }
  }

  /** Refuse a layer before anything as large as its output is made. */
  room(...sizes) {
    if (sizes.reduce((product, size) => product * size, 1) > MOST_NUMBERS) {
      throw tooLarge();
    }
  }

  /** (H, W, C) of the input, which must be an image. */
  image() {
    this.require(this.shape.length === 3, `it takes images, not an input of ${this.shape.length} axes`);
    return this.shape;
  }

  whole(key, least = 1) {
    return this.wholeOf(key, this.config[key], least);
  }

  wholeOf(key, value, least) {
    this.require(Number.isSafeInteger(value) && value >= least, `its ${key} is no whole number of at least ${least}`);
    return value;
  }

  number(key) {
    const value = this.config[key];
    this.require(Number.isFinite(value), `its ${key} is no number`);
    return value;
  }

  flag(key) {
    const value = this.config[key];
    this.require(typeof value === "boolean", `its ${key} is neither true nor false`);
    return value;
  }

  /** A whole number for rows and columns, or two of them. */
  pair(key, least = 1) {
    return this.pairOf(key, this.config[key], least);
  }

  pairOf(key, value, least) {
    const items = Array.isArray(value) ? value : [value, value];
    this.require(items.length === 2, `its ${key} is no pair`);
    return items.map((item) => this.wholeOf(key, item, least));
  }

  list(key, least = -Infinity) {
    const value = this.config[key];
    this.require(Array.isArray(value), `its ${key} is no list`);
    return value.map((item) => this.wholeOf(key, item, least));
  }

  /** ((above, below), (left, right)) for a whole number, a pair, or two pairs. */
  sides(key) {
    return this.pairs(key, this.config[key]);
  }

  pairs(key, value) {
    const items = Array.isArray(value) ? value : [value, value];
    this.require(items.length === 2, `its ${key} is no pair`);
    return items.map((item) => this.pairOf(key, item, 0));
  }

  /** The padding of rows and of columns, each "valid", "same" or [before, after]. */
  paddings() {
    const value = this.config.padding;
    const word = typeof value === "string" ? value.toLowerCase() : null;
    this.require(word === null || word === "valid" || word === "same", "its padding is neither valid nor same");
    return word === null ? this.pairs("padding", value) : [word, word];
  }

  /** The axes of a window over the image. */
  window(kernel, strides, dilations = [1, 1]) {
    const [image, paddings] = [this.image(), this.paddings()];
    const [rows, columns] = [0, 1].map((axis) =>
      this.fitting(() => windowAxis(image[axis], kernel[axis], strides[axis], dilations[axis], paddings[axis])),
    );
    this.room(rows.out, columns.out, image[2]);
    return { rows, columns };
  }

  /** What a function returns that refuses windows which do not fit. */
  fitting(make) {
    try {
      return make();
    } catch (error) {
      throw error instanceof RangeError ? this.refusal(error.message) : error;
    }
  }

  /** An axis of the input, counted with the batch or from the end, as one that is counted without it. */
  axis(value, shape = this.shape) {
    const axis = this.wholeOf("axis", value, -Infinity);
    const place = axis < 0 ? axis + shape.length : axis - 1;
    this.require(place >= 0 && place < shape.length, `its input has no axis ${axis} apart from the batch`);
    return place;
  }

  /** One of its weights, which must have this shape. */
  weight(name, shape) {
    const tensor = this.find(name);
    this.require(tensor !== undefined, `its weights "${name}" are missing`);
    const fits = tensor.shape.length === shape.length && tensor.shape.every((size, axis) => size === shape[axis]);
    this.require(fits, `its weights "${name}" have the shape (${tensor.shape.join(", ")}), not (${shape.join(", ")})`);
    this.weights[name] = tensor;
    return tensor;
  }

  bias(filters) {
    return this.flag("use_bias") ? this.weight("bias", [filters]) : null;
  }

  /** The operations of an activation: none for "linear". */
  activation(shape, given = this.config.activation) {
    const [name, options] = isPlainObject(given) ? [given.class_name, given.config ?? {}] : [given ?? "linear", {}];
    const operation = typeof name === "string" && isPlainObject(options) ? activationOperation(shape, name, options) : undefined;
    this.require(operation !== undefined, `the page has no activation ${JSON.stringify(name)}`);
    return operation === null ? [] : [operation];
  }
}
