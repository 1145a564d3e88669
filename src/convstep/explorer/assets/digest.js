// Checksums of bytes: CRC-32, which a zip file has, and SHA-256, by which model.json names its weights.
// One rule: computed here and at once, since a page that is opened from the disk may not ask the browser for digests.

/**
 * @param {Uint8Array} bytes
 * @returns {number} the CRC-32 of a zip file, 0 to 2 ** 32 - 1
 */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i += 1) {
    crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]) & 0xff];
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc;
});

/**
 * The SHA-256 of bytes: FIPS 180-4, section 6.2.
 * @param {Uint8Array} bytes
 * @returns {string} 64 hexadecimal digits
 */
export function sha256(bytes) {
  const state = Uint32Array.from(HASH_START);
  const words = new Uint32Array(64);
  const whole = bytes.length - (bytes.length % 64);
  for (let start = 0; start < whole; start += 64) {
    digestBlock(state, words, bytes, start);
  }
  // the rest, a 1, zeros, and the length in bits
  const end = new Uint8Array(bytes.length - whole < 56 ? 64 : 128);
  end.set(bytes.subarray(whole));
  end[bytes.length - whole] = 0x80;
  const view = new DataView(end.buffer);
  view.setUint32(end.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(end.length - 4, (bytes.length << 3) >>> 0);
  for (let start = 0; start < end.length; start += 64) {
    digestBlock(state, words, end, start);
  }
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
}

function digestBlock(state, words, bytes, start) {
  for (let i = 0; i < 16; i += 1) {
    const place = start + 4 * i;
    words[i] = (bytes[place] << 24) | (bytes[place + 1] << 16) | (bytes[place + 2] << 8) | bytes[place + 3];
  }
  for (let i = 16; i < 64; i += 1) {
    const [near, far] = [words[i - 2], words[i - 15]];
    const small = turned(far, 7) ^ turned(far, 18) ^ (far >>> 3);
    const large = turned(near, 17) ^ turned(near, 19) ^ (near >>> 10);
    words[i] = words[i - 16] + small + words[i - 7] + large;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i += 1) {
    const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + HASH_ROUNDS[i] + words[i]) | 0;
    const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i] += word;
  });
}

function turned(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

// the first 32 bits behind the point of the square roots, and of the cube roots, of the first primes
const PRIMES = Array.from({ length: 312 }, (_, i) => i).filter((n) => n > 1 && !hasDivisor(n)).slice(0, 64);
const HASH_START = PRIMES.slice(0, 8).map((prime) => Math.floor((Math.sqrt(prime) % 1) * 2 ** 32));
const HASH_ROUNDS = Uint32Array.from(PRIMES, (prime) => Math.floor((Math.cbrt(prime) % 1) * 2 ** 32));

function hasDivisor(number) {
  return Array.from({ length: number }, (_, i) => i).some((divisor) => divisor > 1 && number % divisor === 0);
}
