// What a visitor can do to a layer and to a pooling alike: change it, choose what is seen, move the window.
// One rule: each change is one undo step with a name, and moving the window is none.

/**
 * Make the deeds.
 * @param {{ store: object, name: string, scene: () => object, prefix?: string }} parts name: of the part of the state; prefix: of the names
 *   by which changes of one stroke are merged
 * @returns {{ part: () => object, change: Function, choose: Function, goTo: Function, goUnder: Function, merging: Function }}
 */
export function makeDeeds({ store, name, scene, prefix = "" }) {
  const part = () => store.state[name];

  function change(description, next, options = {}) {
    return store.change(description, (state) => ({ ...state, [name]: next(state[name]) }), options);
  }

  function choose(chosen) {
    store.move((state) => ({ ...state, [name]: { ...state[name], ...chosen } }));
  }

  /** Put the window at an output, if there is one. */
  function goTo(h, v, c = part().at[2]) {
    const { rows, columns } = scene();
    const at = [bounded(h, rows.out), bounded(v, columns.out), c];
    if (at.some((index, axis) => index !== part().at[axis])) {
      choose({ at });
    }
  }

  return {
    part,
    change,
    choose,
    goTo,
    goUnder: (r, c) => goTo(outputOver(scene().rows, r), outputOver(scene().columns, c)),
    merging: (what, options) => (options?.merge === undefined ? {} : { merge: `${prefix}${what}:${options.merge}` }),
  };
}

/**
 * The gradient of all outputs: ones, zeros, only this one, at random, or as a loss of half the sum of squares has it.
 * @param {"ones"|"zeros"|"one"|"random"|"squares"} kind
 * @param {Tensor} output
 * @param {number[]} at
 * @returns {number[]|null} null for ones
 */
export function filledGradient(kind, { shape: [, across, count], data }, [h, v, c]) {
  const here = (h * across + v) * count + c;
  return {
    ones: () => null,
    zeros: () => Array.from(data, () => 0),
    one: () => Array.from(data, (_, i) => (i === here ? 1 : 0)),
    random: () => Array.from(data, () => Math.round(Math.random() * 20 - 10) / 10 + 0),
    squares: () => Array.from(data),
  }[kind]();
}

/** The output whose window has its middle nearest to a cell of the image. */
function outputOver(axis, cell) {
  return bounded(Math.round((cell + axis.before - (axis.reach - 1) / 2) / axis.stride), axis.out);
}

function bounded(place, count) {
  return Math.max(0, Math.min(place, count - 1));
}
