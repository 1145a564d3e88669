// What there is to say about a network and its layers.
// One rule: only what the file itself says; a layer of an unknown kind gets its name and its shape.

/**
 * Name the kind of a layer, with the activation that is part of it.
 * @param {{ kind: string, config: object }} layer
 * @returns {string} "Conv2D + relu"
 */
export function kindOf({ kind, config }) {
  const activation = typeof config.activation === "string" ? config.activation : config.activation?.config?.name;
  return kind !== "Activation" && activation && activation !== "linear" ? `${kind} + ${activation}` : kind;
}

/**
 * Say in one sentence what a layer does.
 * @param {{ t: Function, has: Function }} words
 * @param {{ kind: string, config: object }} layer
 * @returns {string} empty for a kind that there is nothing to say about
 */
export function aboutLayer(words, { kind, config }) {
  const key = `net.about.${kind}`;
  if (!words.has(key)) {
    return "";
  }
  const [size, strides] = [config.kernel_size ?? config.pool_size ?? config.size, config.strides ?? config.pool_size];
  return words.t(key, {
    filters: config.filters,
    units: config.units,
    size: size?.join?.(" × "),
    stride: strides?.[0] === strides?.[1] ? strides?.[0] : strides?.join(" × "),
    padding: config.padding,
    rate: config.rate,
    activation: typeof config.activation === "string" ? config.activation : "",
  });
}

/**
 * Say what a network is and how it was trained.
 * @param {{ t: Function }} words
 * @param {object} session
 * @returns {string}
 */
export function aboutNetwork(words, { parameters, layers, input, run, shipped }) {
  const numbers = { parameters: thousands(parameters), layers: layers.length - 1, ...input };
  const says = [words.t("net.about", numbers)];
  const { accuracy, settings, data } = run ?? {};
  if (typeof accuracy === "number" && settings !== undefined) {
    const facts = { accuracy: (accuracy * 100).toFixed(1), images: thousands(data?.test?.images ?? "?") };
    says.push(words.t("net.trained", { ...facts, data: settings.data, epochs: settings.epochs, seed: settings.seed }));
  } else if (settings !== undefined) {
    says.push(words.t("net.trained.plainly", { data: settings.data, epochs: settings.epochs, seed: settings.seed }));
  }
  if (shipped) {
    says.push(words.t("net.yours"));
  }
  return says.join(" ");
}

/**
 * Say why a file gives no network.
 * @param {{ t: Function, has: Function, language: string }} words
 * @param {Error} error
 * @param {string} name of the file
 * @returns {string}
 */
export function sayNetworkProblem(words, error, name) {
  const key = `net.problem.${error.code}`;
  const known = words.has(key) ? words.t(key, error.values) : error.message;
  return words.t("net.problem", { name, said: error.code === undefined ? words.t("net.problem.failed", { reason: error.message }) : known });
}

/**
 * Write a whole number with its thousands apart.
 * @param {number} number
 * @returns {string}
 */
export function thousands(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * Write a share as a percentage that never claims more than it knows: 100 % only if it is all, 0 % only if it is nothing.
 * @param {number} share
 * @returns {string}
 */
export function percent(share) {
  if (share === 0 || share === 1) {
    return `${share * 100} %`;
  }
  const hundred = share * 100;
  return hundred > 99.9 ? "> 99.9 %" : hundred < 0.1 ? "< 0.1 %" : `${hundred.toFixed(1)} %`;
}
