// The layers of a network, one below the other: what each makes of the image, and beside it how its numbers move the score.
// One rule: a map and its gradient stand at the same place of two strips.

import { strongest } from "./colours.js";
import { h, setAttribute, write } from "./dom.js";
import { filterOf, mapCount, mapInWords, mapOf, paintMap } from "./network_maps.js";
import { thousands } from "./network_says.js";
import { plainNumber } from "./numbers.js";

const FIRST_MAPS = 32; // of a layer; the others are shown when asked for

/**
 * Make the list of layers.
 * @param {{ words: object, choose: (layer: string, map: number) => void }} parts choose: a map was asked for
 * @returns {{ element: HTMLElement, build: Function, update: Function, slot: (layer: string) => HTMLElement, focus: Function }}
 */
export function makeFlow({ words, choose }) {
  const gradientTitle = h("h2", {});
  const list = h("ol", { class: "cs-net-layers" });
  const element = h(
    "section",
    { class: "cs-net-flow" },
    h("div", { class: "cs-net-heads" }, h("h2", {}, words.t("net.forwards")), gradientTitle),
    list,
  );
  let rows = new Map();

  return {
    element,
    /**
     * Make a row for each layer.
     * @param {{ name: string, kind: string, about: string, shape: number[], parameters: number, kernel: object|null }[]} layers kernel:
     *   the weights whose filters make the maps, (rows, columns, maps above, maps)
     */
    build: (layers) => {
      rows = new Map(layers.map((layer) => [layer.name, makeRow({ layer, words, choose })]));
      list.replaceChildren(...[...rows.values()].map((row) => row.element));
    },
    /**
     * Show numbers.
     * @param {{ outputs: Map<string, object>, gradients: Map<string, object>, score: string, chosen: { layer: string, map: number }|null,
     *   dark: boolean }} seen
     */
    update: ({ outputs, gradients, score, chosen, dark }) => {
      write(gradientTitle, words.t("net.backwards", { score }));
      for (const [name, row] of rows) {
        row.update({ output: outputs.get(name), gradient: gradients.get(name), score, dark, chosen: chosen?.layer === name ? chosen.map : null });
      }
    },
    slot: (name) => rows.get(name)?.slot,
    focus: (name, map) => rows.get(name)?.focus(map),
  };
}

function makeRow({ layer, words, choose }) {
  const press = (map) => choose(layer.name, map);
  const forwards = makeStrip({ label: words.t("net.maps.of", { layer: layer.name }), words, press });
  const backwards = makeStrip({ label: words.t("net.gradients.of", { layer: layer.name }), words, press });
  const filters = layer.kernel === null ? null : makeStrip({ label: words.t("net.filters.of", { layer: layer.name }), words, press });
  const none = h("p", { class: "cs-note" }, words.t("net.no.gradient"));
  const slot = h("div", { class: "cs-net-slot" });
  const element = h(
    "li",
    { class: "cs-card cs-net-layer", "data-layer": layer.name },
    h(
      "header",
      { class: "cs-net-layer-head" },
      h("h3", {}, h("code", {}, layer.name), " ", h("span", { class: "cs-net-kind" }, layer.kind)),
      h("span", { class: "cs-number cs-soft" }, layer.shape.join(" × ")),
      h("span", { class: "cs-number cs-soft" }, layer.parameters > 0 && words.t("net.parameters", { count: thousands(layer.parameters) })),
      h("p", { class: "cs-note" }, layer.about),
    ),
    h("div", { class: "cs-net-forwards" }, forwards.element, filters && h("h4", {}, words.t("net.filters")), filters?.element),
    h("div", { class: "cs-net-gradient" }, h("h4", { class: "cs-net-narrow" }, words.t("net.gradients")), backwards.element, none),
    slot,
  );

  return {
    element,
    slot,
    focus: (map) => forwards.focus(map),
    update: ({ output, gradient, score, dark, chosen }) => {
      forwards.update(output, { dark, chosen, name: (map) => words.t("net.map", { layer: layer.name, map }) });
      filters?.update(layer.kernel, { dark, chosen, name: (map) => words.t("net.filter", { layer: layer.name, map }) });
      none.hidden = gradient !== undefined;
      backwards.element.hidden = gradient === undefined;
      if (gradient !== undefined) {
        backwards.update(gradient, { dark, chosen, name: (map) => words.t("net.gradient", { layer: layer.name, map, score }) });
      }
      element.classList.toggle("cs-net-open", chosen !== null);
    },
  };
}

/** Maps side by side; arrow keys go from one to the next, so that Tab passes the whole strip. */
function makeStrip({ label, words, press }) {
  const maps = h("div", { class: "cs-net-maps", role: "toolbar", "aria-label": label, on: { keydown: onKey } });
  const scale = h("p", { class: "cs-note cs-number cs-net-scale" });
  const more = h("button", { type: "button", class: "cs-button", on: { click: () => build(count, Infinity) } });
  const element = h("div", { class: "cs-net-strip" }, maps, h("div", { class: "cs-net-under" }, scale, more));
  let [buttons, count, last] = [[], 0, null];

  function build(next, most) {
    count = next;
    const shown = Math.min(count, most);
    buttons = Array.from({ length: shown }, (_, k) =>
      h("button", { type: "button", class: "cs-net-map", on: { click: () => press(k) } }, h("canvas", { "aria-hidden": "true" })),
    );
    maps.replaceChildren(...buttons);
    more.hidden = shown === count;
    write(more, words.t("net.more", { count }));
    if (last !== null) {
      update(...last);
    }
  }

  function onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const next = Math.min(buttons.length - 1, Math.max(0, buttons.indexOf(event.target) + step));
      makeStop(next);
      buttons[next].focus();
    }
  }

  function makeStop(chosen) {
    buttons.forEach((button, k) => setAttribute(button, "tabindex", k === chosen ? 0 : -1));
  }

  function update(tensor, { dark, chosen, name }) {
    last = [tensor, { dark, chosen, name }];
    const wanted = mapCount(tensor.shape);
    if (wanted !== count) {
      last = null;
      build(wanted, FIRST_MAPS);
      makeStop(0);
      maps.classList.toggle("cs-net-line", tensor.shape.length === 1 && mapOf(tensor, 0).rows === 1);
      maps.classList.toggle("cs-net-single", wanted === 1);
      maps.classList.toggle("cs-net-few", wanted > 1 && wanted <= 16);
      last = [tensor, { dark, chosen, name }];
    }
    const limit = strongest(tensor.data);
    buttons.forEach((button, k) => {
      const map = tensor.shape.length === 4 ? filterOf(tensor, k) : mapOf(tensor, k);
      paintMap(button.firstChild, map, { limit, dark });
      setAttribute(button, "aria-label", mapInWords(map, { words, name: name(k) }));
      setAttribute(button, "aria-pressed", String(k === chosen));
    });
    if (!buttons.some((button) => button.tabIndex === 0)) {
      makeStop(0);
    }
    write(scale, words.t("net.scale", { limit: plainNumber(limit) }));
  }

  return { element, update, focus: (map) => buttons[map]?.focus() };
}

