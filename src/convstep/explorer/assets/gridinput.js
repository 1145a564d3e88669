// What pointers and keys do on a grid: walk, type, spin, paint, pick, move the window.
// One rule: whatever a pointer can do, keys can do too.

import { LIMITS } from "./checking.js";
import { h, setAttribute } from "./dom.js";
import { exactNumber, stepped, typedNumber } from "./numbers.js";

const BEGINS_NUMBER = /^[\d.,+\u2212-]$/;
let gestures = 0;

/**
 * Listen to a grid.
 * @param {object} grid what `makeGrid` hands over: element, picture, words, focus, showCursor, rim, shape, cellOf, cellAt, and
 * @param {object} grid.hooks
 *   tool(): "edit" | "paint" | "move" | "pick", what a pointer does;
 *   edit(r, c, value, { merge }): a number was typed or spun (without this hook the grid is only read);
 *   paint(r, c, { merge }); move(r, c): to the cell under a pointer; pick(r, c): chosen, by click, Space or Enter;
 *   walk(r, c): reached by an arrow key; enter(r, c) and leave(): looked at, by pointer or focus
 * @returns {{ destroy: () => void }}
 */
export function listenToGrid({ element, picture, words, hooks, focus, showCursor, rim, shape, cellOf, cellAt }) {
  let gesture = null; // { tool, id, last }
  let looked = null;
  let field = null;

  const tool = () => hooks.tool?.() ?? (hooks.edit ? "edit" : "pick");

  function cellUnder(event) {
    const { across, down, frame } = shape();
    const box = picture.getBoundingClientRect();
    const c = Math.floor(((event.clientX - box.left) / box.width) * (across + 2 * rim) - rim);
    const r = Math.floor(((event.clientY - box.top) / box.height) * (down + 2 * rim) - rim);
    const inside = r >= 0 && c >= 0 && r < down && c < across;
    return { r: clamp(r, down) - frame.top, c: clamp(c, across) - frame.left, inside };
  }

  function look(cell) {
    if (cell?.r === looked?.r && cell?.c === looked?.c) {
      return;
    }
    looked = cell;
    if (cell === null) {
      hooks.leave?.();
    } else {
      hooks.enter?.(cell.r, cell.c);
    }
  }

  function isEditable(cell) {
    return hooks.edit !== undefined && cell?.inside === true;
  }

  function onPointerDown(event) {
    if (event.button !== 0 || event.target === field) {
      return;
    }
    const { r, c, inside } = cellUnder(event);
    if (!inside) {
      return;
    }
    event.preventDefault();
    closeField(true);
    focus(r, c, true);
    gestures += 1;
    gesture = { tool: tool(), id: gestures, r, c };
    if (gesture.tool === "paint" || gesture.tool === "move") {
      picture.setPointerCapture(event.pointerId);
      act(r, c);
    }
  }

  function act(r, c) {
    if (gesture.tool === "move") {
      hooks.move?.(r, c);
    } else if (cellAt(r, c)?.inside) {
      hooks.paint?.(r, c, { merge: `paint:${gesture.id}` });
    }
  }

  function onPointerMove(event) {
    const { r, c, inside } = cellUnder(event);
    if (gesture !== null && (gesture.tool === "paint" || gesture.tool === "move")) {
      if (r !== gesture.r || c !== gesture.c) {
        [gesture.r, gesture.c] = [r, c];
        act(r, c);
      }
    } else if (event.pointerType !== "touch") {
      look(inside ? { r, c } : null);
    }
  }

  function onPointerUp(event) {
    const ended = gesture;
    gesture = null;
    if (ended === null || event.type === "pointercancel") {
      return;
    }
    const cell = cellAt(ended.r, ended.c);
    if (ended.tool === "edit" && isEditable(cell)) {
      openField(cell);
    } else if (ended.tool === "pick" || ended.tool === "edit") {
      hooks.pick?.(ended.r, ended.c);
    }
  }

  function onDoubleClick(event) {
    const { r, c } = cellUnder(event);
    if (tool() === "move" && isEditable(cellAt(r, c))) {
      openField(cellAt(r, c));
    }
  }

  function onKeyDown(event) {
    const cell = cellOf(event.target);
    if (cell === undefined || (event.ctrlKey && event.key.length === 1) || event.metaKey) {
      return;
    }
    if (event.altKey) {
      spin(event, cell);
      return;
    }
    const { frame, rows, columns } = shape();
    const target = walked(event, cell, { frame, rows, columns });
    if (target !== null) {
      take(event);
      const [r, c] = [Math.max(-frame.top, Math.min(target[0], rows + frame.bottom - 1)), target[1]];
      focus(r, Math.max(-frame.left, Math.min(c, columns + frame.right - 1)), true);
      const now = cellOf(document.activeElement);
      hooks.walk?.(now.r, now.c);
    } else if (isEditable(cell) && (event.key === "Enter" || event.key === "F2" || BEGINS_NUMBER.test(event.key))) {
      take(event);
      openField(cell, event.key.length === 1 ? event.key : null);
    } else if (isEditable(cell) && (event.key === "Delete" || event.key === "Backspace")) {
      take(event);
      hooks.edit(cell.r, cell.c, 0, {});
    } else if (event.key === " " && tool() === "paint" && cell.inside) {
      take(event);
      gestures += 1;
      hooks.paint?.(cell.r, cell.c, { merge: `paint:${gestures}` });
    } else if ((event.key === "Enter" || event.key === " ") && hooks.pick) {
      take(event);
      hooks.pick(cell.r, cell.c);
    }
  }

  function spin(event, cell) {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (direction !== undefined && isEditable(cell)) {
      take(event);
      hooks.edit(cell.r, cell.c, stepped(cell.value, direction * (event.shiftKey ? 1 : 0.1)), { merge: `spin:${cell.r}:${cell.c}` });
    }
  }

  function onFocusIn(event) {
    const cell = cellOf(event.target);
    if (cell !== undefined) {
      focus(cell.r, cell.c);
      showCursor(event.target.matches(":focus-visible") ? cell : null);
      look({ r: cell.r, c: cell.c });
    }
  }

  function onFocusOut(event) {
    if (!element.contains(event.relatedTarget)) {
      showCursor(null);
      look(null);
    }
  }

  function openField(cell, text = null) {
    const { across, down, frame } = shape();
    field = h("input", {
      class: "cs-field",
      type: "text",
      inputmode: "text",
      autocomplete: "off",
      enterkeyhint: "done",
      "aria-label": words.t("cell.field", { row: cell.r, column: cell.c }),
      on: { keydown: onFieldKey, blur: () => closeField(true) },
    });
    field.value = text ?? exactNumber(cell.value);
    field.style.left = `${((cell.c + frame.left + 0.5 + rim) / (across + 2 * rim)) * 100}%`;
    field.style.top = `${((cell.r + frame.top + 0.5 + rim) / (down + 2 * rim)) * 100}%`;
    field.cell = cell;
    element.append(field);
    field.focus({ preventScroll: true });
    if (text === null) {
      field.select();
    }
  }

  function onFieldKey(event) {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Tab") {
      const { value, problem } = typedNumber(field.value, LIMITS.value);
      if (event.key === "Enter" || value === null) {
        event.preventDefault();
      }
      if (value === null) {
        setAttribute(field, "aria-invalid", "true");
        hooks.refuse?.(field.value, problem);
      } else {
        closeField(true, event.key === "Enter");
      }
    } else if (event.key === "Escape") {
      event.preventDefault();
      closeField(false, true);
    }
  }

  function closeField(keep, back = false) {
    if (field === null) {
      return;
    }
    const [closing, { value, problem }] = [field, typedNumber(field.value, LIMITS.value)];
    const { r, c, value: before } = closing.cell;
    field = null;
    closing.remove();
    if (keep && value === null) {
      hooks.refuse?.(closing.value, problem);
    } else if (keep && !Object.is(value, before)) {
      hooks.edit(r, c, value, {});
    }
    if (back) {
      focus(r, c, true);
    }
  }

  // those of the focus hear it from around the drawing: a browser lets Tab stop at an SVG that listens for it
  const focusListeners = { focusin: onFocusIn, focusout: onFocusOut };
  const listeners = {
    pointerdown: onPointerDown,
    pointermove: onPointerMove,
    pointerup: onPointerUp,
    pointercancel: onPointerUp,
    pointerleave: () => gesture === null && look(null),
    dblclick: onDoubleClick,
    keydown: onKeyDown,
  };
  Object.entries(listeners).forEach(([event, listener]) => picture.addEventListener(event, listener));
  Object.entries(focusListeners).forEach(([event, listener]) => element.addEventListener(event, listener));
  return {
    destroy: () => {
      closeField(false);
      Object.entries(listeners).forEach(([event, listener]) => picture.removeEventListener(event, listener));
      Object.entries(focusListeners).forEach(([event, listener]) => element.removeEventListener(event, listener));
    },
  };
}

/** Where a key leads, or null if it leads nowhere. */
function walked({ key, ctrlKey }, { r, c }, { frame, rows, columns }) {
  const [top, left, bottom, right] = [-frame.top, -frame.left, rows + frame.bottom - 1, columns + frame.right - 1];
  switch (key) {
    case "ArrowUp":
      return [r - 1, c];
    case "ArrowDown":
      return [r + 1, c];
    case "ArrowLeft":
      return [r, c - 1];
    case "ArrowRight":
      return [r, c + 1];
    case "Home":
      return [ctrlKey ? top : r, left];
    case "End":
      return [ctrlKey ? bottom : r, right];
    case "PageUp":
      return [top, c];
    case "PageDown":
      return [bottom, c];
    default:
      return null;
  }
}

function take(event) {
  event.preventDefault();
  event.stopPropagation();
}

function clamp(place, count) {
  return Math.max(0, Math.min(place, count - 1));
}
