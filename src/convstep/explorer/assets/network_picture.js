// The network as one drawing: the image, its saliency, the prediction, and the maps of every layer.
// One rule: the drawing shows what the page shows, and nothing else is needed to see it.

import { cellColour, strongest } from "./colours.js";
import { h, svg } from "./dom.js";
import { mapCount, mapOf, paintMap } from "./network_maps.js";
import { percent } from "./network_says.js";
import { plainNumber } from "./numbers.js";

const LINE_HEIGHT = 18; // of a vector in one line
const [SIDE_OF_MAP, SPACE, MARGIN, HEADS] = [56, 6, 24, 76];
const MOST_IN_PICTURE = 8; // maps of a layer in one line
const MOST_LINES = 2;
const TOP = 190;

/**
 * Draw it.
 * @param {{ session: object, seen: object, words: object, dark: boolean, saliency: HTMLCanvasElement }} parts
 * @returns {SVGElement}
 */
export function networkPicture({ session, seen, words, dark, saliency }) {
  const { fill: paper, ink } = cellColour(0, { kind: "paper", limit: 1, dark });
  const half = MOST_IN_PICTURE * (SIDE_OF_MAP + SPACE);
  const width = 2 * half + 3 * MARGIN;
  const score = seen.k === null ? "" : session.classes[seen.k];
  const nodes = [svg("text", { x: MARGIN, y: 36, "font-size": 22, "font-weight": 600 }, words.t("net.title", { name: session.name }))];
  nodes.push(...topNodes({ session, seen, words, saliency, dark, score, half }));
  nodes.push(label(MARGIN, TOP + 60, words.t("net.forwards"), 600));
  nodes.push(label(half + 2 * MARGIN, TOP + 60, seen.k === null ? "" : words.t("net.backwards", { score }), 600));
  let y = TOP + HEADS;
  for (const { name, shape } of session.layers) {
    const isLine = shape.length === 1 && mapOf({ shape, data: seen.look.outputs.get(name).data }, 0).rows === 1;
    const lines = Math.min(Math.ceil(mapCount(shape) / MOST_IN_PICTURE), MOST_LINES);
    nodes.push(label(MARGIN, y + 16, `${name}   ${shape.join(" × ")}`));
    nodes.push(...mapNodes(seen.look.outputs.get(name), MARGIN, y + 26, dark));
    nodes.push(...mapNodes(seen.gradients.get(name), half + 2 * MARGIN, y + 26, dark));
    y += 26 + (isLine ? LINE_HEIGHT : lines * (SIDE_OF_MAP + SPACE)) + 14;
  }
  const sheet = svg("rect", { width, height: y + MARGIN, fill: paper });
  const drawing = svg("g", { fill: ink, "font-family": "system-ui, sans-serif", "font-size": 14 }, nodes);
  return svg("svg", { viewBox: `0 0 ${width} ${y + MARGIN}`, width, height: y + MARGIN }, sheet, drawing);
}

function topNodes({ session, seen, words, saliency, dark, score, half }) {
  const image = h("canvas");
  const tensor = seen.look.outputs.get(session.network.inputName);
  paintMap(image, mapOf(tensor, 0), { limit: strongest(tensor.data), dark });
  const nodes = [picture(image, MARGIN, 60, 150)];
  if (seen.k === null) {
    return nodes;
  }
  nodes.push(picture(saliency, MARGIN + 170, 60, 150), label(MARGIN + 340, 74, words.t("net.saliency", { score }), 600));
  const best = seen.look.shares.map((_, k) => k).sort((a, b) => seen.look.shares[b] - seen.look.shares[a]);
  best.slice(0, 5).forEach((k, i) => {
    const share = seen.look.shares[k];
    const y = 90 + i * 24;
    const longest = half - 400;
    const bar = seen.look.kind === "shares" ? share * longest : 0;
    nodes.push(label(MARGIN + 340, y + 14, session.classes[k].slice(0, 12)));
    nodes.push(svg("rect", { x: MARGIN + 400, y: y + 2, width: Math.max(bar, 1), height: 14, fill: "#0072b2" }));
    nodes.push(label(MARGIN + 410 + bar, y + 14, seen.look.kind === "shares" ? percent(share) : plainNumber(share)));
  });
  return nodes;
}

function mapNodes(tensor, left, top, dark) {
  if (tensor === undefined) {
    return [];
  }
  const limit = strongest(tensor.data);
  const shown = Math.min(mapCount(tensor.shape), MOST_IN_PICTURE * MOST_LINES);
  return Array.from({ length: shown }, (_, k) => {
    const canvas = h("canvas");
    paintMap(canvas, mapOf(tensor, k), { limit, dark });
    const step = SIDE_OF_MAP + SPACE;
    const width = canvas.height === 1 ? Math.min(canvas.width * LINE_HEIGHT, MOST_IN_PICTURE * step) : SIDE_OF_MAP;
    return picture(canvas, left + (k % MOST_IN_PICTURE) * step, top + Math.floor(k / MOST_IN_PICTURE) * step, width);
  });
}

/** A canvas in a square, with its own proportions and sharp cells. */
function picture(canvas, x, y, side) {
  const scale = Math.max(1, Math.floor(256 / Math.max(canvas.width, canvas.height)));
  const large = h("canvas", { width: canvas.width * scale, height: canvas.height * scale });
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, large.width, large.height);
  return svg("image", { x, y, width: side, height: side, preserveAspectRatio: "xMinYMin meet", href: large.toDataURL("image/png") });
}

function label(x, y, text, weight = 400) {
  return svg("text", { x, y, "font-weight": weight }, text);
}
