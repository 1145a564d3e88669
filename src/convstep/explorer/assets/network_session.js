// A trained network that the view looks into: what it is, and what one image does inside it.
// One rule: what can be told from the file is told, and nothing is guessed about the rest.

import { NetworkError } from "./archive.js";
import { LIMITS } from "./checking.js";
import { sha256 } from "./digest.js";
import { backward, forward, readNetwork } from "./network.js";

const RUN = "convstep_run"; // under which `convstep train` leaves its notes
const DIGIT_SETS = ["digits", "mnist"];

/**
 * Open a network.
 * @param {Uint8Array} archive the bytes of a .convstep file
 * @param {string} name what the file is called
 * @param {object|null} run what run.json says of its training, if anything
 * @returns {{ name: string, digest: string, run: object|null, network: object, classes: string[], parameters: number, layers: object[], input: object,
 *   look: (values: number[]) => object }} layers: the image first, each with name, kind, config, shape, parameters, inputs and weights;
 *   input: height, width, channels, the number that is white, and whether its images are handwritten digits
 * @throws {NetworkError}
 */
export function openNetwork(archive, name, run = null) {
  const network = readNetwork(archive);
  const notes = network.notes[RUN] ?? null;
  const [height, width, channels = 1] = network.inputShape;
  if (Math.max(height, width) > LIMITS.side || channels > LIMITS.channels) {
    const most = { side: LIMITS.side, most: LIMITS.channels };
    throw new NetworkError("input", `its images have ${height} x ${width} x ${channels} numbers`, { height, width, channels, ...most });
  }
  const image = { name: network.inputName, kind: "InputLayer", config: {}, shape: [height, width, channels], parameters: 0, inputs: [], weights: {} };
  const layers = network.layers.map((layer) => ({ ...layer, shape: layer.outputShape, parameters: countOf(layer.weights) }));
  return {
    name,
    digest: sha256(archive),
    run: run ?? notes,
    network,
    classes: classNames(network, notes),
    parameters: layers.reduce((sum, layer) => sum + layer.parameters, 0),
    layers: [image, ...layers],
    input: { height, width, channels, range: whiteOf(layers[0]), digits: takesDigits(network, notes) },
    look: (values) => lookAt(network, values),
  };
}

/** What one image does: the output of every layer, the prediction, and on demand the gradient of a score by all of them. */
function lookAt(network, values) {
  const passed = forward(network, values);
  const outputs = new Map(network.layers.map(({ name, outputShape }) => [name, { shape: outputShape, data: passed.outputs[name] }]));
  const [height, width, channels = 1] = network.inputShape;
  const shape = [height, width, channels];
  outputs.set(network.inputName, { shape, data: passed.values[0] });
  const yesOrNo = network.classes === 1;
  const kind = isShares(passed.prediction) ? "shares" : "scores";
  const [p, z] = [passed.prediction[0], passed.logits[0]];
  return {
    outputs,
    kind,
    shares: network.classes === null ? [] : yesOrNo ? [kind === "shares" ? 1 - p : -p, p] : Array.from(passed.prediction),
    scores: network.classes === null ? [] : yesOrNo ? [-z, z] : Array.from(passed.logits),
    gradients: (k) => {
      const found = backward(network, passed, yesOrNo ? 0 : k);
      const sign = yesOrNo && k === 0 ? -1 : 1; // what speaks against yes speaks for no
      const signed = (data) => (sign === 1 ? data : data.map((value) => -value));
      const known = network.layers.filter(({ name }) => name in found.layers);
      const gradients = new Map(known.map(({ name, outputShape }) => [name, { shape: outputShape, data: signed(found.layers[name]) }]));
      return gradients.set(network.inputName, { shape, data: signed(found.image) });
    },
  };
}

function classNames({ classes: count }, notes) {
  const names = notes?.data?.classes;
  const wanted = count === 1 ? 2 : count ?? 0;
  const known = Array.isArray(names) && names.length === wanted && names.every((label) => typeof label === "string");
  return Array.from({ length: wanted }, (_, k) => (known ? names[k] : String(k)));
}

/** Whether numbers are shares of one whole; a single one is if it lies between nothing and all. */
function isShares(prediction) {
  const total = prediction.reduce((sum, value) => sum + value, 0);
  return prediction.every((value) => value >= 0 && value <= 1 + 1e-6) && (prediction.length === 1 || Math.abs(total - 1) < 1e-3);
}

/** A network that scales its images itself takes them as they are in files; runs divide them by 255. */
function whiteOf(first) {
  return first?.kind === "Rescaling" && typeof first.config.scale === "number" && first.config.scale <= 1 / 100 ? 255 : 1;
}

function takesDigits({ inputShape: [height, width, channels = 1], classes }, notes) {
  const set = notes?.settings?.data;
  return height === 28 && width === 28 && channels === 1 && (typeof set === "string" ? DIGIT_SETS.includes(set) : classes === 10);
}

function countOf(weights) {
  return Object.values(weights).reduce((sum, { data }) => sum + data.length, 0);
}
