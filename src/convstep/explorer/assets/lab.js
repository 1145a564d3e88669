// What the views "one layer" and "pooling" have in common: two directions, a window that moves, entries that are looked at and chosen.
// One rule: it knows that the output has an entry for each step, and nothing of what a step does.

import { makeChoice } from "./controls.js";
import { h, setAttribute } from "./dom.js";
import { makeEntryCard } from "./entrycard.js";
import { makeLookout } from "./lookout.js";
import { makePlayer, playerKey } from "./player.js";
import { portrait } from "./portrait.js";
import { makeWhisper } from "./whisper.js";

/**
 * Make a view.
 * @param {{ name: string, store: object, words: object, announce: Function, complain: Function }} place name: of the part of the state
 * @param {{ tools: object, actions: object, settings: object, sizes: object, bar?: HTMLElement[], makeStages: (hooks: { looks: Function,
 *   pick: Function, refuse: Function }) => { stages: object, entries: object, grids?: object[] } }} parts bar: more for the bar; grids:
 *   those that are no entries
 * @param {{ output: () => Tensor, stride: () => number, step: () => string, title: () => string, changed: (part: object) => void,
 *   follow: (tensor: string, index: number[]) => object, say: (entry: object, found: object) => string, numberOf: Function,
 *   sum: (entry: object, found: object) => object, example: () => object, canChoose?: (tensor: string) => boolean,
 *   shapeOf: (tensor: string) => number[]|undefined }} about stride: how many steps one step forward is; step, title: what the step and the
 *   picture are called; example: the entry that the card follows where none was chosen; shapeOf: of a tensor that is seen in this direction
 * @returns {{ element: HTMLElement, update: Function, destroy: Function, picture: Function, key: (event: KeyboardEvent) => boolean,
 *   stepOf: (at: number[]) => number, player: object }}
 */
export function makeLab({ name, store, words, announce, complain }, { tools, actions, settings, sizes, bar = [], makeStages }, about) {
  const part = () => store.state[name];
  const whisper = makeWhisper({ words });
  const card = makeEntryCard({ words });
  let picked = null; // { tensor, index }: what was chosen for the card
  let following = null; // what the card shows where nothing was
  let [shownKey, shownFound, shownSum, lookout] = ["", null, null, null];

  const looks = (entry) => ({ enter: (r, c) => lookout.look(entry, r, c), leave: () => lookout.leave() });
  const refuse = (text, problem) => complain(words.t(`cell.refused.${problem}`, { text }));
  const { stages, entries, grids = [] } = makeStages({ looks, pick, refuse });
  lookout = makeLookout({
    entries,
    follow: about.follow,
    say: (tensor, index, found) => whisper.say(about.say({ tensor, index }, found), about.numberOf(tensor, index, found)),
    hush: () => whisper.hush(),
  });
  const direction = makeChoice({
    label: words.t("direction"),
    role: "direction",
    options: ["forward", "backward"].map((value) => ({ value, label: words.t(`direction.${value}`) })),
    choose: (value) => actions.choose({ direction: value }),
  });
  const player = makePlayer({
    words,
    announce,
    where: () => ({ step: stepOf(part().at), steps: about.output().data.length, name: about.step() }),
    go: (step) => {
      const [, across, count] = about.output().shape;
      actions.goTo(Math.floor(step / (across * count)), Math.floor(step / count) % across, step % count);
    },
    stride: about.stride,
    row: () => about.output().shape[1] * about.output().shape[2],
  });
  const element = h(
    "div",
    { class: "cs-view cs-gliding" },
    h("div", { class: "cs-bar" }, direction.element, tools.element, bar, player.element),
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

  function stepOf([row, column, c]) {
    const [, across, count] = about.output().shape;
    return (row * across + column) * count + c;
  }

  function pick(entry, r, c) {
    const { tensor, index } = entries[entry];
    const at = index(r, c);
    if (at !== null && (about.canChoose?.(tensor) ?? true)) {
      picked = { tensor, index: at };
      showPicked("change");
      card.reveal();
      announce(about.say(picked, about.follow(tensor, at)));
    }
  }

  /** The card shows what was chosen; on the way back it begins with the cell that the text follows. */
  function showPicked(kind) {
    const back = part().direction === "backward";
    const chosen = picked !== null && stillThere(picked) ? picked : back ? followed() : null;
    card.element.hidden = chosen === null;
    if (chosen === null) {
      return;
    }
    const key = JSON.stringify([chosen, part().direction]);
    if (kind === "change" || key !== shownKey) {
      shownKey = key;
      shownFound = about.follow(chosen.tensor, chosen.index);
      shownSum = about.sum(chosen, shownFound);
      card.show(shownSum);
      for (const { grid, tensor, cell } of Object.values(entries)) {
        const place = tensor === chosen.tensor ? cell(chosen.index) : null;
        grid.mark("chosen", place && [{ r: place[0], c: place[1] }]);
      }
    }
    const running = back && part().sums === "running";
    card.progress(
      (i) => !running || shownSum.terms[i].step === null || stepOf(shownSum.terms[i].step) <= stepOf(part().at),
      running ? about.say(chosen, shownFound) : shownSum.text,
    );
  }

  /** The example, and while the page plays the one that was there when it began: its sum is seen to grow. */
  function followed() {
    if (!player.playing || following === null || !stillThere(following)) {
      following = about.example();
    }
    return following;
  }

  function stillThere({ tensor, index }) {
    const shape = about.shapeOf(tensor);
    return shape !== undefined && index.every((place, axis) => place < shape[axis]);
  }

  function update(state, kind) {
    if (kind === "change") {
      settings.update(part());
      about.changed(part());
    }
    const way = part().direction;
    const turned = way !== element.dataset.direction;
    setAttribute(element, "data-direction", way);
    for (const [which, stage] of Object.entries(stages)) {
      stage.element.hidden = which !== way;
    }
    direction.update(way);
    if (turned) {
      stages[way].place(card.element);
    }
    const news = turned ? "change" : kind;
    const reading = news === "change" || player.reading();
    stages[way].update(news, reading);
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
        const { at } = part();
        actions.goTo(at[0] + rows, at[1] + columns);
        announce(about.step());
      },
      turn: () => actions.choose({ direction: part().direction === "forward" ? "backward" : "forward" }),
    });
  }

  return {
    element,
    update,
    key,
    stepOf,
    player,
    picture: () => portrait(stages[part().direction].pictures(), { title: about.title() }),
    destroy: () => {
      player.destroy();
      settings.destroy();
      [...Object.values(entries).map(({ grid }) => grid), ...grids].forEach((grid) => grid.destroy());
    },
  };
}
