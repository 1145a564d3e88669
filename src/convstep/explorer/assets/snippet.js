// The state as a Python program for `convstep.steps`, to be run anywhere.
// One rule: it holds the very numbers of the page, and asserts that the steps give them.

import { convBackward, convForward, makeTensor, poolBackward, poolForward } from "./arithmetic.js";
import { entryText, isCarried } from "./mistakes_data.js";
import { comparedResults } from "./mistakes_outcome.js";
import { pythonArray, pythonCall, pythonNumber, pythonValue } from "./python.js";

const MOST = 1500; // numbers of results that are written out

/**
 * Write the program.
 * @param {object} state
 * @param {{ words: object, mistake?: object|null, network?: string|null, digit?: number }} about words for the comments; of the view "the
 *   mistakes" the one that is shown; of the view "a network" the name of the network and the test digit that it begins with
 * @returns {string}
 */
export function snippetOf(state, { words, mistake = null, network = null, digit = 0 }) {
  const writers = {
    layer: () => layerSnippet(state.layer, words),
    pooling: () => poolingSnippet(state.pooling, words),
    network: () => networkSnippet(state.network, network, digit, words),
    mistakes: () => (mistake === null ? [comment(words, "mistakes.loading")] : mistakeSnippet(mistake, words)),
  };
  return `${writers[state.view]().flat().filter((line) => line !== null).join("\n")}\n`;
}

function layerSnippet(layer, words) {
  const { image, filters, bias, stride, padding, dilation, dz } = layer;
  const size = (filters.size - 1) * dilation + 1;
  const hparameters = { stride, pad: padding === "valid" ? 0 : padding };
  const weights = [filters.size, filters.size, image.channels, filters.count];
  const tensors = [imageTensor(image), makeTensor(weights, filters.values), makeTensor([filters.count], bias)];
  const { z } = convForward(...tensors, { stride, padding, dilation });
  const received = makeTensor(z.shape, dz ?? new Float64Array(z.data.length).fill(1));
  const { dx, dw, db } = convBackward(received, ...tensors, { stride, padding, dilation });
  const results = [
    ["Z", [1, ...z.shape], z.data, [0, ...layer.at]],
    ["dA_prev", [1, ...dx.shape], dx.data],
    ["dW", dw.shape, dw.data],
    ["db", [1, 1, 1, filters.count], db.data],
  ];
  return [
    opening(words, "snippet.layer"),
    imageLine("A_prev", image),
    pythonArray("W", weights, filters.values, image.channels * filters.count * filters.size),
    pythonArray("b", [1, 1, 1, filters.count], bias),
    `hparameters = ${pythonValue(hparameters)}`,
    ...(dilation === 1 ? [] : dilatedFilter([size, size, ...weights.slice(2)], dilation, words)),
    "",
    "Z, cache = steps.conv_forward(A_prev, W, b, hparameters)",
    "",
    comment(words, dz === null ? "snippet.ones" : "snippet.gradient"),
    dz === null ? "dZ = np.ones_like(Z)" : pythonArray("dZ", [1, ...z.shape], dz, z.shape[1] * z.shape[2]),
    "dA_prev, dW, db = steps.conv_backward(dZ, cache)",
    dilation === 1 ? null : `dW = dW[::${dilation}, ::${dilation}]  ${comment(words, "snippet.weights_alone")}`,
    ...asserted(results, words),
    `print(Z[0, :, :, ${layer.at[2]}])`,
  ];
}

function dilatedFilter(shape, dilation, words) {
  return [
    "",
    comment(words, "snippet.dilation"),
    `weights, W = W, np.zeros(${pythonValue(shape)})`,
    `W[::${dilation}, ::${dilation}] = weights`,
  ];
}

function poolingSnippet(pooling, words) {
  const { image, size, stride, mode, rule, da } = pooling;
  const x = imageTensor(image);
  const { a } = poolForward(x, { size, stride, mode });
  const received = makeTensor(a.shape, da ?? new Float64Array(a.data.length).fill(1));
  const { dx } = poolBackward(received, x, { size, stride, mode, rule });
  const first = mode === "max" && rule === "first";
  const results = [
    ["A", [1, ...a.shape], a.data, [0, ...pooling.at]],
    ["dA_prev", [1, ...dx.shape], dx.data],
  ];
  return [
    opening(words, "snippet.pooling"),
    imageLine("A_prev", image),
    `hparameters = ${pythonValue({ f: size, stride })}`,
    "",
    `A, cache = steps.pool_forward(A_prev, hparameters, ${pythonValue(mode)})`,
    "",
    comment(words, da === null ? "snippet.ones" : "snippet.gradient"),
    da === null ? "dA = np.ones_like(A)" : pythonArray("dA", [1, ...a.shape], da, a.shape[1] * a.shape[2]),
    ...(first ? firstMaximum(size, stride, words) : [`dA_prev = steps.pool_backward(dA, cache, ${pythonValue(mode)})`]),
    ...asserted(results, words),
    `print(A[0, :, :, ${pooling.at[2]}])`,
  ];
}

/** The steps give the gradient to every maximum, as the course does; the other rule is written out. */
function firstMaximum(size, stride, words) {
  return [
    comment(words, "snippet.first"),
    "dA_prev = np.zeros_like(A_prev)",
    "for h, w, c in np.ndindex(dA.shape[1:]):",
    `    rows, columns = slice(h * ${stride}, h * ${stride} + ${size}), slice(w * ${stride}, w * ${stride} + ${size})`,
    "    window = A_prev[0, rows, columns, c]",
    "    place = np.unravel_index(np.argmax(window), window.shape)",
    "    dA_prev[0, rows, columns, c][place] += dA[0, h, w, c]",
  ];
}

function mistakeSnippet(mistake, words) {
  const { call } = mistake;
  const arrays = Object.entries(call.arguments).filter(([, value]) => isCarried(value));
  const names = Object.keys(call.results);
  const returned = [...names, ...(mistake.function.endsWith("_forward") ? ["cache"] : [])].join(", ");
  const right = names.map((name) => [name, call.results[name].shape, call.results[name].data]);
  const wrong = [...comparedResults(mistake)].filter(([, one]) => isCarried(one.wrong) && one.wrong !== one.right);
  return [
    opening(words, "snippet.mistake", { id: mistake.id }),
    comment(words, "snippet.title", { title: mistake.title[words.language] }),
    ...arrays.map(([name, { shape, data }]) => pythonArray(name, shape, data)),
    ...Object.entries(call.arguments).filter(([name]) => name === "hparameters").map(([name, value]) => `${name} = ${pythonValue(value)}`),
    "",
    `${returned} = steps.${pythonCall(mistake.function, named(call.arguments))}`,
    ...asserted(right, words),
    "",
    ...(mistake.kind === "error" ? [comment(words, "snippet.error", { error: mistake.error.join(": ") })] : []),
    ...wrong.flatMap(([name, { wrong: { shape, data }, flags }]) => [
      comment(words, "snippet.wrong", { name }),
      pythonArray(`${name}_wrong`, shape, data),
      flags === null
        ? `print(${name}.shape, ${name}_wrong.shape)`
        : `print(np.sum(~np.isclose(${name}, ${name}_wrong)), "of ${flags.length} entries of ${name} differ")`,
    ]),
  ];
}

/** The call names its hyperparameters, as it names its arrays. */
function named(given) {
  return "hparameters" in given ? { ...given, hparameters: { data: [] } } : given;
}

function networkSnippet({ image, class: chosen }, network, digit, words) {
  const index = chosen === null ? "" : `, ${chosen}`;
  return [
    comment(words, "snippet.network"),
    "from pathlib import Path",
    "",
    "import numpy as np",
    "",
    "import convstep",
    "",
    comment(words, network === null || network === "digits" ? "snippet.network.shipped" : "snippet.network.own", { name: network ?? "" }),
    network === null || network === "digits"
      ? 'path = Path(convstep.__file__).parent / "explorer" / "network" / "digits.convstep"'
      : `path = Path(${JSON.stringify(network)})`,
    "model = convstep.load_model(path)",
    image === null ? comment(words, "snippet.network.no_image") : null,
    image === null
      ? `image = convstep.data.load_digits()[1][0][${digit}][:, :, np.newaxis] / 255`
      : pythonArray("image", [image.height, image.width, image.channels], image.values, image.width * image.channels),
    "",
    "outputs = model.layer_outputs(image)",
    `gradient = model.saliency(image${index})`,
    "for name, output in outputs.items():",
    "    print(name, output.shape)",
    "print(output)",
  ];
}

function opening(words, key, values = {}) {
  return [comment(words, key, values), "import numpy as np", "", "from convstep import steps", ""];
}

function comment(words, key, values = {}) {
  return `# ${words.t(key, values).replace(/\s+/g, " ")}`;
}

function imageTensor({ height, width, channels, values }) {
  return makeTensor([height, width, channels], values);
}

function imageLine(name, { height, width, channels, values }) {
  return pythonArray(name, [1, height, width, channels], values, width * channels);
}

/** All results, or of large ones the entry that is looked at. */
function asserted(results, words) {
  const count = results.reduce((sum, [, , values]) => sum + values.length, 0);
  if (count <= MOST) {
    const checks = results.flatMap(([name, shape, values]) => [
      pythonArray(`${name}_page`, shape, values, shape.slice(-2).reduce((product, length) => product * length, 1)),
      `assert np.array_equal(${name}, ${name}_page)`,
    ]);
    return ["", comment(words, "snippet.asserted"), ...checks];
  }
  const checks = results.map(([name, shape, values, at]) => {
    const place = at ?? shape.map(() => 0);
    const value = values[place.reduce((flat, index, axis) => flat * shape[axis] + index, 0)];
    return `assert ${entryText(name, place)} == ${pythonNumber(value)}`;
  });
  return ["", comment(words, "snippet.asserted_some"), ...checks];
}
