// The way back through a layer: how the gradient of each output flows to the image, to the filter and to the bias.
// One rule: the three sums grow step by step, in the order of the course's loops, and every piece is seen before it lands.

import { makeChoice, makeMenu, makeThumbs, paintThumb } from "./controls.js";
import { cellColour } from "./colours.js";
import { h, write } from "./dom.js";
import { entryName, makeFigure, shapeText } from "./figure.js";
import { markWindow, picturesOf, showImage, sign, windowTester } from "./layerforward.js";
import { frameOf, imageColours, makeLayerGrid, windowCorner } from "./layergrids.js";
import { layerEntry, valueOf } from "./layersays.js";
import { added, exactNumber, factor, plainNumber } from "./numbers.js";

const DZ_FILLS = ["ones", "one", "zeros", "random", "squares"];

/**
 * Make the stage.
 * @param {{ words: object, isDark: () => boolean, actions: object, tools: object, now: Function, looks: Function, pick: Function,
 *   refuse: Function }} parts as for the way forward
 * @returns {{ element: HTMLElement, entries: object, update: (kind: string, reading: boolean) => void, place: Function, pictures:
 *   () => object[] }} place: where the card of an entry stands
 */
export function makeLayerBackward({ words, isDark, actions, tools, now, looks, pick, refuse }) {
  const gridOf = (name, kind, size, hooks = {}) =>
    makeLayerGrid(kind, { words, size, now, hooks: { ...looks(name), pick: (r, c) => pick(name, r, c), refuse, ...hooks } });
  const entries = {
    dz: gridOf("dz", "dz", "large", {
      tool: tools.tool,
      edit: actions.setDz,
      paint: actions.paintDz,
      move: actions.goTo,
      walk: actions.goTo,
    }),
    gradient: gridOf("gradient", "gradient", "large"),
    backFilter: gridOf("backFilter", "filter", "small", { edit: actions.setFilter }),
    pieces: gridOf("pieces", "pieces", "small"),
    backImage: gridOf("backImage", "image", "medium", {
      tool: () => (tools.tool() === "move" ? "move" : tools.tool()),
      edit: actions.setImage,
      paint: actions.paintImage,
      move: actions.goUnder,
    }),
    backWindow: gridOf("backWindow", "window", "small"),
    shares: gridOf("shares", "shares", "small"),
    dw: gridOf("dw", "dw", "small"),
    db: gridOf("db", "db", "small"),
  };
  const fills = makeMenu({
    label: words.t("layer.dz.fill"),
    prompt: words.t("layer.dz.fill.choose"),
    role: "fill",
    bare: true,
    options: DZ_FILLS.map((value) => ({ value, label: words.t(`layer.dz.fill.${value}`) })),
    choose: actions.fillDz,
  });
  const figures = {
    dz: makeFigure({
      name: "dZ",
      grid: entries.dz.grid,
      thumbs: outputThumbs(),
      look: "cs-figure-large",
      extra: fills.element,
      text: words.t("layer.dz.note"),
    }),
    gradient: makeFigure({ name: "dA_prev", grid: entries.gradient.grid, thumbs: channelThumbs(), look: "cs-figure-large" }),
    backFilter: makeFigure({ name: "W", grid: entries.backFilter.grid }),
    pieces: makeFigure({ name: "W · dZ", grid: entries.pieces.grid }),
    backImage: makeFigure({ name: "A_prev", grid: entries.backImage.grid }),
    backWindow: makeFigure({ name: "a_slice", grid: entries.backWindow.grid }),
    shares: makeFigure({ name: "a_slice · dZ", grid: entries.shares.grid }),
    dw: makeFigure({ name: "dW", grid: entries.dw.grid }),
    db: makeFigure({ name: "db", grid: entries.db.grid }),
  };
  const sums = makeChoice({
    label: words.t("sums"),
    role: "sums",
    options: ["running", "final"].map((value) => ({ value, label: words.t(`sums.${value}`) })),
    choose: (value) => actions.choose({ sums: value }),
  });
  const says = Object.fromEntries(["dz", "image", "filter", "bias", "sum"].map((name) => [name, h("p", { class: "cs-says cs-number" })]));
  const received = [0, 1].map(() => h("span", { class: "cs-between cs-factor cs-number" }));
  const slot = h("div", { class: "cs-slot" }); // the sum of a cell of dA_prev stands beside its story
  const element = h(
    "div",
    { class: "cs-backward" },
    h("div", { class: "cs-intro" }, h("p", {}, words.t("layer.back.intro")), h("div", { class: "cs-sums" }, sums.element)),
    h(
      "div",
      { class: "cs-stage cs-stage-back" },
      figures.dz.element,
      h("div", { class: "cs-middle" }, figures.backFilter.element, received[0], figures.pieces.element, sign("→")),
      figures.gradient.element,
    ),
    h(
      "div",
      { class: "cs-cards" },
      card("image", [says.dz, says.image], []),
      slot,
      card(
        "filter",
        [says.filter],
        [[figures.backImage.element], [figures.backWindow.element, received[1]], [figures.shares.element], [sign("→"), figures.dw.element]],
      ),
      card("bias", [says.bias], [[figures.db.element, says.sum]]),
    ),
  );

  function card(name, sentences, groups) {
    return h(
      "section",
      { class: `cs-card cs-card-${name}` },
      h("h2", {}, words.t(`layer.back.${name}`)),
      h("p", { class: "cs-code" }, h("code", {}, words.t(`layer.back.${name}.code`))),
      sentences,
      h(
        "div",
        { class: "cs-equation" },
        groups.map((group) => h("div", { class: "cs-group" }, group)),
      ),
    );
  }

  function outputThumbs() {
    return makeThumbs({
      group: words.t("layer.filter.choose"),
      label: (i) => words.t("layer.filter", { filter: i }),
      choose: (k) => actions.choose({ at: [...actions.part().at.slice(0, 2), k] }),
      draw: (canvas, i) => drawPlane(canvas, now().scene.dz, i, now().scene.limits.dz),
    });
  }

  function channelThumbs() {
    return makeThumbs({
      group: words.t("layer.channel.choose"),
      label: (i) => words.t("layer.channel", { channel: i }),
      choose: (channel) => actions.choose({ channel }),
      draw: (canvas, i) => drawPlane(canvas, now().scene.back.dx, i, now().scene.limits.dx),
    });
  }

  function drawPlane(canvas, { shape, data }, plane, limit) {
    const colour = { kind: "signed", limit, dark: isDark() };
    const fill = (r, c) => cellColour(data[(r * shape[1] + c) * shape[2] + plane], colour).fill;
    paintThumb(canvas, { rows: shape[0], columns: shape[1], fill });
  }

  function update(kind, reading) {
    const { layer, scene } = now();
    const dark = isDark();
    const landed = layer.sums === "final" ? scene.back : scene.running(layer.at);
    showDz(layer, scene, dark);
    showGradient(layer, scene, landed, dark);
    showImage(layer, scene, dark, entries.backImage.grid, words);
    if (reading) {
      showPieces(layer, scene, landed, dark);
      sayStep(layer, scene, landed);
    }
    sums.update(layer.sums);
    figures.dz.thumbs.update(layer.filters.count, layer.at[2], kind === "change");
    figures.gradient.thumbs.update(layer.image.channels, layer.channel, kind === "change");
    if (kind === "change") {
      figures.dz.shape(shapeText(scene.dz.shape));
      figures.gradient.shape(shapeText(scene.x.shape));
      figures.backFilter.shape(shapeText(scene.w.shape));
      figures.dw.shape(shapeText(scene.w.shape));
      figures.backImage.shape(shapeText(scene.x.shape));
      figures.db.shape(shapeText(scene.b.shape));
    }
  }

  function showDz({ at, sums: which }, { dz, rows, columns, limits }, dark) {
    const [h0, v0, k] = at;
    const notes = [words.t("note.here"), words.t("note.later")];
    const running = which === "running";
    entries.dz.grid.show({
      rows: rows.out,
      columns: columns.out,
      value: (r, c) => dz.data[(r * columns.out + c) * dz.shape[2] + k],
      note: (r, c) => (r === h0 && c === v0 ? notes[0] : running && (r > h0 || (r === h0 && c > v0)) ? notes[1] : ""),
      colour: { kind: "signed", limit: limits.dz, dark },
    });
    entries.dz.grid.veil(running ? [h0, v0] : null);
    entries.dz.grid.mark("here", [{ r: 0, c: 0 }], [h0, v0]);
    entries.dz.grid.focus(h0, v0);
  }

  function showGradient({ image, channel, at }, scene, { dxPadded }, dark) {
    const { rows, columns, limits } = scene;
    const inside = windowTester(scene, at);
    const note = words.t("note.window");
    entries.gradient.grid.show({
      rows: image.height,
      columns: image.width,
      frame: frameOf(scene),
      value: (r, c) => dxPadded.data[((r + rows.before) * columns.padded + c + columns.before) * image.channels + channel],
      note: (r, c) => (inside(r, c) ? note : ""),
      colour: { kind: "signed", limit: limits.dx, dark },
      unusedRows: scene.unusedRows,
      unusedColumns: scene.unusedColumns,
    });
    markWindow(entries.gradient.grid, scene, at);
  }

  function showPieces({ at, channel, image, filters }, scene, landed, dark) {
    const [size, depth, count, k] = [filters.size, image.channels, filters.count, at[2]];
    const place = (r, c) => ((r * size + c) * depth + channel) * count + k;
    const [top, left] = [at[0] * scene.rows.stride, at[1] * scene.columns.stride];
    const cell = (r, c) => valueOf(scene, "padded", [top + r * scene.rows.dilation, left + c * scene.columns.dilation, channel]);
    const dz = valueOf(scene, "dz", at);
    const square = { rows: size, columns: size };
    const signed = (limit) => ({ kind: "signed", limit, dark });
    const { limits } = scene;
    entries.backFilter.grid.show({ ...square, value: (r, c) => scene.w.data[place(r, c)], colour: signed(limits.w) });
    entries.pieces.grid.show({ ...square, value: (r, c) => scene.w.data[place(r, c)] * dz, colour: signed(limits.w * limits.dz) });
    entries.backWindow.grid.show({ ...square, value: cell, colour: imageColours(scene, { image, channel }, dark) });
    entries.shares.grid.show({ ...square, value: (r, c) => cell(r, c) * dz, colour: signed(limits.x * limits.dz) });
    entries.dw.grid.show({ ...square, value: (r, c) => landed.dw.data[place(r, c)], colour: signed(limits.dw) });
    entries.db.grid.show({ rows: 1, columns: 1, value: () => landed.db.data[k], colour: signed(limits.db) });
    received.forEach((span) => write(span, `× ${factor(dz)} =`));
  }

  function sayStep({ at, channel, sums: which }, scene, landed) {
    const dz = valueOf(scene, "dz", at);
    const [i, j] = exampleTap(scene, at, channel);
    const [top, left] = windowCorner(scene, at);
    const [row, column] = [top + i * scene.rows.dilation, left + j * scene.columns.dilation];
    const index = [row + scene.rows.before, column + scene.columns.before, channel];
    const [weight, cell] = [valueOf(scene, "filters", [i, j, channel, at[2]]), valueOf(scene, "padded", index)];
    const values = {
      output: entryName("Z", at),
      gradient: entryName("dZ", at),
      dz: plainNumber(dz),
      factor: factor(dz),
      weightName: entryName("W", [i, j, channel, at[2]]),
      slopeName: entryName("dW", [i, j, channel, at[2]]),
      weight: plainNumber(weight),
      cellName: layerEntry(scene, "padded", index),
      landing: layerEntry(scene, "dxPadded", index),
      cell: plainNumber(cell),
      piece: plainNumber(weight * dz),
      share: plainNumber(cell * dz),
      product: factor(weight),
      value: factor(cell),
      biasName: entryName("db", [at[2]]),
      sum: plainNumber(landed.db.data[at[2]]),
    };
    write(says.dz, words.t("layer.back.says.dz", values));
    write(says.image, words.t("layer.back.says.image", values));
    write(says.filter, words.t("layer.back.says.filter", values));
    write(says.bias, words.t(which === "final" ? "layer.back.says.bias.final" : "layer.back.says.bias", values));
    write(says.sum, sumOfDz(scene, at, which));
    says.sum.title = exactNumber(landed.db.data[at[2]]);
  }

  /** The sum that db is, its last terms written out. */
  function sumOfDz({ dz, rows, columns }, [h0, v0, k], which) {
    const steps = which === "final" ? rows.out * columns.out : h0 * columns.out + v0 + 1;
    const first = Math.max(steps - 6, 0);
    let text = first > 0 ? "…" : "";
    let sum = 0;
    for (let step = 0; step < steps; step += 1) {
      const value = dz.data[step * dz.shape[2] + k];
      sum += value;
      if (step >= first) {
        text += text === "" ? plainNumber(value) : ` ${added(value)}`;
      }
    }
    return `${text} = ${plainNumber(sum)}`;
  }

  return {
    element,
    entries,
    update,
    place: (summed) => slot.append(summed),
    pictures: () => picturesOf({ dZ: entries.dz, W: entries.backFilter, dA_prev: entries.gradient, dW: entries.dw }),
  };
}

/**
 * A cell of the window that makes a good example: with a weight and a number that are not 0, and best with two products that are not.
 * @param {object} scene
 * @param {number[]} at
 * @param {number} channel
 * @returns {[number, number]} its place in the window
 */
export function exampleTap(scene, at, channel) {
  const { rows, columns } = scene;
  const [top, left] = [at[0] * rows.stride, at[1] * columns.stride];
  let [best, most] = [[0, 0], -1];
  for (let i = 0; i < rows.kernel; i += 1) {
    for (let j = 0; j < columns.kernel; j += 1) {
      const [r, c] = [top + i * rows.dilation, left + j * columns.dilation];
      const inside = r >= rows.before && r < rows.before + rows.size && c >= columns.before && c < columns.before + columns.size;
      const weight = valueOf(scene, "filters", [i, j, channel, at[2]]) !== 0;
      const number = valueOf(scene, "padded", [r, c, channel]) !== 0;
      const worth = inside * 8 + weight * 4 + (weight && overlaps(scene, [r, c, channel])) * 2 + number;
      [best, most] = worth > most ? [[i, j], worth] : [best, most];
    }
  }
  return best;
}

/** Whether two pieces at the least that are not 0 land on a cell. */
function overlaps(scene, [r, c, channel]) {
  const { rows, columns, dz } = scene;
  let pieces = 0;
  for (const [i, h] of reaching(rows, r)) {
    for (const [j, v] of reaching(columns, c)) {
      for (let k = 0; k < dz.shape[2]; k += 1) {
        pieces += valueOf(scene, "filters", [i, j, channel, k]) * valueOf(scene, "dz", [h, v, k]) !== 0;
        if (pieces === 2) {
          return true;
        }
      }
    }
  }
  return false;
}

/** The taps of one axis that meet a place, each with the output of its window. */
function reaching({ kernel, dilation, stride, out }, place) {
  const pairs = Array.from({ length: kernel }, (_, tap) => [tap, (place - tap * dilation) / stride]);
  return pairs.filter(([, output]) => Number.isInteger(output) && output >= 0 && output < out);
}
