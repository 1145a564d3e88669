// What a call gave: right on one side, with the mistake on the other.
// One rule: what is no array (an error, another shape, a missing cache) is told as what it is.

import { h } from "./dom.js";
import { differingEntries, isCarried, tupleText } from "./mistakes_data.js";
import { errorText } from "./mistakes_hints.js";
import { exactNumber } from "./numbers.js";
import { pythonValue } from "./python.js";

/**
 * Hold the results of a call with a mistake against the right ones.
 * @param {object} mistake
 * @returns {Map<string, { right: object, wrong: object|string|null, flags: boolean[]|null, count: number }>} by their names; wrong is the
 *   same as right where the mistake does no harm, a word where it is no array, null where there is none; flags: which entries differ, null
 *   where they cannot be compared
 */
export function comparedResults({ call, kind, results = {}, returned }) {
  return new Map(
    Object.entries(call.results).map(([name, right]) => {
      const missing = kind === "error" || (returned !== undefined && !returned.names.includes(name));
      const wrong = results[name] ?? (missing ? null : right);
      const flags = isCarried(wrong) ? differingEntries(right, wrong) : null;
      return [name, { right, wrong, flags, count: flags === null ? 0 : flags.filter(Boolean).length }];
    }),
  );
}

/**
 * Say in a sentence what is wrong.
 * @param {object} mistake
 * @param {Map<string, object>} compared
 * @param {object} words
 * @returns {string}
 */
export function sayVerdict(mistake, compared, words) {
  const { kind, returned } = mistake;
  if (kind === "error") {
    return words.t("mistakes.verdict.error");
  }
  if (kind === "count") {
    return words.t("mistakes.verdict.count", { what: sayKind(returned.what, words), names: wantedNames(mistake).join(", ") });
  }
  const said = [...compared].map(([name, one]) => sayResult(name, one, words)).filter((text) => text !== "");
  if (said.length > 0) {
    return said.join(words.t("mistakes.between"));
  }
  const names = Object.keys(mistake.changed ?? {}).join(", ");
  return kind === "cache" ? words.t("mistakes.verdict.cache") : words.t("mistakes.verdict.changed", { names });
}

function sayResult(name, { right, wrong, flags, count }, words) {
  if (wrong === null) {
    return "";
  }
  if (!isCarried(wrong)) {
    return words.t("mistakes.verdict.odd", { name, what: sayKind(wrong, words), shape: tupleText(right.shape) });
  }
  if (flags === null) {
    return words.t("mistakes.verdict.shape", { name, got: tupleText(wrong.shape), want: tupleText(right.shape) });
  }
  return count === 0 ? "" : words.t("mistakes.verdict.numbers", { name, wrong: count, all: flags.length });
}

function wantedNames({ call, returned }) {
  const names = Object.keys(call.results);
  return returned.wanted > names.length ? [...names, "cache"] : names;
}

/** What was returned, in the words of the grader: "None", "4 values", "a tuple". */
function sayKind(what, words) {
  const [, count] = /^(\d+) values$/.exec(what) ?? [];
  const [, type] = /^an? (\w+)$/.exec(what) ?? [];
  return count !== undefined ? words.t("mistakes.values", { count }) : type !== undefined ? words.t("mistakes.one", { type }) : what;
}

/**
 * Make the two sides.
 * @param {object} options words, mistake, compared, and what draws: `draw`, `labelledArray`, `look`
 * @returns {{ element: HTMLElement, point: (name: string, index: number[]) => void, first: () => { name: string, index: number[] }|null }}
 *   point: mark an entry on both sides; first: the first entry that is worth a look
 */
export function makeOutcome({ words, mistake, compared, draw, labelledArray, look }) {
  const sides = new Map();
  const differing = [...compared].filter(([, { right, wrong }]) => wrong !== right);
  const same = [...compared].filter(([, { right, wrong }]) => wrong === right).map(([name]) => name);
  const shown = differing.length > 0 && mistake.kind !== "changed" && mistake.kind !== "cache" ? differing : [];

  function half(side) {
    return shown.map(([name, one]) => {
      const value = one[side];
      if (!isCarried(value)) {
        return h("p", {}, words.t(value === null ? "mistakes.not_returned" : "mistakes.returned", { name, what: sayKind(value ?? "", words) }));
      }
      const other = one[side === "right" ? "wrong" : "right"];
      const note = (flat) => (one.flags?.[flat] ? words.t(`mistakes.note.${side}`, { other: exactNumber(other.data[flat]) }) : "");
      const matrices = draw({ name, array: value, place: words.t(`mistakes.${side}`), note, look: (index) => look(name, index) });
      if (side === "wrong" && one.flags !== null) {
        matrices.mark("differs", placesOf(value.shape, one.flags));
      }
      sides.set(name, [...(sides.get(name) ?? []), { matrices, shape: value.shape.join() }]);
      return labelledArray(name, value, matrices.element);
    });
  }

  function right() {
    if (mistake.kind === "changed") {
      return changedArguments("before");
    }
    return [mistake.kind === "count" ? returnedNames() : null, half("right"), mistake.kind === "cache" ? rightCache() : null];
  }

  function wrong() {
    if (mistake.kind === "error") {
      return h("pre", { class: "cs-error", tabindex: 0 }, h("code", {}, errorText(mistake.error)));
    }
    if (mistake.kind === "count") {
      return [h("p", {}, words.t("mistakes.returns", { what: sayKind(mistake.returned.what, words) })), half("wrong")];
    }
    return [half("wrong"), mistake.kind === "cache" ? wrongCache() : null, mistake.changed === undefined ? null : changedArguments("after")];
  }

  function returnedNames() {
    return h("p", {}, words.t("mistakes.returns", { what: wantedNames(mistake).join(", ") }));
  }

  function rightCache() {
    return cacheList(Object.keys(mistake.call.arguments).filter((name) => name !== "mode").map((name) => ({ is: name })), "");
  }

  function wrongCache() {
    const { cache } = mistake;
    return cacheList(cache?.parts ?? [cache], cache?.parts ? "" : words.t("mistakes.no_tuple"));
  }

  function cacheList(parts, remark) {
    const items = h("ol", { class: "cs-cache", start: 0 }, parts.map((part) => h("li", {}, cachePart(part))));
    return h("div", { class: "cs-array" }, h("h4", {}, h("code", {}, "cache")), remark && h("p", { class: "cs-note" }, remark), items);
  }

  function cachePart(part) {
    if (isCarried(part)) {
      return words.t("mistakes.another_array", { shape: tupleText(part.shape) });
    }
    return h("code", {}, typeof part?.is === "string" ? part.is : pythonValue(part));
  }

  function changedArguments(time) {
    return Object.entries(mistake.changed).map(([name, after]) => {
      const value = time === "after" ? after : mistake.call.arguments[name];
      const title = words.t(`mistakes.${time}`);
      if (!isCarried(value)) {
        return h("p", {}, `${title}: `, h("code", {}, `${name} = ${pythonValue(value)}`));
      }
      const flags = differingEntries(mistake.call.arguments[name], after);
      const matrices = draw({ name, array: value, place: title });
      if (time === "after" && flags !== null) {
        matrices.mark("differs", placesOf(value.shape, flags));
      }
      return h("div", {}, h("p", { class: "cs-note" }, title), labelledArray(name, value, matrices.element));
    });
  }

  const unharmed = words.t("mistakes.agreeing", { names: same.join(", ") });
  const agreeing = same.length > 0 && shown.length > 0 ? h("p", { class: "cs-note" }, unharmed) : null;

  function sideTitle(sign, key) {
    return h("h3", {}, h("span", { "aria-hidden": "true" }, `${sign} `), words.t(key));
  }

  const element = h(
    "div",
    { class: "cs-sides" },
    h("section", { class: "cs-side cs-side-right" }, sideTitle("✓", "mistakes.right"), right()),
    h("section", { class: "cs-side cs-side-wrong" }, sideTitle("✗", "mistakes.wrong"), wrong(), agreeing),
  );

  return {
    element,
    point: (name, index) => {
      for (const [other, matrices] of sides) {
        matrices.forEach((side) => side.matrices.mark("here", other === name ? [index] : []));
      }
    },
    first: () => {
      const [name, one] = shown.find(([, { count }]) => count > 0) ?? shown.find(([, { right: array }]) => array.data.length > 0) ?? [];
      return name === undefined ? null : { name, index: placeOf(one.right.shape, Math.max(one.flags?.indexOf(true) ?? 0, 0)) };
    },
  };
}

function placesOf(shape, flags) {
  return flags.flatMap((differs, flat) => (differs ? [placeOf(shape, flat)] : []));
}

/** The place of the entry that is so far from the first in reading order. */
function placeOf(shape, flat) {
  const place = shape.map(() => 0);
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    place[axis] = flat % shape[axis];
    flat = Math.floor(flat / shape[axis]);
  }
  return place;
}
