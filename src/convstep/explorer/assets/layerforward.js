// The way forward through a layer: the image under its window, one step in numbers, and the output.
// One rule: a step rewrites numbers and moves marks; it makes nothing.

import { convStep } from "./arithmetic.js";
import { cellColour } from "./colours.js";
import { makeThumbs, paintThumb } from "./controls.js";
import { h, write } from "./dom.js";
import { entryName, makeFigure, shapeText } from "./figure.js";
import { frameOf, imageColours, makeLayerGrid, windowBlocks, windowCorner } from "./layergrids.js";
import { added, exactNumber, factor, plainNumber } from "./numbers.js";

const WRITTEN = 5; // the largest window whose terms are written out

/**
 * Make the stage.
 * @param {{ words: object, isDark: () => boolean, actions: object, tools: object, now: Function, looks: (name: string) => object,
 *   pick: Function, refuse: Function }} parts looks: the hooks of a grid that tell the lookout
 * @returns {{ element: HTMLElement, entries: object, update: (kind: string, reading: boolean) => void, place: Function, pictures:
 *   () => object[] }} place: where the card of an entry stands
 */
export function makeLayerForward({ words, isDark, actions, tools, now, looks, pick, refuse }) {
  const gridOf = (kind, size, hooks = {}) =>
    makeLayerGrid(kind, { words, size, now, hooks: { ...looks(kind), pick: (r, c) => pick(kind, r, c), refuse, ...hooks } });
  const entries = {
    image: gridOf("image", "large", { tool: tools.tool, edit: actions.setImage, paint: actions.paintImage, move: actions.goUnder }),
    output: gridOf("output", "large", { tool: () => "move", move: actions.goTo, walk: actions.goTo }),
    window: gridOf("window", "small"),
    filter: gridOf("filter", "small", { edit: actions.setFilter }),
    products: gridOf("products", "small"),
    bias: gridOf("bias", "small", { edit: actions.setBias }),
  };
  const channels = makeThumbs({
    group: words.t("layer.channel.choose"),
    label: (i) => words.t("layer.channel", { channel: i }),
    choose: (channel) => actions.choose({ channel }),
    draw: drawChannel,
  });
  const outputs = makeThumbs({
    group: words.t("layer.filter.choose"),
    label: (i) => words.t("layer.filter", { filter: i }),
    choose: (k) => actions.choose({ at: [...actions.part().at.slice(0, 2), k] }),
    draw: drawOutput,
  });
  const figures = {
    image: makeFigure({ name: "A_prev", grid: entries.image.grid, thumbs: channels, look: "cs-figure-large" }),
    output: makeFigure({ name: "Z", grid: entries.output.grid, thumbs: outputs, look: "cs-figure-large" }),
    window: makeFigure({ name: "a_slice_prev", grid: entries.window.grid, text: words.t("layer.window.note") }),
    filter: makeFigure({ name: "W", grid: entries.filter.grid, text: words.t("layer.filter.note") }),
    products: makeFigure({ name: "s", grid: entries.products.grid, text: words.t("layer.products.note") }),
    bias: makeFigure({ name: "b", grid: entries.bias.grid }),
  };
  const terms = h("div", { class: "cs-sum cs-number" });
  const title = h("h2", { class: "cs-number" });
  const story = h("p", {});
  const total = h("p", { class: "cs-total cs-number" });
  const perChannel = h("p", { class: "cs-note cs-number" });
  const element = h(
    "div",
    { class: "cs-forward" },
    h("div", { class: "cs-intro" }, h("p", {}, words.t("layer.intro"))),
    h("div", { class: "cs-stage" }, figures.image.element, sign("→"), figures.output.element),
    h(
      "section",
      { class: "cs-card" },
      title,
      story,
      h(
        "div",
        { class: "cs-equation" },
        h("div", { class: "cs-group" }, figures.window.element, sign("×"), figures.filter.element),
        h("div", { class: "cs-group" }, sign("="), figures.products.element),
        h("div", { class: "cs-group" }, sign("Σ +"), figures.bias.element),
        h("div", { class: "cs-written" }, terms, perChannel, total),
      ),
    ),
  );
  let lines = [];

  function drawChannel(canvas, i) {
    const { layer, scene } = now();
    const { height, width, channels: depth, values } = layer.image;
    const colour = imageColours(scene, { ...layer, channel: i }, isDark());
    paintThumb(canvas, { rows: height, columns: width, fill: (r, c) => cellColour(values[(r * width + c) * depth + i], colour).fill });
  }

  function drawOutput(canvas, i) {
    const { z, limits, rows, columns } = now().scene;
    const colour = { kind: "signed", limit: limits.z, dark: isDark() };
    paintThumb(canvas, {
      rows: rows.out,
      columns: columns.out,
      fill: (r, c) => cellColour(z.data[(r * columns.out + c) * z.shape[2] + i], colour).fill,
    });
  }

  function update(kind, reading) {
    const { layer, scene } = now();
    const dark = isDark();
    showImage(layer, scene, dark, entries.image.grid, words);
    showOutput(layer, scene, dark);
    if (reading) {
      showStep(layer, scene, dark);
    }
    if (kind === "change") {
      figures.image.shape(shapeText(scene.x.shape));
      figures.output.shape(shapeText(scene.z.shape));
      figures.filter.shape(shapeText(scene.w.shape));
      figures.image.note(noteOfImage(scene, words));
      figures.output.note(words.t("layer.output.note"));
    }
    channels.update(layer.image.channels, layer.channel, kind === "change");
    outputs.update(layer.filters.count, layer.at[2], kind === "change");
  }

  function showOutput({ at }, { z, rows, columns, limits }, dark) {
    const [h0, v0, k] = at;
    const notes = [words.t("note.here"), words.t("note.later")];
    entries.output.grid.show({
      rows: rows.out,
      columns: columns.out,
      value: (r, c) => z.data[(r * columns.out + c) * z.shape[2] + k],
      note: (r, c) => (r === h0 && c === v0 ? notes[0] : r > h0 || (r === h0 && c > v0) ? notes[1] : ""),
      colour: { kind: "signed", limit: limits.z, dark },
    });
    entries.output.grid.veil([h0, v0]);
    entries.output.grid.mark("here", [{ r: 0, c: 0 }], [h0, v0]);
    entries.output.grid.focus(h0, v0);
  }

  function showStep(layer, scene, dark) {
    const { at, channel } = layer;
    const step = convStep(scene.x, scene.w, scene.b, scene.options, at);
    const [size, depth, count] = [layer.filters.size, layer.image.channels, layer.filters.count];
    const inWindow = (r, c) => (r * size + c) * depth + channel;
    const weight = (r, c) => scene.w.data[inWindow(r, c) * count + at[2]];
    const square = { rows: size, columns: size };
    const signed = (limit) => ({ kind: "signed", limit, dark });
    entries.window.grid.show({ ...square, value: (r, c) => step.window.data[inWindow(r, c)], colour: imageColours(scene, layer, dark) });
    entries.filter.grid.show({ ...square, value: weight, colour: signed(scene.limits.w) });
    entries.products.grid.show({
      ...square,
      value: (r, c) => step.products.data[inWindow(r, c)],
      colour: signed(scene.limits.w * scene.limits.x),
    });
    entries.bias.grid.show({ rows: 1, columns: 1, value: () => step.bias, colour: signed(Math.max(scene.limits.b, scene.limits.z)) });
    sayStep({ step, at, channel, size, depth, weight });
  }

  function sayStep({ step, at, channel, size, depth, weight }) {
    const inWindow = (r, c) => (r * size + c) * depth + channel;
    write(title, words.t("layer.step.title", { entry: entryName("Z", at), value: plainNumber(step.value) }));
    write(story, words.t("layer.step.story", { cells: size * size * depth, entry: entryName("Z", at) }));
    writeTerms(size, (r, c) => [step.window.data[inWindow(r, c)], weight(r, c)]);
    const sums = Array.from({ length: depth }, (_, c) =>
      step.products.data.reduce((sum, product, i) => (i % depth === c ? sum + product : sum), 0),
    );
    write(
      perChannel,
      depth > 1 ? words.t("layer.step.channels", { sums: sums.map((sum, c) => `[${c}] ${plainNumber(sum)}`).join(",  ") }) : "",
    );
    write(
      total,
      words.t("layer.step.total", {
        sum: plainNumber(step.sum),
        bias: added(step.bias),
        value: plainNumber(step.value),
        entry: entryName("Z", at),
      }),
    );
    total.title = exactNumber(step.value);
  }

  /** The terms of the shown channel, a line for each row of the window. */
  function writeTerms(size, pair) {
    const wanted = size <= WRITTEN ? size : 0;
    if (lines.length !== wanted) {
      lines = Array.from({ length: wanted }, () => h("div", {}));
      terms.replaceChildren(...lines);
    }
    lines.forEach((line, r) => {
      let text = r === 0 ? "" : "+ ";
      for (let c = 0; c < size; c += 1) {
        const [value, weight] = pair(r, c);
        text += `${c === 0 ? "" : " + "}${factor(value)}·${factor(weight)}`;
      }
      write(line, text);
    });
  }

  return {
    element,
    entries,
    update,
    place: (card) => element.append(card),
    pictures: () => picturesOf({ A_prev: entries.image, W: entries.filter, Z: entries.output }),
  };
}

/**
 * Show the image in its frame, with the window on it.
 * @param {object} layer
 * @param {object} scene
 * @param {boolean} dark
 * @param {object} grid
 * @param {object} words
 */
export function showImage(layer, scene, dark, grid, words) {
  const { image, channel, at } = layer;
  const frame = frameOf(scene);
  const inside = windowTester(scene, at);
  const unused = unusedTester(scene);
  const [here, never] = [words.t("note.window"), words.t("note.unused")];
  grid.show({
    rows: image.height,
    columns: image.width,
    frame,
    value: (r, c) =>
      r >= 0 && r < image.height && c >= 0 && c < image.width ? image.values[(r * image.width + c) * image.channels + channel] : 0,
    note: (r, c) => (inside(r, c) ? here : unused(r, c) ? never : ""),
    colour: imageColours(scene, layer, dark),
    unusedRows: scene.unusedRows,
    unusedColumns: scene.unusedColumns,
  });
  markWindow(grid, scene, at);
}

/**
 * Mark the window of an output on a grid of the image's shape.
 * @param {object} grid
 * @param {object} scene
 * @param {number[]} at
 */
export function markWindow(grid, scene, at) {
  const corner = windowCorner(scene, at);
  grid.mark("window", windowBlocks(scene), corner);
  grid.mark("reach", scene.rows.dilation > 1 ? [{ r: 0, c: 0, rows: scene.rows.reach, columns: scene.columns.reach }] : null, corner);
}

/**
 * Whether a place of the image lies in the window of an output.
 * @param {object} scene
 * @param {number[]} at
 * @returns {(r: number, c: number) => boolean}
 */
export function windowTester({ rows, columns }, [h0, v0]) {
  const meets = (axis, out, place) => {
    const tap = (place + axis.before - out * axis.stride) / axis.dilation;
    return Number.isInteger(tap) && tap >= 0 && tap < axis.kernel;
  };
  return (r, c) => meets(rows, h0, r) && meets(columns, v0, c);
}

function unusedTester({ unusedRows, unusedColumns }) {
  return (r, c) => unusedRows.includes(r) || unusedColumns.includes(c);
}

function noteOfImage({ rows, columns, unusedRows, unusedColumns }, words) {
  const notes = [];
  if (rows.padded > rows.size || columns.padded > columns.size) {
    notes.push(words.t("layer.image.padding", { height: rows.padded, width: columns.padded }));
  }
  if (rows.ignored + columns.ignored > 0) {
    notes.push(words.t("layer.image.unused", { rows: rows.ignored, columns: columns.ignored }));
  }
  const between = [unusedRows.length - rows.ignored, unusedColumns.length - columns.ignored];
  if (between.some((count) => count > 0)) {
    notes.push(words.t("layer.image.between", { rows: between[0], columns: between[1] }));
  }
  return notes.join(" ") || words.t("layer.image.note");
}

/**
 * The grids of a stage under their names, for a drawing that stands alone.
 * @param {Object<string, { grid: object }>} named
 * @returns {{ name: string, grid: object }[]}
 */
export function picturesOf(named) {
  return Object.entries(named).map(([name, { grid }]) => ({ name, grid }));
}

/**
 * A sign between two figures.
 * @param {string} text
 * @returns {HTMLElement}
 */
export function sign(text) {
  return h("span", { class: "cs-between", "aria-hidden": "true" }, text);
}
