// Which network a page shows: its own, or one that the visitor opened.
// One rule: it is kept beside the page's data, so that another language does not forget it.

const sessions = new WeakMap();

/**
 * Remember the network that is shown.
 * @param {object} data what came with the page
 * @param {object} session as `openNetwork` returns it, with `shipped`: whether it came with the page
 */
export function rememberNetwork(data, session) {
  sessions.set(data, session);
}

/**
 * The network that is shown, if one was opened yet.
 * @param {object} data
 * @returns {object|undefined}
 */
export function rememberedNetwork(data) {
  return sessions.get(data);
}

/**
 * The name under which Python finds the network that is shown.
 * @param {object} data
 * @returns {string|null} that of the page's own network, or of the visitor's file
 */
export function shownNetworkName(data) {
  const session = sessions.get(data);
  return session === undefined || session.shipped ? (data.network?.name ?? null) : `${session.name}.convstep`;
}
