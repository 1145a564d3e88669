// What the network looks at: a digit, a painting, a file, or a drawing that it reads while it is drawn.
// One rule: an image is prepared as `convstep predict` prepares it, whatever it was.

import { fittedPicture, readPicture } from "./decoding.js";
import { h, newId, write } from "./dom.js";
import { makeDrawingPad } from "./drawing.js";
import { digitImage, hiddenFile, imageCanvas, thumbnail } from "./images.js";
import { digitCells } from "./photograph.js";
import { receiveFiles, routeFile } from "./receiving.js";
import { bytes, greyed, resampled, withDepth } from "./resampling.js";
import { SAMPLES, sampleImage } from "./samples.js";
import { drawnImage } from "./strokes.js";
import { sayProblem } from "./words.js";

const DIGIT_SHOWN = 3; // first
const drawings = new WeakMap(); // the strokes that the values of an image were made of

/**
 * Make the card.
 * @param {object} parts
 * @param {object} parts.words
 * @param {object} parts.data
 * @param {(text: string) => void} parts.announce
 * @param {(image: object, options: { merge?: string, name: string }) => boolean} parts.onImage image: as the state holds it; returns
 *   whether it was taken
 * @param {(text: string) => void} parts.complain
 * @returns {{ element: HTMLElement, build: Function, update: Function, first: () => object, openNetwork: () => void, destroy: () => void }}
 */
export function makeNetworkInput({ words, data, announce, onImage, complain }) {
  const title = newId("input");
  const samples = h("div", { class: "cs-picker-samples", role: "group", "aria-label": words.t("image.samples") });
  const pad = makeDrawingPad({ words, announce, onStrokes: drawn });
  const paper = h("input", { type: "checkbox", id: newId("paper") });
  const paperRow = h("div", { class: "cs-inline" }, paper, h("label", { for: paper.id }, words.t("net.paper")));
  const [imageFile, networkFile] = [hiddenFile("image/*", takeChosen), hiddenFile(".convstep", takeChosen)];
  const open = h("button", { type: "button", class: "cs-button", on: { click: () => imageFile.click() } }, words.t("image.open"));
  const note = h("p", { class: "cs-note" });
  const element = h(
    "section",
    { class: "cs-card cs-net-input", "aria-labelledby": title },
    h("h2", { id: title }, words.t("net.image")),
    pad.element,
    h(
      "div",
      { class: "cs-net-sources" },
      h("p", { class: "cs-note" }, words.t("net.image.hint")),
      samples,
      h("div", { class: "cs-picker-file" }, open, imageFile, networkFile),
      h("p", { class: "cs-note" }, words.t("image.drop")),
      paperRow,
      note,
      (data.digits ?? []).length > 0 && h("p", { class: "cs-note" }, words.t("image.credit")),
    ),
  );
  const stopReceiving = receiveFiles(element, take);
  let [input, sources] = [{ height: 28, width: 28, channels: 1, range: 1 }, []];

  function build(next) {
    input = next;
    const digits = (data.digits ?? []).map((digit) => ({
      name: words.t("image.digit", { digit: digit.label }),
      image: () => withDepth(digitImage(digit, input), input.channels),
    }));
    const paintings = SAMPLES.map(({ name }) => ({
      name: words.t(`image.${name}`),
      image: () => inBytes(sampleImage(name, { ...input, channels: input.channels === 3 ? 3 : 1 })),
    }));
    sources = input.channels === 1 ? [...digits, ...paintings] : [...paintings, ...digits];
    samples.replaceChildren(...sources.map((source) => thumbnail(source, () => choose(source.image(), source.name))));
    paperRow.hidden = !input.digits;
    paper.checked = input.digits;
    open.hidden = ![1, 3].includes(input.channels);
  }

  function choose(image, name) {
    if (onImage(asState(image), { name }) === false) {
      return;
    }
    announce(words.t("image.chosen", { name }));
  }

  function drawn(strokes, merge) {
    const image = asState(withDepth(drawnImage(strokes, input), input.channels));
    drawings.set(image.values, strokes);
    onImage(image, { merge, name: words.t("image.drawing") });
  }

  function takeChosen(event) {
    const [file] = event.target.files;
    if (file !== undefined) {
      routeFile(element, file, take);
    }
    event.target.value = "";
  }

  async function take(file) {
    try {
      const picture = await readPicture(file);
      const cells = paper.checked && input.digits ? digitCells(greyed(picture)) : fittedPicture(picture, input);
      if (cells === null) {
        complain(words.t("net.no.digit", { name: file.name ?? words.t("image.pasted") }));
      } else {
        choose(cells, file.name ?? words.t("image.pasted"));
      }
    } catch (error) {
      complain(sayProblem(error, words));
    }
  }

  /** Bytes as the numbers that the network takes. */
  function asState({ height, width, channels, data: cells }) {
    return { height, width, channels, values: Array.from(cells, (value) => (value * input.range) / 255) };
  }

  return {
    element,
    build,
    first: () => asState(sources[input.channels === 1 && sources.length > DIGIT_SHOWN ? DIGIT_SHOWN : 0].image()),
    openNetwork: () => networkFile.click(),
    /** Show an image that the network looks at; `remark`: what there is to say about it. */
    update: (image, remark) => {
      const strokes = drawings.get(image.values);
      pad.show(strokes ?? [], strokes === undefined ? imageCanvas(backInBytes(image, input.range)) : null);
      write(note, remark);
      note.hidden = remark === "";
    },
    destroy: stopReceiving,
  };
}

/**
 * Scale an image of the state to the size and the channels that a network takes.
 * @param {{ height: number, width: number, channels: number, values: number[] }} image
 * @param {{ height: number, width: number, channels: number }} input
 * @returns {object} the image itself if it fits
 */
export function fittedImage(image, input) {
  const { height, width, channels } = input;
  if (image.height === height && image.width === width && image.channels === channels) {
    return image;
  }
  const scaledImage = resampled({ ...image, data: image.values }, height, width, { keep: (value) => value });
  return { height, width, channels, values: Array.from(withDepth(scaledImage, channels).data) };
}

function inBytes(image) {
  return { ...image, data: image.data.map((value) => Math.round(value * 255)) };
}

function backInBytes({ height, width, channels, values }, range) {
  return { height, width, channels, data: values.map((value) => bytes((value * 255) / range)) };
}
