// What the page shows first: a handwritten three, and a filter that answers to edges.
// One rule: it says something at once, in numbers that can be checked in the head (tenths).

const THREE = [
  "............",
  "...25898....",
  "..2AA88AA...",
  "..3A2..2AA..",
  ".......3A9..",
  "....477AA3..",
  "....8AAA7...",
  "......27AA2.",
  ".4......5A5.",
  ".7A3...3AA4.",
  "..6AA9AAA7..",
  "....488642..",
];
const TENTHS = ".123456789A";

const OPENING_IMAGE = {
  height: THREE.length,
  width: THREE[0].length,
  channels: 1,
  values: THREE.flatMap((row) => [...row].map((sign) => TENTHS.indexOf(sign) / 10)),
};

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
    dz: null,
    at: [4, 7, 0],
    direction: "forward",
    channel: 0,
    sums: "running",
  },
  pooling: { image: POOLED_IMAGE, size: 2, stride: 2, mode: "max", rule: "course", da: null, at: [0, 2, 0], direction: "forward", sums: "running" },
  network: { image: null, layer: null, class: null },
  mistakes: { id: null },
};
