// A grid with its name, its shape and what there is to say about it.
// One rule: a name is written as the course's code writes it.

import { h, write } from "./dom.js";

/**
 * Make a figure around a grid.
 * @param {{ name: string, grid: { element: HTMLElement }, thumbs?: { element: HTMLElement }, extra?: HTMLElement, look?: string, text?: string }} parts
 * @returns {{ element: HTMLElement, shape: (text: string) => void, note: (text: string) => void }}
 */
export function makeFigure({ name, grid, thumbs, extra, look = "", text = "" }) {
  const shape = h("span", { class: "cs-shape cs-number" });
  const title = h("div", { class: "cs-figure-head" }, h("div", { class: "cs-figure-name" }, h("code", {}, name), " ", shape), extra);
  const note = h("p", { class: "cs-note" }, text);
  const element = h("div", { class: `cs-figure ${look}` }, title, thumbs?.element, grid.element, note);
  return { element, thumbs, shape: (sides) => write(shape, sides), note: (sentence) => write(note, sentence) };
}

/**
 * Write a shape.
 * @param {number[]} sides
 * @returns {string} "12 × 12 × 1"
 */
export function shapeText(sides) {
  return sides.join(" × ");
}

/**
 * Write the name of an entry.
 * @param {string} tensor
 * @param {number[]} index
 * @returns {string} "W[0, 1, 0, 2]"
 */
export function entryName(tensor, index) {
  return `${tensor}[${index.join(", ")}]`;
}

/**
 * A copy of some numbers with one replaced.
 * @param {number[]} values
 * @param {number} index
 * @param {number} value
 * @returns {number[]}
 */
export function edited(values, index, value) {
  const copy = Array.from(values);
  copy[index] = value;
  return copy;
}
