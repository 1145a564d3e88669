// The grids of the view "one layer": what each shows of the scene, and which entry each of its cells is.
// One rule: a cell and the entry that it shows are translated into each other here and nowhere else.

import { makeGrid } from "./grid.js";

/**
 * Make one grid of the view.
 * @param {string} kind "image", "gradient" (of the image), "window", "filter", "products", "output", "dz", "pieces" (for the image),
 *   "shares" (for the filter), "dw", "bias", "db"
 * @param {{ words: object, size?: string, hooks?: object, now: () => { layer: object, scene: object } }} parts
 * @returns {{ grid: object, tensor: string, index: Function, cell: Function }} an entry for the lookout
 */
export function makeLayerGrid(kind, { words, size, hooks, now }) {
  const grid = makeGrid({ words, label: words.t(`layer.grid.${kind}`), size, hooks });
  return { grid, ...GRID_ENTRIES[kind](now) };
}

/**
 * The colours of the image's numbers: brightness where they are that, signs where they are not.
 * @param {object} scene
 * @param {object} layer
 * @param {boolean} dark
 * @returns {object}
 */
export function imageColours({ bare, limits }, { image, channel }, dark) {
  if (!bare) {
    return { kind: "signed", limit: limits.x, dark };
  }
  const colour = { kind: image.channels === 1 ? "paper" : "bright", limit: 1, dark };
  return image.channels === 3 ? { ...colour, tint: channel } : colour;
}

/**
 * The frame of padding, as grids know it.
 * @param {object} scene
 * @returns {object}
 */
export function frameOf({ rows, columns }) {
  return { top: rows.before, bottom: rows.after, left: columns.before, right: columns.after };
}

/**
 * The cells of a window, as blocks to mark: one block, or one for each cell where they lie apart.
 * @param {object} scene
 * @returns {{ r: number, c: number, rows: number, columns: number }[]}
 */
export function windowBlocks({ rows, columns }) {
  if (rows.dilation === 1) {
    return [{ r: 0, c: 0, rows: rows.kernel, columns: columns.kernel }];
  }
  const blocks = [];
  for (let i = 0; i < rows.kernel; i += 1) {
    for (let j = 0; j < columns.kernel; j += 1) {
      blocks.push({ r: i * rows.dilation, c: j * columns.dilation });
    }
  }
  return blocks;
}

/**
 * Where the window of an output begins, in the places of the image.
 * @param {object} scene
 * @param {number[]} at
 * @returns {[number, number]}
 */
export function windowCorner({ rows, columns }, [h, v]) {
  return [h * rows.stride - rows.before, v * columns.stride - columns.before];
}

const ofImage = (tensor) => (now) => ({
  tensor,
  index: (r, c) => [r + now().scene.rows.before, c + now().scene.columns.before, now().layer.channel],
  cell: ([r, c, channel]) => (channel === now().layer.channel ? [r - now().scene.rows.before, c - now().scene.columns.before] : null),
});

const ofFilter = (tensor) => (now) => ({
  tensor,
  index: (r, c) => [r, c, now().layer.channel, now().layer.at[2]],
  cell: ([r, c, channel, k]) => (channel === now().layer.channel && k === now().layer.at[2] ? [r, c] : null),
});

const ofOutput = (tensor) => (now) => ({
  tensor,
  index: (r, c) => [r, c, now().layer.at[2]],
  cell: ([r, c, k]) => (k === now().layer.at[2] ? [r, c] : null),
});

const ofBias = (tensor) => (now) => ({
  tensor,
  index: () => [now().layer.at[2]],
  cell: ([k]) => (k === now().layer.at[2] ? [0, 0] : null),
});

/** Products and pieces exist for one step only: they are called by their place in the window. */
const ofStep = (tensor) => () => ({ tensor, index: (r, c) => [r, c], cell: ([r, c]) => [r, c] });

/** The cells of the image under the window, in a grid of their own. */
const ofWindow = (tensor) => (now) => ({
  tensor,
  index: (r, c) => {
    const { scene, layer } = now();
    return [
      layer.at[0] * scene.rows.stride + r * scene.rows.dilation,
      layer.at[1] * scene.columns.stride + c * scene.columns.dilation,
      layer.channel,
    ];
  },
  cell: ([r, c, channel]) => {
    const { scene, layer } = now();
    const row = (r - layer.at[0] * scene.rows.stride) / scene.rows.dilation;
    const column = (c - layer.at[1] * scene.columns.stride) / scene.columns.dilation;
    const inside = [row, column].every((place) => Number.isInteger(place) && place >= 0 && place < scene.rows.kernel);
    return inside && channel === layer.channel ? [row, column] : null;
  },
});

const GRID_ENTRIES = {
  image: ofImage("padded"),
  gradient: ofImage("dxPadded"),
  window: ofWindow("padded"),
  filter: ofFilter("filters"),
  dw: ofFilter("dw"),
  output: ofOutput("z"),
  dz: ofOutput("dz"),
  bias: ofBias("bias"),
  db: ofBias("db"),
  products: ofStep("products"),
  pieces: ofStep("pieces"),
  shares: ofStep("shares"),
};
