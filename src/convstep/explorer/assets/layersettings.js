// The settings of a layer: its image, its filters, and how they slide.
// One rule: a setting that cannot be is refused with the reason, and nothing changes.

import { LIMITS } from "./checking.js";
import { makeChoice, makeMenu } from "./controls.js";
import { h } from "./dom.js";
import { makeImageSettings, makeSetting } from "./imagesettings.js";
import { KERNELS, withKernel } from "./kernels.js";
import { reshaped, resizedFilters } from "./settling.js";

/**
 * Make the settings.
 * @param {{ words: object, data: object, announce: Function, change: Function }} parts change(description, next, options)
 *   replaces the layer of the state
 * @returns {{ element: HTMLElement, update: (layer: object) => void, destroy: () => void }}
 */
export function makeLayerSettings({ words, data, announce, change }) {
  const image = makeImageSettings({ words, data, announce, change });
  const stepper = (key, most, next, least) => makeSetting({ key, most, next, least, words, change });
  const steppers = {
    size: stepper("size", LIMITS.kernel, (layer, size) => ({ ...layer, filters: resizedFilters(layer, size) })),
    count: stepper("count", LIMITS.filters, withCount),
    stride: stepper("stride", LIMITS.stride, (layer, stride) => ({ ...layer, stride })),
    dilation: stepper("dilation", LIMITS.dilation, (layer, dilation) => ({ ...layer, dilation })),
    pad: stepper("pad", LIMITS.padding, (layer, padding) => ({ ...layer, padding }), 0),
  };
  const presets = makeMenu({
    label: words.t("layer.preset"),
    prompt: words.t("layer.preset.choose"),
    role: "preset",
    options: KERNELS.map((value) => ({ value, label: words.t(`kernel.${value}`) })),
    choose: (name) => change("did.preset", (layer) => ({ ...layer, filters: withKernel(layer, name, layer.at[2]) })),
  });
  const padding = makeChoice({
    label: words.t("layer.padding"),
    role: "padding",
    options: ["valid", "same", "number"].map((value) => ({ value, label: words.t(`layer.padding.${value}`) })),
    choose: (value) => change("did.padding", (layer) => ({ ...layer, padding: value === "number" ? paddingAsNumber(layer) : value })),
  });
  const element = h(
    "details",
    { class: "cs-card cs-settings", open: true },
    h("summary", {}, words.t("settings")),
    h(
      "fieldset",
      {},
      h("legend", {}, words.t("layer.filters")),
      presets.element,
      [steppers.size, steppers.count].map((one) => one.element),
    ),
    h(
      "fieldset",
      {},
      h("legend", {}, words.t("layer.sliding")),
      steppers.stride.element,
      h("div", { class: "cs-field-row" }, h("span", { class: "cs-label" }, words.t("layer.padding")), padding.element),
      steppers.pad.element,
      steppers.dilation.element,
    ),
    image.element,
  );
  element.open = !matchMedia("(max-width: 760px)").matches;

  return {
    element,
    update: ({ image: shownImage, filters, stride, dilation, padding: pad }) => {
      const shown = { size: filters.size, count: filters.count, stride, dilation, pad: typeof pad === "number" ? pad : 0 };
      Object.entries(steppers).forEach(([key, one]) => one.update(shown[key]));
      steppers.pad.element.hidden = typeof pad !== "number";
      padding.update(typeof pad === "number" ? "number" : pad);
      image.update(shownImage);
    },
    destroy: image.destroy,
  };
}

/** A number of zeros close to what the word meant. */
function paddingAsNumber({ padding, filters, dilation }) {
  return padding === "valid" ? 1 : typeof padding === "number" ? padding : Math.floor(((filters.size - 1) * dilation) / 2);
}

/** More filters or fewer; a new one is the next preset, with a bias of 0. */
function withCount(layer, count) {
  const { filters, image } = layer;
  const from = [filters.size, filters.size, image.channels, filters.count];
  let next = { ...filters, count, values: reshaped(filters.values, from, [...from.slice(0, 3), count]) };
  for (let k = filters.count; k < count; k += 1) {
    next = withKernel({ filters: next, image }, KERNELS[k % KERNELS.length], k);
  }
  return {
    ...layer,
    filters: next,
    bias: reshaped(layer.bias, [filters.count], [count]),
    at: [...layer.at.slice(0, 2), Math.max(count - 1, 0)],
  };
}
