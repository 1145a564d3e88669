// Numbers as people read them.
// One rule: what is shown never lies. Only zero is shown as 0, no zero has a sign, and a rounded number keeps its last digits even if
// they are 0. (The dust that binary fractions leave behind the twelfth digit is no news: 0.1 + 0.2 reads 0.3. The exact number is one hover
// away.)

const MINUS = "\u2212";

/**
 * Write a number into a cell: five characters, six with an exponent, and a sign. (1.5e−300 has eight: two digits are the least.)
 * @param {number} value
 * @returns {string} "0.25", "−3", "0.333", "1.5e−3", "∞", "NaN"
 */
export function shortNumber(value) {
  return fitted(value, 5);
}

/**
 * Write a number into a sentence: at most eight characters or so.
 * @param {number} value
 * @returns {string}
 */
export function plainNumber(value) {
  return fitted(value, 8);
}

/**
 * Write a number so that reading it back gives the very same one.
 * @param {number} value
 * @returns {string}
 */
export function exactNumber(value) {
  return special(value) ?? String(value).replaceAll("-", MINUS).replace("e+", "e");
}

/**
 * Write a number as a factor: negative ones in brackets.
 * @param {number} value
 * @returns {string} "0.5" or "(−0.5)"
 */
export function factor(value) {
  return value < 0 ? `(${plainNumber(value)})` : plainNumber(value);
}

/**
 * Write a number that is added to what stands before it.
 * @param {number} value
 * @returns {string} "+ 0.5" or "− 0.5"
 */
export function added(value) {
  return value < 0 ? `${MINUS} ${plainNumber(-value)}` : `+ ${plainNumber(value)}`;
}

/**
 * Read what somebody typed: "0.5", "0,5", "-1", "−1", "1/9", "1e-3".
 * @param {string} text
 * @returns {number|null} null if it is not a finite number, or cannot be kept as it is
 */
export function readNumber(text) {
  return typedNumber(text).value;
}

/**
 * Read what somebody typed, or say what is wrong with it.
 * @param {string} text
 * @param {number} [limit] the largest size
 * @returns {{ value: number|null, problem: "word"|"comma"|"tiny"|"large"|null }} comma: it may group digits (1,000) or divide them
 */
export function typedNumber(text, limit = Infinity) {
  const refused = (problem) => ({ value: null, problem });
  const plain = text.trim().replaceAll(MINUS, "-").replaceAll("，", ",").replaceAll("。", ".");
  const parts = plain.split("/").map((part) => part.trim());
  if (parts.some((part) => /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(part))) {
    return refused("comma");
  }
  const numbers = parts.map((part) => part.replace(",", "."));
  if (numbers.length > 2 || numbers.some((part) => !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part))) {
    return refused("word");
  }
  const isZero = (part) => !/[1-9]/.test(part.replace(/e.*/i, ""));
  const value = numbers.length === 2 ? Number(numbers[0]) / Number(numbers[1]) : Number(numbers[0]);
  if (numbers.length === 2 && isZero(numbers[1])) {
    return refused("word");
  }
  if (numbers.some((part) => Number(part) === 0 && !isZero(part)) || (value === 0 && !isZero(numbers[0]))) {
    return refused("tiny");
  }
  if (!Number.isFinite(value) || Math.abs(value) > limit) {
    return refused("large");
  }
  return { value: value + 0, problem: null };
}

/**
 * The sum of a number and a small step, without the dust that binary fractions leave: 0.1 + 0.2 is 0.3 here.
 * @param {number} value
 * @param {number} step
 * @returns {number}
 */
export function stepped(value, step) {
  return Number((value + step).toPrecision(12)) + 0;
}

/** The number with all digits that there is room for. A sign is not counted: both signs have the same digits. */
function fitted(value, room) {
  const known = special(value);
  if (known !== null) {
    return known;
  }
  const size = Number(Math.abs(value).toPrecision(12));
  const text = exactly(size, room) ?? rounded(size, room);
  return (value < 0 ? MINUS : "") + text.replace("-", MINUS);
}

function exactly(size, room) {
  const [fixed, scientific] = [String(size), exponential(size)];
  return !fixed.includes("e") && fixed.length <= room ? fixed : scientific.length <= room + 1 ? scientific : null;
}

/** Of both ways to write it, the one that says more digits; two at the least. */
function rounded(size, room) {
  const fixed = longest(room - 2, 0, (digits) => (size < 1e15 ? size.toFixed(digits) : ""), room) ?? "";
  const scientific = longest(room - 3, 1, (digits) => exponential(size, digits), room + 1) ?? exponential(size, 1);
  return significant(fixed) >= significant(scientific) ? fixed : scientific;
}

function longest(most, least, write, room) {
  for (let digits = most; digits >= least; digits -= 1) {
    const text = write(digits);
    if (text.length <= room) {
      return text;
    }
  }
  return null;
}

function exponential(size, digits) {
  return size.toExponential(digits).replace("e+", "e");
}

function significant(text) {
  return text.replace(/e.*/, "").replace(".", "").replace(/^0+/, "").length;
}

function special(value) {
  if (Number.isNaN(value)) {
    return "NaN";
  }
  if (!Number.isFinite(value)) {
    return value < 0 ? `${MINUS}∞` : "∞";
  }
  return value === 0 ? "0" : null;
}
