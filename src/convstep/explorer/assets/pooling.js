// Placeholder.
// One rule: it never breaks the page.

import { h } from "./dom.js";

/** Make the view. */
export function makePoolingView() {
  return { element: h("div", {}), update: () => {}, destroy: () => {}, picture: () => null };
}
