// What the page shows first: a handwritten three, and a filter that answers to edges.
// One rule: it says something at once, in numbers that can be checked in the head. Quarters add up without rounding.

const THREE = [
  "............",
  "...12332....",
  "..1444444...",
  "..141..144..",
  "........43..",
  "....23344...",
  "....34443...",
  "......1344..",
  ".2......44..",
  ".34....144..",
  "..44344442..",
  "...233321...",
];

const OPENING_IMAGE = {
  height: THREE.length,
  width: THREE[0].length,
  channels: 1,
  values: THREE.flatMap((row) => [...row].map((quarters) => (quarters === "." ? 0 : Number(quarters) / 4))),
};

// one gradient alone, two whose windows share a column with weights that are not 0, and one that is negative
const OPENING_DZ = new Array(100).fill(0);
Object.entries({ 12: 1, 45: 1, 47: 2, 73: -1 }).forEach(([place, value]) => {
  OPENING_DZ[place] = value;
});

// small whole numbers with ties in it, for pooling
const POOLED_IMAGE = {
  height: 6,
  width: 6,
  channels: 1,
  values: [3, 1, 0, 2, 5, 5, 2, 3, 4, 1, 5, 5, 0, 0, 2, 6, 1, 0, 0, 0, 6, 3, 2, 4, 7, 1, 2, 2, 0, 8, 4, 7, 2, 2, 3, 1],
};

/** The state that the page opens with. */
export const FIRST_STATE = {
  version: 1,
  view: "layer",
  layer: {
    image: OPENING_IMAGE,
    filters: { size: 3, count: 1, values: [1, 0, -1, 1, 0, -1, 1, 0, -1] },
    bias: [0],
    stride: 1,
    padding: "valid",
    dilation: 1,
    dz: OPENING_DZ,
    at: [4, 7, 0],
    direction: "forward",
    channel: 0,
    sums: "running",
  },
  pooling: {
    image: POOLED_IMAGE,
    size: 2,
    stride: 2,
    mode: "max",
    rule: "course",
    da: null,
    at: [0, 2, 0],
    direction: "forward",
    sums: "running",
  },
  network: { of: null, image: null, layer: null, class: null, map: 0, at: null },
  mistakes: { id: null },
};
