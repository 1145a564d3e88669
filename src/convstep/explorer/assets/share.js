// Holds the place of the share panel until it is written.
// One rule: it never breaks the page.

import { h } from "./dom.js";

/**
 * Make the panel.
 * @returns {{ element: HTMLElement, update: Function, destroy: Function }}
 */
export function makeSharePanel() {
  return { element: h("div", {}), update: () => {}, destroy: () => {} };
}
