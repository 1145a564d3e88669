// What is said of a mistake besides its numbers: hints that open one by one, and where it hides.
// One rule: no level of a hint opens before the one above it.

import { h } from "./dom.js";

const LEVELS = ["where", "idea"];

/**
 * Make the hints of a mistake; the first level, its title, is the heading above them.
 * @param {{ words: object, mistake: object }} parts
 * @returns {HTMLElement}
 */
export function makeHints({ words, mistake }) {
  const element = h("div", { class: "cs-hints" });
  offer(0);

  function offer(level) {
    const key = LEVELS[level];
    if (key === undefined) {
      return;
    }
    const button = h("button", { type: "button", class: "cs-button", on: { click: open } }, words.t(`mistakes.show_${key}`));
    element.append(button);

    function open() {
      const text = h("p", { class: "cs-hint", tabindex: -1 }, h("strong", {}, words.t(`mistakes.${key}`)), " ", mistake[key][words.language]);
      button.replaceWith(text);
      offer(level + 1);
      text.focus({ preventScroll: true }); // the button that had it is gone
    }
  }

  return element;
}

/**
 * Say where a mistake hides, what else it does, and who does not see it.
 * @param {object} mistake
 * @param {object} words
 * @returns {HTMLElement|null}
 */
export function sayNotes(mistake, words) {
  const { hidden, elsewhere, escapes = [], unsteady } = mistake;
  const call = (name) => words.t(`mistakes.case.${name}`);
  const notes = [
    unsteady && words.t("mistakes.unsteady"),
    hidden && words.t("mistakes.hidden", { count: hidden.count, of: hidden.of, name: call(hidden.first) }),
    elsewhere && words.t("mistakes.elsewhere", { name: call(elsewhere.name), error: errorText(elsewhere.error) }),
    escapes.length > 0 && words.t("mistakes.escapes", { editions: escapes.join(", ") }),
  ].filter(Boolean);
  return notes.length === 0 ? null : h("ul", { class: "cs-mistake-notes" }, notes.map((note) => h("li", {}, note)));
}

/**
 * Write an error as Python does.
 * @param {[string, string]} error
 * @returns {string}
 */
export function errorText([kind, message]) {
  return message === "" ? kind : `${kind}: ${message}`;
}
