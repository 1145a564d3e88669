// The explorer: tabs, language, theme, undo, and the views below them. A notebook's widget and the page both begin here.
// One rule: everything a visitor made lives in the store; what is on the screen can be thrown away and made again.

import { StateProblem, VIEWS } from "./checking.js";
import { h, newId, setAttribute, write } from "./dom.js";
import { makeHelp } from "./help.js";
import { makeLayerView } from "./layer.js";
import { decodeState } from "./link.js";
import { makeMistakesView } from "./mistakes_view.js";
import { makeNetworkView } from "./network_view.js";
import { FIRST_STATE } from "./opening.js";
import { makePoolingView } from "./pooling.js";
import { listenForPreferences, preferredLanguage, preferredTheme } from "./preferences.js";
import { openFiles } from "./receiving.js";
import { makeSharePanel } from "./share.js";
import { openPage } from "./shim.js";
import { createStore } from "./state.js";
import { synchronise } from "./syncing.js";
import { makeToolbar } from "./toolbar.js";
import { makeWords, sayProblem } from "./words.js";

const MAKERS = { layer: makeLayerView, pooling: makePoolingView, network: makeNetworkView, mistakes: makeMistakesView };

/**
 * Draw the explorer into an element.
 * @param {{ model: object, el: HTMLElement }} place as anywidget hands them over; the model has state, data, language, theme, place
 * @returns {() => void} takes it away again
 */
function render({ model, el }) {
  const data = model.get("data");
  const place = model.get("place") ?? "widget";
  const root = h("div", { class: "cs-root", "data-lm-suppress-shortcuts": "true" });
  let language = preferredLanguage(model.get("language"));
  let words = makeWords(data.words, language);
  let screen = null;
  const store = createStore(FIRST_STATE, (problem) => screen?.complain(sayProblem(problem, words)));

  function showTheme() {
    setAttribute(root, "data-theme", preferredTheme(model.get("theme")));
    screen?.update("change");
  }

  function showLanguage() {
    language = preferredLanguage(model.get("language"));
    words = makeWords(data.words, language);
    screen?.destroy();
    setAttribute(root, "lang", language === "zh" ? "zh-CN" : "en");
    if (place !== "widget") {
      document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
      document.title = words.t("title");
    }
    screen = makeScreen({ store, words, data, model, place, root });
    root.replaceChildren(screen.element);
    screen.update("change");
  }

  const first = model.get("state");
  if (first) {
    store.replace(first);
  }
  el.classList.add("cs-container");
  el.replaceChildren(root);
  showTheme();
  showLanguage();
  const stopSynchronising = synchronise(model, store, (problem) => screen.complain(sayProblem(problem, words)));
  const stopListening = listenForPreferences(model, { showTheme, showLanguage });
  const unsubscribe = store.subscribe((state, kind) => screen.update(kind));
  const followLink = () => openLink(store, (problem) => screen.complain(sayProblem(problem, words)));
  if (place !== "widget") {
    followLink();
    window.addEventListener("hashchange", followLink); // a link that is pasted over the address of the open page
  }
  return () => {
    window.removeEventListener("hashchange", followLink);
    unsubscribe();
    stopListening();
    stopSynchronising();
    screen.destroy();
    el.replaceChildren();
  };
}

/** The page in one language. It is made anew for another one. */
function makeScreen({ store, words, data, model, place, root }) {
  const live = h("div", { class: "cs-hidden", "aria-live": "polite", role: "status" });
  const alert = h("div", { class: "cs-alert", role: "alert" });
  const announce = (text) => write(live, text);
  const complain = (text) => write(alert, text);
  const isDark = () => root.getAttribute("data-theme") === "dark";
  const views = new Map();
  let shown = null; // the view that saw the last change
  const help = makeHelp({ words });
  const toolbar = makeToolbar({ store, words, model, root, openHelp: help.open });
  const panels = new Map(
    VIEWS.map((view) => [view, h("section", { class: "cs-panel", role: "tabpanel", id: newId("panel"), tabindex: -1 })]),
  );
  const tabs = makeTabs({ store, words, panels });
  const share = guarded(
    () => makeSharePanel({ store, words, data, announce, complain, place, picture: () => views.get(store.state.view)?.picture() }),
    words,
  );
  const header = h("header", { class: "cs-header" }, h("h1", { class: "cs-title" }, words.t("heading")), tabs.element, toolbar.element);
  const main = h("main", { class: "cs-main" }, alert, [...panels.values()], share.element);
  const element = h("div", { class: "cs-page" }, header, main, live, help.element);
  openFiles(element, {
    network: (file) => {
      store.move((state) => ({ ...state, view: "network" }));
      current().takeNetwork?.(file);
    },
    state: (file) => share.open?.(file),
    image: () => complain(words.t("image.no_place")),
  });
  // a page has all keys; in a notebook those that are pressed inside the widget
  const keyboard = place === "widget" ? element : document;
  keyboard.addEventListener("keydown", onKeyDown);

  function current() {
    const { view } = store.state;
    if (!views.has(view)) {
      const made = guarded(() => MAKERS[view]({ store, words, data, announce, complain, place, isDark }), words);
      views.set(view, made);
      panels.get(view).append(made.element);
    }
    return views.get(view);
  }

  function onKeyDown(event) {
    if (event.defaultPrevented) {
      return;
    }
    const typing = event.target.closest("input:not([type=range], [type=checkbox], [type=radio]), textarea, select, dialog");
    if (typing) {
      return;
    }
    const letter = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (letter === "z" || letter === "y")) {
      event.preventDefault();
      toolbar[letter === "y" || event.shiftKey ? "redo" : "undo"]();
    } else if (event.key === "?") {
      event.preventDefault();
      help.open();
    } else if (
      !event.ctrlKey &&
      !event.metaKey &&
      !event.altKey &&
      "1234".includes(event.key) &&
      !event.target.closest("[role=gridcell]")
    ) {
      tabs.choose(VIEWS[Number(event.key) - 1]);
    } else if (current().key?.(event)) {
      event.preventDefault();
    }
  }

  return {
    element,
    complain,
    update: (kind) => {
      const { state } = store;
      for (const [view, panel] of panels) {
        panel.hidden = view !== state.view;
      }
      if (kind === "change") {
        write(alert, "");
      }
      tabs.update();
      toolbar.update();
      current().update(state, shown === state.view ? kind : "change");
      shown = state.view;
      share.update(state); // also of a place or a tab that was gone to: the link says them
    },
    destroy: () => {
      keyboard.removeEventListener("keydown", onKeyDown);
      views.forEach((view) => view.destroy());
      share.destroy();
      element.remove();
    },
  };
}

/** The tabs, after the pattern of the ARIA authoring practices: arrow keys choose, Tab leaves. */
function makeTabs({ store, words, panels }) {
  const tabs = new Map(
    VIEWS.map((view) => {
      const panel = panels.get(view);
      const tab = h(
        "button",
        { role: "tab", type: "button", id: newId("tab"), "aria-controls": panel.id, class: "cs-tab" },
        words.t(`tab.${view}`),
      );
      tab.addEventListener("click", () => choose(view));
      setAttribute(panel, "aria-labelledby", tab.id);
      return [view, tab];
    }),
  );
  const element = h("div", { role: "tablist", class: "cs-tabs", "aria-label": words.t("tabs"), on: { keydown: onKey } }, [
    ...tabs.values(),
  ]);

  function choose(view) {
    if (view !== store.state.view) {
      store.move((state) => ({ ...state, view }));
    }
    tabs.get(view).focus();
  }

  function onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      choose(VIEWS[(VIEWS.indexOf(store.state.view) + step + VIEWS.length) % VIEWS.length]);
    }
  }

  return {
    element,
    choose,
    update: () => {
      for (const [view, tab] of tabs) {
        const chosen = view === store.state.view;
        setAttribute(tab, "aria-selected", String(chosen));
        setAttribute(tab, "tabindex", chosen ? 0 : -1);
      }
    },
  };
}

/** A part that fails says so in its own place, and the rest of the page goes on. */
function guarded(make, words) {
  try {
    return make();
  } catch (error) {
    console.error(error);
    return { element: h("p", { class: "cs-alert" }, words.t("broken")), update: () => {}, destroy: () => {}, picture: () => null };
  }
}

async function openLink(store, complain) {
  const { hash } = location;
  const text = new URLSearchParams(hash.slice(1)).get("state");
  if (text !== null) {
    try {
      const state = await decodeState(text);
      if (location.hash === hash) {
        store.replace(state); // unless another link came meanwhile
      }
    } catch (problem) {
      complain(problem instanceof StateProblem ? problem : new StateProblem("link"));
    }
  }
}

export default { render };
