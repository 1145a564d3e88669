// The view "pooling": the largest or the mean of each window, forwards and backwards, under both rules for ties.
// One rule: this file puts the parts together; what they show is in the parts.

import { entryName } from "./figure.js";
import { makeLab } from "./lab.js";
import { plainNumber } from "./numbers.js";
import { makePoolActions } from "./poolactions.js";
import { makePoolScenes } from "./poolscene.js";
import { makePoolSettings } from "./poolsettings.js";
import { followPool, poolSum, poolValue, sayPoolEntry } from "./poolsays.js";
import { makePoolStages } from "./poolstage.js";
import { makeSizeFormula } from "./sizes.js";
import { makeTools } from "./tools.js";

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
  const settings = makePoolSettings({ words, data, announce, change: actions.change });
  const sizes = makeSizeFormula({ words });

  function makeStages(hooks) {
    const { entries, steps, ...stages } = makePoolStages({ words, isDark, actions, tools, now, ...hooks });
    return { stages, entries, grids: Object.values(steps) };
  }

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

  /** An entry with what is known of it. */
  const known = ({ tensor, index }, found) => ({ tensor, index, found, landed: landedAt(tensor, index) });

  /** The cell that won, or the first of the window. */
  function example() {
    const { at, rule } = store.state.pooling;
    const { rows, columns, options } = scene();
    let best = [at[0] * rows.stride, at[1] * columns.stride, at[2]];
    for (let i = 0; options.mode === "max" && i < rows.kernel * columns.kernel; i += 1) {
      const cell = [at[0] * rows.stride + Math.floor(i / columns.kernel), at[1] * columns.stride + (i % columns.kernel), at[2]];
      best = poolValue(scene(), "image", cell) > poolValue(scene(), "image", best) ? cell : best;
    }
    return { tensor: rule === "first" && options.mode === "max" ? "dxFirst" : "dx", index: best };
  }

  function shapeOf(tensor) {
    const { x, a } = scene();
    const { direction, mode } = store.state.pooling;
    const seen = direction === "forward" ? { image: x, a } : { image: x, da: a, dx: x, ...(mode === "max" ? { dxFirst: x } : {}) };
    return seen[tensor]?.shape;
  }

  return makeLab(
    { name: "pooling", store, words, announce, complain },
    { tools, actions, settings, sizes, makeStages },
    {
      output: () => scene().a,
      stride: () => scene().a.shape[2], // one channel after another would only flicker
      step: nameOfStep,
      title: nameOfStep,
      changed: () => sizes.update(scene()),
      follow: (tensor, index) => followPool(scene(), tensor, index),
      say: (entry, found) => sayPoolEntry(words, scene(), known(entry, found)),
      numberOf: (tensor, index) => landedAt(tensor, index) ?? poolValue(scene(), tensor, index),
      sum: (entry, found) => poolSum(words, scene(), known(entry, found)),
      example,
      shapeOf,
    },
  );
}
