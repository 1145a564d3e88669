// Texts to the clipboard, files to the visitor's disk.
// One rule: a browser may refuse; then the text lies there selected, to be copied by hand.

import { h } from "./dom.js";

/**
 * Copy a text.
 * @param {string} text
 * @param {HTMLElement} near where the text is put if the clipboard is not to be had
 * @param {string} label what it is called then
 * @returns {Promise<boolean>} whether it is in the clipboard
 */
export async function copyText(text, near, label) {
  near.querySelector(":scope > .cs-by-hand")?.remove();
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "cs-by-hand", readonly: true, rows: 4, "aria-label": label });
    area.value = text;
    near.append(area);
    area.focus();
    area.select();
    return false;
  }
}

/**
 * Offer a file, which the browser saves.
 * @param {string|Blob} content
 * @param {string} type
 * @param {string} name
 */
export function offerFile(content, type, name) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const anchor = h("a", { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // Safari begins to save later
}
