// One entry and the sum that it is: a table of its terms, with the sum so far beside each.
// One rule: the terms stand in the order in which the loops add them.

import { h, newId, setAttribute, write } from "./dom.js";
import { exactNumber, plainNumber } from "./numbers.js";

const SHOWN = 60;

/**
 * Make the card.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLElement, show: (entry: object) => void, progress: (landed: (i: number) => boolean, sentence: string) => void }} an entry has title,
 *   text, columns (headings) and terms: { factors: string[], product: number }[]; `progress` greys what has not been added yet
 */
export function makeEntryCard({ words }) {
  const id = newId("entry");
  const title = h("h2", { id, class: "cs-number" });
  const text = h("p", {});
  const head = h("thead");
  const body = h("tbody");
  const more = h("p", { class: "cs-note" });
  const region = h("div", { class: "cs-terms", role: "region", tabindex: 0, "aria-labelledby": id }, h("table", {}, head, body));
  const element = h("section", { class: "cs-card cs-summed", "aria-labelledby": id }, title, text, region, more);
  let rows = [];
  let shown = null;

  function show({ title: name, text: sentence, columns, terms }) {
    write(title, name);
    write(text, sentence);
    head.replaceChildren(h("tr", {}, [...columns, words.t("entry.product"), words.t("entry.sum")].map((column) => h("th", { scope: "col" }, column))));
    let sum = null;
    rows = terms.slice(0, SHOWN).map(({ factors, product }) => {
      sum = sum === null ? product : sum + product;
      const cells = [...factors, plainNumber(product), plainNumber(sum)];
      return h("tr", { title: exactNumber(sum) }, cells.map((cell) => h("td", {}, cell)));
    });
    body.replaceChildren(...rows);
    region.hidden = terms.length === 0;
    const rest = terms.slice(SHOWN);
    const total = rest.reduce((so, { product }) => so + product, sum ?? 0);
    write(more, rest.length > 0 ? words.t("entry.more", { count: rest.length, total: plainNumber(total) }) : "");
    shown = null;
  }

  /** Grey what has not been added yet, and say how far the sum is. */
  function progress(landed, sentence) {
    write(text, sentence);
    const done = rows.map((_, i) => landed(i));
    if (shown === null || done.some((now, i) => now !== shown[i])) {
      rows.forEach((row, i) => setAttribute(row, "class", done[i] ? null : "cs-later"));
      shown = done;
    }
  }

  return { element, show, progress };
}
