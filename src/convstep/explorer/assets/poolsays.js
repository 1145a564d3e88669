// What the page says of one entry of a pooling, and the sum that the entry is.
// One rule: everything that is said follows from `poolDependencies`, so that marks and sentences agree.

import { poolDependencies } from "./dependencies.js";
import { entryName } from "./figure.js";
import { plainNumber } from "./numbers.js";

const POOL_NAMES = { image: "A_prev", a: "A", da: "dA", dx: "dA_prev", dxFirst: "dA_prev" };

/**
 * What an entry depends on and feeds. The gradient of the image is there twice, under each rule for ties: "dx" and "dxFirst".
 * @param {object} scene
 * @param {string} tensor
 * @param {number[]} index
 * @returns {{ dependsOn: object, feeds: object, terms: object[] }}
 */
export function followPool(scene, tensor, index) {
  const rule = tensor === "dxFirst" ? "first" : "course";
  const found = poolDependencies(
    { x: scene.x, da: scene.da, options: { ...scene.options, rule } },
    tensor === "dxFirst" ? "dx" : tensor,
    index,
  );
  return { ...found, feeds: { ...found.feeds, dxFirst: found.feeds.dx } };
}

/**
 * One sentence about an entry.
 * @param {object} words
 * @param {object} scene
 * @param {{ tensor: string, index: number[], found: object, landed?: number }} entry landed: its value so far, where it grows
 * @returns {string}
 */
export function sayPoolEntry(words, scene, { tensor, index, found, landed }) {
  const { mode, size } = scene.options;
  const key = tensor === "dxFirst" ? "dx" : tensor;
  const windows = found.feeds.a?.length ?? found.terms.length;
  return words.t(`pooling.says.${key}.${mode}${key === "image" && windows === 0 ? ".unused" : ""}`, {
    entry: entryName(POOL_NAMES[tensor], index),
    value: plainNumber(landed ?? poolValue(scene, tensor, index)),
    windows,
    cells: size * size,
    winners: found.terms.filter(({ share }) => share !== 0).length,
  });
}

/**
 * The sum that an entry is, for the card of its terms.
 * @param {object} words
 * @param {object} scene
 * @param {{ tensor: string, index: number[], found: object }} entry
 * @returns {{ title: string, text: string, columns: string[], terms: object[] }}
 */
export function poolSum(words, scene, entry) {
  const { tensor, index, found } = entry;
  const terms = tensor === "a" && scene.options.mode === "max" ? [] : found.terms;
  const rows = terms.map(({ of, at, da, image, share, product }) => {
    const step = of === "a" ? at : da;
    const given = of === "a" ? ["image", image] : ["da", da];
    const portion = scene.options.mode === "average" ? `1/${scene.options.size ** 2}` : String(share);
    return {
      step,
      product,
      factors: [
        `(${step.join(", ")})`,
        `${entryName(POOL_NAMES[given[0]], given[1])} = ${plainNumber(poolValue(scene, ...given))}`,
        of === "a" ? "" : portion,
      ],
    };
  });
  return {
    title: entryName(POOL_NAMES[tensor], index),
    text: sayPoolEntry(words, scene, entry),
    columns: [words.t("entry.step"), tensor === "a" ? "A_prev" : "dA", words.t("pooling.share")],
    terms: rows,
  };
}

/**
 * The number of an entry.
 * @param {object} scene
 * @param {string} tensor
 * @param {number[]} index
 * @returns {number}
 */
export function poolValue({ x, a, da, back }, tensor, index) {
  const { shape, data } = { image: x, a, da, dx: back.course, dxFirst: back.first }[tensor];
  return data[(index[0] * shape[1] + index[1]) * shape[2] + index[2]];
}
