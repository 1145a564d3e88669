// Reads a network that model.save wrote, runs it on one image, and carries the gradient of one score back to every layer.
// One rule: a network is a list of steps, each an operation on the results of steps before it; step 0 is the image.

import { isPlainObject, NetworkError, readArchive } from "./archive.js";
import { makeLayer } from "./layers.js";
import { MOST_NUMBERS, tooLarge } from "./layerreader.js";

const MOST_LAYER_CALLS = 10_000;
const MOST_WORK = 2 ** 32; // multiplications for one image
const DEEPEST = 8;
const MODEL_KINDS = new Set(["Sequential", "Model", "Functional"]);

/**
 * @typedef {{ name: string, inputName: string, inputShape: number[], rounds: boolean, layers: NetworkLayer[], classes: number|null,
 *   notes: object, steps: object[], spans: object[], end: number }} Network
 * inputShape: of one image, (H, W, C) or (H, W); rounds: whether its numbers become float32 first, as in Python; classes: how many
 * scores it gives, null if its output is no list of scores; notes: what was saved beside it, such as the run that trained it. The steps,
 * which of them are a layer's (spans) and which is the last (end) are this module's own.
 *
 * @typedef {{ name: string, kind: string, config: object, outputShape: number[], weights: Object<string, Tensor>, inputs: string[] }}
 *   NetworkLayer
 * The layers in the order in which they run. A layer inside a model has that model's name before its own, with a slash; a layer that is
 * called several times comes several times, as "conv", "conv (2)". inputs: the names of the layers (or of the input) that it reads.
 */

/**
 * Read a network from the bytes of a .convstep file.
 * @param {Uint8Array} bytes
 * @param {{ size?: [number, number] }} [options] rows and columns of the image, for a network that takes any
 * @returns {Network}
 * @throws {NetworkError} in one sentence, if the file is damaged or the page cannot run the network
 */
export function readNetwork(bytes, { size = [32, 32] } = {}) {
  const { description, weights } = readArchive(bytes);
  const { model } = description;
  const start = inputOf(model);
  const shape = imageShape(start, size);
  const image = { operation: { shape }, inputs: [], owner: start.name };
  const plan = { steps: [image], layers: [], weights, used: new Set(), names: new Map(), numbers: 0, work: 0 };
  const end = guarded(() => addModel(plan, model, "", [0], 0));
  if (typeof end !== "number") {
    throw new NetworkError("severalOutputs", "The network has several outputs, and this page shows networks with one.");
  }
  const strange = [...weights.keys()].find((path) => !plan.used.has(path));
  if (strange !== undefined) {
    throw wrongDescription(`no layer has the weights "${strange}"`);
  }
  const { shape: out } = plan.steps[end].operation;
  return {
    name: String(model.config.name ?? "model"),
    inputName: start.name,
    inputShape: shape,
    layers: plan.layers.map(({ first, last, ...layer }) => layer),
    rounds: start.dtype === "float32",
    classes: out.length === 1 ? out[0] : null,
    notes: isPlainObject(description.notes) ? description.notes : {},
    steps: plan.steps,
    spans: plan.layers.map(({ name, first, last }) => ({ name, first, last })),
    end,
  };
}

/**
 * Run a network on one image.
 * @param {Network} network
 * @param {Float32Array|Float64Array|number[]} image as many numbers as its inputShape asks for, rows, columns, channels
 * @returns {{ outputs: Object<string, Float64Array>, prediction: Float64Array, logits: Float64Array, values: Float64Array[] }}
 *   outputs: of every layer by its name, to be read only; prediction: what the network returns; logits: the same before a softmax or
 *   sigmoid at the end, if there is one; values: what `backward` needs
 */
export function forward(network, image) {
  const count = network.inputShape.reduce((product, size) => product * size, 1);
  if (image.length !== count) {
    throw new RangeError(`the network takes ${count} numbers (${network.inputShape.join(" x ")}), not ${image.length}`);
  }
  const values = [network.rounds ? Float64Array.from(Float32Array.from(image)) : Float64Array.from(image)];
  for (let i = 1; i < network.steps.length; i += 1) {
    const { operation, inputs } = network.steps[i];
    values.push(operation.forward(inputs.map((input) => values[input])));
  }
  const outputs = Object.fromEntries(network.spans.map(({ name, last }) => [name, values[last]]));
  return { outputs, prediction: values[network.end], logits: values[scoreStep(network, "logit")], values };
}

/**
 * Carry the gradient of one score back.
 * @param {Network} network with one list of scores at its end
 * @param {{ values: Float64Array[] }} passed what `forward` returned
 * @param {number} classIndex whose score, counted from 0
 * @param {{ of?: "logit"|"probability" }} [options] the score before a final softmax or sigmoid, or what the network returns
 * @returns {{ image: Float64Array, layers: Object<string, Float64Array> }} the gradient by the image, and by the output of every layer
 *   that the score depends on
 */
export function backward(network, passed, classIndex, { of = "logit" } = {}) {
  if (network.classes === null) {
    throw new RangeError("the network does not end in one list of scores");
  }
  if (!(Number.isInteger(classIndex) && classIndex >= 0 && classIndex < network.classes)) {
    throw new RangeError(`there is no class ${classIndex}: they count from 0 to ${network.classes - 1}`);
  }
  const start = scoreStep(network, of);
  const gradients = Array(network.steps.length).fill(null);
  gradients[start] = new Float64Array(network.classes);
  gradients[start][classIndex] = 1;
  for (let i = start; i > 0; i -= 1) {
    const { operation, inputs } = network.steps[i];
    if (gradients[i] !== null) {
      const found = operation.backward(gradients[i], inputs.map((input) => passed.values[input]), passed.values[i]);
      inputs.forEach((input, place) => {
        gradients[input] = addedTo(gradients[input], found[place]);
      });
    }
  }
  // a layer whose softmax was left out shows the gradient of its sums
  const ends = network.spans.map(({ name, first, last }) => [name, gradients[start >= first && start < last ? start : last]]);
  const image = gradients[0] ?? new Float64Array(passed.values[0].length);
  return { image, layers: Object.fromEntries(ends.filter(([, gradient]) => gradient !== null)) };
}

/** The step whose result is the list of scores: the last, or the one before a softmax or sigmoid at the end. */
function scoreStep({ steps, end }, of) {
  const { operation, inputs } = steps[end];
  return of === "logit" && operation.squashes ? inputs[0] : end;
}

/** A sum of gradients: always a new array, since operations may hand on the one that they were given. */
function addedTo(sum, gradient) {
  return sum === null ? gradient : sum.map((value, place) => value + gradient[place]);
}

// --- from the description to steps ---

/** The input of the outermost model: its name and its shape with the batch. */
function inputOf({ class_name: kind, config }) {
  const isFunctional = kind === "Model" || kind === "Functional";
  const input = guarded(() => (isFunctional ? config.layers[config.calls[config.inputs.of[0][0]].layer].config : config.input));
  if (isFunctional && config.inputs.of.length !== 1) {
    throw new NetworkError("severalInputs", "The network has several inputs, and this page shows networks that take one image.");
  }
  if (!isPlainObject(input) || !Array.isArray(input.batch_shape)) {
    throw new NetworkError("unbuilt", "The network was saved before it knew the shape of its input.");
  }
  return { name: String(input.name ?? "input"), shape: input.batch_shape, dtype: input.dtype };
}

function imageShape({ shape: [, ...shape] }, size) {
  const filled = shape.map((length, axis) => length ?? size[axis] ?? null);
  const isImage = (shape.length === 2 || shape.length === 3) && filled.every((length) => Number.isSafeInteger(length) && length > 0);
  if (!isImage || filled.reduce((product, length) => product * length, 1) > MOST_NUMBERS) {
    const wanted = shape.map((length) => length ?? "any").join(", ");
    throw new NetworkError("noImage", `The network takes inputs of the shape (${wanted}), which is no image.`, { shape: wanted });
  }
  return filled;
}

/** Add the steps of a model; returns the step of its output, or several of them by their places. */
function addModel(plan, { class_name: kind, config }, prefix, given, depth) {
  if (!MODEL_KINDS.has(kind) || !isPlainObject(config) || depth > DEEPEST) {
    throw wrongDescription(depth > DEEPEST ? "models inside models are too deep" : "it is no model of layers");
  }
  return kind === "Sequential" ? addSequential(plan, config, prefix, given, depth) : addFunctional(plan, config, prefix, given, depth);
}

function addSequential(plan, config, prefix, given, depth) {
  return config.layers.reduce((result, item) => addCall(plan, item, prefix, [result], depth), given[0]);
}

function addFunctional(plan, config, prefix, given, depth) {
  const inputs = config.inputs.of.map(([call]) => call);
  const results = [];
  config.calls.forEach((call, number) => {
    const from = call.inputs.map((place) => partOf(results, place));
    if (from.length === 0) {
      if (!inputs.includes(number)) {
        throw wrongDescription("a layer is called without inputs");
      }
      results.push(given[inputs.indexOf(number)]);
    } else {
      results.push(addCall(plan, config.layers[call.layer], prefix, from, depth, call.training));
    }
  });
  const ends = config.outputs.of.map((place) => partOf(results, place));
  const keys = config.outputs.keys;
  return keys === null && ends.length === 1 ? ends[0] : new Map(ends.map((end, i) => [keys === null ? i : keys[i], end]));
}

/** The result that [number of the call, place in its outputs...] means. */
function partOf(results, [number, ...places]) {
  const step = places.reduce((value, place) => value.get(place), results[number]);
  if (step === undefined) {
    throw wrongDescription("a layer reads what is not there");
  }
  return step;
}

function addCall(plan, item, prefix, from, depth, training = null) {
  const { class_name: kind, config } = item;
  const name = `${prefix}${config.name}`;
  if (from.some((step) => typeof step !== "number")) {
    throw wrongDescription(`"${name}" reads several outputs at once`);
  }
  if (training === true) {
    throw new NetworkError("training", `The layer "${name}" always runs as in training, which this page does not.`, { layer: name, kind });
  }
  if (MODEL_KINDS.has(kind)) {
    return addModel(plan, item, `${name}/`, from, depth + 1);
  }
  if (plan.layers.length >= MOST_LAYER_CALLS) {
    throw tooLarge();
  }
  return addLayer(plan, { name, kind: String(kind), config, from });
}

function addLayer(plan, { name, kind, config, from }) {
  const find = (weight) => {
    plan.used.add(`${name}/${weight}`);
    return plan.weights.get(`${name}/${weight}`);
  };
  const shapes = from.map((step) => plan.steps[step].operation.shape);
  const { operations, weights } = makeLayer({ name, kind, config, shapes, find });
  const first = plan.steps.length;
  const shown = numberedName(plan, name);
  operations.forEach((operation, i) => {
    plan.numbers += operation.shape.reduce((product, size) => product * size, 1);
    plan.work += operation.work;
    plan.steps.push({ operation, inputs: i === 0 ? from : [plan.steps.length - 1], owner: shown });
  });
  if (plan.numbers > MOST_NUMBERS || plan.work > MOST_WORK) {
    throw tooLarge();
  }
  const last = plan.steps.length - 1;
  const outputShape = plan.steps[last].operation.shape;
  plan.layers.push({ name: shown, kind, config, outputShape, weights, inputs: from.map((step) => plan.steps[step].owner), first, last });
  return last;
}

/** The name that a call of a layer is shown under: its own, or "conv (2)" where that is taken. */
function numberedName(plan, name) {
  let number = (plan.names.get(name) ?? 0) + 1;
  while (number > 1 && plan.names.has(`${name} (${number})`)) {
    number += 1;
  }
  plan.names.set(name, number);
  const shown = number === 1 ? name : `${name} (${number})`;
  plan.names.set(shown, plan.names.get(shown) ?? 1);
  return shown;
}

/** What a function returns that follows a stranger's description; whatever is missing there is one error. */
function guarded(follow) {
  try {
    return follow();
  } catch (error) {
    throw error instanceof NetworkError ? error : wrongDescription("a part of it is missing");
  }
}

function wrongDescription(reason) {
  return new NetworkError("description", `The description of the network is wrong: ${reason}.`, { reason });
}
