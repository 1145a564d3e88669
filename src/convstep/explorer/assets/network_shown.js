// Which network a page shows: its own, or one that the visitor opened; the state says which.
// One rule: the opened ones are kept beside the page's data, so that neither undo nor another language forgets them.

const MOST_KEPT = 4; // that visitors opened: each holds all its weights
const kept = new WeakMap();

/**
 * Remember a network that was opened.
 * @param {object} data what came with the page
 * @param {object} session as `openNetwork` returns it, with `shipped`: whether it came with the page
 */
export function rememberNetwork(data, session) {
  const others = (kept.get(data) ?? []).filter((one) => one.digest !== session.digest || one.shipped !== session.shipped);
  const [own, opened] = [true, false].map((shipped) => [...others, session].filter((one) => one.shipped === shipped));
  kept.set(data, [...own, ...opened.slice(-MOST_KEPT)]);
}

/**
 * The network that a state is of, if it is open.
 * @param {object} data
 * @param {{ name: string, digest: string }|null} of as the state has it; null for the page's own
 * @returns {object|undefined}
 */
export function rememberedNetwork(data, of) {
  return (kept.get(data) ?? []).find((one) => (of === null ? one.shipped : one.digest === of.digest));
}

/**
 * The name under which Python finds the network that a state is of.
 * @param {object} data
 * @param {{ name: string }|null} of
 * @returns {string|null} that of the page's own network, or of the visitor's file
 */
export function shownNetworkName(data, of) {
  return of === null ? (data.network?.name ?? null) : `${of.name}.convstep`;
}
