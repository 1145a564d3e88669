// Images that come with the page: a landscape and two balls, painted by functions, and patterns.
// One rule: a picture is a function of the place, so it is sharp at every size and costs no byte of the page.

const SAMPLE_POINTS = 5; // points of a cell along each side that are averaged
const MIX = [0.299, 0.587, 0.114]; // ITU-R 601: how bright red, green and blue are

const PAINTINGS = { landscape, balls };
const PATTERNS = {
  checkerboard: (r, c, unit) => (Math.floor(r / unit) + Math.floor(c / unit)) % 2,
  stripes: (r, c, unit) => Number((r + c) % (4 * unit) < 2 * unit),
  gradient: (r, c, unit, height, width) => (r + c) / Math.max(height + width - 2, 1),
  frame: (r, c, unit, height, width) =>
    Number(Math.floor((Math.min(r, c, height - 1 - r, width - 1 - c) - Math.floor(Math.min(height, width) / 4)) / unit) === 0),
};

/** The names of the samples, and whether they have colours. */
export const SAMPLES = [
  ...Object.keys(PAINTINGS).map((name) => ({ name, colours: true })),
  ...Object.keys(PATTERNS).map((name) => ({ name, colours: false })),
];

/**
 * Paint a sample.
 * @param {string} name
 * @param {{ height: number, width: number, channels: number }} size one channel is grey, three are red, green and blue
 * @returns {{ height: number, width: number, channels: number, data: Float64Array }} numbers from 0 to 1
 */
export function sampleImage(name, { height, width, channels }) {
  const data = new Float64Array(height * width * channels);
  const unit = Math.ceil(Math.min(height, width) / 16); // what a pattern is made of is seen at every size
  const paint =
    name in PATTERNS ? (r, c) => grey(PATTERNS[name](r, c, unit, height, width)) : (r, c) => painted(PAINTINGS[name], r, c, height, width);
  for (let r = 0; r < height; r += 1) {
    for (let c = 0; c < width; c += 1) {
      const colour = paint(r, c);
      const bright = colour.reduce((sum, part, i) => sum + part * MIX[i], 0);
      for (let k = 0; k < channels; k += 1) {
        data[(r * width + c) * channels + k] = Math.min(1, channels === 3 ? colour[k] : bright);
      }
    }
  }
  return { height, width, channels, data };
}

const grey = (value) => [value, value, value];
const blend = (from, to, part) => from.map((value, i) => value + (to[i] - value) * Math.min(1, Math.max(0, part)));
const rise = (low, high, value) => {
  const part = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return part * part * (3 - 2 * part);
};

/** The colour of a cell: the average of the points in it. */
function painted(painting, r, c, height, width) {
  const sums = [0, 0, 0];
  const longer = Math.max(height, width); // the picture is square; of a narrow one the middle is seen
  for (let i = 0; i < SAMPLE_POINTS * SAMPLE_POINTS; i += 1) {
    const y = (r + (Math.floor(i / SAMPLE_POINTS) + 0.5) / SAMPLE_POINTS + (longer - height) / 2) / longer;
    const x = (c + ((i % SAMPLE_POINTS) + 0.5) / SAMPLE_POINTS + (longer - width) / 2) / longer;
    painting(x, y).forEach((value, k) => {
      sums[k] += value / (SAMPLE_POINTS * SAMPLE_POINTS);
    });
  }
  return sums;
}

/** A lake before mountains in the evening, and a boat on it. */
function landscape(x, y) {
  const shore = 0.62;
  if (y > shore) {
    const ripple = 0.012 * Math.sin(y * 90) * Math.sin(x * 9 + y * 31);
    const mirrored = landAndSky(x + ripple, 2 * shore - y - 0.01);
    return boat(x, y, blend(mirrored, [0.05, 0.16, 0.3], 0.3 + 0.6 * (y - shore)));
  }
  return boat(x, y, landAndSky(x, y));
}

function landAndSky(x, y) {
  const far = 0.34 + 0.2 * Math.abs(x - 0.36) + 0.025 * Math.sin(x * 21) + 0.014 * Math.sin(x * 53 + 1);
  const near = 0.57 - 0.13 * rise(0.5, 1, x) - 0.05 * rise(0.25, 0, x) + 0.012 * Math.sin(x * 33);
  const sun = Math.hypot(x - 0.74, y - 0.24);
  if (y > near) {
    return blend([0.16, 0.34, 0.17], [0.06, 0.15, 0.1], (y - near) / 0.12 + 0.3 * Math.sin(x * 80));
  }
  if (y > far) {
    const snow = rise(0.075, 0.03, y - far + 0.02 * Math.sin(x * 60));
    const lit = x > 0.36 + 0.03 * Math.sin(y * 40) ? 0.16 : 0;
    return blend([0.3 + lit, 0.32 + lit, 0.47], [0.82 + lit, 0.84 + lit, 0.9], snow);
  }
  const sky = blend([0.22, 0.43, 0.76], [0.98, 0.78, 0.55], y / 0.5);
  return sun < 0.075 ? [1, 0.95, 0.72] : blend(sky, [1, 0.88, 0.6], 0.75 * Math.exp(-9 * (sun - 0.075)));
}

function boat(x, y, behind) {
  const [across, up] = [x - 0.32, 0.76 - y];
  if (up > 0.015 && up < 0.27 && across > 0.012 && across < 0.15 * (1 - up / 0.27) + 0.012) {
    return blend([0.86, 0.16, 0.13], [1, 0.42, 0.3], across / 0.12);
  }
  if (up > 0.03 && up < 0.24 && across < -0.004 && across > -0.09 * (1 - up / 0.24)) {
    return [0.97, 0.95, 0.9];
  }
  const hull = 0.17 - 1.1 * Math.max(0, -up);
  return up <= 0.015 && up > -0.045 && Math.abs(across - 0.02) < hull ? blend([0.4, 0.22, 0.1], [0.2, 0.1, 0.05], -up / 0.045) : behind;
}

/** Two balls on a table, lit from the upper left: soft shades and hard edges. */
function balls(x, y) {
  const table = y > 0.6 ? blend([0.74, 0.66, 0.56], [0.52, 0.44, 0.37], (y - 0.6) / 0.4) : blend([0.36, 0.42, 0.5], [0.58, 0.63, 0.68], y / 0.6);
  const shadow = (cx, cy, size) => 0.75 * rise(1.1, 0.5, Math.hypot((x - cx) / size, (y - cy) / (size * 0.25)));
  const shaded = [shadow(0.5, 0.86, 0.3), shadow(0.83, 0.87, 0.18)].reduce((colour, part) => blend(colour, [0.13, 0.11, 0.12], part), table);
  return ball(x, y, [0.74, 0.71, 0.17], [0.12, 0.5, 0.86]) ?? ball(x, y, [0.38, 0.58, 0.3], [0.9, 0.3, 0.12]) ?? shaded;
}

function ball(x, y, [cx, cy, radius], colour) {
  const [u, v] = [(x - cx) / radius, (y - cy) / radius];
  const depth = 1 - u * u - v * v;
  if (depth <= 0) {
    return null;
  }
  const light = -0.5 * u - 0.62 * v + 0.6 * Math.sqrt(depth);
  const lit = blend(colour.map((part) => part * 0.12), colour, 0.12 + 0.95 * Math.max(0, light));
  return blend(lit, [1, 1, 1], Math.max(0, light) ** 22);
}
