// What the page says of one entry of a layer, and the sum that the entry is.
// One rule: everything that is said follows from `convDependencies`, so that marks and sentences agree.

import { convDependencies } from "./dependencies.js";
import { entryName } from "./figure.js";
import { plainNumber } from "./numbers.js";

const NAMES = { padded: "A_prev", filters: "W", bias: "b", z: "Z", dz: "dZ", dxPadded: "dA_prev", dw: "dW", db: "db" };

/**
 * What an entry depends on and feeds, the numbers of the step in view with it.
 * @param {object} scene
 * @param {object} layer
 * @param {string} tensor
 * @param {number[]} index
 * @returns {{ dependsOn: object, feeds: object, terms: object[] }}
 */
export function followLayer(scene, layer, tensor, index) {
  const { rows, columns } = scene;
  const [h, v, k] = layer.at;
  const cellOf = (i, j) => [h * rows.stride + i * rows.dilation, v * columns.stride + j * columns.dilation, layer.channel];
  if (["products", "pieces", "shares"].includes(tensor)) {
    const [i, j] = index;
    const [padded, filters, output] = [[cellOf(i, j)], [[i, j, layer.channel, k]], [[h, v, k]]];
    return {
      products: { dependsOn: { padded, filters }, feeds: { z: output }, terms: [] },
      pieces: { dependsOn: { filters, dz: output }, feeds: { dxPadded: padded }, terms: [] },
      shares: { dependsOn: { padded, dz: output }, feeds: { dw: filters }, terms: [] },
    }[tensor];
  }
  const found = convDependencies({ x: scene.x, w: scene.w, b: scene.b, dz: scene.dz, options: scene.options }, tensor, index);
  const places = [];
  for (let i = 0; i < rows.kernel; i += 1) {
    for (let j = 0; j < columns.kernel; j += 1) {
      places.push([i, j]);
    }
  }
  const meeting = (own) => places.filter(([i, j]) => own(i, j).every((place, axis) => place === index[axis]));
  const inView = {
    padded: () => ({ products: meeting(cellOf), shares: meeting(cellOf) }),
    filters: () => ({ products: meeting((i, j) => [i, j, layer.channel, k]), pieces: meeting((i, j) => [i, j, layer.channel, k]) }),
    dz: () => (index.every((place, axis) => place === layer.at[axis]) ? { pieces: places, shares: places } : {}),
  }[tensor]?.();
  const madeOf = {
    z: () => (index.every((place, axis) => place === layer.at[axis]) ? { products: places } : {}),
    dxPadded: () => ({ pieces: meeting(cellOf) }),
    dw: () => ({ shares: meeting((i, j) => [i, j, layer.channel, k]) }),
  }[tensor]?.();
  return { ...found, feeds: { ...found.feeds, ...inView }, dependsOn: { ...found.dependsOn, ...madeOf } };
}

/**
 * The name of an entry as the code has it: places of the image are counted without its padding.
 * @param {object} scene
 * @param {string} tensor
 * @param {number[]} index
 * @returns {string}
 */
export function layerEntry(scene, tensor, index) {
  const isImage = tensor === "padded" || tensor === "dxPadded";
  return entryName(NAMES[tensor], isImage ? [index[0] - scene.rows.before, index[1] - scene.columns.before, index[2]] : index);
}

/**
 * One sentence about an entry.
 * @param {object} words
 * @param {object} scene
 * @param {{ tensor: string, index: number[], found: object, direction: string, landed?: { value: number, count: number } }} entry landed:
 *   its
 *   value so far, and of how many pieces, where the sum is still growing
 * @returns {string}
 */
export function sayLayerEntry(words, scene, { tensor, index, found, direction, landed }) {
  if (NAMES[tensor] === undefined) {
    return words.t(`layer.says.${tensor}`);
  }
  const entry = layerEntry(scene, tensor, index);
  const value = plainNumber(landed?.value ?? valueOf(scene, tensor, index));
  const count = (side, other) => found[side][other]?.length ?? 0;
  const [r, c] = [index[0] - scene.rows.before, index[1] - scene.columns.before];
  const isFrame = (tensor === "padded" || tensor === "dxPadded") && !(r >= 0 && c >= 0 && r < scene.rows.size && c < scene.columns.size);
  const key =
    tensor === "padded" || tensor === "filters" || tensor === "bias"
      ? `layer.says.${tensor}.${direction}`
      : `layer.says.${tensor}${landed ? ".running" : ""}`;
  return words.t(isFrame ? `layer.says.frame.${tensor}` : key, {
    entry,
    value,
    outputs: count("feeds", "z"),
    cells: tensor === "dz" ? count("feeds", "dxPadded") : count("dependsOn", "padded"),
    weights: tensor === "dz" ? count("feeds", "dw") : count("dependsOn", "filters"),
    pieces: tensor === "db" ? count("dependsOn", "dz") : found.terms.length,
    landed: landed?.count,
    gradients: count("feeds", "dw"),
    landings: count("feeds", "dxPadded"),
    twin: found.twin ? layerEntry(scene, found.twin.tensor, found.twin.at) : "",
    slope:
      found.twin && ["padded", "filters", "bias"].includes(tensor) ? plainNumber(valueOf(scene, found.twin.tensor, found.twin.at)) : "",
  });
}

/**
 * The sum that an entry is, for the card of its terms.
 * @param {object} words
 * @param {object} scene
 * @param {{ tensor: string, index: number[], found: object, direction: string }} entry
 * @returns {{ title: string, text: string, columns: string[], terms: object[] }}
 */
export function layerSum(words, scene, entry) {
  const { tensor, index, found } = entry;
  const own = { padded: "z", filters: "z", bias: "z", dz: "dx" }[tensor];
  const terms = found.terms.filter(({ of }) => own === undefined || of === own || (own === "dx" && of === "dxPadded"));
  const number = (of, at) => `${layerEntry(scene, of, at)} = ${plainNumber(valueOf(scene, of, at))}`;
  const step = ({ of, at, dz }) => (dz ?? (of === "z" ? at : null))?.slice() ?? null;
  const rows = terms.map((term) => ({
    step: step(term),
    product: term.product,
    factors: [
      `(${step(term)?.join(", ") ?? ""})`,
      term.bias ? number("bias", term.bias) : term.of === "z" || term.of === "dw" ? number("padded", term.padded) : number("dz", term.dz),
      term.bias || term.of === "db" ? "" : term.of === "dw" ? number("dz", term.dz) : number("filters", term.filters),
    ],
  }));
  return {
    title: layerEntry(scene, tensor, index),
    text: sayLayerEntry(words, scene, entry),
    columns: [words.t("entry.step"), ...headingsOf(words, terms[0]?.of)],
    terms: rows,
  };
}

/** What the two factors of a term are. */
function headingsOf(words, of) {
  const [dz, cell, weight] = ["dZ", words.t("entry.cell"), words.t("entry.weight")];
  return { z: [cell, weight], dw: [cell, dz], db: [dz, ""] }[of] ?? [dz, weight];
}

/**
 * The number of an entry.
 * @param {object} scene
 * @param {string} tensor
 * @param {number[]} index
 * @returns {number}
 */
export function valueOf(scene, tensor, index) {
  const { shape, data } = {
    padded: scene.padded,
    filters: scene.w,
    bias: scene.b,
    z: scene.z,
    dz: scene.dz,
    dxPadded: scene.back.dxPadded,
    dw: scene.back.dw,
    db: scene.back.db,
  }[tensor];
  return data[index.reduce((place, i, axis) => place * shape[axis] + i, 0)];
}
