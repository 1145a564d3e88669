// Placeholder.
// One rule: it never breaks the page.

import { h } from "./dom.js";
import { makeGrid } from "./grid.js";
import { makeImagePicker } from "./images.js";

/** Make the view. */
export function makePoolingView({ store, words }) {
  const grid = makeGrid({ words, label: "A" });
  const picker = makeImagePicker({});
  return {
    element: h("div", {}, picker.element, grid.element),
    update: ({ pooling: { image } }) => grid.show({ rows: image.height, columns: image.width, value: (r, c) => image.values[r * image.width + c], colour: { kind: "paper", limit: 1, dark: false } }),
    destroy: () => grid.destroy(),
    picture: () => grid.svg,
  };
}
