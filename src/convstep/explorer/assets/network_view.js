// The view "a network": a trained model, layer by layer, on the visitor's image, and backwards from the score of one class.
// One rule: this file decides what is computed when; how it looks is in the parts.

import { h, newId, write } from "./dom.js";
import { makeMapDetail } from "./network_detail.js";
import { handedOver, receptiveField } from "./network_field.js";
import { makeFlow } from "./network_flow.js";
import { fittedImage, makeNetworkInput } from "./network_input.js";
import { mapCount, mapOf } from "./network_maps.js";
import { networkPicture } from "./network_picture.js";
import { makePrediction } from "./network_prediction.js";
import { makeSaliency } from "./network_saliency.js";
import { aboutLayer, aboutNetwork, kindOf, sayNetworkProblem } from "./network_says.js";
import { makeMissing } from "./network_missing.js";
import { openNetwork } from "./network_session.js";
import { rememberedNetwork, rememberNetwork } from "./network_shown.js";

const LARGEST_ARCHIVE = 64 * 2 ** 20; // bytes
const LONGEST_NAME = 200; // characters that a state holds
const QUICK = 40; // milliseconds: a network that needs more is not asked at every movement of a pen
const PAUSE_OF_PEN = 160;

/**
 * Make the view.
 * @param {{ store: object, words: object, data: object, announce: Function, complain: Function, isDark: () => boolean }} parts
 * @returns {{ element: HTMLElement, update: Function, destroy: Function, picture: Function }}
 */
export function makeNetworkView({ store, words, data, announce, complain, isDark }) {
  const input = makeNetworkInput({ words, data, announce, complain, onImage: setImage });
  const prediction = makePrediction({ words, choose: setClass });
  const saliency = makeSaliency({ words });
  const flow = makeFlow({ words, choose: toggleMap });
  const detail = makeMapDetail({ words, go: goTo, choose: (map) => openMap(seen.layer, map), close: closeMap, handOver });
  const title = h("h2", {});
  const about = h("p", { class: "cs-note" });
  const open = h("button", { type: "button", class: "cs-button", on: { click: input.openNetwork } }, words.t("net.open"));
  const shipped = h("button", { type: "button", class: "cs-button", on: { click: backToShipped } }, words.t("net.shipped"));
  const problem = h("p", { class: "cs-alert", role: "alert" });
  const fallback = h("p", { class: "cs-alert", role: "alert" });
  const missing = makeMissing({ words, open: input.openNetwork });
  const parts = h("div", { class: "cs-net" }, h("div", { class: "cs-net-top" }, input.element, prediction.element, saliency.element), flow.element);
  const element = h(
    "div",
    { class: "cs-view" },
    h("div", { class: "cs-net-about" }, h("div", {}, title, about), h("div", { class: "cs-net-tools" }, open, shipped)),
    problem,
    fallback,
    missing.element,
    parts,
  );

  let session = null;
  let needed = null; // the network of the state, while it is not open
  let seen = null; // what was computed last, and of what: image, look, k, gradients, layer, map, at
  let timer = null;
  let costs = []; // milliseconds that the last images took

  function install(next) {
    session = next;
    costs = [];
    seen = null;
    const layers = session.layers.map((layer) => ({ ...layer, kind: kindOf(layer), about: aboutLayer(words, layer), kernel: kernelOf(layer) }));
    write(title, words.t("net.title", { name: session.name }));
    write(about, aboutNetwork(words, session));
    shipped.hidden = session.shipped;
    input.build(session.input);
    prediction.build(session.classes);
    flow.build(layers);
  }

  function openBytes(bytes, name, run, isShipped) {
    try {
      const opened = { ...openNetwork(bytes, name, run), shipped: isShipped };
      rememberNetwork(data, opened);
      write(problem, "");
      return opened;
    } catch (error) {
      write(problem, sayNetworkProblem(words, error, name));
      return null;
    }
  }

  async function takeNetwork(file) {
    if (file.size > LARGEST_ARCHIVE) {
      write(problem, words.t("image.problem.large", { name: file.name, size: Math.ceil(file.size / 2 ** 20), most: LARGEST_ARCHIVE / 2 ** 20 }));
      return;
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    const opened = openBytes(bytes, file.name.replace(/\.convstep$/i, "").slice(0, LONGEST_NAME), null, false);
    if (opened !== null) {
      showOpened(opened);
    }
  }

  function backToShipped() {
    const own = rememberedNetwork(data, null) ?? openShipped();
    if (own !== null) {
      showOpened(own);
    }
  }

  /** The network of a state, or null. The page's own can be named like a visitor's, so it is opened before anyone looks. */
  function networkOf(of) {
    if (data.network && rememberedNetwork(data, null) === undefined) {
      openShipped();
    }
    return rememberedNetwork(data, of) ?? null;
  }

  function openShipped() {
    const { archive, name, run } = data.network;
    return openBytes(Uint8Array.from(atob(archive), (letter) => letter.charCodeAt(0)), name, run, true);
  }

  function showOpened(opened) {
    announce(words.t("net.opened", { name: opened.name }));
    if (needed !== null && needed.digest === opened.digest) {
      update(store.state, "change"); // what the state waited for: its image, and all that was chosen in it
      return;
    }
    const { shipped: isOwn, name, digest } = opened;
    const wanted = isOwn ? null : needed;
    // the page's own begins with a digit that every link can do without; of another the state holds the image as it is shown
    install(opened);
    const imageOf = ({ image }) => (isOwn ? image : fittedImage(image ?? input.first(), opened.input));
    const network = (before) => ({ of: isOwn ? null : { name, digest }, image: imageOf(before), layer: null, class: null, map: 0, at: null });
    store.change("did.network.open", (state) => ({ ...state, network: network(state.network) }));
    if (wanted !== null) {
      write(problem, words.t("net.missing.other", { name: wanted.name }));
    }
  }

  function setImage(image, { merge }) {
    if (session === null) {
      return false; // it is not known what the network takes
    }
    write(problem, "");
    return store.change("did.network.image", (state) => ({ ...state, network: { ...state.network, image } }), merge === undefined ? {} : { merge });
  }

  function setClass(k) {
    store.change("did.network.class", (state) => ({ ...state, network: { ...state.network, class: k } }));
  }

  function toggleMap(layer, map) {
    if (seen.layer === layer && seen.map === map) {
      closeMap();
    } else {
      openMap(layer, map);
    }
  }

  function openMap(layer, map) {
    const { shape } = seen.look.outputs.get(layer);
    if (map < 0 || map >= mapCount(shape)) {
      return;
    }
    const kept = seen.layer === layer ? seen.at : brightest(seen.look.outputs.get(layer), map);
    moveTo({ layer, map, at: kept });
    announce(words.t("net.opened.map", { layer, map }));
  }

  function closeMap() {
    const { layer, map } = seen;
    moveTo({ layer: null, map: 0, at: null });
    flow.focus(layer, map);
  }

  function goTo(at) {
    moveTo({ at });
    announce(detail.element.querySelector(".cs-net-says").textContent);
  }

  function moveTo(change) {
    store.move((state) => ({ ...state, network: { ...state.network, ...change } }));
  }

  function handOver() {
    const part = handedPart();
    const state = store.state[part.view];
    if (store.change("did.network.hand", (whole) => ({ ...whole, view: part.view, [part.view]: { ...state, ...part.state } }))) {
      const layer = known(seen.layer);
      const all = inputOf(layer).shape[2];
      const key = part.view === "layer" && part.channels.length < all ? "net.handed.part" : "net.handed";
      announce(words.t(key, { layer: layer.name, map: seen.map, count: part.channels.length, all }));
      element.closest(".cs-root")?.querySelector(".cs-panel:not([hidden])")?.focus();
    }
  }

  function handedPart() {
    const layer = known(seen.layer);
    if (layer.inputs.length !== 1) {
      return null;
    }
    return handedOver({ layer, input: inputOf(layer), map: seen.map, at: seen.at, gradient: seen.gradients.get(layer.name) });
  }

  const known = (name) => session.layers.find((layer) => layer.name === name);
  const inputOf = (layer) => seen.look.outputs.get(layer.inputs[0]);

  // --- what is computed when ---

  function update(state, kind) {
    const { of } = state.network;
    const wanted = networkOf(of);
    needed = wanted === null && of !== null ? of : null;
    missing.update(needed, state.network.image);
    if (wanted === null) {
      [session, seen] = [null, null];
      parts.hidden = title.hidden = about.hidden = true;
      shipped.hidden = !data.network;
      write(fallback, "");
      write(problem, needed === null ? problem.textContent || words.t("net.none") : problem.textContent);
      return;
    }
    if (session !== wanted) {
      install(wanted);
    }
    title.hidden = about.hidden = false;
    parts.hidden = false;
    clearTimeout(timer);
    // one slow image may have been the machine's fault; three in a row are the network's
    if (costs.length === 3 && Math.min(...costs) > QUICK && kind === "change" && !isSeen(state.network.image)) {
      timer = setTimeout(() => show(store.state.network), PAUSE_OF_PEN);
      input.update(fittedImage(state.network.image ?? input.first(), session.input), "");
    } else {
      show(state.network);
    }
  }

  function show({ image: given, layer, class: pinned, map, at }) {
    const dark = isDark();
    if (!isSeen(given)) {
      const image = given === null ? input.first() : fittedImage(given, session.input);
      const begun = performance.now();
      const look = session.look(image.values);
      seen = { given, image, look, k: null, gradients: new Map() };
      choosePinned(pinned);
      costs = [...costs.slice(-2), performance.now() - begun];
    } else {
      choosePinned(pinned);
    }
    const chosen = chosenMap(layer, map ?? 0, at ?? null);
    Object.assign(seen, chosen);
    sayFallback({ layer, pinned, map: map ?? 0 });
    input.update(seen.image, given === null || seen.image === seen.given ? "" : words.t("net.fitted", session.input));
    showParts(dark, isThere(pinned) ? pinned : null);
  }

  const isThere = (k) => k !== null && k < seen.look.shares.length;

  /** What a state of strangers asks for and this network does not have is said, not passed over. */
  function sayFallback({ layer, pinned, map }) {
    const noClass = pinned !== null && !isThere(pinned);
    const texts = [
      noClass ? words.t("net.no.class", { class: pinned, count: seen.look.shares.length }) : "",
      layer !== null && seen.layer === null ? words.t("net.no.map", { layer, map }) : "",
    ];
    write(fallback, texts.filter((text) => text !== "").join(" "));
  }

  /** Every change of the state copies the image, but not its numbers. */
  function isSeen(given) {
    return seen !== null && given?.values === seen.given?.values && given?.height === seen.given?.height;
  }

  function choosePinned(pinned) {
    const { shares } = seen.look;
    const best = shares.reduce((found, share, k) => (share > shares[found] ? k : found), 0);
    const k = shares.length === 0 ? null : pinned !== null && pinned < shares.length ? pinned : best;
    if (k !== seen.k) {
      Object.assign(seen, { k, gradients: k === null ? new Map() : seen.look.gradients(k) });
    }
  }

  /** What the state asks to see enlarged, if this network has it. */
  function chosenMap(layer, map, at) {
    const output = layer === null ? undefined : seen.look.outputs.get(layer);
    if (output === undefined || map >= mapCount(output.shape)) {
      return { layer: null, map: 0, at: null };
    }
    const { rows, columns } = mapOf(output, map);
    const [r, c] = at ?? brightest(output, map);
    return { layer, map, at: [Math.min(r, rows - 1), Math.min(c, columns - 1)] };
  }

  function showParts(dark, pinned) {
    const { look, gradients, k, image, layer, map } = seen;
    const { range, height, width, channels } = session.input;
    const score = k === null ? "" : session.classes[k];
    prediction.element.hidden = saliency.element.hidden = k === null;
    if (k !== null) {
      prediction.update({ shares: look.shares, scores: look.scores, chosen: k, pinned: pinned !== null, kind: look.kind });
      const pixels = { shape: [height, width, channels], data: image.values };
      saliency.update({ image: pixels, gradient: gradients.get(session.network.inputName), score, range, dark });
    }
    flow.update({ outputs: look.outputs, gradients, score, chosen: layer === null ? null : { layer, map }, dark });
    showDetail(dark, score);
  }

  function showDetail(dark, score) {
    const { look, gradients, layer: name, map, at } = seen;
    if (name === null) {
      detail.element.remove();
      return;
    }
    const slot = flow.slot(name);
    if (detail.element.parentNode !== slot) {
      slot.replaceChildren(detail.element);
    }
    const layer = known(name);
    const { bias } = layer.weights;
    const index = mapOf(look.outputs.get(name), map).index(...at);
    detail.update({
      layer,
      map,
      at,
      dark,
      score,
      output: look.outputs.get(name),
      gradient: gradients.get(name),
      image: look.outputs.get(session.network.inputName),
      range: session.input.range,
      field: receptiveField(session.layers, name, index),
      kernel: kernelOf(layer),
      bias: bias?.data[map] ?? null,
      handing: handedPart()?.view ?? null,
    });
  }

  return {
    element,
    update,
    takeNetwork,
    destroy: () => {
      clearTimeout(timer);
      input.destroy();
      detail.destroy();
    },
    picture: () => (seen === null ? null : networkPicture({ session, seen, words, dark: isDark(), saliency: saliency.canvas })),
  };
}

/** The weights of a convolution whose maps have a filter each. */
function kernelOf({ kind, config, weights: { kernel } }) {
  return kind === "Conv2D" && (config.groups ?? 1) === 1 && kernel !== undefined ? kernel : null;
}

/** Where the largest number of a map is: a good place to begin. */
function brightest(tensor, map) {
  const { rows, columns, at } = mapOf(tensor, map);
  let best = [0, 0];
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      best = at(r, c) > at(...best) ? [r, c] : best;
    }
  }
  return best;
}
