// Whether the file of an image is whole, from its bytes: browsers paint what a file lacks in a colour of their own.
// One rule: what is not known to be cut off or changed is left for the browser to judge.

import { crc32 } from "./digest.js";

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const [CHUNK_SIZE, JPEG_START, JPEG_SCAN, JPEG_END] = [12, 0xffd8, 0xffda, 0xffd9];

/**
 * @param {Uint8Array} bytes
 * @returns {boolean} false for a PNG, JPEG or WebP whose end is missing, and for a PNG that was changed after it was written
 */
export function isWholeImage(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (PNG.every((byte, i) => bytes[i] === byte)) {
    return isWholePng(bytes, view);
  }
  if (bytes.length > 3 && view.getUint16(0) === JPEG_START) {
    return isWholeJpeg(view);
  }
  const isWebp = textAt(bytes, 0, 4) === "RIFF" && textAt(bytes, 8, 12) === "WEBP";
  return !isWebp || view.getUint32(4, true) + 8 <= bytes.length;
}

/** A PNG is a row of chunks, each with its length, name and checksum; the last is IEND. */
function isWholePng(bytes, view) {
  let place = PNG.length;
  while (place + CHUNK_SIZE <= bytes.length) {
    const end = place + CHUNK_SIZE + view.getUint32(place);
    if (end > bytes.length || crc32(bytes.subarray(place + 4, end - 4)) !== view.getUint32(end - 4)) {
      return false;
    }
    if (textAt(bytes, place + 4, place + 8) === "IEND") {
      return true;
    }
    place = end;
  }
  return false;
}

/** A JPEG ends with a mark behind its pixels; a small picture inside its head has one too, so the head is passed over. */
function isWholeJpeg(view) {
  let place = 2;
  while (place + 4 <= view.byteLength && view.getUint16(place) !== JPEG_SCAN) {
    const isFilling = view.getUint16(place) === 0xffff;
    place += isFilling ? 1 : 2 + view.getUint16(place + 2);
  }
  for (; place + 2 <= view.byteLength; place += 1) {
    if (view.getUint16(place) === JPEG_END) {
      return true;
    }
  }
  return false;
}

function textAt(bytes, from, to) {
  return String.fromCharCode(...bytes.subarray(from, to));
}
