// The colour of a number.
// One rule: zero is the colour of the page, and the two signs differ in lightness as well as in hue, so that no eye and no printer loses
// them.

const SCALES = {
  light: {
    signed: ["#b4580a", "#eda95c", "#ffffff", "#8db8d9", "#0b4a86"],
    paper: ["#ffffff", "#1a1a1a"],
    bright: ["#101418", "#ffffff"],
  },
  dark: {
    signed: ["#ffb454", "#a1621b", "#171c22", "#1f5f94", "#7cc4ff"],
    paper: ["#171c22", "#f2f5f8"],
    bright: ["#101418", "#ffffff"],
  },
};
const TINTS = ["#ff5a4d", "#35c46a", "#4f8dff"];
const STEPS = 256; // from one end of a scale to the other: finer than an eye
const scales = new Map(); // the colours of each scale, made once

/**
 * Choose the colour of a cell and of the text on it.
 * @param {number} value
 * @param {{ kind: "signed"|"paper"|"bright", limit: number, dark: boolean, tint?: number }} scale limit: the size of the strongest
 *   colour; tint: the channel of a colour image, whose own colour it is drawn in
 * @returns {{ fill: string, ink: string }} the same object for the same colour
 */
export function cellColour(value, { kind, limit, dark, tint }) {
  const part = Number.isNaN(value) ? 0 : Math.max(-1, Math.min(1, value / (limit || 1)));
  const position = tint === undefined && kind === "signed" ? (part + 1) / 2 : Math.max(part, 0);
  return coloursOf(kind, dark, tint)[Math.round(position * STEPS)];
}

/**
 * The largest size among some numbers, 1 if they are all zero.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function strongest(values) {
  let largest = 0;
  for (let i = 0; i < values.length; i += 1) {
    largest = Math.max(largest, Math.abs(values[i]) || 0);
  }
  return largest || 1;
}

function coloursOf(kind, dark, tint) {
  const theme = dark ? "dark" : "light";
  const name = tint === undefined ? `${kind} ${theme}` : `tint ${tint}`;
  if (!scales.has(name)) {
    const stops = (tint === undefined ? SCALES[theme][kind] : ["#101418", TINTS[tint % TINTS.length]]).map(rgbOf);
    scales.set(
      name,
      Array.from({ length: STEPS + 1 }, (_, i) => between(stops, (i / STEPS) * (stops.length - 1))),
    );
  }
  return scales.get(name);
}

/** The colour at a place between the stops of a scale. */
function between(stops, position) {
  const lower = Math.min(Math.floor(position), stops.length - 2);
  const colour = stops[lower].map((part, i) => Math.round(part + (stops[lower + 1][i] - part) * (position - lower)));
  return { fill: `rgb(${colour.join(",")})`, ink: luminance(colour) > 0.18 ? "#101418" : "#ffffff" };
}

function rgbOf(hex) {
  return [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16));
}

/** Relative luminance, as WCAG 2 defines it. */
function luminance(colour) {
  const [red, green, blue] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
