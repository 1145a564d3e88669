// Holds the place of the image picker until it is written.
// One rule: it never breaks the page.

import { h } from "./dom.js";

/**
 * Make the picker.
 * @returns {{ element: HTMLElement, update: Function, destroy: Function }}
 */
export function makeImagePicker() {
  return { element: h("div", {}), update: () => {}, destroy: () => {} };
}
