// What stands in the view "a network" while the network of a state is not open: what is needed, and what is kept for it.
// One rule: nothing of the state is changed before its network is there.

import { h, write } from "./dom.js";
import { imageCanvas } from "./images.js";

/**
 * Make the place.
 * @param {{ words: object, open: () => void }} parts open: asks for a file of a network
 * @returns {{ element: HTMLElement, update: (needed: { name: string }|null, image: object|null) => void }}
 */
export function makeMissing({ words, open }) {
  const says = h("p", { role: "alert" });
  const note = h("p", { class: "cs-note" }, words.t("net.missing.image"));
  const picture = h("div", { class: "cs-net-kept" });
  const button = h("button", { type: "button", class: "cs-button", on: { click: open } }, words.t("net.open"));
  const element = h("div", { class: "cs-card cs-net-missing", hidden: true }, says, button, note, picture);
  return {
    element,
    update: (needed, image) => {
      element.hidden = needed === null;
      write(says, needed === null ? "" : words.t("net.missing", { name: needed.name }));
      note.hidden = picture.hidden = image === null;
      picture.replaceChildren(...(needed === null || image === null ? [] : [imageCanvas(inBytesOf(image))]));
    },
  };
}

/** The numbers between the smallest and the largest as grey: which of them is white, only the network knows. */
function inBytesOf({ height, width, channels, values }) {
  const [least, most] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 1]);
  return { height, width, channels, data: values.map((value) => ((value - least) / (most - least)) * 255) };
}
