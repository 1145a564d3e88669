// Which entries of which tensors one entry depends on, which it feeds, and by which products.
// One rule: every product of a convolution, forward or backward, belongs to one meeting of a cell with a weight for one output. Where
// the cell is padding the meeting counts too: its product is 0, but it is taken.

import { makeTensor, poolMask, windowAxis, zeroPad } from "./arithmetic.js";

/**
 * One summand of a sum. Only what it is made of is named; `image` is null where the cell is padding.
 * @typedef {{ of: string, at: number[], image?: number[]|null, padded?: number[], filters?: number[], bias?: number[], dz?: number[],
 *   da?: number[], share?: number, product: number }} Term
 * of, at: the entry that it is added to ("dxPadded" where padding gets it, which is cut off). In pooling `share` is what the image's
 *   cell has of the window: 1 or 0 by the mask of a maximum,
 * 1 / size of an average; `product` is what is added (to "a" of an average: the cell, which is divided at the end).
 */

/**
 * @typedef {{ dependsOn: Object<string, number[][]>, feeds: Object<string, number[][]>, terms: Term[],
 *   twin: { tensor: string, at: number[] }|null }} Dependencies
 * terms: of a sum, its summands in the order in which they are added; of an entry that is given, those that it is a factor of.
 * twin: the gradient of this entry, or the entry that this is the gradient of.
 */

const CONV_TWINS = [["image", "dx"], ["padded", "dxPadded"], ["filters", "dw"], ["bias", "db"], ["z", "dz"]];
const POOL_TWINS = [["image", "dx"], ["a", "da"]];

/**
 * Follow one entry of a convolution.
 * @param {{ x: Tensor, w: Tensor, b: Tensor, dz: Tensor, options: object }} lab x (H, W, C), w (f, f, C, K), b (K), dz (h, w, K), and the
 *   options of `convForward`
 * @param {"image"|"padded"|"filters"|"bias"|"z"|"dz"|"dx"|"dxPadded"|"dw"|"db"} tensor
 * @param {number[]} at which entry of it
 * @returns {Dependencies}
 */
export function convDependencies(lab, tensor, at) {
  const scene = convScene(lab);
  const found = { dependsOn: {}, feeds: {}, terms: [], twin: twinOf(CONV_TWINS, tensor, at) };
  const meetings = meetingsOf(scene, tensor, at);
  for (const [source, target] of CONV_EDGES[tensor] ?? []) {
    const places = meetings.map((meeting) => PLACES[source === tensor ? target : source](meeting));
    const side = source === tensor ? found.feeds : found.dependsOn;
    side[source === tensor ? target : source] = places;
  }
  found.terms = meetings.flatMap((meeting) => (CONV_TERMS[tensor] ?? []).map((make) => make(scene, meeting)));
  addFrame(scene, tensor, at, found);
  addBias(scene, tensor, at, found);
  return found;
}

// which meetings lead from which tensor to which, by the tensor that is asked about; an edge stands under both of its ends
const CONV_EDGES = edgesByTensor([
  ["padded", "z"], ["filters", "z"], ["dz", "dxPadded"], ["filters", "dxPadded"], ["dz", "dw"], ["padded", "dw"],
]);

// the indices of each tensor's entry that a meeting is about
const PLACES = {
  padded: ({ r, s, c }) => [r, s, c],
  dxPadded: ({ r, s, c }) => [r, s, c],
  filters: ({ i, j, c, k }) => [i, j, c, k],
  dw: ({ i, j, c, k }) => [i, j, c, k],
  z: ({ h, v, k }) => [h, v, k],
  dz: ({ h, v, k }) => [h, v, k],
};

const CONV_TERMS = {
  image: [forwardTerm, weightTerm],
  padded: [forwardTerm, weightTerm],
  filters: [forwardTerm, imageTerm],
  z: [forwardTerm],
  dz: [imageTerm, weightTerm],
  dx: [imageTerm],
  dxPadded: [imageTerm],
  dw: [weightTerm],
};

/** z gets a cell times a weight. */
function forwardTerm(scene, meeting) {
  const [padded, filters] = [PLACES.padded(meeting), PLACES.filters(meeting)];
  const product = entryAt(scene.padded, padded) * entryAt(scene.w, filters);
  return { of: "z", at: PLACES.z(meeting), padded, image: imageCell(scene, padded), filters, product };
}

/** dx gets the gradient of an output times the weight that the cell met for it. */
function imageTerm(scene, meeting) {
  const [dz, filters, padded] = [PLACES.dz(meeting), PLACES.filters(meeting), PLACES.padded(meeting)];
  const product = entryAt(scene.w, filters) * entryAt(scene.dz, dz);
  const image = imageCell(scene, padded);
  return { of: image === null ? "dxPadded" : "dx", at: image ?? padded, dz, filters, product };
}

/** dw gets the gradient of an output times the cell that the weight met for it. */
function weightTerm(scene, meeting) {
  const [dz, padded] = [PLACES.dz(meeting), PLACES.padded(meeting)];
  const product = entryAt(scene.padded, padded) * entryAt(scene.dz, dz);
  return { of: "dw", at: PLACES.dw(meeting), dz, padded, image: imageCell(scene, padded), product };
}

/** The image is the inside of the padded image, and dx that of dxPadded: pass their entries on to those of the frame. */
function addFrame(scene, tensor, at, found) {
  const inside = (places) => places.map((place) => imageCell(scene, place)).filter((place) => place !== null);
  for (const side of [found.dependsOn, found.feeds]) {
    if (side.padded) {
      side.image = inside(side.padded);
    }
    if (side.dxPadded) {
      side.dx = inside(side.dxPadded);
    }
  }
  const [frame, image] = [paddedCell(scene, at), imageCell(scene, at)];
  if (tensor === "image") {
    found.feeds.padded = [frame];
  } else if (tensor === "dx") {
    found.dependsOn.dxPadded = [frame];
  } else if (tensor === "padded" && image !== null) {
    found.dependsOn.image = [image];
  } else if (tensor === "dxPadded" && image !== null) {
    found.feeds.dx = [image];
  }
}

/** The bias is added to every output of its filter, and its gradient adds up those of the outputs. */
function addBias(scene, tensor, at, found) {
  const k = at[at.length - 1];
  const outputs = () => pairsOf(countUp(scene.rows.out), countUp(scene.columns.out)).map(([h, v]) => [h, v, k]);
  const biasTerm = (place) => ({ of: "z", at: place, bias: [k], product: entryAt(scene.b, [k]) });
  const sumTerm = (place) => ({ of: "db", at: [k], dz: place, product: entryAt(scene.dz, place) });
  if (tensor === "z") {
    found.dependsOn.bias = [[k]];
    found.terms.push(biasTerm(at));
  } else if (tensor === "dz") {
    found.feeds.db = [[k]];
    found.terms.push(sumTerm(at));
  } else if (tensor === "bias") {
    found.feeds.z = outputs();
    found.terms = found.feeds.z.map(biasTerm);
  } else if (tensor === "db") {
    found.dependsOn.dz = outputs();
    found.terms = found.dependsOn.dz.map(sumTerm);
  }
}

/** Every meeting of cell (r, s, c) with weight (i, j, c, k) for output (h, v, k) that the entry takes part in, in order of the sums. */
function meetingsOf(scene, tensor, at) {
  const { rows, columns, w } = scene;
  const [channels, filters] = [countUp(w.shape[2]), countUp(w.shape[3])];
  if (tensor === "bias" || tensor === "db") {
    return [];
  }
  if (tensor === "z" || tensor === "dz") {
    return crossedMeetings(tapsOf(rows, at[0]), tapsOf(columns, at[1]), channels, [at[2]]);
  }
  if (tensor === "filters" || tensor === "dw") {
    return crossedMeetings(outputsOf(rows, at[0]), outputsOf(columns, at[1]), [at[2]], [at[3]]);
  }
  const [r, s, c] = tensor === "image" || tensor === "dx" ? paddedCell(scene, at) : at;
  return crossedMeetings(meetingPairs(rows, r), meetingPairs(columns, s), [c], filters);
}

function crossedMeetings(rowPairs, columnPairs, channels, filters) {
  const meetings = [];
  for (const { out: h, tap: i, cell: r } of rowPairs) {
    for (const { out: v, tap: j, cell: s } of columnPairs) {
      for (const c of channels) {
        for (const k of filters) {
          meetings.push({ h, v, k, i, j, c, r, s });
        }
      }
    }
  }
  return meetings;
}

// along one axis: the cells of one window, the windows of one cell of the kernel, and the windows that have one cell of the image

function tapsOf(axis, out) {
  return countUp(axis.kernel).map((tap) => ({ out, tap, cell: out * axis.stride + tap * axis.dilation }));
}

function outputsOf(axis, tap) {
  return countUp(axis.out).map((out) => ({ out, tap, cell: out * axis.stride + tap * axis.dilation }));
}

function meetingPairs(axis, cell) {
  const pairs = countUp(axis.kernel).map((tap) => ({ out: (cell - tap * axis.dilation) / axis.stride, tap, cell }));
  return pairs.filter(({ out }) => Number.isInteger(out) && out >= 0 && out < axis.out).reverse();
}

function convScene({ x, w, b, dz, options: { stride = 1, padding = "valid", dilation = 1 } = {} }) {
  const [rows, columns] = [0, 1].map((axis) => windowAxis(x.shape[axis], w.shape[axis], stride, dilation, padding));
  return { rows, columns, w, b, dz, padded: zeroPad(x, rows, columns) };
}

function imageCell({ rows, columns }, [r, s, c]) {
  const [row, column] = [r - rows.before, s - columns.before];
  return row >= 0 && row < rows.size && column >= 0 && column < columns.size ? [row, column, c] : null;
}

function paddedCell({ rows, columns }, [r, s, c]) {
  return [r + rows.before, s + columns.before, c];
}

/**
 * Follow one entry of a pooling.
 * @param {{ x: Tensor, da: Tensor, options: object }} lab x (H, W, C), da (h, w, C), and the options of `poolBackward`
 * @param {"image"|"a"|"da"|"dx"} tensor
 * @param {number[]} at which entry of it
 * @returns {Dependencies} a maximum depends on all cells of its window, and so does the gradient that they get: each could change the mask
 */
export function poolDependencies(lab, tensor, at) {
  const { size, stride, mode } = lab.options;
  const [rows, columns] = [0, 1].map((axis) => windowAxis(lab.x.shape[axis], size, stride));
  const c = at[2];
  const windowAt = ([h, v]) => pairsOf(tapsOf(rows, h), tapsOf(columns, v)).map(([row, column]) => [row.cell, column.cell, c]);
  const isCell = tensor === "image" || tensor === "dx";
  const windowsOf = ([r, s]) => pairsOf(meetingPairs(rows, r), meetingPairs(columns, s)).map(([row, column]) => [row.out, column.out, c]);
  const outputs = isCell ? windowsOf(at) : [at];
  const cells = isCell ? [at] : windowAt(at);
  const chooses = mode === "max" && size > 1; // the only cell of a window always has the largest value
  const around = isCell && chooses ? distinct(outputs.flatMap(windowAt)) : [];
  const [dependsOn, feeds, wanted] = {
    image: [{}, { a: outputs, ...(chooses && { dx: around }) }, ["a"]],
    a: [{ image: cells }, {}, ["a"]],
    da: [{}, { dx: cells }, ["dx"]],
    dx: [{ da: outputs, ...(chooses && { image: around }) }, {}, ["dx"]],
  }[tensor];
  const terms = outputs.flatMap((output) => poolTerms(lab, output, windowAt(output), cells, wanted[0]));
  return { dependsOn, feeds, terms, twin: twinOf(POOL_TWINS, tensor, at) };
}

/** What the cells of one window that are asked for give to its output, or get of its gradient. */
function poolTerms({ x, da, options: { size, mode, rule } }, output, window, cells, of) {
  const isMax = mode === "max";
  const marks = isMax ? poolMask(makeTensor([size, size], window.map((cell) => entryAt(x, cell))), rule).data : null;
  return cells.map((cell) => {
    const mark = isMax ? marks[window.findIndex((other) => sameIndex(other, cell))] : 1;
    const share = isMax ? mark : 1 / window.length;
    if (of === "a") {
      return { of, at: output, image: cell, share, product: entryAt(x, cell) };
    }
    const received = entryAt(da, output);
    const product = rule === "first" && !mark ? 0 : isMax ? mark * received : received / window.length;
    return { of, at: cell, da: output, share, product };
  });
}

function twinOf(twins, tensor, at) {
  const pair = twins.find((names) => names.includes(tensor));
  return { tensor: pair[0] === tensor ? pair[1] : pair[0], at: [...at] };
}

function edgesByTensor(edges) {
  const found = {};
  const inside = { padded: "image", dxPadded: "dx" };
  for (const edge of edges) {
    for (const end of edge) {
      (found[end] ??= []).push(edge);
      if (end in inside) {
        // an entry of the image takes part as the cell of the frame that it is in
        (found[inside[end]] ??= []).push(edge.map((name) => (name === end ? inside[end] : name)));
      }
    }
  }
  return found;
}

function entryAt({ shape, data }, at) {
  return data[at.reduce((place, index, axis) => place * shape[axis] + index, 0)];
}

function distinct(places) {
  return [...new Map(places.map((place) => [place.join(), place])).values()];
}

function sameIndex(one, other) {
  return one.every((index, axis) => index === other[axis]);
}

function pairsOf(firsts, seconds) {
  return firsts.flatMap((first) => seconds.map((second) => [first, second]));
}

function countUp(count) {
  return Array.from({ length: count }, (_, i) => i);
}
