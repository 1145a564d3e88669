// What is seen, as a picture file: SVG, and PNG painted from it.
// One rule: a file names nothing outside itself, and says in words what it shows.

import { svg } from "./dom.js";

const LONGEST = 8192; // pixels of a side that every browser's canvas has
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif";

/**
 * Write a picture as a file of its own.
 * @param {SVGElement} picture with all styles in its attributes, as `picture()` of a view returns it
 * @param {{ title: string, description: string }} about
 * @returns {string} the text of an SVG file
 */
export function pictureFile(picture, { title, description }) {
  const copy = picture.cloneNode(true);
  const { width, height } = pictureSize(copy);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.setAttribute("role", "img");
  copy.setAttribute("font-family", FONT);
  copy.querySelectorAll(":scope > title, :scope > desc").forEach((old) => old.remove());
  copy.prepend(svg("title", {}, title), svg("desc", {}, description));
  return `${new XMLSerializer().serializeToString(copy)}\n`;
}

/**
 * Paint an SVG file.
 * @param {string} text
 * @param {number} [scale] pixels for each unit
 * @returns {Promise<Blob>} a PNG file
 */
export async function paintedPicture(text, scale = 2) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const fitting = Math.min(scale, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * fitting), Math.round(height * fitting)];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error("no picture")) : resolve(blob)), "image/png");
  });
}

function pictureSize(picture) {
  const [, , width, height] = (picture.getAttribute("viewBox") ?? "0 0 300 150").split(/[\s,]+/).map(Number);
  return { width: Number(picture.getAttribute("width")) || width, height: Number(picture.getAttribute("height")) || height };
}
