// The list of mistakes: by function, by words, with the arrow keys.
// One rule: the most frequent stand first, and the list says how many it shows.

import { h, newId, setAttribute, write } from "./dom.js";

const PAGE = 10; // options that Page Up and Page Down skip

/**
 * Make the list.
 * @param {object} options
 * @param {object} options.words
 * @param {object} options.index what `loadMistakes` returns
 * @param {(id: string) => void} options.choose
 * @returns {{ element: HTMLElement, show: (id: string|null) => void }}
 */
export function makeMistakeList({ words, index, choose }) {
  const listId = newId("mistakes");
  const counts = new Map(index.functions.map((name) => [name, index.list.filter((mistake) => mistake.function === name).length]));
  const functions = h(
    "select",
    { id: newId("function"), on: { change: () => filter() } },
    h("option", { value: "" }, words.t("mistakes.all_functions", { count: index.list.length })),
    index.functions.map((name) => h("option", { value: name }, words.t("mistakes.of_function", { name, count: counts.get(name) }))),
  );
  const onSearch = { input: () => filter(), keydown: onSearchKey };
  const search = h("input", { type: "search", id: newId("search"), autocomplete: "off", "aria-controls": listId, on: onSearch });
  const told = h("p", { class: "cs-note", role: "status" });
  const options = index.list.map((mistake) => ({ mistake, node: makeOption(mistake, words), text: searchText(mistake) }));
  const nodes = new Map(options.map(({ mistake, node }) => [mistake.id, node]));
  const box = h(
    "ul",
    { id: listId, class: "cs-mistake-box", role: "listbox", tabindex: 0, "aria-label": words.t("mistakes.list"), on: { keydown: onKey, click: onClick } },
    options.map(({ node }) => node),
  );
  const element = h(
    "div",
    { class: "cs-mistake-list cs-card" },
    h("div", { class: "cs-mistake-filter" }, h("label", { for: functions.id }, words.t("mistakes.function")), functions),
    h("div", { class: "cs-mistake-filter" }, h("label", { for: search.id }, words.t("mistakes.search")), search),
    told,
    box,
  );
  let shown = options;
  let current = null;
  let frame = 0;

  function filter() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const isOf = ({ mistake }) => functions.value === "" || mistake.function === functions.value;
    const fits = (option) => isOf(option) && wanted.every((word) => option.text.includes(word));
    shown = options.filter(fits);
    const kept = new Set(shown);
    options.forEach((option) => {
      option.node.hidden = !kept.has(option);
    });
    box.hidden = shown.length === 0;
    setAttribute(box, "data-one", functions.value !== "");
    write(told, shown.length === 0 ? words.t("mistakes.none_found") : words.t("mistakes.found", { count: shown.length }));
    point();
  }

  /** A list must not point at an option that is filtered away. */
  function point() {
    const there = shown.find(({ mistake }) => mistake.id === current);
    setAttribute(box, "aria-activedescendant", there?.node.id ?? null);
  }

  function onSearchKey(event) {
    if (event.key === "ArrowDown" && shown.length > 0) {
      event.preventDefault();
      box.focus();
      if (!shown.some(({ mistake }) => mistake.id === current)) {
        choose(shown[0].mistake.id);
      }
    }
  }

  function onKey(event) {
    const here = shown.findIndex(({ mistake }) => mistake.id === current);
    const last = shown.length - 1;
    const target = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: last, PageDown: here + PAGE, PageUp: here - PAGE }[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    choose(shown[Math.max(0, Math.min(target, last))].mistake.id);
  }

  function onClick(event) {
    const found = options.find(({ node }) => node.contains(event.target));
    if (found) {
      choose(found.mistake.id);
    }
  }

  filter();
  return {
    element,
    show: (id) => {
      const [before, node] = [nodes.get(current), nodes.get(id)];
      current = id;
      before?.setAttribute("aria-selected", "false");
      node?.setAttribute("aria-selected", "true");
      point();
      cancelAnimationFrame(frame); // measuring makes the browser lay out everything at once: once a picture is enough
      frame = requestAnimationFrame(() => node && !node.hidden && keepInSight(box, node));
    },
  };
}

function makeOption(mistake, words) {
  const [name, key] = mistake.id.split(".");
  const said = words.t("mistakes.seen", { count: mistake.seen });
  const seen = mistake.seen > 0 ? h("span", { class: "cs-seen", title: said }, `${mistake.seen}×`) : null;
  return h(
    "li",
    { role: "option", id: newId("option"), class: "cs-mistake-option", "aria-selected": "false" },
    h("span", { class: "cs-mistake-title" }, mistake.title[words.language]),
    h("span", { class: "cs-mistake-name" }, h("span", { class: "cs-mistake-function" }, `${name}.`, h("wbr")), key),
    seen,
  );
}

function searchText({ id, title, where, idea }) {
  return [id, id.replaceAll("_", " "), ...[title, where, idea].flatMap((texts) => Object.values(texts))].join(" ").toLowerCase();
}

/** Scroll the list, which is placed so that offsets count from it, and never the page: whoever chooses a mistake looks at what it does. */
function keepInSight(box, node) {
  const [top, bottom] = [node.offsetTop, node.offsetTop + node.offsetHeight];
  if (top < box.scrollTop) {
    box.scrollTop = top;
  } else if (bottom > box.scrollTop + box.clientHeight) {
    box.scrollTop = bottom - box.clientHeight;
  }
}
