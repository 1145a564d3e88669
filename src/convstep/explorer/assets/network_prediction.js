// What the network says the image is, and whose score the gradients are of.
// One rule: a bar always has its number beside it.

import { h, newId, setAttribute, write } from "./dom.js";
import { makeMenu } from "./controls.js";
import { percent } from "./network_says.js";
import { plainNumber, shortNumber } from "./numbers.js";

const MOST_BARS = 12; // with more classes, those that are most likely

/**
 * Make the prediction.
 * @param {{ words: object, choose: (k: number|null) => void }} parts choose: the class whose gradient is wanted, null for the predicted one
 * @returns {{ element: HTMLElement, build: (classes: string[]) => void, update: Function }}
 */
export function makePrediction({ words, choose }) {
  const title = newId("prediction");
  const answer = h("p", { class: "cs-net-answer" });
  const bars = h("div", { class: "cs-net-bars", role: "radiogroup", "aria-label": words.t("net.score.of"), on: { keydown: onKey } });
  const heads = h("div", { class: "cs-net-row-heads", "aria-hidden": "true" }, ["net.share", "net.logit"].map((key) => h("span", {}, words.t(key))));
  const others = h("div", {});
  const follow = h("button", { type: "button", class: "cs-button", on: { click: () => choose(null) } }, words.t("net.follow"));
  const element = h(
    "section",
    { class: "cs-card cs-net-prediction", "aria-labelledby": title },
    h("h2", { id: title }, words.t("net.prediction")),
    answer,
    heads,
    bars,
    others,
    h("p", { class: "cs-note" }, words.t("net.score.hint")),
    follow,
  );
  let [names, rows, menu] = [[], [], null];

  function onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const next = rows[(rows.findIndex((row) => row.element === event.target) + step + rows.length) % rows.length];
      choose(next.k);
      next.element.focus();
    }
  }

  function makeBar() {
    const [name, bar, share, score] = ["class", "bar", "share cs-number", "share cs-number"].map((look) => h("span", { class: `cs-net-${look}` }));
    const row = { k: 0, name, bar, share, score };
    const track = h("span", { class: "cs-net-track" }, bar);
    row.element = h("button", { type: "button", role: "radio", class: "cs-net-row", on: { click: () => choose(row.k) } }, name, track, share, score);
    return row;
  }

  return {
    element,
    build: (classes) => {
      names = classes;
      rows = Array.from({ length: Math.min(classes.length, MOST_BARS) }, makeBar);
      bars.replaceChildren(...rows.map((row) => row.element));
      const options = classes.map((label, k) => ({ value: String(k), label }));
      menu = classes.length > MOST_BARS ? makeMenu({ label: words.t("net.other"), options, choose: (k) => choose(Number(k)) }) : null;
      others.replaceChildren(...(menu === null ? [] : [menu.element]));
    },
    /**
     * Show numbers.
     * @param {{ shares: number[], scores: number[], chosen: number, pinned: boolean, kind: "shares"|"scores" }} seen chosen: the class whose
     *   gradients are shown; pinned: the visitor asked for it; scores: what the gradients are of
     */
    update: ({ shares, scores, chosen, pinned, kind }) => {
      const inOrder = shares.map((share, k) => k).sort((a, b) => shares[b] - shares[a] || a - b);
      const best = inOrder[0];
      const facts = { name: names[best], share: percent(shares[best]), score: plainNumber(shares[best]) };
      write(answer, words.t(kind === "shares" ? "net.says" : "net.says.score", facts));
      const shown = names.length > MOST_BARS ? inOrder.slice(0, MOST_BARS) : names.map((_, k) => k);
      const top = kind === "shares" ? 1 : Math.max(...shares.map(Math.abs)) || 1;
      rows.forEach((row, i) => {
        const k = shown[i];
        row.k = k;
        write(row.name, names[k]);
        write(row.share, kind === "shares" ? percent(shares[k]) : plainNumber(shares[k]));
        write(row.score, kind === "shares" ? shortNumber(scores[k]) : "");
        row.bar.style.width = `${(100 * Math.abs(shares[k])) / top}%`;
        row.bar.classList.toggle("cs-net-below", shares[k] < 0);
        setAttribute(row.element, "aria-checked", String(k === chosen));
        setAttribute(row.element, "tabindex", k === chosen || (i === 0 && !shown.includes(chosen)) ? 0 : -1);
        setAttribute(row.element, "aria-label", words.t("net.bar", { name: names[k], share: row.share.textContent, score: plainNumber(scores[k]) }));
        row.element.classList.toggle("cs-net-best", k === best);
      });
      menu?.update(String(chosen));
      follow.hidden = !pinned;
      heads.hidden = kind !== "shares";
    },
  };
}
