// The gradient of a score by the image, drawn over the image.
// One rule: the image is pale and the gradient strong, so that nobody takes one for the other.

import { cellColour, strongest } from "./colours.js";
import { h, newId, setAttribute, write } from "./dom.js";
import { plainNumber } from "./numbers.js";

const PALE = 0.32; // how much of the image is seen

/**
 * Make the picture.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLElement, canvas: HTMLCanvasElement, update: Function }}
 */
export function makeSaliency({ words }) {
  const title = newId("saliency");
  const canvas = h("canvas", { role: "img", class: "cs-net-saliency" });
  const heading = h("h2", { id: title });
  const says = h("p", { class: "cs-note" });
  const legend = h("div", { class: "cs-net-legend", "aria-hidden": "true" }, h("span", {}), h("i", {}), h("span", {}));
  const hint = h("p", { class: "cs-note" }, words.t("net.saliency.hint"));
  const element = h("section", { class: "cs-card", "aria-labelledby": title }, heading, canvas, legend, says, hint);

  return {
    element,
    canvas,
    /**
     * Show numbers.
     * @param {{ image: { shape: number[], data: ArrayLike<number> }, gradient: object|undefined, score: string, range: number, dark: boolean }}
     *   seen image and gradient: (height, width, channels); of several channels the strongest counts; range: the number that is white
     */
    update: ({ image, gradient, score, range, dark }) => {
      write(heading, words.t("net.saliency", { score }));
      const strongestParts = gradient === undefined ? new Float64Array(image.shape[0] * image.shape[1]) : flattened(gradient);
      const limit = strongest(strongestParts);
      paintSaliency(canvas, { image, parts: strongestParts, limit, range, dark });
      const [most, least] = [extremeOf(strongestParts, 1), extremeOf(strongestParts, -1)];
      const place = (i) => ({ row: Math.floor(i / image.shape[1]), column: i % image.shape[1] });
      const say = (i) => {
        const key = strongestParts[i] > 0 ? "net.saliency.for" : "net.saliency.against";
        return words.t(key, { ...place(i), value: plainNumber(strongestParts[i]), score });
      };
      const text = [most, least].filter((i) => i !== null).map(say).join(" ");
      write(says, text || words.t("net.saliency.none", { score }));
      setAttribute(canvas, "aria-label", `${heading.textContent}. ${says.textContent}`);
      write(legend.firstChild, plainNumber(-limit));
      write(legend.lastChild, `+${plainNumber(limit)}`);
    },
  };
}

/** Of each pixel the channel whose number is largest in size. */
function flattened({ shape: [height, width, channels], data }) {
  const parts = new Float64Array(height * width);
  data.forEach((value, i) => {
    const cell = Math.floor(i / channels);
    parts[cell] = Math.abs(value) > Math.abs(parts[cell]) ? value : parts[cell];
  });
  return parts;
}

function paintSaliency(canvas, { image: { shape, data }, parts, limit, range, dark }) {
  const [height, width, channels] = shape;
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const ends = [-1, 1].map((sign) => coloursOf(sign, { kind: "signed", limit: 1, dark }));
  parts.forEach((part, cell) => {
    let sum = 0;
    for (let k = 0; k < channels; k += 1) {
      sum += data[cell * channels + k];
    }
    const paper = coloursOf((PALE * sum) / channels / range, { kind: "paper", limit: 1, dark });
    const end = ends[part > 0 ? 1 : 0];
    const strength = Math.abs(part) / limit;
    paper.forEach((value, k) => {
      pixels.data[cell * 4 + k] = value + (end[k] - value) * strength;
    });
    pixels.data[cell * 4 + 3] = 255;
  });
  context.putImageData(pixels, 0, 0);
}

function coloursOf(value, scale) {
  return cellColour(value, scale).fill.match(/\d+/g).map(Number);
}

function extremeOf(parts, sign) {
  let best = null;
  parts.forEach((value, i) => {
    if (value * sign > (best === null ? 0 : parts[best] * sign)) {
      best = i;
    }
  });
  return best;
}
