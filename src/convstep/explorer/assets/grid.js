// A matrix as a grid of cells: colours, numbers, marks, and a label on each cell for who hears the page.
// One rule: nodes are made when the shape changes and never otherwise; a step moves marks and rewrites texts.

import { cellColour } from "./colours.js";
import { h, newId, setAttribute, svg, write } from "./dom.js";
import { listenToGrid } from "./gridinput.js";
import { makeShades } from "./gridshades.js";
import { exactNumber, shortNumber } from "./numbers.js";

export const CELL = 40; // units of the drawing; the style sheet says how large a unit is
const RIM = 4;
const FONTS = [15, 15, 15, 15, 13.5, 11.5, 10.4, 9.2, 8, 7.2]; // for a text of so many characters
const LEGIBLE = 25; // pixels of a cell from which on its number is written
// drawn in this order; each mark has a shape of its own too, so that none depends on a colour
const MARKS = ["chosen", "feeds", "depends", "mark", "differs", "reach", "window", "here"];

/**
 * Make a grid.
 * @param {object} options
 * @param {object} options.words
 * @param {string} options.label what a screen reader calls the grid
 * @param {string} [options.size] "large", "medium" or "small": how large a cell may become
 * @param {object} [options.hooks] what happens: see `listenToGrid`
 * @returns {{ element: HTMLElement, drawings: SVGElement[], show: Function, mark: Function, veil: Function, focus: Function, colour:
 *   Function, relabel: Function, destroy: Function }}
 */
export function makeGrid({ words, label, size = "large", hooks = {} }) {
  const hatch = newId("hatch");
  const cross = newId("cross");
  const table = svg("g", { role: "grid", "aria-label": label });
  const frameHatch = svg("path", { class: "cs-frame", fill: `url(#${hatch})` });
  const unused = svg("path", { class: "cs-unused", fill: `url(#${cross})` });
  const cursor = svg("rect", { class: "cs-cursor", width: CELL, height: CELL, rx: 3, visibility: "hidden" });
  const marks = new Map(MARKS.map((name) => [name, makeMark(name)]));
  const lines = svg("path", { class: "cs-lines" });
  const still = svg("g", { "aria-hidden": "true" }, lines, frameHatch, unused);
  const picture = svg("svg", { class: "cs-matrix" }, svg("defs", {}, hatching(hatch), crossing(cross)), table, still);
  // what moves is a drawing of its own, so that a step does not paint the cells again
  const moving = [...marks.values()].map((mark) => mark.group);
  const overlay = svg("svg", { class: "cs-overlay", "aria-hidden": "true" }, moving, cursor);
  const shades = makeShades();
  const element = h("div", { class: `cs-grid cs-grid-${size} cs-quiet` }, shades.element, picture, overlay);

  let view = null;
  let shapeKey = "";
  let cells = [];
  let byNode = new Map();
  let numbersShown = false;
  let veiled = Infinity; // the first cell that is faded
  let stop = null; // the cell that the Tab key reaches

  const observer = new ResizeObserver(([entry]) => {
    const legible = view !== null && entry.contentRect.width / (across(view) + 0.2) >= LEGIBLE;
    if (legible !== numbersShown) {
      numbersShown = legible;
      element.classList.toggle("cs-quiet", !legible);
      cells.forEach(fillCell);
    }
  });
  observer.observe(element);

  function build() {
    const { rows, columns, frame } = view;
    const [width, height] = [across(view) * CELL, (rows + frame.top + frame.bottom) * CELL];
    [picture, overlay].forEach((drawing) => setAttribute(drawing, "viewBox", `${-RIM} ${-RIM} ${width + 2 * RIM} ${height + 2 * RIM}`));
    element.style.setProperty("--columns", across(view));
    element.style.setProperty("--rows", rows + frame.top + frame.bottom);
    setAttribute(table, "aria-rowcount", rows + frame.top + frame.bottom);
    setAttribute(table, "aria-colcount", across(view));
    const hadFocus = element.contains(document.activeElement);
    cells = [];
    const tableRows = [];
    for (let r = -frame.top; r < rows + frame.bottom; r += 1) {
      const line = svg("g", { role: "row" });
      for (let c = -frame.left; c < columns + frame.right; c += 1) {
        const rect = svg("rect", { x: (c + frame.left) * CELL, y: (r + frame.top) * CELL, width: CELL, height: CELL });
        const node = svg("g", { role: "gridcell", class: "cs-cell", tabindex: -1 }, rect);
        const said = { value: undefined, note: undefined, place: null };
        cells.push({ node, rect, text: null, r, c, ...said, fill: "", faded: false, inside: isInside(r, c) });
        line.append(node);
      }
      tableRows.push(line);
    }
    veiled = cells.length;
    byNode = new Map(cells.map((cell) => [cell.node, cell]));
    table.replaceChildren(...tableRows);
    setAttribute(frameHatch, "d", framePath());
    setAttribute(lines, "d", linesPath(across(view), rows + frame.top + frame.bottom));
    shades.resize(across(view), rows + frame.top + frame.bottom, RIM / CELL);
    stop = cellAt(stop?.r ?? 0, stop?.c ?? 0) ?? cellAt(0, 0);
    setAttribute(stop.node, "tabindex", 0);
    if (hadFocus) {
      stop.node.focus({ preventScroll: true });
    }
  }

  function isInside(r, c) {
    return r >= 0 && r < view.rows && c >= 0 && c < view.columns;
  }

  function cellAt(r, c) {
    const { frame } = view;
    const [row, column] = [r + frame.top, c + frame.left];
    return row < 0 || column < 0 || column >= across(view) ? undefined : cells[row * across(view) + column];
  }

  function framePath() {
    const { rows, columns, frame } = view;
    const [width, height] = [across(view), rows + frame.top + frame.bottom];
    return [
      block(0, 0, frame.top, width),
      block(frame.top + rows, 0, frame.bottom, width),
      block(frame.top, 0, rows, frame.left),
      block(frame.top, frame.left + columns, height - frame.top - frame.bottom, frame.right),
    ].join("");
  }

  function fillCell(cell) {
    const { fill, ink } = cellColour(cell.value, view.colour);
    if (!numbersShown) {
      shades.paint(cell.c + view.frame.left, cell.r + view.frame.top, fill, cell.faded);
      return;
    }
    fillRect(cell, fill);
    if (cell.text === null) {
      cell.text = svg("text", {
        x: (cell.c + view.frame.left + 0.5) * CELL,
        y: (cell.r + view.frame.top + 0.5) * CELL,
        "aria-hidden": "true",
      });
      cell.node.append(cell.text);
    }
    const text = shortNumber(cell.value);
    write(cell.text, text);
    setAttribute(cell.text, "fill", ink);
    setAttribute(cell.text, "font-size", FONTS[Math.min(text.length, FONTS.length - 1)]);
  }

  function fillRect(cell, fill) {
    if (fill !== cell.fill) {
      cell.fill = fill;
      cell.rect.setAttribute("fill", fill);
    }
  }

  function labelCell(cell) {
    cell.place ??= words.t(cell.inside ? "cell" : "cell.padding", { row: cell.r, column: cell.c });
    const where = cell.place.replace("{value}", exactNumber(cell.value));
    cell.node.setAttribute("aria-label", cell.note ? words.t("cell.noted", { cell: where, note: cell.note }) : where);
  }

  /**
   * Show numbers.
   * @param {{ rows: number, columns: number, value: (r: number, c: number) => number, note?: (r: number, c: number) => string,
   *   colour: object, frame?: object, unusedRows?: number[], unusedColumns?: number[] }} next rows and columns without the frame of
   *   padding, whose cells are asked for too, by places before 0 or behind the end; unused ones are counted in the same way
   */
  function show(next) {
    const before = view;
    view = { frame: { top: 0, right: 0, bottom: 0, left: 0 }, note: () => "", unusedRows: [], unusedColumns: [], ...next };
    const key = [view.rows, view.columns, ...Object.values(view.frame)].join();
    if (key !== shapeKey) {
      shapeKey = key;
      build();
    }
    const recolour = before === null || !sameColours(before.colour, view.colour);
    for (const cell of cells) {
      const value = view.value(cell.r, cell.c);
      const note = view.note(cell.r, cell.c);
      const changed = !Object.is(value, cell.value);
      if (changed || note !== cell.note) {
        cell.value = value;
        cell.note = note;
        labelCell(cell);
      }
      if (changed || recolour) {
        fillCell(cell);
      }
    }
    setAttribute(unused, "d", unusedPath());
  }

  function unusedPath() {
    const { frame, rows } = view;
    const height = rows + frame.top + frame.bottom;
    const lines = view.unusedRows.map((r) => block(r + frame.top, 0, 1, across(view)));
    return lines.concat(view.unusedColumns.map((c) => block(0, c + frame.left, height, 1))).join("");
  }

  /**
   * Put a mark somewhere, or take it away.
   * @param {string} name one of MARKS
   * @param {{ r: number, c: number, rows: number, columns: number }[]|null} blocks relative to `at`
   * @param {[number, number]} [at]
   */
  function mark(name, blocks, at = [0, 0]) {
    const { group, paths, shown } = marks.get(name);
    if (view === null || blocks === null || blocks.length === 0) {
      setAttribute(group, "visibility", "hidden");
      return;
    }
    const path = blocks.map(({ r, c, rows = 1, columns = 1 }) => outline(name, r, c, rows, columns)).join("");
    if (path !== shown.path) {
      shown.path = path;
      paths.forEach((line) => line.setAttribute("d", path));
    }
    const place = `translate(${(at[1] + view.frame.left) * CELL}px, ${(at[0] + view.frame.top) * CELL}px)`;
    if (place !== shown.place) {
      shown.place = place;
      group.style.transform = place;
    }
    setAttribute(group, "visibility", "visible");
  }

  /**
   * Fade what the loops have not reached yet. (Grids that are veiled have no frame.)
   * @param {[number, number]|null} last the last cell that they reached, in reading order; null covers nothing
   */
  function veil(last) {
    const { columns } = view;
    const from = last === null ? cells.length : last[0] * columns + last[1] + 1;
    for (let i = Math.min(from, veiled); i < Math.max(from, veiled); i += 1) {
      cells[i].faded = i >= from;
      cells[i].node.classList.toggle("cs-later", i >= from);
      if (!numbersShown) {
        fillCell(cells[i]);
      }
    }
    veiled = from;
  }

  /** Make a cell the one that the Tab key reaches; with `take`, go there. */
  function focus(r, c, take = false) {
    const cell = cellAt(r, c);
    if (cell === undefined || (cell === stop && !take)) {
      return;
    }
    setAttribute(stop.node, "tabindex", -1);
    stop = cell;
    setAttribute(stop.node, "tabindex", 0);
    if (take) {
      stop.node.focus({ preventScroll: false });
    }
  }

  function showCursor(cell) {
    setAttribute(cursor, "visibility", cell ? "visible" : "hidden");
    if (cell) {
      setAttribute(cursor, "x", (cell.c + view.frame.left) * CELL);
      setAttribute(cursor, "y", (cell.r + view.frame.top) * CELL);
    }
  }

  const grid = {
    element,
    drawings: [picture, overlay],
    show,
    mark,
    veil,
    focus,
    colour: () => cells.forEach((cell) => fillRect(cell, cellColour(cell.value, view.colour).fill)), // for a drawing that stands alone
    relabel: (text) => setAttribute(table, "aria-label", text),
  };
  const input = listenToGrid({
    element,
    picture,
    words,
    hooks,
    focus,
    showCursor,
    rim: RIM / CELL,
    shape: () => ({ ...view, across: across(view), down: view.rows + view.frame.top + view.frame.bottom }),
    cellOf: (node) => byNode.get(node),
    cellAt,
  });
  grid.destroy = () => {
    observer.disconnect();
    input.destroy();
  };
  return grid;
}

function makeMark(name) {
  const paths = [svg("path", { class: "cs-halo" }), svg("path", { class: "cs-line" })];
  return { group: svg("g", { class: `cs-mark cs-mark-${name}`, visibility: "hidden" }, paths), paths, shown: { path: "", place: "" } };
}

function across({ columns, frame }) {
  return columns + frame.left + frame.right;
}

function block(r, c, rows, columns) {
  return rows > 0 && columns > 0 ? `M${c * CELL} ${r * CELL}h${columns * CELL}v${rows * CELL}h${-columns * CELL}z` : "";
}

/** The lines between cells that have no outlines of their own. */
function linesPath(columns, rows) {
  const across = Array.from({ length: rows + 1 }, (_, r) => `M0 ${r * CELL}h${columns * CELL}`);
  const down = Array.from({ length: columns + 1 }, (_, c) => `M${c * CELL} 0v${rows * CELL}`);
  return across.concat(down).join("");
}

/** The outline of a mark: what it depends on has a corner cut, what it feeds a dot, so that the two differ without colour. */
function outline(name, r, c, rows, columns) {
  const inset = { window: 0, here: 0, reach: 0, differs: 1.5 }[name] ?? 4;
  const [x, y] = [c * CELL + inset, r * CELL + inset];
  const [width, height] = [columns * CELL - 2 * inset, rows * CELL - 2 * inset];
  const frame = `M${x} ${y}h${width}v${height}h${-width}z`;
  if (name === "depends" || name === "differs") {
    return `${frame}M${x} ${y}h9l-9 9z`;
  }
  return name === "feeds" ? `${frame}M${x + width - 9} ${y + height}h9v-9z` : frame;
}

function sameColours(one, other) {
  return one.kind === other.kind && one.limit === other.limit && one.dark === other.dark && one.tint === other.tint;
}

function hatching(id) {
  const line = svg("path", { d: "M-2 2l4 -4M0 10l10 -10M8 12l4 -4", class: "cs-hatch" });
  return svg("pattern", { id, width: 10, height: 10, patternUnits: "userSpaceOnUse" }, line);
}

function crossing(id) {
  const lines = svg("path", { d: "M0 0l8 8M8 0l-8 8", class: "cs-cross" });
  return svg("pattern", { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, lines);
}
