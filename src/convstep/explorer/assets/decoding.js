// Image files of visitors, as numbers. They never leave the browser.
// One rule: whatever is in the file, the answer is an image or one sentence; turned upright, transparency on white, as the Python side reads it.

import { bytes, greyed, resampled } from "./resampling.js";
import { isWholeImage } from "./wholeness.js";

const LARGEST_FILE = 64 * 2 ** 20; // bytes
const MOST_PIXELS = 2 ** 24; // larger ones are scaled down by the browser first: some browsers have no larger canvas

const FAINTEST_COLOUR = 24; // of 255

/** A reason why a file gives no image: a key of the words, and what to put into them. */
export class PictureProblem extends Error {
  constructor(key, values = {}) {
    super(`${key} ${JSON.stringify(values)}`);
    this.key = `image.problem.${key}`;
    this.values = values;
  }
}

/**
 * Read an image file of any kind that the browser knows.
 * @param {Blob} file
 * @returns {Promise<{ height: number, width: number, channels: 3, data: Float64Array }>} bytes
 * @throws {PictureProblem}
 */
export async function readPicture(file) {
  const name = file.name ?? "image";
  if (file.size === 0) {
    throw new PictureProblem("empty", { name });
  }
  if (file.size > LARGEST_FILE) {
    throw new PictureProblem("large", { name, size: Math.ceil(file.size / 2 ** 20), most: LARGEST_FILE / 2 ** 20 });
  }
  const content = new Uint8Array(await file.arrayBuffer());
  if (!isWholeImage(content)) {
    throw new PictureProblem("unreadable", { name });
  }
  const source = await decoded(file, name, isMarkup(content));
  const [width, height] = [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
  if (!(width > 0 && height > 0)) {
    throw new PictureProblem("unreadable", { name });
  }
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.floor(side * scale)));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  source.close?.();
  return withoutAlpha(context.getImageData(0, 0, canvas.width, canvas.height));
}

/**
 * Scale a picture to the size and the colours of an image.
 * @param {{ height: number, width: number, channels: 3, data: ArrayLike<number> }} picture
 * @param {{ height: number, width: number, channels: 1|3 }} size
 * @returns {{ height: number, width: number, channels: number, data: Float64Array }} bytes
 */
export function fittedPicture(picture, { height, width, channels }) {
  return resampled(channels === 1 ? greyed(picture) : picture, height, width, { keep: bytes });
}

/**
 * Whether a picture has colours to speak of: what scanners and JPEG leave in a grey one are none.
 * @param {{ data: ArrayLike<number> }} picture
 * @returns {boolean}
 */
export function isColourful({ data }) {
  for (let i = 0; i < data.length; i += 3) {
    if (Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > FAINTEST_COLOUR) {
      return true;
    }
  }
  return false;
}

/**
 * The size of a picture whose longer side has so many cells.
 * @param {{ height: number, width: number }} picture
 * @param {number} longer
 * @returns {{ height: number, width: number }}
 */
export function keptProportions({ height, width }, longer) {
  const scale = longer / Math.max(height, width);
  return { height: Math.max(1, Math.round(height * scale)), width: Math.max(1, Math.round(width * scale)) };
}

async function decoded(file, name, isDrawing) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    if (isDrawing) {
      return elementOf(file, name); // SVG is no bitmap; of a damaged bitmap an element would show what it can, and no error
    }
    throw new PictureProblem("unreadable", { name });
  }
}

/** Whether a file is text of tags, as an SVG is. */
function isMarkup(content) {
  return /^\uFEFF?\s*</.test(new TextDecoder().decode(content.subarray(0, 256)));
}

function elementOf(file, name) {
  const address = URL.createObjectURL(file);
  const image = new Image();
  return new Promise((resolve, reject) => {
    image.onload = () => resolve(image);
    image.onerror = () => reject(new PictureProblem("unreadable", { name }));
    image.src = address;
  }).finally(() => URL.revokeObjectURL(address));
}

function withoutAlpha({ height, width, data }) {
  const colours = new Float64Array(height * width * 3);
  for (let cell = 0; cell < height * width; cell += 1) {
    for (let k = 0; k < 3; k += 1) {
      colours[cell * 3 + k] = data[cell * 4 + k];
    }
  }
  return { height, width, channels: 3, data: colours };
}
