// Holds the place of this view until it is written.
// One rule: it never breaks the page.

import { h } from "./dom.js";

/**
 * Make the view.
 * @returns {{ element: HTMLElement, update: Function, destroy: Function, picture: Function }}
 */
export function makeMistakesView() {
  return { element: h("p", {}, "…"), update: () => {}, destroy: () => {}, picture: () => null };
}
