"""Small networks of every layer, drawn at random, in float64: what the page runs is held against them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import convstep
from convstep import Input, Model, Sequential, layers
from convstep.layers import activations

CURVES: list[Any] = [
    *activations.NAMES,
    activations.leaky_relu.using(negative_slope=0.1), activations.relu.using(negative_slope=0.2, max_value=0.9, threshold=0.3),
    activations.elu.using(alpha=0.7), activations.celu.using(alpha=1.7), activations.gelu.using(approximate=True),
    activations.softmax.using(axis=1), activations.log_softmax.using(axis=(1, -1)),
]  # fmt: skip
MERGING = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Concatenate")
Rng = np.random.Generator


def make(kind: str, *arguments: Any, **options: Any) -> Any:
    return getattr(layers, kind)(*arguments, dtype="float64", **options)


def sides(rng: Rng, most: int = 2) -> Any:
    return tuple((int(rng.integers(most)), int(rng.integers(most))) for _ in range(2))


def windows(rng: Rng) -> dict[str, Any]:
    size = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    moves = ({"strides": (2, 1)}, {"strides": int(rng.integers(1, 4))}, {"dilation_rate": 2}, {"dilation_rate": (1, 2)})
    return {
        "kernel_size": size,
        "padding": ["valid", "same", "same", 1, sides(rng, 3)][rng.integers(5)],
        **moves[rng.integers(len(moves))],
        "activation": CURVES[rng.integers(len(CURVES))],
        "use_bias": bool(rng.integers(2)),
    }


def pools(rng: Rng) -> dict[str, Any]:
    padding: Any = ["valid", "same", ((1, 0), (0, 1))][rng.integers(3)]
    return {"pool_size": (int(rng.integers(2, 4)), 2), "strides": (int(rng.integers(1, 4)), int(rng.integers(1, 4))), "padding": padding}


IMAGE_LAYERS: dict[str, Callable[[Rng, int], dict[str, Any]]] = {
    "Conv2D": lambda rng, c: {**windows(rng), **[{"filters": 3}, {"filters": 2 * c, "groups": c}][rng.integers(2)]},
    "DepthwiseConv2D": lambda rng, _: {**windows(rng), "depth_multiplier": int(rng.integers(1, 3))},
    "SeparableConv2D": lambda rng, _: {**windows(rng), "filters": int(rng.integers(1, 6)), "depth_multiplier": int(rng.integers(1, 3))},
    "Conv2DTranspose": lambda rng, _: {
        "filters": 2, "kernel_size": (3, 2), "strides": (2, 3), "padding": ["valid", "same", 1][rng.integers(3)],
        "output_padding": [None, 1, (0, 2)][rng.integers(3)], "activation": CURVES[rng.integers(len(CURVES))],
    },
    "MaxPooling2D": lambda rng, _: pools(rng),
    "AveragePooling2D": lambda rng, _: pools(rng),
    "BatchNormalization": lambda rng, _: {"axis": [-1, 1, 2][rng.integers(3)], "scale": bool(rng.integers(2)), "epsilon": 0.01},
    "LayerNormalization": lambda rng, _: {"axis": [-1, [1, 2], [3, 1]][rng.integers(3)], "center": bool(rng.integers(2))},
    "Dropout": lambda rng, _: {"rate": float(rng.random())},
    "Activation": lambda rng, _: {"activation": CURVES[rng.integers(len(CURVES))]},
    "ReLU": lambda rng, _: [{}, {"max_value": 0.5}, {"negative_slope": 0.3, "threshold": 0.1}][rng.integers(3)],
    "LeakyReLU": lambda _, __: {"negative_slope": 0.15},
    "PReLU": lambda rng, _: {"shared_axes": [None, [1, 2], [3]][rng.integers(3)]},
    "ELU": lambda _, __: {"alpha": 0.6},
    "Softmax": lambda rng, _: {"axis": [-1, 2, (1, 2)][rng.integers(3)]},
    "Rescaling": lambda rng, c: {"scale": [0.5, list(range(1, c + 1))][rng.integers(2)], "offset": -0.2},
    "Permute": lambda rng, _: {"dims": [int(axis) + 1 for axis in rng.permutation(3)]},
    "ZeroPadding2D": lambda rng, _: {"padding": sides(rng, 3)},
    "Cropping2D": lambda rng, _: {"cropping": sides(rng)},
    "UpSampling2D": lambda rng, _: {"size": (2, int(rng.integers(1, 3))), "interpolation": ["nearest", "bilinear"][rng.integers(2)]},
    "Dense": lambda rng, _: {"units": 3, "activation": CURVES[rng.integers(len(CURVES))]},
}  # fmt: skip
ENDS: dict[str, dict[str, Any]] = {
    "Flatten": {}, "GlobalAveragePooling2D": {}, "GlobalMaxPooling2D": {}, "Reshape": {"target_shape": (-1,)},
}  # fmt: skip


def random_model(seed: int) -> Any:
    """A graph of layers, which begins with each kind of layer in turn, and whose weights are random."""
    rng = np.random.default_rng(seed)
    kinds = list(IMAGE_LAYERS)
    x = inputs = Input((int(rng.integers(5, 9)), int(rng.integers(5, 9)), int(rng.integers(1, 4))), dtype="float64")
    enlarged = False
    for kind in [kinds[seed % len(kinds)], *rng.choice(kinds, 4)]:
        # pixels that are copies of each other tie exactly, and whether sums of them do depends on how a library adds
        if enlarged and kind in ("MaxPooling2D", "UpSampling2D"):
            continue
        enlarged |= kind == "UpSampling2D"
        x = grown(rng, str(kind), x)
        if rng.integers(3) == 0 and not enlarged:
            x = merged(rng, MERGING[(seed + int(rng.integers(2))) % len(MERGING)], x)
    end = list(ENDS)[int(rng.integers(1 if enlarged else len(ENDS)))]
    x = make(end, **ENDS[end])(x)
    x = make("Dense", 4, activation=[None, "softmax", "sigmoid", "tanh"][rng.integers(4)])(x)
    if rng.integers(3) == 0:
        x = [make("Softmax"), make("Activation", "log_softmax"), make("Activation", "sigmoid")][rng.integers(3)](x)
    return with_random_weights(Model(inputs, x, name=f"model_{seed}"), seed)


def grown(rng: Rng, kind: str, x: Any) -> Any:
    """The image after a layer of this kind, whose options are drawn until it fits and leaves an image that is not too large."""
    for _ in range(50):
        try:
            y = make(kind, **IMAGE_LAYERS[kind](rng, x.shape[3]))(x)
        except convstep.errors.ConvStepError:
            continue
        if all(y.shape[1:]) and math.prod(y.shape[1:]) < 1500:
            return y
    return x


def merged(rng: Rng, kind: str, x: Any) -> Any:
    """The image put together with others that are made of it, one of them of a single row for the layers that repeat."""
    other = make("Conv2D", x.shape[3], 3, padding="same", activation="tanh")(x)
    if kind == "Concatenate":
        return make(kind, axis=int(rng.integers(1, 4)))([x, other])
    if kind == "Subtract":
        return make(kind)([x, other])
    row = make("AveragePooling2D", (x.shape[1], 1), strides=(1, 1))(x)
    return make(kind)([other, x, row])


def with_random_weights(model: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    for path, item in model.named_parameters().items():
        drawn = rng.normal(0, 0.4, item.value.shape)
        item.value = (np.abs(drawn) + 0.5 if "variance" in path else drawn).astype(item.value.dtype)
    return model


def special_models() -> list[Any]:
    """What no random network is sure to meet."""
    small = Input((3, 4, 2), dtype="float64")
    spread = make("Conv2DTranspose", 2, (1, 2), strides=(2, 3))(small)
    ties = make("MaxPooling2D")(make("UpSampling2D", 2)(small))
    same = make("Maximum")([make("Rescaling", 1.0)(ties), ties, make("Rescaling", 0.5)(ties)])
    part = Input((3, 4, 2), dtype="float64")
    one, other = make("Conv2D", 2, 2, activation="tanh")(part), make("GlobalMaxPooling2D")(part)
    several = Model(part, {"b": one, "a": other})
    found = several(small)
    ends = Sequential([Input((2, 3, 2), dtype="float64"), make("Flatten"), make("Dense", 4, activation="softmax")])
    inner = Sequential([Input((3,), dtype="float64"), make("Dense", 4), make("Softmax")])
    last = Sequential([Input((2,), dtype="float64"), make("Dense", 3), inner])
    grey = Input((5, 4), dtype="float64")
    return [
        Model(small, make("Dense", 4, activation="log_softmax")(make("Flatten")(spread)), name="spread"),
        Model(small, make("Dense", 4, activation="softmax")(make("GlobalMaxPooling2D")(same)), name="ties"),
        Model(small, ends(make("Multiply")([found["b"], make("Reshape", (1, 1, 2))(found["a"])])), name="several"),
        Model(small, last(make("GlobalAveragePooling2D", keepdims=False)(small)), name="last"),
        Model(grey, make("Dense", 4)(make("Flatten")(make("Dense", 2, activation="relu")(grey))), name="grey"),
    ]
