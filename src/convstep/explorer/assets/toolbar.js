// Undo, redo, reset, language, theme, help.
// One rule: each button says what it will do, also to who does not see its sign.

import { h, setAttribute, write } from "./dom.js";
import { preferredTheme } from "./preferences.js";

/**
 * Make the toolbar.
 * @param {{ store: object, words: object, model: object, root: HTMLElement, openHelp: () => void }} parts
 * @returns {{ element: HTMLElement, update: () => void, undo: () => void, redo: () => void }}
 */
export function makeToolbar({ store, words, model, root, openHelp }) {
  const undo = signButton("↶", () => travel("undo"));
  const redo = signButton("↷", () => travel("redo"));
  const reset = h("button", { type: "button", class: "cs-button", on: { click: () => store.reset() } }, words.t("reset"));
  const other = words.language === "en" ? "zh" : "en";
  const language = h(
    "button",
    { type: "button", class: "cs-button", "data-role": "language", lang: other === "zh" ? "zh-CN" : "en", on: { click: changeLanguage } },
    words.t("language.other"),
  );
  const theme = signButton("◐", changeTheme);
  const help = signButton("?", openHelp);
  setAttribute(theme, "data-role", "theme");
  setAttribute(help, "aria-label", words.t("help"));
  setAttribute(help, "title", words.t("help"));
  const element = h(
    "div",
    { class: "cs-toolbar", role: "group", "aria-label": words.t("toolbar") },
    undo,
    redo,
    reset,
    language,
    theme,
    help,
  );

  function travel(way) {
    store[way]();
  }

  function changeLanguage() {
    model.set("language", other);
    model.save_changes();
    root.querySelector("[data-role=language]")?.focus();
  }

  function changeTheme() {
    model.set("theme", preferredTheme(model.get("theme")) === "dark" ? "light" : "dark");
    model.save_changes();
  }

  function label(button, text, enabled) {
    setAttribute(button, "aria-label", text);
    setAttribute(button, "title", text);
    // not `disabled`: a button that vanishes under the fingers of who presses it again and again loses the focus
    setAttribute(button, "aria-disabled", enabled ? null : "true");
  }

  return {
    element,
    undo: () => travel("undo"),
    redo: () => travel("redo"),
    update: () => {
      label(undo, store.canUndo ? words.t("undo.this", { what: words.t(store.undoing) }) : words.t("undo.none"), store.canUndo);
      label(redo, store.canRedo ? words.t("redo.this", { what: words.t(store.redoing) }) : words.t("redo.none"), store.canRedo);
      const dark = preferredTheme(model.get("theme")) === "dark";
      label(theme, words.t(dark ? "theme.light" : "theme.dark"), true);
      write(reset, words.t("reset"));
    },
  };
}

function signButton(sign, press) {
  return h("button", { type: "button", class: "cs-button cs-sign", on: { click: press } }, sign);
}
