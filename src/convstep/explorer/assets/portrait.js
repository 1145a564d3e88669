// What is seen, as one drawing that stands alone: for a file, a slide, an exercise sheet.
// One rule: everything that the style sheet says is written into the drawing itself.

import { svg } from "./dom.js";

const WRITTEN_STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linejoin",
  "opacity",
  "visibility",
  "display",
  "text-anchor",
  "dominant-baseline",
  "font-size",
  "paint-order",
];
const GAP = 48;
const HEAD = 56;

/**
 * Draw grids side by side.
 * @param {{ name: string, title?: string, grid: object }[]} parts
 * @param {{ title: string }} words
 * @returns {SVGElement}
 */
export function portrait(parts, { title }) {
  const look = getComputedStyle(parts[0].grid.element.closest(".cs-root"));
  const boxes = parts.map(({ grid }) => grid.drawings[0].viewBox.baseVal);
  const height = Math.max(...boxes.map((box) => box.height)) + HEAD + GAP;
  let x = GAP;
  const groups = parts.map(({ name, title: own, grid }, i) => {
    grid.colour();
    const group = svg(
      "g",
      { transform: `translate(${x - boxes[i].x} ${HEAD + 24 - boxes[i].y})` },
      ...grid.drawings.flatMap((drawing) => [...drawing.children]).map(standing),
    );
    const label = svg("text", { x, y: HEAD + 12, "font-size": 18, "font-weight": 600, fill: look.color }, own ?? name);
    x += boxes[i].width + GAP;
    return [label, group];
  });
  const paper = svg("rect", { width: x, height, fill: look.backgroundColor });
  const heading = svg("text", { x: GAP, y: 34, "font-size": 20, fill: look.color }, title);
  return svg(
    "svg",
    { viewBox: `0 0 ${x} ${height}`, width: x, height, "font-family": "system-ui, sans-serif" },
    svg("title", {}, title),
    paper,
    heading,
    groups,
  );
}

/** A copy of a node with its styles in its attributes, without what only the living page needs. */
function standing(node) {
  const copy = node.cloneNode(false);
  ["class", "style", "role", "tabindex", "aria-label", "aria-rowcount", "aria-colcount"].forEach((name) => copy.removeAttribute(name));
  const look = getComputedStyle(node);
  if (["path", "rect", "text", "g"].includes(node.localName)) {
    if (look.visibility === "hidden" || look.display === "none") {
      return svg("g");
    }
    WRITTEN_STYLES.filter((name) => look.getPropertyValue(name) !== "").forEach((name) =>
      copy.setAttribute(name, look.getPropertyValue(name)),
    );
    if (node.closest(".cs-cell") !== null) {
      ["fill", "fill-opacity"].forEach((name) => copy.removeAttribute(name)); // a picture has no steps to come: full colours
      copy.setAttribute("fill", node.getAttribute("fill") ?? "none");
    }
    if (node.hasAttribute("fill") && node.getAttribute("fill").startsWith("url(")) {
      copy.setAttribute("fill", node.getAttribute("fill"));
    }
    if (look.transform !== "none") {
      copy.setAttribute("transform", look.transform);
    }
  }
  copy.append(...[...node.childNodes].map((child) => (child.nodeType === Node.TEXT_NODE ? child.cloneNode() : standing(child))));
  return copy;
}
