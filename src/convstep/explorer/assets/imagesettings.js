// The settings that every view with an image has: which image, how large, how many channels.
// One rule: an image keeps what it has room for, and a new channel begins as the mirror of the last.

import { LIMITS } from "./checking.js";
import { makeStepper } from "./controls.js";
import { h } from "./dom.js";
import { makeImagePicker } from "./images.js";
import { reshaped } from "./settling.js";

const LARGEST_SIDE = 32; // of a picture that is taken: what still plays smoothly

/**
 * Make the settings of an image.
 * @param {{ words: object, data: object, announce: Function, change: Function }} parts change(description, next) replaces the part of the
 *   state that has the image
 * @returns {{ element: HTMLElement, update: (image: object) => void, destroy: () => void }}
 */
export function makeImageSettings({ words, data, announce, change }) {
  const picker = makeImagePicker({
    words,
    data,
    announce,
    size: () => LARGEST_SIDE,
    onImage: (image) => change("did.picture", (part) => ({ ...part, image })),
  });
  const setting = (key, most, next) =>
    makeSetting({ key, most, words, change, next: (part, value) => ({ ...part, image: next(part.image, value) }) });
  const settings = {
    height: setting("height", LIMITS.side, (image, height) => resizedImage(image, { height })),
    width: setting("width", LIMITS.side, (image, width) => resizedImage(image, { width })),
    channels: setting("channels", LIMITS.channels, withChannels),
  };
  const element = h(
    "fieldset",
    {},
    h("legend", {}, words.t("layer.image")),
    picker.element,
    Object.values(settings).map((one) => one.element),
  );

  return {
    element,
    update: (image) => {
      Object.entries(settings).forEach(([key, one]) => one.update(image[key]));
      picker.update(image);
    },
    destroy: picker.destroy,
  };
}

/**
 * Make one whole number of a layer.
 * @param {{ key: string, most: number, least?: number, next: (part: object, value: number) => object, words: object, change: Function }}
 *   parts
 * @returns {{ element: HTMLElement, update: (value: number) => void }}
 */
export function makeSetting({ key, most, least = 1, next, words, change }) {
  const label = words.t(`layer.${key}`);
  const [less, more] = [words.t("less", { what: label }), words.t("more", { what: label })];
  return makeStepper({ label, less, more, least, most, role: key, change: (value) => change(`did.${key}`, (part) => next(part, value)) });
}

/**
 * Cut an image or fill it up with zeros.
 * @param {object} image
 * @param {{ height?: number, width?: number }} sides
 * @returns {object}
 */
export function resizedImage(image, { height = image.height, width = image.width }) {
  const values = reshaped(image.values, [image.height, image.width, image.channels], [height, width, image.channels]);
  return { ...image, height, width, values };
}

/**
 * Give an image more channels or fewer; a new one is the last one in its mirror.
 * @param {object} image
 * @param {number} channels
 * @returns {object}
 */
export function withChannels({ height, width, channels: had, values }, channels) {
  const result = reshaped(values, [height, width, had], [height, width, channels]);
  for (let c = had; c < channels; c += 1) {
    for (let cell = 0; cell < height * width; cell += 1) {
      const mirrored = Math.floor(cell / width) * width + (width - 1 - (cell % width));
      result[cell * channels + c] = result[mirrored * channels + c - 1];
    }
  }
  return { height, width, channels, values: result };
}
