// The view "one layer": a convolution, forwards and backwards, on numbers that the visitor can change.
// One rule: this file puts the parts together; what they show is in the parts.

import { h } from "./dom.js";
import { entryName } from "./figure.js";
import { makeLab } from "./lab.js";
import { makeLayerActions } from "./layeractions.js";
import { exampleTap, makeLayerBackward } from "./layerbackward.js";
import { makeLayerForward } from "./layerforward.js";
import { makeLayerScenes } from "./layerscene.js";
import { makeLayerSettings } from "./layersettings.js";
import { followLayer, layerSum, sayLayerEntry, valueOf } from "./layersays.js";
import { plainNumber } from "./numbers.js";
import { makeSizeFormula } from "./sizes.js";
import { makeTools } from "./tools.js";

const OF_ONE_STEP = ["products", "pieces", "shares"]; // they have their numbers in their cells alone

/**
 * Make the view.
 * @param {{ store: object, words: object, data: object, announce: Function, complain: Function, isDark: () => boolean }} parts
 * @returns {{ element: HTMLElement, update: Function, destroy: Function, picture: Function, key: (event: KeyboardEvent) => boolean }}
 */
export function makeLayerView({ store, words, data, announce, complain, isDark }) {
  const scenes = makeLayerScenes();
  const scene = () => scenes(store.state.layer);
  const now = () => ({ layer: store.state.layer, scene: scene() });
  const tools = makeTools({ words });
  const actions = makeLayerActions({ store, scene, tools });
  const settings = makeLayerSettings({ words, data, announce, change: actions.change });
  const sizes = makeSizeFormula({ words });
  const onlyThis = h("input", { type: "checkbox", checked: true, "data-role": "only-this", on: { change: () => lab.player.update() } });
  const onlyLabel = h("label", { class: "cs-inline" }, onlyThis, words.t("play.filter"));
  const lab = makeLab(
    { name: "layer", store, words, announce, complain },
    { tools, actions, settings, sizes, bar: [onlyLabel], makeStages },
    {
      output: () => scene().z,
      stride: () => (onlyThis.checked ? scene().z.shape[2] : 1),
      step: nameOfStep,
      title: () => (store.state.layer.direction === "forward" ? nameOfStep() : nameOfReturn()),
      changed: (layer) => {
        sizes.update(scene(), layer);
        onlyLabel.hidden = layer.filters.count < 2;
      },
      follow: (tensor, index) => followLayer(scene(), store.state.layer, tensor, index),
      say: sayEntry,
      numberOf: (tensor, index, found) =>
        OF_ONE_STEP.includes(tensor) ? undefined : (landedAt(tensor, index, found)?.value ?? valueOf(scene(), tensor, index)),
      sum: (entry, found) => layerSum(words, scene(), { ...entry, found, direction: store.state.layer.direction }),
      example,
      canChoose: (tensor) => !OF_ONE_STEP.includes(tensor),
      shapeOf,
    },
  );

  function makeStages(hooks) {
    const parts = { words, isDark, actions, tools, now, ...hooks };
    const stages = { forward: makeLayerForward(parts), backward: makeLayerBackward(parts) };
    return { stages, entries: { ...stages.forward.entries, ...stages.backward.entries } };
  }

  function nameOfStep() {
    const { at } = store.state.layer;
    return `${entryName("Z", at)} = ${plainNumber(scene().z.data[lab.stepOf(at)])}`;
  }

  function nameOfReturn() {
    const { at } = store.state.layer;
    return `${entryName("dZ", at)} = ${plainNumber(scene().dz.data[lab.stepOf(at)])}`;
  }

  function sayEntry({ tensor, index }, found) {
    const { direction } = store.state.layer;
    return sayLayerEntry(words, scene(), { tensor, index, found, direction, landed: landedAt(tensor, index, found) });
  }

  /** What an entry of a gradient is so far, while it grows. */
  function landedAt(tensor, index, { terms }) {
    const { layer } = store.state;
    if (layer.sums === "final" || layer.direction === "forward" || !["dxPadded", "dw", "db"].includes(tensor)) {
      return undefined;
    }
    const { shape, data: values } = scene().running(layer.at)[tensor];
    return {
      value: values[index.reduce((place, i, axis) => place * shape[axis] + i, 0)],
      count: terms.filter(({ dz }) => lab.stepOf(dz) <= lab.stepOf(layer.at)).length,
    };
  }

  /** The cell that the text follows. */
  function example() {
    const { layer } = store.state;
    const { rows, columns } = scene();
    const [i, j] = exampleTap(scene(), layer.at, layer.channel);
    return {
      tensor: "dxPadded",
      index: [layer.at[0] * rows.stride + i * rows.dilation, layer.at[1] * columns.stride + j * columns.dilation, layer.channel],
    };
  }

  function shapeOf(tensor) {
    const { padded, w, b, z } = scene();
    const seen =
      store.state.layer.direction === "forward"
        ? { padded, filters: w, bias: b, z }
        : { padded, filters: w, dz: z, dxPadded: padded, dw: w };
    return seen[tensor]?.shape;
  }

  return lab;
}
