// An array of any shape as the grids of its matrices.
// One rule: every matrix says which slice of the array it is.

import { h } from "./dom.js";
import { makeGrid } from "./grid.js";
import { matricesOf } from "./mistakes_data.js";

const MOST = 12; // matrices of one array that are drawn

/**
 * Draw an array.
 * @param {object} options
 * @param {object} options.words
 * @param {string} options.name
 * @param {{ shape: number[], data: number[] }} options.array
 * @param {object} options.colour the colours of its numbers, see `cellColour`
 * @param {string} [options.place] what stands before the name for who hears the page: "right", "with this mistake"
 * @param {number} [options.pad] zeros that are drawn around each matrix
 * @param {(flat: number) => string} [options.note] what else is said of an entry
 * @param {(index: number[]) => void} [options.look] an entry is looked at
 * @returns {{ element: HTMLElement, mark: (name: string, places: number[][]) => void, destroy: () => void }}
 */
export function drawMatrices({ words, name, array, colour, place = "", pad = 0, note = () => "", look }) {
  const all = matricesOf(name, array);
  const drawn = all.slice(0, MOST).map((matrix) => {
    const label = place === "" ? matrix.label : words.t("mistakes.labelled", { place, label: matrix.label });
    const isInside = (r, c) => r >= 0 && c >= 0 && r < matrix.rows && c < matrix.columns;
    const enter = look && ((r, c) => isInside(r, c) && look(matrix.index(r, c)));
    const grid = makeGrid({ words, label, size: "small", hooks: { enter, pick: enter } });
    grid.show({
      rows: matrix.rows,
      columns: matrix.columns,
      frame: { top: pad, right: pad, bottom: pad, left: pad },
      value: (r, c) => (isInside(r, c) ? array.data[matrix.flat(r, c)] : 0),
      note: (r, c) => (isInside(r, c) ? note(matrix.flat(r, c)) : ""),
      colour,
    });
    return { grid, matrix };
  });
  const figures = drawn.map(({ grid, matrix }) =>
    h("figure", { class: "cs-slice" }, h("figcaption", {}, h("code", {}, matrix.label)), grid.element),
  );
  const rest = all.length > MOST ? h("p", {}, words.t("mistakes.more_matrices", { count: all.length - MOST })) : null;
  const empty = all.length === 0 ? h("p", {}, words.t("mistakes.empty_array")) : null;

  return {
    element: h("div", { class: "cs-slices" }, figures, rest, empty),
    mark: (kind, places) => {
      const known = places.filter((place) => place.length === array.shape.length); // of a wrong result the shape may be another
      for (const { grid, matrix } of drawn) {
        const cells = known.filter(matrix.holds).map(matrix.cell);
        grid.mark(kind, blocksOf(cells.filter(([r, c]) => r >= -pad && c >= -pad && r < matrix.rows + pad && c < matrix.columns + pad)));
      }
    },
    destroy: () => drawn.forEach(({ grid }) => grid.destroy()),
  };
}

/** Cells as the blocks of a mark: one block if they fill a rectangle, else each alone. */
function blocksOf(cells) {
  const distinctCells = [...new Map(cells.map((cell) => [cell.join(), cell])).values()];
  const [rows, columns] = [0, 1].map((axis) => distinctCells.map((cell) => cell[axis]));
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  const [height, width] = [Math.max(...rows) - top + 1, Math.max(...columns) - left + 1];
  if (distinctCells.length > 1 && distinctCells.length === height * width) {
    return [{ r: top, c: left, rows: height, columns: width }];
  }
  return distinctCells.map(([r, c]) => ({ r, c, rows: 1, columns: 1 }));
}
