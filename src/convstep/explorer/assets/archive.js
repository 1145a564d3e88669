// Reads a file that model.save wrote (NAME.convstep): a zip, not compressed, of model.json and safetensors.
// One rule: nothing is believed before it is checked. Sizes come before reading, digests before use.

import { makeTensor } from "./arithmetic.js";
import { crc32, sha256 } from "./digest.js";

const MODEL_JSON = "model.json";
const TENSOR_FILES = new Map([["weights", "weights.safetensors"], ["optimizer", "optimizer.safetensors"]]);
const MOST_JSON_BYTES = 4 * 2 ** 20;
const MOST_AXES = 32;

/** What is wrong with a file of a network, in one sentence. `code` and `values` are for a translation of it. */
export class NetworkError extends Error {
  constructor(code, message, values = {}) {
    super(message);
    this.name = "NetworkError";
    this.code = code;
    this.values = values;
  }
}

/**
 * Read the file of a model.
 * @param {Uint8Array} bytes
 * @returns {{ description: object, weights: Map<string, Tensor> }} what model.json says, and the weights by their paths
 * @throws {NetworkError} if it is damaged, or no file of a model
 */
export function readArchive(bytes) {
  const parts = readZip(bytes);
  const description = readModelJson(parts.get(MODEL_JSON));
  for (const [group, claim] of Object.entries(description.files)) {
    const name = TENSOR_FILES.get(group);
    const part = name === undefined ? undefined : parts.get(name);
    if (part === undefined || claim?.bytes !== part.length || claim.sha256 !== sha256(part)) {
      throw damagedFile(`${name ?? "a file"} is not the one that ${MODEL_JSON} belongs to`);
    }
  }
  const weights = description.files.weights === undefined ? undefined : parts.get(TENSOR_FILES.get("weights"));
  return { description, weights: weights === undefined ? new Map() : readSafetensors(weights) };
}

function damagedFile(reason) {
  return new NetworkError("damaged", `This file is not a whole model of convstep: ${reason}.`, { reason });
}

// --- the zip file ---

const END_SIZE = 22;
const ENTRY_SIZE = 46;
const LOCAL_SIZE = 30;

function readZip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - END_SIZE;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50 || view.getUint16(end + 20, true) !== 0) {
    throw damagedFile("its end is missing");
  }
  const count = view.getUint16(end + 10, true);
  if (count > TENSOR_FILES.size + 1) {
    throw damagedFile(`it holds ${count} files`);
  }
  const parts = new Map();
  let place = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i += 1) {
    const entry = readEntry(bytes, view, place, end);
    if (parts.has(entry.name) || ![MODEL_JSON, ...TENSOR_FILES.values()].includes(entry.name)) {
      throw damagedFile("it holds a file that no model has");
    }
    parts.set(entry.name, readStored(bytes, view, entry));
    place = entry.next;
  }
  return parts;
}

/** One line of the directory at the end of the file. */
function readEntry(bytes, view, place, end) {
  if (place + ENTRY_SIZE > end || view.getUint32(place, true) !== 0x02014b50) {
    throw damagedFile("its directory is damaged");
  }
  const [method, crc, stored, size] = [view.getUint16(place + 10, true), ...[16, 20, 24].map((at) => view.getUint32(place + at, true))];
  const [nameSize, extraSize, commentSize] = [28, 30, 32].map((at) => view.getUint16(place + at, true));
  const next = place + ENTRY_SIZE + nameSize + extraSize + commentSize;
  if (method !== 0 || stored !== size || next > end) {
    throw damagedFile("a part of it is compressed, or its directory is damaged");
  }
  const name = new TextDecoder().decode(bytes.subarray(place + ENTRY_SIZE, place + ENTRY_SIZE + nameSize));
  return { name, crc, size, start: view.getUint32(place + 42, true), next };
}

function readStored(bytes, view, { name, crc, size, start }) {
  if (start + LOCAL_SIZE > bytes.length || view.getUint32(start, true) !== 0x04034b50) {
    throw damagedFile(`${name} is not where the directory says`);
  }
  const from = start + LOCAL_SIZE + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
  if (from + size > bytes.length) {
    throw damagedFile(`${name} is cut off`);
  }
  const part = bytes.subarray(from, from + size);
  if (crc32(part) !== crc) {
    throw damagedFile(`${name} was changed after it was written`);
  }
  return part;
}

// --- model.json ---

function readModelJson(part) {
  if (part === undefined || part.length > MOST_JSON_BYTES) {
    throw damagedFile(part === undefined ? `${MODEL_JSON} is missing` : `${MODEL_JSON} is too long`);
  }
  const description = parsedJson(part, MODEL_JSON);
  if (description?.format !== "convstep-model" || !isPlainObject(description.files) || !isPlainObject(description.model)) {
    throw damagedFile(`${MODEL_JSON} is no description of a model`);
  }
  if (description.version !== 1) {
    throw new NetworkError("version", `The file is of version ${String(description.version)}, but this page reads 1.`);
  }
  return description;
}

function parsedJson(bytes, name) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw damagedFile(`${name} is no JSON`);
  }
}

/** Whether a value is an object of JSON that is no list. */
export function isPlainObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// --- safetensors ---

const NUMBER_READERS = {
  F16: { size: 2, read: (view, place) => fromHalf(view.getUint16(place, true)) },
  F32: { size: 4, read: (view, place) => view.getFloat32(place, true) },
  F64: { size: 8, read: (view, place) => view.getFloat64(place, true) },
};

function readSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? -1 : Number(view.getBigUint64(0, true));
  if (length < 0 || length > Math.min(MOST_JSON_BYTES, bytes.length - 8)) {
    throw damagedFile("its weights have no header");
  }
  const header = parsedJson(bytes.subarray(8, 8 + length), "the header of its weights");
  if (!isPlainObject(header)) {
    throw damagedFile("the header of its weights is damaged");
  }
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== "__metadata__") {
      tensors.set(name, readArray(view, 8 + length, name, entry));
    }
  }
  return tensors;
}

function readArray(view, base, name, entry) {
  const [reader, shape, offsets] = [NUMBER_READERS[entry?.dtype], entry?.shape, entry?.data_offsets];
  const areCounts = (list, most) => Array.isArray(list) && list.length <= most && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (reader === undefined || !areCounts(shape, MOST_AXES) || !areCounts(offsets, 2) || offsets.length !== 2) {
    throw damagedFile(`the weights "${name}" are of no type or shape that this page knows`);
  }
  const count = shape.reduce((product, size) => product * size, 1);
  if (offsets[1] - offsets[0] !== count * reader.size || base + offsets[1] > view.byteLength) {
    throw damagedFile(`the weights "${name}" do not have the size of their shape`);
  }
  const tensor = makeTensor(shape);
  for (let i = 0; i < count; i += 1) {
    tensor.data[i] = reader.read(view, base + offsets[0] + i * reader.size);
  }
  return tensor;
}

/** The number that 16 bits stand for: a sign, 5 bits of exponent, 10 of the fraction. */
function fromHalf(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) {
    return fraction ? NaN : sign * Infinity;
  }
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
}
