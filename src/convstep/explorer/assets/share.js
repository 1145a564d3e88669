// Compare with code, and keep: the state as a Python program, a link, a file, a picture.
// One rule: what leaves the page is the state of this moment, and what comes back is checked like a stranger's.

import { h, newId, setAttribute, write } from "./dom.js";
import { encodeState, readState, writeState } from "./link.js";
import { loadMistakes } from "./mistakes_data.js";
import { shownNetworkName } from "./network_shown.js";
import { paintedPicture, pictureFile } from "./picture.js";
import { copyText, offerFile } from "./sharing.js";
import { snippetOf } from "./snippet.js";
import { sayProblem } from "./words.js";

const PAUSE = 200; // milliseconds after the last change
const LONG_LINK = 2000; // characters that every mail and chat program lets pass
const FIRST_DIGIT = 3; // that the view "a network" begins with
const LARGEST_FILE = 8 * 2 ** 20; // bytes

/**
 * Make the panel.
 * @param {{ store: object, words: object, data: object, place: string, announce: (text: string) => void,
 *   complain: (text: string) => void, picture: () => SVGElement|null }} parts
 * @returns {{ element: HTMLElement, update: () => void, open: (file: File) => void, destroy: () => void }} open: reads a state from a file
 */
export function makeSharePanel({ store, words, data, place, announce, complain, picture }) {
  const said = h("p", { class: "cs-share-said", role: "status" });
  const code = h("code", {});
  const codeNote = h("p", { class: "cs-note" });
  const codeId = newId("code");
  const onLink = { focus: () => link.select() };
  const link = h("input", { type: "text", readonly: true, class: "cs-share-link", "aria-label": words.t("share.link"), on: onLink });
  const linkNote = h("p", { class: "cs-note" });
  const fileNote = h("p", { class: "cs-note" });
  const chooser = h("input", { type: "file", accept: ".json,application/json", hidden: true, on: { change: onChoose } });
  const element = h(
    "details",
    { class: "cs-share cs-card", on: { toggle: refresh } },
    h("summary", {}, h("h2", {}, words.t("share.title")), " ", h("span", { class: "cs-soft" }, words.t("share.summary"))),
    h(
      "div",
      { class: "cs-share-parts" },
      h(
        "div",
        { class: "cs-share-code" },
        h("h3", { id: codeId }, words.t("share.code")),
        codeNote,
        h("pre", { tabindex: 0, role: "region", "aria-labelledby": codeId }, code),
        button("share.copy_code", copyCode),
      ),
      h(
        "div",
        { class: "cs-share-rest" },
        section("share.link", place === "widget" ? [note("share.link.widget")] : [link, linkNote, button("share.copy_link", copyLink)]),
        section("share.file", [
          fileNote,
          button("share.save_file", saveFile),
          button("share.open_file", () => chooser.click()),
          chooser,
        ]),
        section("share.picture", [
          button("share.save_svg", () => withPicture(saveSvg)),
          button("share.save_png", () => withPicture(savePng)),
          button("share.copy_svg", () => withPicture(copySvg)),
          button("share.copy_png", () => withPicture(copyPng)),
        ]),
      ),
    ),
    said,
  );
  let timer = null;
  const unsubscribe = store.subscribe(later);

  function button(key, press) {
    return h("button", { type: "button", class: "cs-button", "data-role": key, on: { click: press } }, words.t(key));
  }

  function note(key) {
    return h("p", { class: "cs-note" }, words.t(key));
  }

  function section(key, parts) {
    return h("section", {}, h("h3", {}, words.t(key)), parts);
  }

  function later() {
    if (element.open) {
      clearTimeout(timer);
      timer = setTimeout(refresh, PAUSE);
    }
  }

  async function refresh() {
    if (!element.open) {
      return;
    }
    write(codeNote, words.t(store.state.view === "network" ? "share.code.runs" : "share.code.note"));
    write(code, await program());
    write(fileNote, [words.t("share.file.note"), withoutNetwork()].filter((text) => text !== "").join(" "));
    if (place !== "widget") {
      link.value = await address();
      const key = link.value.length > LONG_LINK ? "share.link.long" : "share.link.length";
      const where = place === "served" ? words.t("share.link.served") : location.protocol === "file:" ? words.t("share.link.own_file") : "";
      write(linkNote, [words.t(key, { length: link.value.length }), where, withoutNetwork()].filter((text) => text !== "").join(" "));
    }
  }

  /** A network that the visitor opened is named in the state, but is not in it. */
  function withoutNetwork() {
    const { of } = store.state.network;
    return of === null ? "" : words.t("share.network", { name: of.name });
  }

  async function program() {
    const { state } = store;
    const index = state.view === "mistakes" && data.mistakes ? await loadMistakes(data.mistakes) : null;
    const mistake = index && (index.byId.get(state.mistakes.id ?? index.list[0].id) ?? null);
    return snippetOf(state, { words, mistake, network: shownNetworkName(data, state.network.of), digit: data.digits?.[FIRST_DIGIT]?.index });
  }

  async function address() {
    return `${location.href.split("#")[0]}#state=${await encodeState(store.state)}`;
  }

  /** What was opened can have been dropped far from here: it is complained of where every view is seen. */
  function refuse(text) {
    write(said, text);
    complain(text);
  }

  function say(text) {
    write(said, text);
    announce(text);
  }

  async function copyCode() {
    await copied(await program(), "share.code");
  }

  async function copyLink() {
    await copied(await address(), "share.link");
  }

  async function copied(text, what) {
    const done = await copyText(text, element, words.t("share.refused_label", { what: words.t(what) }));
    say(words.t(done ? "share.copied" : "share.refused", { what: words.t(what) }));
  }

  function saveFile() {
    offerFile(writeState(store.state), "application/json", `${fileName()}.json`);
    say(words.t("share.saved", { name: `${fileName()}.json` }));
  }

  function fileName() {
    return `convstep-${store.state.view}`;
  }

  function onChoose() {
    const [file] = chooser.files;
    chooser.value = "";
    open(file);
  }

  async function open(file) {
    if (file === undefined) {
      return;
    }
    if (file.size > LARGEST_FILE) {
      refuse(words.t("share.too_large", { name: file.name }));
      return;
    }
    let state;
    try {
      state = readState(await file.text());
    } catch (problem) {
      refuse(sayProblem(problem, words));
      return;
    }
    store.replace(state, "did.open");
    say(words.t("share.opened", { name: file.name }));
  }

  async function withPicture(use) {
    const drawn = picture();
    if (!drawn) {
      say(words.t("share.no_picture"));
      return;
    }
    const title = `${words.t("heading")}: ${words.t(`tab.${store.state.view}`)}`;
    try {
      await use(pictureFile(drawn, { title, description: words.t("share.picture.description", { title }) }));
    } catch {
      say(words.t("share.no_picture"));
    }
  }

  function saveSvg(text) {
    offerFile(text, "image/svg+xml", `${fileName()}.svg`);
    say(words.t("share.saved", { name: `${fileName()}.svg` }));
  }

  async function savePng(text) {
    offerFile(await paintedPicture(text), "image/png", `${fileName()}.png`);
    say(words.t("share.saved", { name: `${fileName()}.png` }));
  }

  async function copySvg(text) {
    await copied(text, "share.picture");
  }

  async function copyPng(text) {
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": paintedPicture(text) })]);
      say(words.t("share.copied", { what: words.t("share.picture") }));
    } catch {
      say(words.t("share.refused_picture"));
    }
  }

  setAttribute(element, "data-role", "share");
  return {
    element,
    update: later,
    open,
    destroy: () => {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}
