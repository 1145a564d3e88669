// One entry of a result: right, wrong, the difference, and where it comes from.
// One rule: numbers are exact here, as nothing else on the page has to be.

import { h, setAttribute } from "./dom.js";
import { entryText, isCarried } from "./mistakes_data.js";
import { exactNumber } from "./numbers.js";

/**
 * Make the place where an entry is told.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLElement, show: (entry: { name: string, index: number[], compared: object, origins: object, pad: number }) => void
 *   }}
 */
export function makeMistakeEntry({ words }) {
  const element = h("dl", { class: "cs-entry", hidden: true });

  function row(key, ...content) {
    return h("div", {}, h("dt", {}, words.t(key)), h("dd", { class: "cs-number" }, content));
  }

  function show({ name, index, compared, origins, pad }) {
    const { right } = compared;
    const wrong = isCarried(compared.wrong) ? compared.wrong : null;
    const [want, got] = [right, wrong].map((array) => (array === null ? undefined : entryOf(array, index)));
    const both = want !== undefined && got !== undefined;
    element.replaceChildren(
      row("mistakes.entry", h("code", {}, entryText(name, index))),
      row("mistakes.right", want === undefined ? words.t("mistakes.no_entry") : exactNumber(want)),
      row("mistakes.wrong", got === undefined ? words.t("mistakes.no_entry") : exactNumber(got)),
      ...(both ? [row("mistakes.difference", exactNumber(got - want))] : []),
      ...sayOrigins(origins, pad, words).map((text) => row("mistakes.from", text)),
    );
    setAttribute(element, "hidden", false);
  }

  return { element, show };
}

function entryOf({ shape, data }, index) {
  if (index.length !== shape.length || index.some((place, axis) => place >= shape[axis])) {
    return undefined;
  }
  return data[index.reduce((flat, place, axis) => flat * shape[axis] + place, 0)];
}

/** The entries of each argument as the slice of NumPy that holds them all, where they fill it; else how many they are. */
function sayOrigins(origins, pad, words) {
  const said = Object.entries(origins)
    .filter(([, places]) => places.length > 0)
    .map(([name, places]) => padded(name, places, pad) ?? sliceText(name, places) ?? words.t("mistakes.entries", { count: places.length, name }));
  return said.length === 0 ? [] : [said.join(words.t("mistakes.between_names"))];
}

/** Where there is padding, places of the images are told as those of the padded ones. */
function padded(name, places, pad) {
  return pad > 0 && name === "A_prev" ? sliceText("A_prev_pad", places.map(([i, r, s, c]) => [i, r + pad, s + pad, c])) : null;
}

function sliceText(name, places) {
  const known = [...new Map(places.map((place) => [place.join(), place])).values()];
  const spans = known[0].map((_, axis) => [Math.min(...known.map((place) => place[axis])), Math.max(...known.map((place) => place[axis]))]);
  const size = spans.reduce((product, [first, last]) => product * (last - first + 1), 1);
  if (size !== known.length) {
    return null;
  }
  return `${name}[${spans.map(([first, last]) => (first === last ? first : `${first}:${last + 1}`)).join(", ")}]`;
}
