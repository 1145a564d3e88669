// What the page shows, as one JSON object, and its history.
// One rule: a state is never changed, only replaced, and nothing replaces it that `checkedState` refuses.

import { checkedState } from "./checking.js";
import { settled } from "./settling.js";

const REMEMBERED = 200; // undo steps: history must not grow for ever

/**
 * Make the store that all views share.
 * @param {object} first the state to begin with; `reset` returns to it
 * @param {(problem: Error) => void} [onProblem] told what `change` or `replace` was refused for
 * @returns {{
 *   state: object, canUndo: boolean, canRedo: boolean, undoing: string|null, redoing: string|null,
 *   change: (description: string, next: (state: object) => object, options?: { merge?: string }) => boolean,
 *   move: (next: (state: object) => object) => void,
 *   replace: (state: *, description?: string) => boolean,
 *   undo: () => boolean, redo: () => boolean, reset: (description?: string) => boolean,
 *   subscribe: (listener: (state: object, kind: "change"|"move") => void) => () => void
 * }} `change` is one undo step (with `merge`, repeated changes of that key are one step together), `move` is none: places, tabs.
 *   `description` is the key of the words for what was done.
 */
export function createStore(first, onProblem = () => {}) {
  const start = checkedState(first);
  const listeners = new Set();
  const [past, future] = [[], []];
  let state = start;
  let merging = null;

  function show(next, kind) {
    state = next;
    listeners.forEach((listener) => listener(state, kind));
  }

  function replace(next, description, merge) {
    let checked;
    try {
      checked = checkedState(next);
    } catch (problem) {
      onProblem(problem);
      return false;
    }
    if (merge === undefined || merge !== merging) {
      past.push({ state, description });
      past.splice(0, past.length - REMEMBERED);
    }
    merging = merge ?? null;
    future.length = 0;
    show(checked, "change");
    return true;
  }

  function travel(from, to) {
    const step = from.pop();
    if (step === undefined) {
      return false;
    }
    to.push({ state, description: step.description });
    merging = null;
    show(step.state, "change");
    return true;
  }

  return {
    get state() {
      return state;
    },
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },
    get undoing() {
      return past.at(-1)?.description ?? null;
    },
    get redoing() {
      return future.at(-1)?.description ?? null;
    },
    change: (description, next, { merge } = {}) => {
      let changed;
      try {
        changed = settled(next(state), state);
      } catch (problem) {
        onProblem(problem);
        return false;
      }
      return replace(changed, description, merge);
    },
    move: (next) => show(next(state), "move"),
    replace: (next, description = "did.open") => replace(next, description),
    undo: () => travel(past, future),
    redo: () => travel(future, past),
    reset: (description = "did.reset") => replace({ ...start, view: state.view }, description),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
