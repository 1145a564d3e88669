// The colours of a grid whose cells are too small for numbers: the pixels of one canvas.
// One rule: a thousand cells are one picture to paint, so that a large image plays as smoothly as a small one.

import { h } from "./dom.js";

const FADED = 0.2; // as the style sheet has it for cells that the loops have not reached

/**
 * Make the canvas.
 * @returns {{ element: HTMLCanvasElement, resize: (columns: number, rows: number, rim: number) => void,
 *   paint: (column: number, row: number, fill: string, faded: boolean) => void }} resize: to so many cells, with a rim of so many cells
 *   around them that stays empty
 */
export function makeShades() {
  const element = h("canvas", { class: "cs-shades", "aria-hidden": "true" });
  const context = element.getContext("2d");

  return {
    element,
    resize: (columns, rows, rim) => {
      [element.width, element.height] = [columns, rows];
      const share = (part, whole) => `${(100 * part) / (whole + 2 * rim)}%`;
      Object.assign(element.style, {
        left: share(rim, columns),
        top: share(rim, rows),
        width: share(columns, columns),
        height: share(rows, rows),
      });
    },
    paint: (column, row, fill, faded) => {
      context.clearRect(column, row, 1, 1);
      context.globalAlpha = faded ? FADED : 1;
      context.fillStyle = fill;
      context.fillRect(column, row, 1, 1);
    },
  };
}
