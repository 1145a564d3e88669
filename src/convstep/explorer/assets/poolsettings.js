// The settings of a pooling: its image, its window, maximum or average, and the rule for ties.
// One rule: a setting that cannot be is refused with the reason, and nothing changes.

import { LIMITS } from "./checking.js";
import { makeChoice } from "./controls.js";
import { h } from "./dom.js";
import { makeImageSettings, makeSetting } from "./imagesettings.js";
import { RULES } from "./poolscene.js";

/**
 * Make the settings.
 * @param {{ words: object, data: object, announce: Function, change: Function }} parts change(description, next) replaces the pooling of
 *   the state
 * @returns {{ element: HTMLElement, update: (pooling: object) => void, destroy: () => void }}
 */
export function makePoolSettings({ words, data, announce, change }) {
  const image = makeImageSettings({ words, data, announce, change });
  const steppers = {
    size: makeSetting({ key: "size", most: LIMITS.pool, words, change, next: (pooling, size) => ({ ...pooling, size }) }),
    stride: makeSetting({ key: "stride", most: LIMITS.stride, words, change, next: (pooling, stride) => ({ ...pooling, stride }) }),
  };
  const choiceOf = (key, values) =>
    makeChoice({
      label: words.t(`pooling.${key}`),
      role: key,
      options: values.map((value) => ({ value, label: words.t(`pooling.${key}.${value}`) })),
      choose: (value) => change(`did.${key}`, (pooling) => ({ ...pooling, [key]: value })),
    });
  const choices = { mode: choiceOf("mode", ["max", "average"]), rule: choiceOf("rule", RULES) };
  const ties = h("div", { class: "cs-field-row" }, h("span", { class: "cs-label" }, words.t("pooling.rule")), choices.rule.element);
  const element = h(
    "details",
    { class: "cs-card cs-settings", open: true },
    h("summary", {}, words.t("settings")),
    h(
      "fieldset",
      {},
      h("legend", {}, words.t("pooling.window")),
      h("div", { class: "cs-field-row" }, h("span", { class: "cs-label" }, words.t("pooling.mode")), choices.mode.element),
      steppers.size.element,
      steppers.stride.element,
      ties,
    ),
    image.element,
  );
  element.open = !matchMedia("(max-width: 760px)").matches;

  return {
    element,
    update: (pooling) => {
      Object.entries(steppers).forEach(([key, one]) => one.update(pooling[key]));
      Object.entries(choices).forEach(([key, one]) => one.update(pooling[key]));
      ties.hidden = pooling.mode !== "max";
      image.update(pooling.image);
    },
    destroy: image.destroy,
  };
}
