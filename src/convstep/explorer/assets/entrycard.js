// One entry and the sum that it is: a table of its terms, with the sum so far beside each.
// One rule: the terms stand in the order in which the loops add them.

import { h, newId, setAttribute, write } from "./dom.js";
import { exactNumber, plainNumber } from "./numbers.js";

const SHOWN = 60;
const WHOLE = 12; // so many rows stand there without scrolling
const COLUMNS = 5;

/**
 * Make the card.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLElement, show: (entry: object) => void, progress: (landed: (i: number) => boolean, sentence: string) => void,
 *   reveal: () => void }}
 *   an entry has title,
 *   text, columns (headings) and terms: { factors: string[], product: number }[]; `progress` greys what has not been added yet
 */
export function makeEntryCard({ words }) {
  const id = newId("entry");
  const title = h("h2", { id, class: "cs-number" });
  const text = h("p", {});
  const head = h("thead");
  const body = h("tbody");
  const hint = h("p", { class: "cs-note cs-scroll-hint" });
  const more = h("p", { class: "cs-note cs-more" });
  const region = h(
    "div",
    { class: "cs-terms", role: "region", tabindex: 0, "aria-label": words.t("entry.terms") },
    h("table", {}, head, body),
  );
  const element = h("section", { class: "cs-card cs-summed", "aria-labelledby": id }, title, text, region, hint, more);
  const headings = Array.from({ length: COLUMNS }, () => h("th", { scope: "col" }));
  head.append(h("tr", {}, headings));
  const rows = []; // as many as were ever needed at once: the card follows the window while it plays
  let count = 0;

  function show({ title: name, text: sentence, columns, terms }) {
    write(title, name);
    write(text, sentence);
    [...columns, words.t("entry.product"), words.t("entry.sum")].forEach((column, i) => write(headings[i], column));
    count = Math.min(terms.length, SHOWN);
    while (rows.length < count) {
      const row = h(
        "tr",
        {},
        Array.from({ length: COLUMNS }, () => h("td", {})),
      );
      rows.push(row);
      body.append(row);
    }
    let sum = null;
    terms.slice(0, SHOWN).forEach(({ factors, product }, i) => {
      sum = sum === null ? product : sum + product;
      [...factors, plainNumber(product), plainNumber(sum)].forEach((cell, column) => write(rows[i].children[column], cell));
      setAttribute(rows[i], "title", exactNumber(sum));
    });
    rows.forEach((row, i) => setAttribute(row, "hidden", i >= count));
    region.hidden = count === 0;
    region.classList.toggle("cs-long", count > WHOLE);
    hint.hidden = count <= WHOLE;
    write(hint, count > WHOLE ? words.t("entry.scroll", { count }) : "");
    const rest = terms.slice(SHOWN);
    const total = rest.reduce((so, { product }) => so + product, sum ?? 0);
    write(more, rest.length > 0 ? words.t("entry.more", { count: rest.length, total: plainNumber(total) }) : "");
  }

  /** Grey what has not been added yet, and say how far the sum is. */
  function progress(landed, sentence) {
    write(text, sentence);
    for (let i = 0; i < count; i += 1) {
      setAttribute(rows[i], "class", landed(i) ? null : "cs-later");
    }
  }

  /** Bring the card into view, if it is not. */
  function reveal() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  }

  return { element, show, progress, reveal };
}
