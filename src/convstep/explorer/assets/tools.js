// What a pointer does on an image: move the window, paint, or type.
// One rule: the tool is chosen once and holds for every matrix that can be painted.

import { makeChoice, makeNumber } from "./controls.js";
import { h } from "./dom.js";
import { exactNumber, readNumber } from "./numbers.js";

/**
 * Make the tools.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLElement, tool: () => "move"|"paint"|"edit", brush: () => number }}
 */
export function makeTools({ words }) {
  let [tool, brush] = ["move", 1];
  const choice = makeChoice({
    label: words.t("tools"),
    role: "tools",
    options: ["move", "paint", "edit"].map((value) => ({ value, label: words.t(`tools.${value}`) })),
    choose: (value) => {
      tool = value;
      update();
    },
  });
  const number = makeNumber({
    label: words.t("tools.brush"),
    role: "brush",
    read: readNumber,
    show: exactNumber,
    change: (value) => {
      brush = value;
      update();
    },
  });
  const element = h("div", { class: "cs-tools" }, choice.element, number.element);

  function update() {
    choice.update(tool);
    number.update(brush);
    number.element.hidden = tool !== "paint";
  }

  update();
  return { element, tool: () => tool, brush: () => brush };
}
