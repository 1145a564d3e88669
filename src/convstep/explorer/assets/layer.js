// The view "one layer": a convolution, forwards and backwards, on numbers that the visitor can change.
// One rule: this file puts the parts together; what they show is in the parts.

import { makeChoice } from "./controls.js";
import { h, setAttribute, write } from "./dom.js";
import { makeEntryCard } from "./entrycard.js";
import { entryName } from "./figure.js";
import { makeLayerActions } from "./layeractions.js";
import { exampleTap, makeLayerBackward } from "./layerbackward.js";
import { makeLayerForward } from "./layerforward.js";
import { makeLayerScenes } from "./layerscene.js";
import { makeLayerSettings } from "./layersettings.js";
import { followLayer, layerSum, sayLayerEntry, valueOf } from "./layersays.js";
import { makeLookout } from "./lookout.js";
import { plainNumber } from "./numbers.js";
import { makePlayer, playerKey } from "./player.js";
import { portrait } from "./portrait.js";
import { makeSizeFormula } from "./sizes.js";
import { makeTools } from "./tools.js";
import { makeWhisper } from "./whisper.js";

/**
 * Make the view.
 * @param {{ store: object, words: object, data: object, announce: Function, complain: Function, isDark: () => boolean }} parts
 * @returns {{ element: HTMLElement, update: Function, destroy: Function, picture: Function, key: (event: KeyboardEvent) => boolean }}
 */
export function makeLayerView({ store, words, data, announce, complain, isDark }) {
  const scenes = makeLayerScenes();
  const scene = () => scenes(store.state.layer);
  const now = () => ({ layer: store.state.layer, scene: scene() });
  const tools = makeTools({ words });
  const actions = makeLayerActions({ store, scene, tools });
  const whisper = makeWhisper({ words });
  const card = makeEntryCard({ words });
  let picked = null; // { tensor, index }: what was chosen for the card
  let following = null; // what the card shows where nothing was
  let [shownKey, shownFound, shownSum, lookout] = ["", null, null, null];

  const looks = (name) => ({ enter: (r, c) => lookout.look(name, r, c), leave: () => lookout.leave() });
  const refuse = (text, problem) => complain(words.t(`cell.refused.${problem}`, { text }));
  const parts = { words, isDark, actions, tools, now, looks, pick, refuse };
  const stages = { forward: makeLayerForward(parts), backward: makeLayerBackward(parts) };
  const entries = { ...stages.forward.entries, ...stages.backward.entries };
  lookout = makeLookout({
    entries,
    follow: (tensor, index) => followLayer(scene(), store.state.layer, tensor, index),
    say: (tensor, index, found) => whisper.say(sayEntry({ tensor, index }, found), numberOf(tensor, index, found)),
    hush: () => whisper.hush(),
  });
  const settings = makeLayerSettings({ words, data, announce, change: actions.change });
  const direction = makeChoice({
    label: words.t("direction"),
    role: "direction",
    options: ["forward", "backward"].map((value) => ({ value, label: words.t(`direction.${value}`) })),
    choose: (value) => actions.choose({ direction: value }),
  });
  const onlyThis = h("input", { type: "checkbox", checked: true, "data-role": "only-this", on: { change: () => player.update() } });
  const onlyLabel = h("label", { class: "cs-inline" }, onlyThis, words.t("play.filter"));
  const player = makePlayer({
    words,
    announce,
    where: () => {
      return { step: stepOf(store.state.layer.at), steps: scene().z.data.length, name: nameOfStep() };
    },
    go: (step) => {
      const { z } = scene();
      const [, across, count] = z.shape;
      actions.goTo(Math.floor(step / (across * count)), Math.floor(step / count) % across, step % count);
    },
    stride: () => (onlyThis.checked ? scene().z.shape[2] : 1),
    row: () => scene().z.shape[1] * scene().z.shape[2],
  });
  const sizes = makeSizeFormula({ words });
  const element = h(
    "div",
    { class: "cs-view cs-gliding" },
    h("div", { class: "cs-bar" }, direction.element, tools.element, onlyLabel, player.element),
    h(
      "div",
      { class: "cs-columns" },
      settings.element,
      h("div", { class: "cs-content" }, stages.forward.element, card.element, stages.backward.element, sizes.element),
    ),
    whisper.element,
  );
  element.addEventListener("cs-refused", ({ detail }) => complain(words.t("number.refused", detail)));
  element.addEventListener("cs-playing", ({ detail }) => {
    element.classList.toggle("cs-gliding", !detail);
    if (!detail) {
      update(store.state, "move"); // sentences that were left out while it played
    }
  });

  function stepOf([row, column, k]) {
    const [, across, count] = scene().z.shape;
    return (row * across + column) * count + k;
  }

  function nameOfStep() {
    const { at } = store.state.layer;
    return `${entryName("Z", at)} = ${plainNumber(scene().z.data[stepOf(at)])}`;
  }

  function nameOfReturn() {
    const { at } = store.state.layer;
    return `${entryName("dZ", at)} = ${plainNumber(scene().dz.data[stepOf(at)])}`;
  }

  function pick(name, r, c) {
    const { tensor, index } = entries[name];
    const at = index(r, c);
    if (at !== null && !["products", "pieces", "shares"].includes(tensor)) {
      picked = { tensor, index: at };
      showPicked("change");
      card.reveal();
      announce(sayEntry(picked));
    }
  }

  function sayEntry({ tensor, index }, found = followLayer(scene(), store.state.layer, tensor, index)) {
    const { direction: way } = store.state.layer;
    return sayLayerEntry(words, scene(), { tensor, index, found, direction: way, landed: landedAt(tensor, index, found) });
  }

  /** The number of an entry as it is shown; products have their numbers in their cells alone. */
  function numberOf(tensor, index, found) {
    return ["products", "pieces", "shares"].includes(tensor)
      ? undefined
      : (landedAt(tensor, index, found)?.value ?? valueOf(scene(), tensor, index));
  }

  /** What an entry of a gradient is so far, while it grows. */
  function landedAt(tensor, index, { terms }) {
    const { layer } = store.state;
    if (layer.sums === "final" || layer.direction === "forward" || !["dxPadded", "dw", "db"].includes(tensor)) {
      return undefined;
    }
    const { shape, data: values } = scene().running(layer.at)[tensor];
    return {
      value: values[index.reduce((place, i, axis) => place * shape[axis] + i, 0)],
      count: terms.filter(({ dz }) => stepOf(dz) <= stepOf(layer.at)).length,
    };
  }

  /** The card shows what was chosen; on the way back it begins with the cell that the text follows. */
  function showPicked(kind) {
    const { layer } = store.state;
    const chosen = picked !== null && stillThere(picked) ? picked : layer.direction === "backward" ? followed() : null;
    card.element.hidden = chosen === null;
    if (chosen === null) {
      return;
    }
    const key = JSON.stringify([chosen, layer.direction]);
    if (kind === "change" || key !== shownKey) {
      shownKey = key;
      shownFound = followLayer(scene(), layer, chosen.tensor, chosen.index);
      shownSum = layerSum(words, scene(), { ...chosen, found: shownFound, direction: layer.direction });
      card.show(shownSum);
      for (const { grid, tensor, cell } of Object.values(entries)) {
        const place = tensor === chosen.tensor ? cell(chosen.index) : null;
        grid.mark("chosen", place && [{ r: place[0], c: place[1] }]);
      }
    }
    const running = layer.direction === "backward" && layer.sums === "running";
    card.progress(
      (i) => !running || shownSum.terms[i].step === null || stepOf(shownSum.terms[i].step) <= stepOf(layer.at),
      running ? sayEntry(chosen, shownFound) : shownSum.text,
    );
  }

  /** The cell that makes a good example, and while the page plays the one that was there when it began: its sum is seen to grow. */
  function followed() {
    const { layer } = store.state;
    if (player.playing && following !== null && stillThere(following)) {
      return following;
    }
    const { rows, columns } = scene();
    const [i, j] = exampleTap(scene(), layer.at, layer.channel);
    following = {
      tensor: "dxPadded",
      index: [layer.at[0] * rows.stride + i * rows.dilation, layer.at[1] * columns.stride + j * columns.dilation, layer.channel],
    };
    return following;
  }

  function stillThere({ tensor, index }) {
    const { padded, w, b, z } = scene();
    const { shape } = { padded, dxPadded: padded, filters: w, dw: w, bias: b, db: b, z, dz: z }[tensor];
    const home =
      store.state.layer.direction === "forward" ? ["padded", "filters", "bias", "z"] : ["padded", "filters", "dz", "dxPadded", "dw", "db"];
    return home.includes(tensor) && index.every((place, axis) => place < shape[axis]);
  }

  function update(state, kind) {
    const { layer } = state;
    if (kind === "change") {
      settings.update(layer);
      sizes.update(scene(), layer);
      onlyLabel.hidden = layer.filters.count < 2;
    }
    const turned = layer.direction !== element.dataset.direction;
    setAttribute(element, "data-direction", layer.direction);
    for (const [name, stage] of Object.entries(stages)) {
      stage.element.hidden = name !== layer.direction;
    }
    direction.update(layer.direction);
    if (turned) {
      stages[layer.direction].place(card.element);
    }
    const news = turned ? "change" : kind;
    const reading = news === "change" || player.reading();
    stages[layer.direction].update(news, reading);
    player.update();
    if (reading) {
      showPicked(news);
      lookout.refresh();
    }
  }

  function key(event) {
    return playerKey(event, {
      player,
      move: (rows, columns) => {
        const { at } = store.state.layer;
        actions.goTo(at[0] + rows, at[1] + columns);
        announce(nameOfStep());
      },
      turn: () => actions.choose({ direction: store.state.layer.direction === "forward" ? "backward" : "forward" }),
    });
  }

  return {
    element,
    update,
    key,
    picture: () =>
      portrait(stages[store.state.layer.direction].pictures(), {
        title: store.state.layer.direction === "forward" ? nameOfStep() : nameOfReturn(),
      }),
    destroy: () => {
      player.destroy();
      settings.destroy();
      Object.values(entries).forEach(({ grid }) => grid.destroy());
    },
  };
}
