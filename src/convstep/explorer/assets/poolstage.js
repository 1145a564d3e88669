// The two stages of pooling: forward with its mask or its share, and backward to where the gradient lands, under both rules for ties.
// One rule: the two rules stand side by side, so that a tie shows what they differ in.

import { cellColour } from "./colours.js";
import { makeChoice, makeMenu, makeThumbs, paintThumb } from "./controls.js";
import { h, setAttribute, write } from "./dom.js";
import { entryName, makeFigure, shapeText } from "./figure.js";
import { makeGrid } from "./grid.js";
import { sign } from "./layerforward.js";
import { imageColours } from "./layergrids.js";
import { exactNumber, factor, plainNumber } from "./numbers.js";
import { poolPieces } from "./poolscene.js";
import { poolValue } from "./poolsays.js";

const DA_FILLS = ["ones", "one", "zeros", "random"];
const WRITTEN_OUT = 16; // the most cells whose sum or maximum is written out

/**
 * Make both stages.
 * @param {{ words: object, isDark: Function, actions: object, tools: object, now: () => { pooling: object, scene: object }, looks:
 *   Function,
 *   pick: Function, refuse: Function }} parts as for a layer
 * @returns {{ forward: object, backward: object, entries: object }} a stage has element, update(kind) and pictures()
 */
export function makePoolStages(parts) {
  const { words, actions, tools, now, looks, pick, refuse } = parts;
  const entryOf = (name, tensor, size, hooks = {}) => {
    const places = {
      index: (r, c) => [r, c, now().pooling.at[2]],
      cell: ([r, c, channel]) => (channel === now().pooling.at[2] ? [r, c] : null),
    };
    const grid = makeGrid({
      words,
      size,
      label: words.t(`pooling.grid.${name}`),
      hooks: { ...looks(name), pick: (r, c) => pick(name, r, c), refuse, ...hooks },
    });
    return { grid, tensor, ...places };
  };
  const small = (name, rows) => makeGrid({ words, size: "small", label: words.t(`pooling.grid.${name}`), rows });
  const image = { tool: tools.tool, edit: actions.setImage, paint: actions.paintImage, move: actions.goUnder };
  const entries = {
    image: entryOf("image", "image", "large", image),
    output: entryOf("output", "a", "large", { tool: () => "move", move: actions.goTo, walk: actions.goTo }),
    backImage: entryOf("backImage", "image", "medium", image),
    da: entryOf("da", "da", "large", {
      tool: tools.tool,
      edit: actions.setDa,
      paint: actions.paintDa,
      move: actions.goTo,
      walk: actions.goTo,
    }),
    dxCourse: entryOf("dxCourse", "dx", "large"),
    dxFirst: entryOf("dxFirst", "dxFirst", "large"),
  };
  const steps = Object.fromEntries(
    ["window", "maskCourse", "maskFirst", "backWindow", "piecesCourse", "piecesFirst"].map((name) => [name, small(name)]),
  );
  const both = { ...parts, entries, steps };
  return { entries, steps, forward: makePoolForward(both), backward: makePoolBackward(both) };
}

function makePoolForward({ words, isDark, actions, now, entries, steps }) {
  const channels = channelThumbs({ words, isDark, actions, now });
  const figures = {
    image: makeFigure({
      name: "A_prev",
      grid: entries.image.grid,
      thumbs: channels,
      look: "cs-figure-large",
      text: words.t("layer.image.note"),
    }),
    output: makeFigure({ name: "A", grid: entries.output.grid, look: "cs-figure-large", text: words.t("pooling.output.note") }),
    window: makeFigure({ name: "a_prev_slice", grid: steps.window }),
    maskCourse: makeFigure({ name: "mask", grid: steps.maskCourse, text: words.t("pooling.note.course") }),
    maskFirst: makeFigure({ name: "mask", grid: steps.maskFirst, text: words.t("pooling.note.first") }),
  };
  const [title, story, ties] = [h("h2", { class: "cs-number" }), h("p", {}), h("p", {})];
  const total = h("p", { class: "cs-total cs-number" });
  const equation = h(
    "div",
    { class: "cs-equation" },
    figures.window.element,
    h("div", { class: "cs-written" }, total),
    h("div", { class: "cs-group cs-masks" }, figures.maskCourse.element, figures.maskFirst.element),
  );
  const stage = h("div", { class: "cs-stage" }, figures.image.element, sign("→"), figures.output.element);
  const intro = h("div", { class: "cs-intro" }, h("p", {}, words.t("pooling.intro")));
  const element = h("div", { class: "cs-forward" }, intro, stage, h("section", { class: "cs-card" }, title, story, equation, ties));

  function update(kind, reading) {
    const { pooling, scene } = now();
    const { at } = pooling;
    showPooled(now(), { grid: entries.image.grid, dark: isDark(), words });
    showOutputs(now(), { grid: entries.output.grid, tensor: "a", dark: isDark(), words, running: true });
    if (reading) {
      showStep(pooling, scene);
    }
    channels.update(pooling.image.channels, at[2], kind === "change");
    if (kind === "change") {
      figures.image.shape(shapeText(scene.x.shape));
      figures.output.shape(shapeText(scene.a.shape));
    }
  }

  function showStep({ image, at, mode }, scene) {
    const [step, first] = ["course", "first"].map((rule) => poolPieces(scene, at, rule));
    showSquare(steps.window, scene, step.window.data, imageColours(scene, { image, channel: at[2] }, isDark()));
    [figures.maskCourse, figures.maskFirst].forEach((figure) => setAttribute(figure.element, "hidden", mode !== "max"));
    if (step.mask !== null) {
      const colour = { kind: "signed", limit: 1, dark: isDark() };
      showSquare(steps.maskCourse, scene, step.mask.data, colour);
      showSquare(steps.maskFirst, scene, first.mask.data, colour);
    }
    sayStep({ at, mode }, step);
  }

  function sayStep({ at, mode }, step) {
    const entry = entryName("A", at);
    const cells = step.window.data.length;
    write(title, words.t("layer.step.title", { entry, value: plainNumber(step.value) }));
    write(story, words.t(`pooling.story.${mode}`, { cells, entry }));
    write(total, written(mode, step));
    total.title = exactNumber(step.value);
    const winners = step.mask?.data.reduce((sum, mark) => sum + mark, 0) ?? 0;
    write(
      ties,
      mode === "max" ? words.t(winners > 1 ? "pooling.tied" : "pooling.untied", { winners }) : words.t("pooling.shared", { cells }),
    );
  }

  return {
    element,
    update,
    place: (card) => element.append(card),
    pictures: () => [
      { name: "A_prev", grid: entries.image.grid },
      { name: "A", grid: entries.output.grid },
    ],
  };
}

function makePoolBackward({ words, isDark, actions, now, entries, steps }) {
  const channels = channelThumbs({ words, isDark, actions, now });
  const fills = makeMenu({
    label: words.t("pooling.da.fill"),
    prompt: words.t("layer.dz.fill.choose"),
    role: "fill",
    bare: true,
    options: DA_FILLS.map((value) => ({ value, label: words.t(`layer.dz.fill.${value}`) })),
    choose: actions.fillDa,
  });
  const figures = {
    da: makeFigure({
      name: "dA",
      grid: entries.da.grid,
      thumbs: channels,
      look: "cs-figure-large",
      extra: fills.element,
      text: words.t("layer.dz.note"),
    }),
    dxCourse: makeFigure({ name: "dA_prev", grid: entries.dxCourse.grid, look: "cs-figure-large" }),
    dxFirst: makeFigure({ name: "dA_prev", grid: entries.dxFirst.grid, look: "cs-figure-large", text: words.t("pooling.note.first") }),
    backImage: makeFigure({ name: "A_prev", grid: entries.backImage.grid }),
    backWindow: makeFigure({ name: "a_prev_slice", grid: steps.backWindow }),
    piecesCourse: makeFigure({ name: "mask · dA", grid: steps.piecesCourse }),
    piecesFirst: makeFigure({ name: "mask · dA", grid: steps.piecesFirst, text: words.t("pooling.note.first") }),
  };
  const sums = makeChoice({
    label: words.t("sums"),
    role: "sums",
    options: ["running", "final"].map((value) => ({ value, label: words.t(`sums.${value}`) })),
    choose: (value) => actions.choose({ sums: value }),
  });
  const intro = h("p", {});
  const [says, code, ties] = [h("p", { class: "cs-says cs-number" }), h("code", {}), h("p", { class: "cs-says" })];
  const stage = h(
    "div",
    { class: "cs-stage cs-stage-three" },
    figures.da.element,
    sign("→"),
    h("div", { class: "cs-pair" }, figures.dxCourse.element, figures.dxFirst.element),
  );
  const slot = h("div", { class: "cs-slot" }); // the sum of a cell of dA_prev stands under it
  const element = h(
    "div",
    { class: "cs-backward" },
    h("div", { class: "cs-intro" }, intro, h("div", { class: "cs-sums" }, sums.element)),
    stage,
    slot,
    h(
      "section",
      { class: "cs-card" },
      h("h2", {}, words.t("pooling.back")),
      h("p", { class: "cs-code" }, code),
      says,
      h(
        "div",
        { class: "cs-equation" },
        figures.backImage.element,
        figures.backWindow.element,
        sign("→"),
        h("div", { class: "cs-group cs-masks" }, figures.piecesCourse.element, figures.piecesFirst.element),
      ),
      ties,
    ),
  );

  function update(kind, reading) {
    const { pooling, scene } = now();
    const { at, mode, rule } = pooling;
    const dark = isDark();
    const running = pooling.sums === "running";
    showOutputs(now(), { grid: entries.da.grid, tensor: "da", dark, words, running });
    showPooled(now(), { grid: entries.backImage.grid, dark, words });
    for (const [name, which] of [
      ["dxCourse", "course"],
      ["dxFirst", "first"],
    ]) {
      const dx = running ? scene.running[which](at) : scene.back[which];
      showGradientOf(now(), { grid: entries[name].grid, dx, dark, words });
      setAttribute(figures[name].element, "data-chosen", mode === "max" && rule === which);
    }
    [figures.dxFirst, figures.piecesFirst].forEach((figure) => setAttribute(figure.element, "hidden", mode !== "max"));
    if (reading) {
      showStep(pooling, scene, dark);
    }
    sums.update(pooling.sums);
    channels.update(pooling.image.channels, at[2], kind === "change");
    if (kind === "change") {
      sayMode(mode);
      figures.da.shape(shapeText(scene.da.shape));
      figures.dxCourse.shape(shapeText(scene.x.shape));
      figures.dxFirst.shape(shapeText(scene.x.shape));
    }
  }

  function sayMode(mode) {
    write(intro, words.t(`pooling.back.intro.${mode}`));
    write(code, words.t(`pooling.back.code.${mode}`));
    write(ties, mode === "max" ? words.t("pooling.ties") : "");
    figures.dxCourse.note(mode === "max" ? words.t("pooling.note.course") : "");
    figures.piecesCourse.note(words.t(mode === "max" ? "pooling.note.course" : "pooling.share.each"));
  }

  function showStep({ image, at }, scene, dark) {
    const [course, first] = ["course", "first"].map((rule) => poolPieces(scene, at, rule));
    const colour = { kind: "signed", limit: scene.limits.da, dark };
    showSquare(steps.backWindow, scene, course.window.data, imageColours(scene, { image, channel: at[2] }, dark));
    showSquare(steps.piecesCourse, scene, course.pieces, colour);
    showSquare(steps.piecesFirst, scene, first.pieces, colour);
    sayStep(scene, at, course);
  }

  function sayStep(scene, at, { mask, pieces }) {
    const winners = mask?.data.reduce((sum, mark) => sum + mark, 0) ?? 0;
    const received = poolValue(scene, "da", at);
    const values = {
      gradient: entryName("dA", at),
      value: plainNumber(received),
      factor: factor(received),
      cells: pieces.length,
      winners,
      piece: plainNumber(pieces[0]),
    };
    write(
      says,
      words.t(mask === null ? "pooling.back.says.average" : winners > 1 ? "pooling.back.says.tied" : "pooling.back.says.max", values),
    );
  }

  return {
    element,
    update,
    place: (card) => slot.append(card),
    pictures: () => [
      { name: "dA", grid: entries.da.grid },
      { name: "dA_prev", grid: entries.dxCourse.grid },
      ...(now().pooling.mode === "max" ? [{ name: `dA_prev (${words.t("pooling.note.first")})`, grid: entries.dxFirst.grid }] : []),
    ],
  };
}

function channelThumbs({ words, isDark, actions, now }) {
  return makeThumbs({
    group: words.t("layer.channel.choose"),
    label: (i) => words.t("layer.channel", { channel: i }),
    choose: (channel) => actions.choose({ at: [...actions.part().at.slice(0, 2), channel] }),
    draw: (canvas, i) => {
      const { pooling, scene } = now();
      const [rows, columns, depth] = scene.x.shape;
      const colour = imageColours(scene, { image: pooling.image, channel: i }, isDark());
      paintThumb(canvas, { rows, columns, fill: (r, c) => cellColour(scene.x.data[(r * columns + c) * depth + i], colour).fill });
    },
  });
}

/** The image with the window on it. */
function showPooled({ pooling, scene }, { grid, dark, words }) {
  const { image, at } = pooling;
  const note = words.t("note.window");
  const unused = words.t("note.unused");
  grid.show({
    ...windowNotes(scene, at, note, unused),
    rows: image.height,
    columns: image.width,
    value: (r, c) => poolValue(scene, "image", [r, c, at[2]]),
    colour: imageColours(scene, { image, channel: at[2] }, dark),
  });
  markPoolWindow(grid, scene, at);
}

function showGradientOf({ pooling, scene }, { grid, dx, dark, words }) {
  const { image, at } = pooling;
  grid.show({
    ...windowNotes(scene, at, words.t("note.window"), words.t("note.unused")),
    rows: image.height,
    columns: image.width,
    value: (r, c) => dx.data[(r * image.width + c) * image.channels + at[2]],
    colour: { kind: "signed", limit: scene.limits.dx, dark },
  });
  markPoolWindow(grid, scene, at);
}

function windowNotes({ rows, columns, unusedRows, unusedColumns }, [h0, v0], note, unused) {
  const [top, left] = [h0 * rows.stride, v0 * columns.stride];
  const inside = (r, c) => r >= top && r < top + rows.kernel && c >= left && c < left + columns.kernel;
  return {
    unusedRows,
    unusedColumns,
    note: (r, c) => (inside(r, c) ? note : unusedRows.includes(r) || unusedColumns.includes(c) ? unused : ""),
  };
}

function markPoolWindow(grid, { rows, columns }, at) {
  grid.mark("window", [{ r: 0, c: 0, rows: rows.kernel, columns: columns.kernel }], [at[0] * rows.stride, at[1] * columns.stride]);
}

/** The output or its gradient, veiled where the loops have not been. */
function showOutputs({ pooling, scene }, { grid, tensor, dark, words, running }) {
  const { at } = pooling;
  const [h0, v0, channel] = at;
  const notes = [words.t("note.here"), words.t("note.later")];
  const colour = { kind: "signed", limit: scene.limits[tensor], dark };
  grid.show({
    rows: scene.rows.out,
    columns: scene.columns.out,
    value: (r, c) => poolValue(scene, tensor, [r, c, channel]),
    note: (r, c) => (r === h0 && c === v0 ? notes[0] : running && (r > h0 || (r === h0 && c > v0)) ? notes[1] : ""),
    colour: tensor === "a" ? imageColours(scene, { image: pooling.image, channel }, dark) : colour,
  });
  grid.veil(running ? [h0, v0] : null);
  grid.mark("here", [{ r: 0, c: 0 }], [h0, v0]);
  grid.focus(h0, v0);
}

function showSquare(grid, { rows, columns }, values, colour) {
  grid.show({ rows: rows.kernel, columns: columns.kernel, value: (r, c) => values[r * columns.kernel + c], colour });
}

/** What the window becomes, written out where it is small enough. */
function written(mode, { window, value }) {
  const cells = Array.from(window.data, plainNumber);
  const shown = cells.length <= WRITTEN_OUT;
  if (mode === "max") {
    return `max(${shown ? cells.join(", ") : "…"}) = ${plainNumber(value)}`;
  }
  return `(${shown ? Array.from(window.data, factor).join(" + ") : "…"}) / ${cells.length} = ${plainNumber(value)}`;
}
