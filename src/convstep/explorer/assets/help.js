// The dialog that says what every key does.
// One rule: what is not written here is no gesture of the page.

import { h, newId } from "./dom.js";

const KEYS = ["move", "step", "play", "grid", "list", "type", "spin", "paint", "look", "maps", "pad", "undo", "tabs", "help"];

/**
 * Make the help.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLDialogElement, open: () => void }}
 */
export function makeHelp({ words }) {
  const title = newId("help");
  const rows = KEYS.map((key) => h("tr", {}, h("th", { scope: "row" }, words.t(`help.${key}.keys`)), h("td", {}, words.t(`help.${key}`))));
  const close = h("button", { type: "button", class: "cs-button", on: { click: () => element.close() } }, words.t("close"));
  const element = h(
    "dialog",
    { class: "cs-dialog", "aria-labelledby": title },
    h("h2", { id: title }, words.t("help.title")),
    h("p", {}, words.t("help.intro")),
    h("table", {}, h("tbody", {}, rows)),
    close,
  );
  return { element, open: () => element.showModal() };
}
