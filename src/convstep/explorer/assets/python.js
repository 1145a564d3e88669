// Numbers, arrays and calls as Python writes them.
// One rule: what Python reads from it has the very bits of what was written.

const PER_LINE = 118; // characters

/** In what order each function is handed its arguments; a list is a tuple, the cache. */
const SIGNATURES = {
  zero_pad: ["X", "pad"],
  conv_single_step: ["a_slice_prev", "W", "b"],
  conv_forward: ["A_prev", "W", "b", "hparameters"],
  pool_forward: ["A_prev", "hparameters", "mode"],
  conv_backward: ["dZ", ["A_prev", "W", "b", "hparameters"]],
  create_mask_from_window: ["x"],
  distribute_value: ["dz", "shape"],
  pool_backward: ["dA", ["A_prev", "hparameters"], "mode"],
};

/**
 * Write a number; the shortest digits that give the same bits.
 * @param {number} value
 * @returns {string} "0.1", "-0.0", "3.0", "5e-324"
 */
export function pythonNumber(value) {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? "np.nan" : value < 0 ? "-np.inf" : "np.inf";
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/**
 * Write plain data: whole numbers stay such, objects become dicts, lists tuples.
 * @param {*} value
 * @returns {string}
 */
export function pythonValue(value) {
  if (Array.isArray(value)) {
    return `(${value.map(pythonValue).join(", ")}${value.length === 1 ? "," : ""})`;
  }
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}: ${pythonValue(item)}`)
      .join(", ")}}`;
  }
  return typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : pythonScalar(value);
}

function pythonScalar(value) {
  return value === null ? "None" : typeof value === "number" ? pythonNumber(value) : JSON.stringify(value);
}

/**
 * Write the statement that makes an array, row by row.
 * @param {string} name
 * @param {number[]} shape
 * @param {ArrayLike<number>} values in reading order
 * @param {number} [width] how many of them make a line; by default those of the last two axes of three or more
 * @returns {string}
 */
export function pythonArray(name, shape, values, width = (shape.at(-1) ?? 1) * (shape.length > 2 ? shape.at(-2) : 1)) {
  const numbers = Array.from(values, pythonNumber);
  const shaped = shape.length === 1 ? "" : `.reshape(${shape.join(", ")})`;
  const line = `${name} = np.array([${numbers.join(", ")}])${shape.length === 0 ? "[0]" : shaped}`;
  if (line.length <= PER_LINE) {
    return line;
  }
  const rows = [];
  for (let start = 0; start < numbers.length; start += width) {
    rows.push(...wrapped(numbers.slice(start, start + width)));
  }
  return `${name} = np.array([\n${rows.map((row) => `    ${row},`).join("\n")}\n])${shaped}`;
}

function wrapped(numbers) {
  const lines = [""];
  for (const number of numbers) {
    const longer = lines.at(-1) === "" ? number : `${lines.at(-1)}, ${number}`;
    if (longer.length > PER_LINE - 5) {
      lines.push(number);
    } else {
      lines[lines.length - 1] = longer;
    }
  }
  return lines;
}

/**
 * Write the call of one of the eight functions; arrays by their names, all else as it is.
 * @param {string} name
 * @param {object} given the arguments by name; one that is not there was not handed over
 * @returns {string} 'conv_forward(A_prev, W, b, {"stride": 2, "pad": 1})'
 */
export function pythonCall(name, given) {
  const written = (key) => (given[key]?.data === undefined ? pythonValue(given[key]) : key);
  const parts = SIGNATURES[name]
    .filter((key) => Array.isArray(key) || key in given)
    .map((key) => (Array.isArray(key) ? `(${key.map(written).join(", ")})` : written(key)));
  return `${name}(${parts.join(", ")})`;
}
