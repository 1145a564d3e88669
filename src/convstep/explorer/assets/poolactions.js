// What a visitor can do to a pooling: change any number of its image and gradient, by typing and by painting.
// One rule: a change names what it changes; how it is kept and undone is in deeds.js.

import { filledGradient, makeDeeds } from "./deeds.js";
import { edited } from "./figure.js";

/**
 * Make the deeds.
 * @param {{ store: object, scene: () => object, tools: object }} parts
 * @returns {object} part(), change, choose, goTo, goUnder, setImage, setDa, fillDa, paintImage, paintDa
 */
export function makePoolActions({ store, scene, tools }) {
  const deeds = makeDeeds({ store, name: "pooling", scene, prefix: "pool-" });
  const { change, merging } = deeds;

  function setImage(r, c, value, options) {
    const next = (now) => {
      const { image, at } = now;
      return { ...now, image: { ...image, values: edited(image.values, (r * image.width + c) * image.channels + at[2], value) } };
    };
    change("did.image", next, merging("image", options));
  }

  function setDa(r, c, value, options) {
    const { da } = scene();
    change(
      "did.da",
      (now) => ({ ...now, da: edited(da.data, (r * da.shape[1] + c) * da.shape[2] + now.at[2], value) }),
      merging("da", options),
    );
  }

  function fillDa(kind) {
    const values = filledGradient(kind, scene().a, deeds.part().at);
    change("did.da", (now) => ({ ...now, da: values }));
  }

  return {
    ...deeds,
    setImage,
    setDa,
    fillDa,
    paintImage: (r, c, options) => setImage(r, c, tools.brush(), options),
    paintDa: (r, c, options) => setDa(r, c, tools.brush(), options),
  };
}
