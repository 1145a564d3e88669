// A pad to draw on, with mouse, finger, pen or keyboard.
// One rule: the pad knows strokes and nothing else; what they mean is told to it and asked of it.

import { h, newId, setAttribute, write } from "./dom.js";

const PIXELS = 560; // of the canvas, along each side
const PEN_WIDTH = 0.075; // of the pad
const STEP = 1 / 28; // that an arrow key goes
const MOST_NUMBERS = 8000; // of a stroke: a hand that never lifts begins a new one
const PAPER = "#101418";
const INK = "#ffffff";
let strokesBegun = 0;

/**
 * Make the pad.
 * @param {object} parts
 * @param {object} parts.words
 * @param {(text: string) => void} parts.announce
 * @param {(strokes: number[][], merge: string) => void} parts.onStrokes told after every movement; merge: the same for all of one stroke
 * @returns {{ element: HTMLElement, show: (strokes: number[][], behind?: HTMLCanvasElement|null) => void }} show: the strokes, and what
 *   is seen where there are none
 */
export function makeDrawingPad({ words, announce, onStrokes }) {
  const hint = newId("pad");
  const canvas = h("canvas", { width: PIXELS, height: PIXELS, "aria-hidden": "true" });
  const named = { role: "application", tabindex: 0, "aria-label": words.t("pad"), "aria-describedby": hint };
  const surface = h("div", { class: "cs-pad", ...named }, canvas);
  const undo = h("button", { type: "button", class: "cs-button", on: { click: removeLast } }, words.t("pad.undo"));
  const clear = h("button", { type: "button", class: "cs-button", on: { click: removeAll } }, words.t("pad.clear"));
  const pen = { x: 0.5, y: 0.25, down: false };
  let [strokes, behind, merge, drawingPointer] = [[], null, "", null];

  const mode = h("span", { class: "cs-hidden" });
  const element = h(
    "div",
    { class: "cs-pad-box" },
    surface,
    h("div", { class: "cs-pad-tools" }, undo, clear),
    h("p", { class: "cs-note", id: hint }, words.t("pad.hint")),
    mode,
  );
  const listeners = { pointerdown: begin, pointermove: go, pointerup: end, pointercancel: end, keydown: onKey, focus: paint, blur: lift };
  Object.entries(listeners).forEach(([type, listener]) => surface.addEventListener(type, listener));

  function begin(event) {
    if (event.button !== 0 || drawingPointer !== null) {
      return;
    }
    event.preventDefault();
    surface.focus({ preventScroll: true });
    surface.setPointerCapture(event.pointerId);
    drawingPointer = event.pointerId;
    pen.down = false;
    startStroke(placeOf(event));
  }

  function go(event) {
    if (event.pointerId !== drawingPointer) {
      return;
    }
    const passed = event.getCoalescedEvents?.() ?? [];
    extendStroke((passed.length > 0 ? passed : [event]).flatMap(placeOf));
  }

  function end(event) {
    if (event.pointerId === drawingPointer) {
      drawingPointer = null;
    }
  }

  function placeOf(event) {
    const box = surface.getBoundingClientRect();
    [pen.x, pen.y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map(onPad);
    return [pen.x, pen.y];
  }

  function startStroke(place) {
    strokesBegun += 1;
    merge = `stroke ${strokesBegun}`;
    change([...strokes, place]);
  }

  function extendStroke(places) {
    const last = strokes.at(-1);
    if (last === undefined || last.length > MOST_NUMBERS) {
      startStroke([...(last?.slice(-2) ?? []), ...places]);
    } else {
      change([...strokes.slice(0, -1), [...last, ...places]]);
    }
  }

  function removeLast() {
    if (strokes.length > 0) {
      strokesBegun += 1;
      merge = `stroke ${strokesBegun}`;
      change(strokes.slice(0, -1));
      announce(words.t("pad.undone", { count: strokes.length }));
    }
  }

  function removeAll() {
    strokesBegun += 1;
    merge = `stroke ${strokesBegun}`;
    behind = null;
    change([]);
    announce(words.t("pad.cleared"));
  }

  function change(next) {
    strokes = next;
    paint();
    onStrokes(strokes, merge);
  }

  function onKey(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (way !== undefined) {
      const reach = event.shiftKey ? 4 * STEP : STEP;
      [pen.x, pen.y] = [pen.x + way[0] * reach, pen.y + way[1] * reach].map(onPad);
      if (pen.down) {
        extendStroke([pen.x, pen.y]);
      }
      paint();
      announce(words.t(pen.down ? "pad.draws" : "pad.moves", where()));
    } else if (event.key === " " || event.key === "Enter") {
      pen.down = !pen.down;
      if (pen.down) {
        startStroke([pen.x, pen.y]);
      }
      paint();
      announce(words.t(pen.down ? "pad.down" : "pad.up", where()));
    } else if (event.key === "Escape" && pen.down) {
      lift();
      announce(words.t("pad.up", where()));
    } else if (event.key === "Backspace") {
      removeLast();
    } else if (event.key === "Delete") {
      removeAll();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function lift() {
    pen.down = false;
    paint();
  }

  function where() {
    return { row: Math.round(pen.y / STEP), column: Math.round(pen.x / STEP) };
  }

  function paint() {
    const context = canvas.getContext("2d");
    context.fillStyle = PAPER;
    context.fillRect(0, 0, PIXELS, PIXELS);
    if (behind !== null && strokes.length === 0) {
      context.imageSmoothingEnabled = false;
      const [width, height] = [behind.width, behind.height].map((side) => (side * PIXELS) / Math.max(behind.width, behind.height));
      context.drawImage(behind, (PIXELS - width) / 2, (PIXELS - height) / 2, width, height);
    }
    Object.assign(context, { strokeStyle: INK, lineWidth: PEN_WIDTH * PIXELS, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(stroke[0] * PIXELS, stroke[1] * PIXELS);
      for (let i = 0; i < stroke.length; i += 2) {
        context.lineTo(stroke[i] * PIXELS, stroke[i + 1] * PIXELS);
      }
      context.stroke();
    }
    if (surface.matches(":focus-visible")) {
      paintPen(context);
    }
    setAttribute(undo, "aria-disabled", strokes.length === 0 ? "true" : null);
    write(mode, words.t(pen.down ? "pad.is.down" : "pad.is.up"));
  }

  /** Where the pen of the keyboard is: a ring, filled while it draws. */
  function paintPen(context) {
    context.beginPath();
    context.arc(pen.x * PIXELS, pen.y * PIXELS, (PEN_WIDTH * PIXELS) / 2, 0, 2 * Math.PI);
    Object.assign(context, { lineWidth: 6, strokeStyle: pen.down ? "#f08bcb" : "#7cc4ff", fillStyle: "#f08bcb" });
    context.stroke();
    if (pen.down) {
      context.fill();
    }
  }

  paint();
  return {
    element,
    show: (nextStrokes, nextBehind = null) => {
      if (nextStrokes !== strokes || nextBehind !== behind) {
        [strokes, behind] = [nextStrokes, nextBehind];
        paint();
      }
    },
  };
}

/** A part of the pad, in thousandths: a link with a drawing stays short. */
function onPad(part) {
  return Math.round(Math.min(1, Math.max(0, part)) * 1000) / 1000;
}
