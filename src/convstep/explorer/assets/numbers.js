// Numbers as people read them.
// One rule: what is shown never lies. Only zero is shown as 0, no zero has a sign, and a rounded number keeps its last digits even if
// they are 0. (The dust that binary fractions leave behind the twelfth digit is no news: 0.1 + 0.2 reads 0.3. The exact number is one hover
// away.)

const MINUS = "\u2212";

/**
 * Write a number into a cell: at most five characters, six with an exponent.
 * @param {number} value
 * @returns {string} "0.25", "−3", "0.33", "2e−5", "∞", "NaN"
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
 * @returns {number|null} null if it is not a finite number
 */
export function readNumber(text) {
  const plain = text.trim().replaceAll(MINUS, "-").replaceAll("，", ".").replaceAll(",", ".").replaceAll("。", ".");
  const parts = plain.split("/").map((part) => part.trim());
  if (parts.length > 2 || parts.some((part) => !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part))) {
    return null;
  }
  const value = parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(parts[0]);
  return Number.isFinite(value) ? value + 0 : null;
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

function fitted(value, room) {
  const known = special(value);
  if (known !== null) {
    return known;
  }
  const exact = String(Number(value.toPrecision(12)));
  if (exact.length <= room && !exact.includes("e")) {
    return exact.replace("-", MINUS);
  }
  const size = Math.abs(value);
  if (size < 10 ** (room - (value < 0 ? 1 : 0))) {
    const whole = size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
    for (let digits = Math.max(room - whole - (value < 0 ? 2 : 1), 0); digits >= 0; digits -= 1) {
      const text = value.toFixed(digits);
      if (text.length <= room && Number(text) !== 0 && (digits > 0 || Math.abs(value - Number(text)) < 0.5)) {
        // a small number needs digits to say something: two in a cell, three in a sentence
        return size < 1 && Math.abs(Number(text) - value) > (room > 5 ? 0.004 : 0.05) * size
          ? scientific(value, room > 5 ? room + 1 : room)
          : text.replace("-", MINUS);
      }
    }
  }
  return scientific(value, room > 5 ? room + 1 : room);
}

function scientific(value, room) {
  const exact = String(value);
  if (exact.length <= room) {
    return exact.replace("e+", "e").replaceAll("-", MINUS);
  }
  for (let digits = Math.max(room - 5, 0); digits >= 0; digits -= 1) {
    const text = value.toExponential(digits).replace("e+", "e");
    if (text.length <= room || digits === 0) {
      return text.replaceAll("-", MINUS);
    }
  }
  return exactNumber(value);
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
