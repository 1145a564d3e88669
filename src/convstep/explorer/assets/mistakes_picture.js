// A mistake as a picture: its call, what is right, and what it makes of it.
// One rule: it needs no style sheet, so that it looks the same wherever it is opened.

import { cellColour, strongest } from "./colours.js";
import { svg } from "./dom.js";
import { isCarried, matricesOf, tupleText } from "./mistakes_data.js";
import { errorText } from "./mistakes_hints.js";
import { comparedResults, sayVerdict } from "./mistakes_outcome.js";
import { shortNumber } from "./numbers.js";
import { pythonCall } from "./python.js";

const SIDE = 38; // units of a cell
const GAP = 18;
const WIDTH = 860;
const LINE = 22;
const INKS = {
  light: { paper: "#ffffff", ink: "#1b1f24", soft: "#545b64", rule: "#c9c5bb", mark: "#a34a00" },
  dark: { paper: "#171c22", ink: "#e9edf1", soft: "#a9b2bc", rule: "#4a535e", mark: "#ffb454" },
};

/**
 * Draw a mistake.
 * @param {{ words: object, mistake: object, dark: boolean }} options
 * @returns {SVGElement}
 */
export function drawMistake({ words, mistake, dark }) {
  const inks = INKS[dark ? "dark" : "light"];
  const compared = comparedResults(mistake);
  const board = makeBoard(inks);
  const { call } = mistake;
  board.text(mistake.title[words.language], { size: 19, weight: 650 });
  board.text(mistake.id, { ink: inks.soft, mono: true });
  board.text(pythonCall(mistake.function, call.arguments), { mono: true });
  board.arrays(Object.entries(call.arguments).filter(([, value]) => isCarried(value)), paintOf(call.arguments, dark));
  board.text(sayVerdict(mistake, compared, words), { weight: 600 });
  const paint = paintOf({ ...call.results, ...mistake.results }, dark);
  board.text(`✓ ${words.t("mistakes.right")}`, { weight: 600 });
  const harmed = [...compared].filter(([, one]) => one.wrong !== one.right);
  board.arrays(harmed.map(([name, one]) => [name, one.right]), paint);
  board.text(`✗ ${words.t("mistakes.wrong")}`, { weight: 600 });
  if (mistake.kind === "error") {
    board.text(errorText(mistake.error), { mono: true });
  }
  board.arrays(harmed.filter(([, one]) => isCarried(one.wrong)).map(([name, one]) => [name, one.wrong, one.flags]), paint);
  board.arrays(Object.entries(mistake.changed ?? {}).filter(([, value]) => isCarried(value)), paintOf(mistake.changed ?? {}, dark));
  return board.finish();
}

/** One scale for arrays that are looked at together. */
function paintOf(arrays, dark) {
  const limit = strongest(Object.values(arrays).filter(isCarried).flatMap(({ data }) => data.filter(Number.isFinite)));
  return (value) => cellColour(value, { kind: "signed", limit, dark });
}

/** Things one below the other, matrices beside each other as far as there is room. */
function makeBoard(inks) {
  const parts = [];
  let [x, y, tallest] = [GAP, GAP, 0];

  function text(line, { size = 15, weight = 400, ink = inks.ink, mono = false } = {}) {
    for (const piece of brokenLines(line, Math.floor((WIDTH - 2 * GAP) / (size * (mono ? 0.62 : 0.56))))) {
      y += LINE;
      const family = mono ? "ui-monospace, monospace" : "system-ui, sans-serif";
      parts.push(svg("text", { x: GAP, y, "font-size": size, "font-weight": weight, "font-family": family, fill: ink }, piece));
    }
    y += 6;
  }

  function arrays(list, paint) {
    for (const [name, array, flags] of list) {
      const matrices = matricesOf(name, array);
      if (matrices.length === 0) {
        text(`${name} ${tupleText(array.shape)}`, { mono: true });
      }
      for (const matrix of matrices) {
        place(matrix, array, flags, paint);
      }
    }
    y += tallest;
    [x, tallest] = [GAP, 0];
  }

  function place(matrix, array, flags, paint) {
    const width = Math.max(matrix.columns * SIDE, matrix.label.length * 8);
    if (x > GAP && x + width > WIDTH - GAP) {
      y += tallest;
      [x, tallest] = [GAP, 0];
    }
    parts.push(svg("g", { transform: `translate(${x} ${y + LINE})` }, drawMatrix(matrix, array, flags, paint)));
    x += width + GAP;
    tallest = Math.max(tallest, matrix.rows * SIDE + LINE + GAP);
  }

  function drawMatrix(matrix, array, flags, paint) {
    const drawn = [svg("text", { y: -6, "font-size": 13, "font-family": "ui-monospace, monospace", fill: inks.soft }, matrix.label)];
    for (let r = 0; r < matrix.rows; r += 1) {
      for (let c = 0; c < matrix.columns; c += 1) {
        const flat = matrix.flat(r, c);
        drawn.push(drawCell([c * SIDE, r * SIDE], array.data[flat], paint), flags?.[flat] ? drawFlag([c * SIDE, r * SIDE]) : null);
      }
    }
    return drawn;
  }

  function drawCell([left, top], value, paint) {
    const { fill, ink } = paint(value);
    const text = shortNumber(value);
    const label = { x: left + SIDE / 2, y: top + SIDE / 2, "text-anchor": "middle", "dominant-baseline": "central", fill: ink };
    return [
      svg("rect", { x: left, y: top, width: SIDE, height: SIDE, fill, stroke: inks.rule }),
      svg("text", { ...label, "font-size": text.length < 5 ? 13 : 11, "font-family": "system-ui, sans-serif" }, text),
    ];
  }

  /** A dashed frame with a filled corner: it is seen in black and white too. */
  function drawFlag([left, top]) {
    const frame = { x: left + 2.5, y: top + 2.5, width: SIDE - 5, height: SIDE - 5, fill: "none" };
    return [
      svg("rect", { ...frame, stroke: inks.mark, "stroke-width": 2, "stroke-dasharray": "4 2.5" }),
      svg("path", { d: `M${left + 2} ${top + 2}h8l-8 8z`, fill: inks.mark }),
    ];
  }

  return {
    text,
    arrays,
    finish: () => {
      const size = { width: WIDTH, height: y + GAP };
      return svg("svg", { viewBox: `0 0 ${WIDTH} ${y + GAP}`, ...size }, svg("rect", { ...size, fill: inks.paper }), parts);
    },
  };
}

/** Break a text into lines of so many letters; a Chinese letter is as wide as two. */
function brokenLines(text, most) {
  const lines = [""];
  let room = most;
  for (const piece of text.match(/[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+/g) ?? []) {
    const size = /[\u2e80-\uffef]/.test(piece) ? 1.8 : piece.length;
    if (size > room && lines.at(-1) !== "") {
      lines.push("");
      room = most;
    }
    lines[lines.length - 1] += piece;
    room -= size;
  }
  return lines.map((line) => line.trimEnd());
}
