// Everything that follows from a layer's numbers, computed once for each change, and the sums of the way back at each step.
// One rule: views read it and compute nothing themselves.

import { convBackward, convForward, makeTensor } from "./arithmetic.js";
import { strongest } from "./colours.js";

/**
 * Make the function that turns a layer of the state into its scene; it remembers the last one.
 * @returns {(layer: object) => object} the scene: x, w, b, dz, z, padded, rows, columns, options, back (dx, dxPadded, dw, db), limits,
 *   unusedRows and unusedColumns (places of the image, its frame counted, that no window touches), `running(at)`
 */
export function makeLayerScenes() {
  return remembered((layer) => [layer.image, layer.filters, layer.bias, layer.stride, layer.padding, layer.dilation, layer.dz], makeScene);
}

/**
 * Make a function that makes a scene anew only where something that it follows from is another.
 * @param {(part: object) => any[]} given what it follows from
 * @param {(part: object) => object} make
 * @returns {(part: object) => object}
 */
export function remembered(given, make) {
  let [last, scene] = [null, null];
  return (part) => {
    const now = given(part);
    if (last === null || now.some((value, i) => value !== last[i])) {
      last = now;
      scene = make(part);
    }
    return scene;
  };
}

function makeScene({ image, filters, bias, stride, padding, dilation, dz: given }) {
  const options = { stride, padding, dilation };
  const x = makeTensor([image.height, image.width, image.channels], image.values);
  const w = makeTensor([filters.size, filters.size, image.channels, filters.count], filters.values);
  const b = makeTensor([filters.count], bias);
  const { z, rows, columns, padded } = convForward(x, w, b, options);
  const dz = makeTensor(z.shape, given ?? new Float64Array(z.data.length).fill(1));
  const back = convBackward(dz, x, w, b, options);
  const limits = Object.fromEntries(
    Object.entries({ x, w, z, dz, dx: back.dxPadded, dw: back.dw, b, db: back.db }).map(([name, tensor]) => [name, strongest(tensor.data)]),
  );
  const scene = {
    options,
    x,
    w,
    b,
    z,
    dz,
    padded,
    rows,
    columns,
    back,
    limits,
    unusedRows: placesUnderNoWindow(rows),
    unusedColumns: placesUnderNoWindow(columns),
  };
  scene.bare = x.data.every((value) => value >= 0 && value <= 1);
  scene.running = makeRunning(scene);
  return scene;
}

/**
 * The places of one axis, counted from the first cell of the image, that lie under no cell of any window.
 * @param {object} axis
 * @returns {number[]}
 */
export function placesUnderNoWindow({ padded, before, out, kernel, stride, dilation }) {
  const used = new Set();
  for (let place = 0; place < out; place += 1) {
    for (let tap = 0; tap < kernel; tap += 1) {
      used.add(place * stride + tap * dilation);
    }
  }
  return Array.from({ length: padded }, (_, cell) => cell)
    .filter((cell) => !used.has(cell))
    .map((cell) => cell - before);
}

/** The sums after a step, in the order of the loops: rows, columns, filters. One step further costs one step. */
function makeRunning({ padded, w, b, dz, rows, columns }) {
  const [channels, count] = [w.shape[2], w.shape[3]];
  const sums = { dxPadded: makeTensor(padded.shape), dw: makeTensor(w.shape), db: makeTensor(b.shape) };
  let done = 0;

  function land(step) {
    const k = step % count;
    const v = Math.floor(step / count) % columns.out;
    const h = Math.floor(step / (count * columns.out));
    const received = dz.data[step];
    for (let i = 0; i < rows.kernel; i += 1) {
      for (let j = 0; j < columns.kernel; j += 1) {
        const cell = ((h * rows.stride + i * rows.dilation) * columns.padded + v * columns.stride + j * columns.dilation) * channels;
        const weight = (i * columns.kernel + j) * channels;
        for (let c = 0; c < channels; c += 1) {
          sums.dxPadded.data[cell + c] += w.data[(weight + c) * count + k] * received;
          sums.dw.data[(weight + c) * count + k] += padded.data[cell + c] * received;
        }
      }
    }
    sums.db.data[k] += received;
  }

  return ([h, v, k]) => {
    const wanted = (h * columns.out + v) * count + k + 1;
    if (wanted < done) {
      Object.values(sums).forEach((tensor) => tensor.data.fill(0));
      done = 0;
    }
    for (; done < wanted; done += 1) {
      land(done);
    }
    return sums;
  };
}
