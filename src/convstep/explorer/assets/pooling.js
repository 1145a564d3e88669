// The view "pooling": the largest or the mean of each window, forwards and backwards, under both rules for ties.
// One rule: this file puts the parts together; what they show is in the parts.

import { makeChoice } from "./controls.js";
import { h, setAttribute } from "./dom.js";
import { makeEntryCard } from "./entrycard.js";
import { edited, entryName } from "./figure.js";
import { outputOver } from "./layeractions.js";
import { makeLookout } from "./lookout.js";
import { plainNumber } from "./numbers.js";
import { makePlayer, playerKey } from "./player.js";
import { makePoolScenes } from "./poolscene.js";
import { makePoolSettings } from "./poolsettings.js";
import { followPool, poolSum, poolValue, sayPoolEntry } from "./poolsays.js";
import { makePoolStages } from "./poolstage.js";
import { portrait } from "./portrait.js";
import { makeSizeFormula } from "./sizes.js";
import { makeTools } from "./tools.js";
import { makeWhisper } from "./whisper.js";

/**
 * Make the view.
 * @param {{ store: object, words: object, data: object, announce: Function, complain: Function, isDark: () => boolean }} parts
 * @returns {{ element: HTMLElement, update: Function, destroy: Function, picture: Function, key: (event: KeyboardEvent) => boolean }}
 */
export function makePoolingView({ store, words, data, announce, complain, isDark }) {
  const scenes = makePoolScenes();
  const scene = () => scenes(store.state.pooling);
  const now = () => ({ pooling: store.state.pooling, scene: scene() });
  const tools = makeTools({ words });
  const actions = makePoolActions({ store, scene, tools });
  const whisper = makeWhisper({ words });
  const card = makeEntryCard({ words });
  let [picked, following, shownKey, shownFound, shownSum, lookout] = [null, null, "", null, null, null];

  const looks = (name) => ({ enter: (r, c) => lookout.look(name, r, c), leave: () => lookout.leave() });
  const refuse = (text, problem) => complain(words.t(`cell.refused.${problem}`, { text }));
  const { entries, steps, ...stages } = makePoolStages({ words, isDark, actions, tools, now, looks, pick, refuse });
  lookout = makeLookout({
    entries,
    follow: (tensor, index) => followPool(scene(), tensor, index),
    say: (tensor, index, found) => {
      const landed = landedAt(tensor, index);
      whisper.say(sayPoolEntry(words, scene(), { tensor, index, found, landed }), landed ?? poolValue(scene(), tensor, index));
    },
    hush: () => whisper.hush(),
  });
  const settings = makePoolSettings({ words, data, announce, change: actions.change });
  const direction = makeChoice({
    label: words.t("direction"),
    role: "direction",
    options: ["forward", "backward"].map((value) => ({ value, label: words.t(`direction.${value}`) })),
    choose: (value) => actions.choose({ direction: value }),
  });
  const stepOf = ([h0, v0, c]) => (h0 * scene().a.shape[1] + v0) * scene().a.shape[2] + c;
  const player = makePlayer({
    words,
    announce,
    where: () => ({ step: stepOf(store.state.pooling.at), steps: scene().a.data.length, name: nameOfStep() }),
    go: (step) => {
      const [, across, channels] = scene().a.shape;
      actions.goTo(Math.floor(step / (across * channels)), Math.floor(step / channels) % across, step % channels);
    },
    stride: () => scene().a.shape[2], // one channel after another would only flicker
    row: () => scene().a.shape[1] * scene().a.shape[2],
  });
  const sizes = makeSizeFormula({ words });
  const element = h(
    "div",
    { class: "cs-view cs-gliding" },
    h("div", { class: "cs-bar" }, direction.element, tools.element, player.element),
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

  function nameOfStep() {
    const { at } = store.state.pooling;
    return `${entryName("A", at)} = ${plainNumber(poolValue(scene(), "a", at))}`;
  }

  /** The value of an entry of the gradient so far, while it grows. */
  function landedAt(tensor, index) {
    const { sums, at } = store.state.pooling;
    const rule = { dx: "course", dxFirst: "first" }[tensor];
    if (rule === undefined || sums === "final") {
      return undefined;
    }
    const { shape, data: values } = scene().running[rule](at);
    return values[(index[0] * shape[1] + index[1]) * shape[2] + index[2]];
  }

  function pick(name, r, c) {
    const { tensor, index } = entries[name];
    picked = { tensor, index: index(r, c) };
    showPicked("change");
    card.reveal();
    announce(
      sayPoolEntry(words, scene(), {
        ...picked,
        found: followPool(scene(), picked.tensor, picked.index),
        landed: landedAt(picked.tensor, picked.index),
      }),
    );
  }

  function showPicked(kind) {
    const { pooling } = store.state;
    const chosen = picked !== null && stillThere(picked) ? picked : pooling.direction === "backward" ? followed() : null;
    card.element.hidden = chosen === null;
    if (chosen === null) {
      return;
    }
    const key = JSON.stringify([chosen, pooling.direction]);
    if (kind === "change" || key !== shownKey) {
      shownKey = key;
      shownFound = followPool(scene(), chosen.tensor, chosen.index);
      shownSum = poolSum(words, scene(), { ...chosen, found: shownFound, landed: landedAt(chosen.tensor, chosen.index) });
      card.show(shownSum);
      for (const { grid, tensor, cell } of Object.values(entries)) {
        const place = tensor === chosen.tensor ? cell(chosen.index) : null;
        grid.mark("chosen", place && [{ r: place[0], c: place[1] }]);
      }
    }
    const running = pooling.direction === "backward" && pooling.sums === "running";
    const sentence = running
      ? sayPoolEntry(words, scene(), { ...chosen, found: shownFound, landed: landedAt(chosen.tensor, chosen.index) })
      : shownSum.text;
    card.progress((i) => !running || stepOf(shownSum.terms[i].step) <= stepOf(pooling.at), sentence);
  }

  /** The cell that won, or the first of the window, and while the page plays the one that it was when it began. */
  function followed() {
    const { at, rule } = store.state.pooling;
    if (player.playing && following !== null && stillThere(following)) {
      return following;
    }
    const { rows, columns, options } = scene();
    let best = [at[0] * rows.stride, at[1] * columns.stride, at[2]];
    for (let i = 0; options.mode === "max" && i < rows.kernel * columns.kernel; i += 1) {
      const cell = [at[0] * rows.stride + Math.floor(i / columns.kernel), at[1] * columns.stride + (i % columns.kernel), at[2]];
      best = poolValue(scene(), "image", cell) > poolValue(scene(), "image", best) ? cell : best;
    }
    following = { tensor: rule === "first" && options.mode === "max" ? "dxFirst" : "dx", index: best };
    return following;
  }

  function stillThere({ tensor, index }) {
    const { pooling } = store.state;
    const { shape } = { image: scene().x, dx: scene().x, dxFirst: scene().x, a: scene().a, da: scene().a }[tensor];
    const home = pooling.direction === "forward" ? ["image", "a"] : ["image", "da", "dx", pooling.mode === "max" ? "dxFirst" : "dx"];
    return home.includes(tensor) && index.every((place, axis) => place < shape[axis]);
  }

  function update(state, kind) {
    const { pooling } = state;
    const turned = pooling.direction !== element.dataset.direction;
    setAttribute(element, "data-direction", pooling.direction);
    if (kind === "change") {
      settings.update(pooling);
      sizes.update(scene());
    }
    for (const [name, stage] of Object.entries(stages)) {
      stage.element.hidden = name !== pooling.direction;
    }
    direction.update(pooling.direction);
    if (turned) {
      stages[pooling.direction].place(card.element);
    }
    const news = turned ? "change" : kind;
    const reading = news === "change" || player.reading();
    stages[pooling.direction].update(news, reading);
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
        const { at } = store.state.pooling;
        actions.goTo(at[0] + rows, at[1] + columns);
        announce(nameOfStep());
      },
      turn: () => actions.choose({ direction: store.state.pooling.direction === "forward" ? "backward" : "forward" }),
    });
  }

  return {
    element,
    update,
    key,
    picture: () => portrait(stages[store.state.pooling.direction].pictures(), { title: nameOfStep() }),
    destroy: () => {
      player.destroy();
      settings.destroy();
      Object.values(entries).forEach(({ grid }) => grid.destroy());
      Object.values(steps).forEach((grid) => grid.destroy());
    },
  };
}

/** What a visitor can do to a pooling: each deed is one undo step with a name, and moving the window is none. */
function makePoolActions({ store, scene, tools }) {
  const pooling = () => store.state.pooling;
  const named = (name, options) => (options?.merge === undefined ? {} : { merge: `pool-${name}:${options.merge}` });

  function change(description, next, options = {}) {
    return store.change(description, (state) => ({ ...state, pooling: next(state.pooling) }), options);
  }

  function choose(part) {
    store.move((state) => ({ ...state, pooling: { ...state.pooling, ...part } }));
  }

  function goTo(h0, v0, c = pooling().at[2]) {
    const { rows, columns } = scene();
    const at = [Math.max(0, Math.min(h0, rows.out - 1)), Math.max(0, Math.min(v0, columns.out - 1)), c];
    if (at.some((index, axis) => index !== pooling().at[axis])) {
      choose({ at });
    }
  }

  function setImage(r, c, value, options) {
    const next = (now) => {
      const { image, at } = now;
      return { ...now, image: { ...image, values: edited(image.values, (r * image.width + c) * image.channels + at[2], value) } };
    };
    change("did.image", next, named("image", options));
  }

  function setDa(r, c, value, options) {
    const { da } = scene();
    change(
      "did.da",
      (now) => ({ ...now, da: edited(da.data, (r * da.shape[1] + c) * da.shape[2] + now.at[2], value) }),
      named("da", options),
    );
  }

  function fillDa(kind) {
    const { da } = scene();
    const [h0, v0, c] = pooling().at;
    const here = (h0 * da.shape[1] + v0) * da.shape[2] + c;
    const values = {
      ones: () => null,
      zeros: () => Array.from(da.data, () => 0),
      one: () => Array.from(da.data, (_, i) => (i === here ? 1 : 0)),
      random: () => Array.from(da.data, () => Math.round(Math.random() * 20 - 10) / 10 + 0),
    }[kind]();
    change("did.da", (now) => ({ ...now, da: values }));
  }

  return {
    pooling,
    change,
    choose,
    goTo,
    goUnder: (r, c) => goTo(outputOver(scene().rows, r), outputOver(scene().columns, c)),
    setImage,
    setDa,
    fillDa,
    paintImage: (r, c, options) => setImage(r, c, tools.brush(), options),
    paintDa: (r, c, options) => setDa(r, c, tools.brush(), options),
  };
}
