// The controls of the views: choices, numbers, lists.
// One rule: a control shows what the state says, also after its own wish was refused.

import { h, newId, setAttribute, write } from "./dom.js";

/**
 * One of a few, all in sight: a group of radio buttons that looks like one button with parts.
 * @param {{ label: string, options: { value: *, label: string }[], choose: (value: *) => void, role?: string }} parts
 * @returns {{ element: HTMLElement, update: (value: *) => void }}
 */
export function makeChoice({ label, options, choose, role }) {
  const buttons = options.map((option) =>
    h(
      "button",
      { type: "button", role: "radio", "data-value": String(option.value), on: { click: () => choose(option.value) } },
      option.label,
    ),
  );
  const element = h(
    "div",
    { class: "cs-choice", role: "radiogroup", "aria-label": label, "data-role": role, on: { keydown: onKey } },
    buttons,
  );

  function onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const next = (buttons.indexOf(event.target) + step + buttons.length) % buttons.length;
      choose(options[next].value);
      buttons[next].focus();
    }
  }

  return {
    element,
    update: (value) => {
      const chosen = Math.max(
        options.findIndex((option) => option.value === value),
        0,
      );
      buttons.forEach((button, i) => {
        setAttribute(button, "aria-checked", String(options[i].value === value));
        setAttribute(button, "tabindex", i === chosen ? 0 : -1);
      });
    },
  };
}

/**
 * A whole number between two bounds.
 * @param {{ label: string, less: string, more: string, least: number, most: number, change: (value: number) => boolean, role?: string }}
 *   parts
 *   less and more: what its two buttons are called; change returns whether it was done
 * @returns {{ element: HTMLElement, update: (value: number) => void }}
 */
export function makeStepper({ label, less, more, least, most, change, role }) {
  const id = newId("number");
  const input = h("input", { type: "number", id, min: least, max: most, step: 1, "data-role": role, on: { change: onChange } });
  const down = h("button", { type: "button", tabindex: -1, "aria-label": less, on: { click: () => set(value - 1) } }, "−");
  const up = h("button", { type: "button", tabindex: -1, "aria-label": more, on: { click: () => set(value + 1) } }, "+");
  const element = h("div", { class: "cs-field-row" }, h("label", { for: id }, label), h("div", { class: "cs-stepper" }, down, input, up));
  let value = least;

  /** What is typed is taken as it is, or refused in words: the view that hears "cs-refused" says them. */
  function onChange() {
    const wanted = input.value.trim() === "" ? NaN : Number(input.value);
    if (Number.isInteger(wanted) && wanted >= least && wanted <= most) {
      set(wanted);
      return;
    }
    const detail = { label, text: input.value, least, most };
    update(value);
    element.dispatchEvent(new CustomEvent("cs-refused", { bubbles: true, detail }));
  }

  function set(wanted) {
    const next = Math.min(Math.max(wanted, least), most);
    if (next === value || change(next) === false) {
      update(value);
    }
  }

  function update(next) {
    value = next;
    if (input.value !== String(next)) {
      input.value = String(next);
    }
    setAttribute(down, "aria-disabled", next <= least ? "true" : null);
    setAttribute(up, "aria-disabled", next >= most ? "true" : null);
  }

  return { element, update };
}

/**
 * A list of things to do or to choose, folded up.
 * @param {{ label: string, options: { value: string, label: string }[], choose: (value: string) => void, prompt?: string, role?: string,
 *   bare?: boolean }} parts with a prompt it is a list of deeds: it returns to the prompt; bare: the label is heard, not seen
 * @returns {{ element: HTMLElement, update: (value: string) => void }}
 */
export function makeMenu({ label, options, choose, prompt, role, bare = false }) {
  const id = newId("menu");
  const items = (prompt === undefined ? [] : [h("option", { value: "" }, prompt)]).concat(
    options.map((option) => h("option", { value: option.value }, option.label)),
  );
  const select = h("select", { id, "data-role": role, on: { change: onChange } }, items);
  const element = h("div", { class: "cs-field-row" }, h("label", { for: id, class: bare ? "cs-hidden" : null }, label), select);

  function onChange() {
    const { value } = select;
    if (prompt !== undefined) {
      select.value = "";
    }
    if (value !== "") {
      choose(value);
    }
  }

  return {
    element,
    update: (value) => {
      select.value = value;
    },
  };
}

/**
 * A choice with pictures: the channels of a tensor, each as a small canvas.
 * @param {{ label: (i: number) => string, group: string, choose: (i: number) => void, draw: (canvas: HTMLCanvasElement, i: number) => void
 *   }} parts
 * @returns {{ element: HTMLElement, update: (count: number, chosen: number, redraw: boolean) => void }} with one channel there is no choice
 */
export function makeThumbs({ label, group, choose, draw }) {
  const element = h("div", { class: "cs-thumbs", role: "radiogroup", "aria-label": group, on: { keydown: onKey } });
  let buttons = [];

  function onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const next = (buttons.indexOf(event.target) + step + buttons.length) % buttons.length;
      choose(next);
      buttons[next].focus();
    }
  }

  function build(count) {
    buttons = Array.from({ length: count }, (_, i) =>
      h(
        "button",
        { type: "button", role: "radio", "aria-label": label(i), title: label(i), on: { click: () => choose(i) } },
        h("canvas", { "aria-hidden": "true" }),
        h("span", { "aria-hidden": "true" }, String(i)),
      ),
    );
    element.replaceChildren(...buttons);
  }

  return {
    element,
    update: (count, chosen, redraw) => {
      const rebuilt = buttons.length !== count;
      if (rebuilt) {
        build(count);
      }
      element.hidden = count < 2;
      buttons.forEach((button, i) => {
        setAttribute(button, "aria-checked", String(i === chosen));
        setAttribute(button, "tabindex", i === chosen ? 0 : -1);
        if (count > 1 && (redraw || rebuilt)) {
          draw(button.firstChild, i);
        }
      });
    },
  };
}

/**
 * Put a matrix on a canvas, a pixel a cell.
 * @param {HTMLCanvasElement} canvas
 * @param {{ rows: number, columns: number, fill: (r: number, c: number) => string }} matrix
 */
export function paintThumb(canvas, { rows, columns, fill }) {
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      context.fillStyle = fill(r, c);
      context.fillRect(c, r, 1, 1);
    }
  }
}

/**
 * A number that is typed: the brush, for one.
 * @param {{ label: string, read: (text: string) => number|null, show: (value: number) => string, change: (value: number) => void, role?:
 *   string }} parts
 * @returns {{ element: HTMLElement, update: (value: number) => void }}
 */
export function makeNumber({ label, read, show, change, role }) {
  const id = newId("typed");
  const input = h("input", { type: "text", id, size: 5, autocomplete: "off", "data-role": role, on: { change: onChange } });
  const element = h("div", { class: "cs-inline" }, h("label", { for: id }, label), input);

  function onChange() {
    const value = read(input.value);
    setAttribute(input, "aria-invalid", value === null ? "true" : null);
    if (value !== null) {
      change(value);
    }
  }

  return {
    element,
    update: (value) => {
      if (document.activeElement !== input) {
        input.value = show(value);
      }
    },
  };
}

/**
 * A text that is written anew, with names of entries in it.
 * @param {string} tag
 * @param {string} [look] class
 * @returns {{ element: HTMLElement, say: (text: string) => void }}
 */
export function makeText(tag, look) {
  const element = h(tag, { class: look });
  return { element, say: (text) => write(element, text) };
}
