// The call that shows a mistake, as the state of another view: there every number can be changed.
// One rule: what does not fit into a view is not squeezed into it.

/**
 * Turn a call into the state of the view "one layer" or "pooling".
 * @param {string} name of the function
 * @param {object} given its arguments by name
 * @param {number[]} [at] the entry of the first result that is looked at, if any
 * @returns {{ view: "layer"|"pooling", part: object }|null} the view and what its part of the state becomes; null where none fits
 */
export function handedOver(name, given, at = []) {
  const part = (HANDED[name] ?? (() => null))(given, at);
  return part && { view: "filters" in part ? "layer" : "pooling", part };
}

const HANDED = {
  conv_single_step: ({ a_slice_prev, W, b }) => layerPart(batched(a_slice_prev), { ...W, shape: [...W.shape, 1] }, b, { stride: 1, pad: 0 }, {}),
  conv_forward: ({ A_prev, W, b, hparameters }, [i, ...at]) => layerPart(A_prev, W, b, hparameters, { i, at }),
  conv_backward: ({ dZ, A_prev, W, b, hparameters }, [i]) => layerPart(A_prev, W, b, hparameters, { i, dZ }),
  pool_forward: ({ A_prev, hparameters, mode = "max" }, [i, ...at]) => poolingPart(A_prev, hparameters, mode, { i, at }),
  pool_backward: ({ dA, A_prev, hparameters, mode = "max" }, [i]) => poolingPart(A_prev, hparameters, mode, { i, dA }),
  create_mask_from_window: ({ x }) => squarePart(x, "max"),
  distribute_value: ({ dz, shape }) => {
    const zeros = { shape, data: new Array(shape[0] * shape[1]).fill(0) };
    return squarePart(zeros, "average", { shape: [1, 1, 1, 1], data: [dz] });
  },
};

function layerPart(A_prev, W, b, { stride, pad }, { i = 0, at = [], dZ = null }) {
  return {
    image: imagePart(A_prev, i),
    filters: { size: W.shape[0], count: W.shape[3], values: W.data },
    bias: b.data,
    stride,
    padding: pad,
    dilation: 1,
    dz: dZ && imagePart(dZ, i).values,
    at: at.length === 3 ? at : [0, 0, 0],
    direction: dZ === null ? "forward" : "backward",
    channel: 0,
  };
}

function poolingPart(A_prev, { f, stride }, mode, { i = 0, at = [], dA = null }) {
  return {
    image: imagePart(A_prev, i),
    size: f,
    stride,
    mode,
    rule: "course",
    da: dA && imagePart(dA, i).values,
    at: at.length === 3 ? at : [0, 0, 0],
    direction: dA === null ? "forward" : "backward",
  };
}

/** A window alone is an image of its own size; the view knows square windows only. */
function squarePart({ shape: [height, width], data }, mode, dA = null) {
  return height === width ? poolingPart(batched({ shape: [height, width, 1], data }), { f: height, stride: 1 }, mode, { dA }) : null;
}

function batched({ shape, data }) {
  return { shape: [1, ...shape], data };
}

function imagePart({ shape: [, height, width, channels], data }, i) {
  const size = height * width * channels;
  return { height, width, channels, values: data.slice(i * size, (i + 1) * size) };
}
