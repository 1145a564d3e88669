// What a visitor can do to a layer: change any number of its image, filters, bias and gradient, by typing and by painting.
// One rule: a change names what it changes; how it is kept and undone is in deeds.js.

import { filledGradient, makeDeeds } from "./deeds.js";
import { edited } from "./figure.js";

/**
 * Make the deeds.
 * @param {{ store: object, scene: () => object, tools: object }} parts
 * @returns {object} part(), change, choose, goTo, goUnder, setImage, setFilter, setBias, setDz, fillDz, paintImage, paintDz
 */
export function makeLayerActions({ store, scene, tools }) {
  const deeds = makeDeeds({ store, name: "layer", scene });
  const { change, merging } = deeds;

  function setImage(r, c, value, options) {
    const place = ({ image, channel }) => (r * image.width + c) * image.channels + channel;
    const next = (now) => ({ ...now, image: { ...now.image, values: edited(now.image.values, place(now), value) } });
    change("did.image", next, merging("image", options));
  }

  function setFilter(r, c, value, options) {
    const place = ({ filters, image, channel, at }) => ((r * filters.size + c) * image.channels + channel) * filters.count + at[2];
    const next = (now) => ({ ...now, filters: { ...now.filters, values: edited(now.filters.values, place(now), value) } });
    change("did.filter", next, merging("filter", options));
  }

  function setBias(r, c, value, options) {
    change("did.bias", (now) => ({ ...now, bias: edited(now.bias, now.at[2], value) }), merging("bias", options));
  }

  function setDz(r, c, value, options) {
    const { dz, columns } = scene();
    const place = (now) => (r * columns.out + c) * now.filters.count + now.at[2];
    change("did.dz", (now) => ({ ...now, dz: edited(dz.data, place(now), value) }), merging("dz", options));
  }

  function fillDz(kind) {
    const values = filledGradient(kind, scene().z, deeds.part().at);
    change("did.dz", (now) => ({ ...now, dz: values }));
  }

  return {
    ...deeds,
    setImage,
    setFilter,
    setBias,
    setDz,
    fillDz,
    paintImage: (r, c, options) => setImage(r, c, tools.brush(), options),
    paintDz: (r, c, options) => setDz(r, c, tools.brush(), options),
  };
}
