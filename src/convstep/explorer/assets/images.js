// Where an image for a layer comes from: a digit, a painting, a pattern, a file, or the visitor's own hand.
// One rule: its numbers can be read: hundredths from 0 to 1, not more cells than the view has room for.

import { makeChoice, makeStepper } from "./controls.js";
import { fittedPicture, isColourful, keptProportions, readPicture } from "./decoding.js";
import { h } from "./dom.js";
import { makeDrawingPad } from "./drawing.js";
import { receiveFiles, routeFile } from "./receiving.js";
import { bytes, resampled, withDepth } from "./resampling.js";
import { SAMPLES, sampleImage } from "./samples.js";
import { drawnImage } from "./strokes.js";
import { sayProblem } from "./words.js";

const [SMALLEST, USUAL] = [3, 12]; // cells of the longer side
const PLAIN_DIGITS = 10; // the others, at which even a network errs, are for the network's view
const origins = new WeakMap(); // what the values of an image were made of: source, longer, channels

/**
 * Make the picker.
 * @param {object} parts
 * @param {object} parts.words
 * @param {object} parts.data what came with the page; its digits are among the samples
 * @param {(text: string) => void} parts.announce
 * @param {() => number} parts.size the most cells that a side may have
 * @param {(image: { height: number, width: number, channels: number, values: number[] }, options: { merge?: string }) => boolean}
 *   parts.onImage told of each image, and returns whether it was taken; merge is the same for all that belong to one stroke of a pen
 * @returns {{ element: HTMLElement, update: (image: object) => void, destroy: () => void }} update: with the image that is shown
 */
export function makeImagePicker({ words, data, announce, size, onImage }) {
  const digits = (data.digits ?? []).slice(0, PLAIN_DIGITS);
  const sources = [...digits.map((digit) => digitSource(digit, words)), ...SAMPLES.map((sample) => sampleSource(sample, words))];
  const problem = h("p", { class: "cs-alert", role: "alert" });
  const file = hiddenFile("image/*", takeChosen);
  const open = h("button", { type: "button", class: "cs-button", on: { click: () => file.click() } }, words.t("image.open"));
  const longer = makeStepper({
    label: words.t("image.size"),
    less: words.t("less", { what: words.t("image.size") }),
    more: words.t("more", { what: words.t("image.size") }),
    least: SMALLEST,
    most: size(),
    role: "image-size",
    change: (value) => choose({ longer: value }) && keep(value),
  });
  const colours = makeChoice({
    label: words.t("image.colours"),
    role: "image-colours",
    options: [1, 3].map((value) => ({ value, label: words.t(`image.colours.${value}`) })),
    choose: (value) => choose({ channels: value }),
  });
  const pad = makeDrawingPad({ words, announce, onStrokes: drawn });
  let settings = { longer: Math.min(USUAL, size()), channels: 1, source: null };
  let kept = settings.longer; // for the next source, also while something of another size is shown
  const thumbs = sources.map((source) => thumbnail(source, () => choose({ source, longer: kept, channels: source.colours ? 3 : 1 })));
  const element = h(
    "div",
    { class: "cs-picker" },
    h("div", { class: "cs-picker-samples", role: "group", "aria-label": words.t("image.samples") }, thumbs),
    longer.element,
    h("div", { class: "cs-field-row" }, h("span", { class: "cs-label" }, words.t("image.colours")), colours.element),
    h("div", { class: "cs-picker-file" }, open, file),
    h("p", { class: "cs-note" }, words.t("image.drop")),
    problem,
    h("details", { class: "cs-picker-pad" }, h("summary", {}, words.t("image.draw")), pad.element),
    digits.length > 0 && h("p", { class: "cs-note" }, words.t("image.credit")),
  );
  const stopReceiving = receiveFiles(element, take);

  function choose(change) {
    const wanted = { ...settings, ...change };
    const { source, longer: side, channels } = wanted;
    if (!given(source.image(side, source.colours ? channels : 1), wanted, {})) {
      return false;
    }
    announce(words.t("image.chosen", { name: source.name }));
    return true;
  }

  function keep(value) {
    kept = value;
    return true;
  }

  /** Give an image away. Only one that was taken is what the controls are about. */
  function given(made, wanted, options) {
    const image = made.values === undefined ? readable(made) : made;
    const before = settings;
    problem.textContent = "";
    origins.set(image.values, wanted);
    settings = wanted;
    if (onImage(image, options) === false) {
      settings = before;
      const { height, width } = image;
      problem.textContent = words.t("image.refused", { name: wanted.source.name, height, width });
      show();
      return false;
    }
    show();
    return true;
  }

  function drawn(strokes, merge) {
    const source = { name: words.t("image.drawing"), colours: false, image: (side) => drawnImage(strokes, { height: side, width: side }) };
    given(source.image(kept), { source, longer: kept, channels: 1 }, { merge });
  }

  function takeChosen() {
    const [opened] = file.files;
    if (opened !== undefined) {
      routeFile(element, opened, take);
    }
    file.value = "";
  }

  async function take(received) {
    try {
      const picture = await readPicture(received);
      const image = (side, channels) => fittedPicture(picture, { ...keptProportions(picture, side), channels });
      const source = { name: received.name ?? words.t("image.pasted"), colours: true, image };
      choose({ source, longer: kept, channels: isColourful(picture) ? 3 : 1 });
    } catch (error) {
      problem.textContent = sayProblem(error, words);
    }
  }

  function show() {
    longer.update(settings.longer);
    colours.update(settings.source?.colours === false ? 1 : settings.channels);
  }

  /** The controls are about the image that is shown, wherever it came from. */
  function update(image) {
    settings = origins.get(image.values) ?? {
      source: shownSource(image, words),
      longer: Math.max(image.height, image.width),
      channels: image.channels,
    };
    show();
  }

  return { element, update, destroy: stopReceiving };
}

/**
 * A digit of those that came with the page, of any size.
 * @param {{ height: number, width: number, values: number[] }} digit
 * @param {{ height: number, width: number }} size
 * @returns {{ height: number, width: number, channels: 1, data: Float64Array }} bytes
 */
export function digitImage({ height, width, values }, size) {
  return resampled({ height, width, channels: 1, data: Float64Array.from(values) }, size.height, size.width, { keep: bytes });
}

/**
 * Put bytes on a canvas of its own, a pixel a cell.
 * @param {{ height: number, width: number, channels: number, data: ArrayLike<number> }} image from 0 to 255; one channel is grey
 * @returns {HTMLCanvasElement}
 */
export function imageCanvas({ height, width, channels, data }) {
  const canvas = h("canvas", { width, height, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let cell = 0; cell < height * width; cell += 1) {
    for (let k = 0; k < 3; k += 1) {
      pixels.data[cell * 4 + k] = data[cell * channels + (channels >= 3 ? k : 0)];
    }
    pixels.data[cell * 4 + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/**
 * What opens the browser's dialog for files; a button stands for it.
 * @param {string} accept
 * @param {(event: Event) => void} change
 * @returns {HTMLElement}
 */
export function hiddenFile(accept, change) {
  return h("input", { type: "file", accept, class: "cs-hidden", tabindex: -1, "aria-hidden": "true", on: { change } });
}

function digitSource(digit, words) {
  return {
    name: words.t("image.digit", { digit: digit.label }),
    colours: false,
    image: (side) => digitImage(digit, { height: side, width: side }),
    thumb: () => ({ ...digit, data: digit.values }),
  };
}

function sampleSource({ name, colours }, words) {
  const image = (side, channels) => asBytes(sampleImage(name, { height: side, width: side, channels }));
  return { name: words.t(`image.${name}`), colours, image, thumb: () => image(colours ? 28 : 8, 3) };
}

/** An image that no source here made: of an example, a link, or the visitor's hand. It keeps its numbers, to the hundredth. */
function shownSource(image, words) {
  return {
    name: words.t("image.shown"),
    colours: true,
    image: (side, channels) => {
      const { height, width } = keptProportions(image, side);
      const scaled = resampled({ ...image, data: image.values }, height, width, { keep: (value) => value });
      return { height, width, channels, values: Array.from(withDepth(scaled, channels).data, (value) => Math.round(value * 100) / 100 + 0) };
    },
  };
}

/**
 * A button with a small picture of what it chooses.
 * @param {{ name: string, image: Function, thumb?: () => object }} source thumb: another picture than the image itself
 * @param {() => void} press
 * @returns {HTMLElement}
 */
export function thumbnail({ name, image, thumb = image }, press) {
  return h("button", { type: "button", class: "cs-thumb", "aria-label": name, title: name, on: { click: press } }, imageCanvas(thumb()));
}

function asBytes(image) {
  return { ...image, data: image.data.map((value) => Math.round(value * 255)) };
}

/** Bytes as hundredths. */
function readable({ height, width, channels, data }) {
  return { height, width, channels, values: Array.from(data, (value) => Math.round(value / 2.55) / 100) };
}
