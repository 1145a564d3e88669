// Everything that follows from the numbers of a pooling, computed once for each change, under both rules for ties.
// One rule: views read it and compute nothing themselves.

import { makeTensor, poolBackward, poolForward, poolStep } from "./arithmetic.js";
import { strongest } from "./colours.js";
import { placesUnderNoWindow, remembered } from "./layerscene.js";

/** The two rules for ties: every largest cell gets the whole gradient, or the first of them. */
export const RULES = ["course", "first"];

/**
 * Make the function that turns a pooling of the state into its scene; it remembers the last one.
 * @returns {(pooling: object) => object} the scene: x, a, da, rows, columns, options, back and running(at) by rule, limits, unusedRows,
 *   unusedColumns
 */
export function makePoolScenes() {
  return remembered((pooling) => [pooling.image, pooling.size, pooling.stride, pooling.mode, pooling.da], makePoolScene);
}

/**
 * One step of a pooling, with what it sends back under a rule.
 * @param {object} scene
 * @param {number[]} at
 * @param {"course"|"first"} rule
 * @returns {{ window: object, mask: object|null, sum: number|null, value: number, pieces: number[] }} pieces: what each cell of the window
 *   gets of the gradient
 */
export function poolPieces({ x, da, options }, at, rule) {
  const step = poolStep(x, { ...options, rule }, at);
  const received = da.data[(at[0] * da.shape[1] + at[1]) * da.shape[2] + at[2]];
  const { window, mask } = step;
  return { ...step, pieces: Array.from(window.data, (_, i) => (mask === null ? received / window.data.length : mask.data[i] * received)) };
}

function makePoolScene({ image, size, stride, mode, da: given }) {
  const options = { size, stride, mode };
  const x = makeTensor([image.height, image.width, image.channels], image.values);
  const { a, rows, columns } = poolForward(x, options);
  const da = makeTensor(a.shape, given ?? new Float64Array(a.data.length).fill(1));
  const back = Object.fromEntries(RULES.map((rule) => [rule, poolBackward(da, x, { ...options, rule }).dx]));
  const limits = { x: strongest(x.data), a: strongest(a.data), da: strongest(da.data), dx: strongest(back.course.data) };
  const scene = {
    options,
    x,
    a,
    da,
    rows,
    columns,
    back,
    limits,
    unusedRows: placesUnderNoWindow(rows),
    unusedColumns: placesUnderNoWindow(columns),
  };
  scene.bare = x.data.every((value) => value >= 0 && value <= 1);
  scene.running = Object.fromEntries(RULES.map((rule) => [rule, makeRunningPool(scene, rule)]));
  return scene;
}

/** The sum after a step, in the order of the loops: rows, columns, channels. */
function makeRunningPool(scene, rule) {
  const { x, a, rows, columns } = scene;
  const [, across, channels] = a.shape;
  const dx = makeTensor(x.shape);
  let done = 0;

  function land(step) {
    const at = [Math.floor(step / (across * channels)), Math.floor(step / channels) % across, step % channels];
    const { pieces } = poolPieces(scene, at, rule);
    pieces.forEach((piece, i) => {
      const [r, c] = [at[0] * rows.stride + Math.floor(i / columns.kernel), at[1] * columns.stride + (i % columns.kernel)];
      dx.data[(r * x.shape[1] + c) * channels + at[2]] += piece;
    });
  }

  return ([h, v, c]) => {
    const wanted = (h * across + v) * channels + c + 1;
    if (wanted < done) {
      dx.data.fill(0);
      done = 0;
    }
    for (; done < wanted; done += 1) {
      land(done);
    }
    return dx;
  };
}
