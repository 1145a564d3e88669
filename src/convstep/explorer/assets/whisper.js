// One line at the foot of the view: what is looked at, and what the two marks mean.
// One rule: it never changes its height, so that nothing jumps under the pointer.

import { h, svg, write } from "./dom.js";
import { exactNumber, plainNumber } from "./numbers.js";

/**
 * Make the line.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLElement, say: (text: string, value?: number) => void, hush: () => void }}
 */
export function makeWhisper({ words }) {
  const sentence = h("p", { class: "cs-whispered cs-number" });
  const legend = h(
    "p",
    { class: "cs-legend" },
    h("span", {}, keyOf("depends"), words.t("legend.depends")),
    h("span", {}, keyOf("feeds"), words.t("legend.feeds")),
  );
  const element = h("div", { class: "cs-whisper" }, sentence, legend);

  /** Say a sentence about a number, and the number itself where the sentence has to round it. */
  function say(text, value) {
    const rounded = value !== undefined && plainNumber(value) !== exactNumber(value);
    write(sentence, rounded ? words.t("legend.exactly", { text, value: exactNumber(value) }) : text);
  }

  const prompt = matchMedia("(hover: none)").matches ? "legend.prompt.touch" : "legend.prompt";
  const hush = () => write(sentence, words.t(prompt));
  hush();
  return { element, say, hush };
}

function keyOf(name) {
  const corner = name === "depends" ? "M3 3h18v18h-18zM3 3h9l-9 9z" : "M3 3h18v18h-18zM12 21h9v-9z";
  return svg(
    "svg",
    { class: `cs-key cs-mark cs-mark-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("path", { class: "cs-line", d: corner }),
  );
}
