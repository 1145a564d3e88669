// Step, play, pause, scrub: the walk through the loops.
// One rule: a frame that is played makes no node and keeps nothing.

import { makeMenu } from "./controls.js";
import { h, setAttribute, write } from "./dom.js";

const SPEEDS = [1, 3, 8, 20, 60];
const READING = 8; // steps a second that can be read; and how often sentences are written when it goes faster

/**
 * Make the bar.
 * @param {{ words: object, announce: (text: string) => void, where: () => { step: number, steps: number, name: string },
 *   go: (step: number) => void, stride: () => number, row: () => number }} parts where: at which step of how many, and how it is called; go
 *   there; stride: how many steps one step forward is; row: how many one row down is
 * @returns {{ element: HTMLElement, update: () => void, toggle: () => void, step: (by: number) => void, playing: boolean, reading: () =>
 *   boolean, destroy: () => void }} reading: whether sentences and the numbers of a step are worth writing now;
 *   while it plays faster than anybody reads, they are written a few times a second
 */
export function makePlayer({ words, announce, where, go, stride, row }) {
  let frame = null;
  let [due, speed] = [0, 3];
  let saying = null;
  let read = 0; // when sentences were written last

  const back = h(
    "button",
    {
      type: "button",
      class: "cs-button cs-sign",
      "data-role": "back",
      "aria-label": words.t("play.back"),
      title: words.t("play.back"),
      on: { click: () => step(-1) },
    },
    "◀",
  );
  const play = h("button", {
    type: "button",
    class: "cs-button cs-main-button cs-play",
    "data-role": "play",
    on: { click: () => toggle() },
  });
  const next = h(
    "button",
    {
      type: "button",
      class: "cs-button cs-sign",
      "data-role": "next",
      "aria-label": words.t("play.next"),
      title: words.t("play.next"),
      on: { click: () => step(1) },
    },
    "▶",
  );
  const range = h("input", {
    type: "range",
    min: 0,
    step: 1,
    "data-role": "scrub",
    "aria-label": words.t("play.scrub"),
    on: { input: onScrub, keydown: onKey },
  });
  const place = h("output", { class: "cs-place cs-number" });
  const pace = makeMenu({
    label: words.t("play.speed"),
    role: "speed",
    options: SPEEDS.map((steps) => ({ value: String(steps), label: words.t("play.pace", { steps }) })),
    choose: (value) => {
      speed = Number(value);
    },
  });
  pace.update(String(speed));
  const element = h(
    "div",
    { class: "cs-player", role: "group", "aria-label": words.t("play") },
    h("div", { class: "cs-player-buttons" }, back, play, next),
    range,
    place,
    pace.element,
  );

  function onScrub() {
    pause();
    go(Number(range.value));
  }

  function onKey(event) {
    const by = { ArrowUp: -row(), ArrowDown: row(), ArrowLeft: -stride(), ArrowRight: stride() }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      step(by / stride());
    }
  }

  function step(by) {
    pause();
    const { step: now, steps } = where();
    const target = now + by * stride();
    if (target >= 0 && target < steps) {
      go(target);
    }
    say();
  }

  /** What a step did is said once the steps pause, and not where a cell that has the focus says it itself. */
  function say() {
    clearTimeout(saying);
    if (!document.activeElement?.matches("[role=gridcell]")) {
      saying = setTimeout(() => announce(where().name), 250);
    }
  }

  function toggle() {
    if (frame !== null) {
      pause();
      announce(words.t("play.paused", { name: where().name }));
      return;
    }
    const { step: now, steps } = where();
    if (now + stride() >= steps) {
      go(now % stride());
    }
    due = performance.now() + 1000 / speed;
    frame = requestAnimationFrame(tick);
    announce(words.t("play.playing"));
    showState();
  }

  function tick(now) {
    const { step: at, steps } = where();
    const passed = Math.floor(((now - due) * speed) / 1000) + 1;
    if (passed > 0) {
      due += (passed * 1000) / speed;
      // a page that slept does not hurry after what it missed
      const target = at + Math.min(passed, Math.ceil(speed / 20)) * stride();
      if (at + stride() >= steps) {
        pause();
        return;
      }
      go(target < steps ? target : at + stride());
    }
    frame = requestAnimationFrame(tick);
  }

  function pause() {
    if (frame !== null) {
      cancelAnimationFrame(frame);
      frame = null;
      showState();
    }
  }

  function showState() {
    const playing = frame !== null;
    write(play, playing ? "❚❚" : "▶▶");
    setAttribute(play, "aria-label", words.t(playing ? "play.pause" : "play.play"));
    setAttribute(play, "title", words.t(playing ? "play.pause" : "play.play"));
    element.dispatchEvent(new CustomEvent("cs-playing", { bubbles: true, detail: playing }));
  }

  showState();
  return {
    element,
    toggle,
    step,
    get playing() {
      return frame !== null;
    },
    reading: () => {
      if (frame === null || speed <= READING || performance.now() - read >= 1000 / READING) {
        read = performance.now();
        return true;
      }
      return false;
    },
    update: () => {
      const { step: at, steps, name } = where();
      if (Number(range.max) !== steps - 1) {
        range.max = String(steps - 1);
      }
      if (range.value !== String(at)) {
        range.value = String(at);
      }
      const text = words.t("play.place", { step: at + 1, steps });
      write(place, text);
      setAttribute(range, "aria-valuetext", `${text}: ${name}`);
    },
    pause,
    destroy: () => {
      pause();
      clearTimeout(saying);
    },
  };
}

/**
 * What the keys of a view do while no matrix and no control has them.
 * @param {KeyboardEvent} event
 * @param {{ player: object, move: (rows: number, columns: number) => void, turn: () => void }} parts move: the window by so many outputs;
 *   turn: to the other direction
 * @returns {boolean} whether the key was one of them
 */
export function playerKey(event, { player, move, turn }) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return false;
  }
  const arrow = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (arrow !== undefined) {
    player.pause();
    move(...arrow);
    return true;
  }
  const pressed = event.key === " " && event.target.closest("button, summary, a, label, input");
  const deed = { n: () => player.step(1), p: () => player.step(-1), b: turn, " ": pressed ? undefined : player.toggle }[
    event.key.toLowerCase()
  ];
  deed?.();
  return deed !== undefined;
}
