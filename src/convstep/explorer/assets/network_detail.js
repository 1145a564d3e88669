// One feature map enlarged: its cells with their numbers, its gradient, its filter, and what a cell sees of the image.
// One rule: all pictures here follow the one chosen cell.

import { cellColour, strongest } from "./colours.js";
import { makeThumbs, paintThumb } from "./controls.js";
import { h, newId, setAttribute, write } from "./dom.js";
import { makeGrid } from "./grid.js";
import { mapCount, mapOf } from "./network_maps.js";
import { exactNumber, plainNumber } from "./numbers.js";

/**
 * Make the close look.
 * @param {object} parts
 * @param {object} parts.words
 * @param {(index: [number, number]) => void} parts.go to another cell: its row and its column in the map
 * @param {(map: number) => void} parts.choose another map of the layer
 * @param {() => void} parts.close
 * @param {() => void} parts.handOver to the view of one layer
 * @returns {{ element: HTMLElement, update: Function, destroy: Function }}
 */
export function makeMapDetail({ words, go, choose, close, handOver }) {
  const title = newId("detail");
  const heading = h("h3", { id: title });
  const hooks = { tool: () => "pick", pick: (r, c) => go([r, c]), walk: (r, c) => go([r, c]) };
  const grids = {
    output: makeGrid({ words, label: words.t("net.detail.map"), size: "small", hooks }),
    gradient: makeGrid({ words, label: words.t("net.detail.gradient"), size: "small", hooks }),
    image: makeGrid({ words, label: words.t("net.detail.image"), size: "small" }),
    filter: makeGrid({ words, label: words.t("net.detail.filter"), size: "small" }),
  };
  const figureOf = ([key, grid]) => [key, figure(words.t(`net.detail.${key === "output" ? "map" : key}`), grid)];
  const figures = Object.fromEntries(Object.entries(grids).map(figureOf));
  const planes = makeThumbs({
    label: (i) => words.t("net.detail.plane", { map: i }),
    group: words.t("net.detail.planes"),
    choose: (i) => {
      plane = i;
      update(last);
    },
    draw: (canvas, i) => drawPlane(canvas, i),
  });
  figures.filter.insertBefore(planes.element, grids.filter.element);
  const says = h("p", { class: "cs-net-says", "aria-live": "off" });
  const bias = h("p", { class: "cs-note cs-number" });
  figures.filter.append(bias);
  const button = (text, click) => h("button", { type: "button", class: "cs-button", on: { click } }, text);
  const previous = button(words.t("net.detail.previous"), () => choose(last.map - 1));
  const next = button(words.t("net.detail.next"), () => choose(last.map + 1));
  const hand = button("", handOver);
  const shut = button(words.t("close"), close);
  setAttribute(hand, "data-role", "hand-over");
  const element = h(
    "section",
    { class: "cs-net-detail", "aria-labelledby": title, on: { keydown: onKey } },
    h("div", { class: "cs-net-detail-head" }, heading, h("div", { class: "cs-net-detail-tools" }, previous, next, hand, shut)),
    says,
    h("div", { class: "cs-net-figures" }, Object.values(figures)),
  );
  let [last, plane] = [null, 0];

  function onKey(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
  }

  function drawPlane(canvas, i) {
    const { data, shape } = last.kernel;
    const limit = strongest(data);
    const fill = (r, c) => cellColour(kernelAt(data, shape, r, c, i, last.map), { kind: "signed", limit, dark: last.dark }).fill;
    paintThumb(canvas, { rows: shape[0], columns: shape[1], fill });
  }

  /**
   * Show numbers.
   * @param {{ layer: object, map: number, at: [number, number], output: object, gradient: object|undefined, image: object, field: object,
   *   score: string, kernel: object|null, bias: number|null, handing: "layer"|"pooling"|null, range: number, dark: boolean }} seen
   */
  function update(seen) {
    const another = last === null || last.layer.name !== seen.layer.name || last.map !== seen.map;
    last = seen;
    const { layer, map, at, output, gradient, image, field, dark, score } = seen;
    const shown = mapOf(output, map);
    const name = words.t("net.map", { layer: layer.name, map });
    write(heading, `${name} · ${shown.rows} × ${shown.columns}`);
    showMatrix(grids.output, shown, strongest(output.data), dark);
    grids.output.relabel(name);
    figures.gradient.hidden = gradient === undefined;
    if (gradient !== undefined) {
      showMatrix(grids.gradient, mapOf(gradient, map), strongest(gradient.data), dark);
      grids.gradient.relabel(words.t("net.gradient", { layer: layer.name, map, score }));
    }
    [grids.output, grids.gradient].forEach((grid) => grid.mark("here", [{ r: 0, c: 0 }], at));
    grids.output.focus(...at);
    figures.image.hidden = layer.inputs.length === 0;
    if (!figures.image.hidden) {
      showImage(image, dark, seen.range);
      grids.image.mark("window", field.rows === 0 ? null : [{ ...field, r: 0, c: 0 }], [field.r, field.c]);
    }
    figures.filter.hidden = seen.kernel === null;
    if (seen.kernel !== null) {
      showFilter(another);
    }
    setAttribute(previous, "aria-disabled", map === 0 ? "true" : null);
    setAttribute(next, "aria-disabled", map === mapCount(output.shape) - 1 ? "true" : null);
    hand.hidden = seen.handing === null;
    write(hand, seen.handing === null ? "" : words.t(`net.hand.${seen.handing}`));
    write(says, sayCell(words, seen, shown));
  }

  function showImage({ shape: [rows, columns, channels], data }, dark, range) {
    const value = (r, c) => {
      let sum = 0;
      for (let k = 0; k < channels; k += 1) {
        sum += data[(r * columns + c) * channels + k];
      }
      return sum / channels;
    };
    grids.image.show({ rows, columns, value, colour: { kind: "bright", limit: range, dark } });
  }

  function showFilter(another) {
    const { kernel, map, dark } = last;
    const [rows, columns, channels] = kernel.shape;
    plane = another ? strongestPlane(kernel, map) : Math.min(plane, channels - 1);
    planes.update(channels, plane, true);
    const value = (r, c) => kernelAt(kernel.data, kernel.shape, r, c, plane, map);
    grids.filter.show({ rows, columns, value, colour: { kind: "signed", limit: strongest(kernel.data), dark } });
    grids.filter.relabel(words.t("net.detail.plane", { map: plane }));
    write(bias, last.bias === null ? "" : words.t("net.detail.bias", { value: plainNumber(last.bias) }));
  }

  return { element, update, destroy: () => Object.values(grids).forEach((grid) => grid.destroy()) };
}

function figure(name, grid) {
  return h("div", { class: "cs-net-figure" }, h("h4", {}, name), grid.element);
}

function showMatrix(grid, { rows, columns, at }, limit, dark) {
  grid.show({ rows, columns, value: (r, c) => at(r, c), colour: { kind: "signed", limit, dark } });
}

function sayCell(words, { layer, map, at, output, gradient, field, score }, shown) {
  const index = shown.index(...at);
  const entry = `${layer.name}[${index.join(", ")}]`;
  const parts = [words.t("net.cell", { entry, value: exactNumber(shown.at(...at)) })];
  if (layer.inputs.length > 0) {
    const last = { bottom: field.r + field.rows - 1, right: field.c + field.columns - 1 };
    parts.push(words.t(field.rows === 0 ? "net.cell.blind" : "net.cell.sees", { top: field.r, left: field.c, ...last }));
  }
  if (gradient !== undefined) {
    const slope = mapOf(gradient, map).at(...at);
    parts.push(words.t(slope === 0 ? "net.cell.no.slope" : "net.cell.slope", { value: plainNumber(slope), score }));
  }
  return parts.join(" ");
}

function kernelAt(data, [, columns, channels, filters], r, c, plane, map) {
  return data[((r * columns + c) * channels + plane) * filters + map];
}

/** The part of a filter that weighs most: with many maps, the first is seldom the one that matters. */
function strongestPlane({ data, shape: [rows, columns, channels, filters] }, map) {
  const sizes = new Float64Array(channels);
  for (let cell = 0; cell < rows * columns; cell += 1) {
    for (let k = 0; k < channels; k += 1) {
      sizes[k] += Math.abs(data[(cell * channels + k) * filters + map]);
    }
  }
  return sizes.indexOf(Math.max(...sizes));
}
