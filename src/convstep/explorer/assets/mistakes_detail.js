// One known mistake: its hints, its call, and what is right beside what it makes of it.
// One rule: entries that are wrong are outlined, counted and said; nothing is told by a colour alone.

import { strongest } from "./colours.js";
import { h, newId } from "./dom.js";
import { drawMatrices } from "./matrices.js";
import { makeMistakeEntry } from "./mistakes_entry.js";
import { isCarried, tupleText } from "./mistakes_data.js";
import { handedOver } from "./mistakes_handover.js";
import { originsOf, padOf } from "./mistakes_origin.js";
import { makeHints, sayNotes } from "./mistakes_hints.js";
import { comparedResults, makeOutcome, sayVerdict } from "./mistakes_outcome.js";
import { pythonCall, pythonValue } from "./python.js";

/**
 * Show a mistake.
 * @param {object} options
 * @param {object} options.words
 * @param {object} options.mistake one of `loadMistakes`
 * @param {number} options.solutions in how many `seen` was counted
 * @param {boolean} options.dark
 * @param {(handed: { view: string, part: object }) => void} options.hand goes to another view
 * @returns {{ id: string, mistake: object, element: HTMLElement, destroy: () => void }}
 */
export function makeMistakeDetail({ words, mistake, solutions, dark, hand }) {
  const { call } = mistake;
  const drawn = [];
  const compared = comparedResults(mistake);
  // one scale for what is given, one for the right and the wrong results
  const colours = [call.arguments, { ...call.results, ...wrongArrays(mistake) }].map((arrays) => ({
    kind: "signed",
    limit: limitOf(arrays),
    dark,
  }));
  const entry = makeMistakeEntry({ words });
  const pad = padOf(mistake.function, call.arguments);
  let [looked, inputs] = [null, new Map()];

  function draw(options) {
    const made = drawMatrices({ words, colour: colours[1], ...options });
    drawn.push(made);
    return made;
  }

  function drawInputs() {
    inputs = new Map(
      Object.entries(call.arguments)
        .filter(([, value]) => isCarried(value))
        .map(([name, array]) => [name, draw({ name, array, pad: name === "A_prev" ? pad : 0, colour: colours[0] })]),
    );
    return [...inputs].map(([name, { element }]) => labelledArray(name, call.arguments[name], element));
  }

  function labelledArray(name, array, picture) {
    const title = h("h4", {}, h("code", {}, name), " ", h("span", { class: "cs-soft" }, tupleText(array.shape)));
    return h("div", { class: "cs-array" }, title, picture);
  }

  function look(name, index) {
    looked = { name, index };
    const { shape } = call.results[name];
    const isThere = index.length === shape.length && index.every((place, axis) => place < shape[axis]);
    const origins = isThere ? originsOf(mistake.function, call.arguments, name, index) : {}; // a wrong result may be larger
    for (const [argument, matrices] of inputs) {
      const places = origins[argument] ?? [];
      matrices.mark("window", places.length > 1 ? places : []);
      matrices.mark("depends", places.length === 1 ? places : []);
    }
    outcome.point(name, index);
    entry.show({ name, index, compared: compared.get(name), origins, pad });
  }

  const outcome = makeOutcome({ words, mistake, compared, draw, labelledArray, look });
  const titleId = newId("mistake");
  const seen = mistake.seen > 0 ? "mistakes.seen_of" : "mistakes.never_seen";
  const callCode = h("code", {}, pythonCall(mistake.function, call.arguments));
  const handed = handedOver(mistake.function, call.arguments);
  const element = h(
    "article",
    { class: "cs-mistake cs-card", "aria-labelledby": titleId },
    h("h2", { id: titleId }, mistake.title[words.language]),
    h("p", { class: "cs-note" }, h("code", {}, mistake.id), " · ", words.t(seen, { count: mistake.seen, solutions })),
    makeHints({ words, mistake }),
    h("section", { class: "cs-mistake-call" }, h("h3", {}, words.t("mistakes.call")), h("pre", { tabindex: 0 }, callCode), plainArguments()),
    h("div", { class: "cs-arrays" }, drawInputs()),
    h("p", { class: "cs-verdict" }, sayVerdict(mistake, compared, words)),
    outcome.element,
    entry.element,
    sayNotes(mistake, words),
    handed && h("p", {}, handButton()),
  );

  function plainArguments() {
    const plain = Object.entries(call.arguments).filter(([name, value]) => !isCarried(value) && name === "shape");
    return plain.map(([name, value]) => h("p", { class: "cs-note" }, h("code", {}, `${name} = ${pythonValue(value)}`)));
  }

  function handButton() {
    const first = Object.keys(call.results)[0];
    const go = () => hand(handedOver(mistake.function, call.arguments, looked?.name === first ? looked.index : undefined));
    const text = words.t("mistakes.hand", { view: words.t(`tab.${handed.view}`) });
    return h("button", { type: "button", class: "cs-button", on: { click: go } }, text);
  }

  const first = outcome.first();
  if (first !== null) {
    look(first.name, first.index);
  }
  return { id: mistake.id, mistake, element, destroy: () => drawn.forEach((one) => one.destroy()) };
}

function limitOf(arrays) {
  return strongest(Object.values(arrays).filter(isCarried).flatMap(({ data }) => data.filter(Number.isFinite)));
}

/** Wrong results, and arguments that were changed, under names of their own. */
function wrongArrays({ results = {}, changed = {} }) {
  return Object.fromEntries(Object.entries({ ...results, ...changed }).map(([name, value]) => [`wrong ${name}`, value]));
}
