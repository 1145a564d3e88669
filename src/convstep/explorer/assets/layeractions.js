// What a visitor can do to a layer.
// One rule: each deed is one undo step with a name, and moving the window is none.

import { edited } from "./figure.js";

/**
 * Make the deeds.
 * @param {{ store: object, scene: () => object, tools: object }} parts
 * @returns {object} layer(), change, go, goTo, centre, setImage, setFilter, setBias, setDz, fillDz, paintImage, paintDz, choose
 */
export function makeLayerActions({ store, scene, tools }) {
  const layer = () => store.state.layer;
  const named = (name, options) => (options?.merge === undefined ? {} : { merge: `${name}:${options.merge}` });

  function change(description, next, options = {}) {
    return store.change(description, (state) => ({ ...state, layer: next(state.layer) }), options);
  }

  function choose(part) {
    store.move((state) => ({ ...state, layer: { ...state.layer, ...part } }));
  }

  /** Put the window at an output, if there is one. */
  function goTo(h, v, k = layer().at[2]) {
    const { rows, columns } = scene();
    const at = [bounded(h, rows.out), bounded(v, columns.out), k];
    if (at.some((index, axis) => index !== layer().at[axis])) {
      choose({ at });
    }
  }

  function setImage(r, c, value, options) {
    const place = ({ image, channel }) => (r * image.width + c) * image.channels + channel;
    const next = (now) => ({ ...now, image: { ...now.image, values: edited(now.image.values, place(now), value) } });
    change("did.image", next, named("image", options));
  }

  function setFilter(r, c, value, options) {
    const place = ({ filters, image, channel, at }) => ((r * filters.size + c) * image.channels + channel) * filters.count + at[2];
    const next = (now) => ({ ...now, filters: { ...now.filters, values: edited(now.filters.values, place(now), value) } });
    change("did.filter", next, named("filter", options));
  }

  function setBias(r, c, value, options) {
    change("did.bias", (now) => ({ ...now, bias: edited(now.bias, now.at[2], value) }), named("bias", options));
  }

  function setDz(r, c, value, options) {
    const { dz, columns } = scene();
    const place = (now) => (r * columns.out + c) * now.filters.count + now.at[2];
    change("did.dz", (now) => ({ ...now, dz: edited(dz.data, place(now), value) }), named("dz", options));
  }

  /** Fill the gradient of all outputs: ones, zeros, only this one, at random, or as a loss of half the sum of squares has it. */
  function fillDz(kind) {
    const { dz, z, columns } = scene();
    const [h, v, k] = layer().at;
    const here = (h * columns.out + v) * layer().filters.count + k;
    const values = {
      ones: () => null,
      zeros: () => Array.from(dz.data, () => 0),
      one: () => Array.from(dz.data, (_, i) => (i === here ? 1 : 0)),
      random: () => Array.from(dz.data, () => Math.round(Math.random() * 20 - 10) / 10 + 0),
      squares: () => Array.from(z.data),
    }[kind]();
    change("did.dz", (now) => ({ ...now, dz: values }));
  }

  return {
    layer,
    change,
    choose,
    goTo,
    goUnder: (r, c) => goTo(outputOver(scene().rows, r), outputOver(scene().columns, c)),
    setImage,
    setFilter,
    setBias,
    setDz,
    fillDz,
    paintImage: (r, c, options) => setImage(r, c, tools.brush(), options),
    paintDz: (r, c, options) => setDz(r, c, tools.brush(), options),
  };
}

/**
 * The output whose window has its middle nearest to a cell of the image.
 * @param {object} axis
 * @param {number} cell
 * @returns {number}
 */
export function outputOver(axis, cell) {
  return bounded(Math.round((cell + axis.before - (axis.reach - 1) / 2) / axis.stride), axis.out);
}

function bounded(place, count) {
  return Math.max(0, Math.min(place, count - 1));
}
