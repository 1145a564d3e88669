// A state as text: for a link, and for a file.
// One rule: what is read back is exactly what was written, and what strangers wrote goes through `checkedState`.

import { checkedState, StateProblem } from "./checking.js";

const FORM = "deflate"; // with a checksum at its end: a letter that got lost or changed on the way is found
const LARGEST = 8 * 2 ** 20; // characters of JSON that a link may unfold to

/**
 * Write a state for a link: JSON, deflated, in the letters that a link may hold.
 * @param {object} state
 * @returns {Promise<string>}
 */
export async function encodeState(state) {
  const bytes = await through(new CompressionStream(FORM), new TextEncoder().encode(JSON.stringify(state)), Infinity);
  let binary = "";
  bytes.forEach((byte) => {
    binary += String.fromCharCode(byte);
  });
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Read what `encodeState` wrote.
 * @param {string} text
 * @returns {Promise<object>} the state
 * @throws {StateProblem} if it is anything else
 */
export async function decodeState(text) {
  let json;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
    json = new TextDecoder("utf-8", { fatal: true }).decode(await through(new DecompressionStream(FORM), bytes, LARGEST));
  } catch {
    throw new StateProblem("link");
  }
  return readState(json);
}

/**
 * Write a state for a file.
 * @param {object} state
 * @returns {string}
 */
export function writeState(state) {
  return `${JSON.stringify(state)}\n`;
}

/**
 * Read a file with a state.
 * @param {string} text
 * @returns {object} the state
 * @throws {StateProblem}
 */
export function readState(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new StateProblem("json");
  }
  return checkedState(value);
}

/** Squeeze bytes through a stream; more than so many coming out of it is an error. */
async function through(stream, bytes, most) {
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  written.catch(() => {}); // the reader reports the same error
  const [chunks, reader] = [[], stream.readable.getReader()];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > most) {
      await reader.cancel();
      throw new RangeError("too long");
    }
    chunks.push(part.value);
  }
  const whole = new Uint8Array(length);
  let place = 0;
  for (const chunk of chunks) {
    whole.set(chunk, place);
    place += chunk.length;
  }
  return whole;
}
