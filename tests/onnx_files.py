"""Models of ours as ONNX files, run by onnxruntime; and random models to write."""

from typing import Any

import numpy as np
import pytest

from convstep import Input, Model, Sequential, use_engine
from convstep import layers as la
from convstep.checks import Array
from convstep.layers.activations import NAMES

CLOSE = 1e-5  # of the largest output
SLOW = tuple(name for name in NAMES if name != "exponential")  # none of which runs away
UNKNOWN = 11  # how long an axis is that may be of any length


def randomised(model: Any, seed: int = 1) -> Any:
    """Return the model with all parameters drawn, variances above 0."""
    rng = np.random.default_rng(seed)
    for name, item in model.named_parameters().items():
        drawn = rng.normal(0, 0.5, item.value.shape)
        item.value = (np.abs(drawn) + 0.1 if "variance" in name else drawn).astype(item.value.dtype)
    return model


def chain(shape: Any, *layers: Any) -> Any:
    """Return a model of layers one after the other."""
    return randomised(Sequential([Input(**shape) if isinstance(shape, dict) else Input(shape), *layers]))


def joined(make: Any, *shapes: Any) -> Any:
    """Return a model of several inputs."""
    inputs = [Input(**shape) if isinstance(shape, dict) else Input(shape) for shape in shapes]
    return randomised(Model(inputs, make(*inputs)))


def written(model: Any, **options: Any) -> Any:
    """Return the model as the ModelProto that is written."""
    pytest.importorskip("onnx")
    from convstep.interop.onnx.writing import as_proto

    return as_proto(model, **options)


def session(proto: Any) -> Any:
    """Return an onnxruntime session of a ModelProto or a path."""
    ort = pytest.importorskip("onnxruntime")
    return ort.InferenceSession(proto if isinstance(proto, str) else proto.SerializeToString(), providers=["CPUExecutionProvider"])


def examples(model: Any, batch: int = 3, seed: int = 0) -> list[Array]:
    """Return one random array for each input."""
    rng = np.random.default_rng(seed)
    shapes = [[batch, *(UNKNOWN if size is None else size for size in symbol.shape[1:])] for symbol in model.inputs]
    return [
        (rng.standard_normal(shape) * (50 if symbol.layer.dtype.kind in "ui" else 1)).astype(symbol.layer.dtype)
        for symbol, shape in zip(model.inputs, shapes, strict=True)
    ]


def turned(x: Array, layout: str) -> Array:
    """Return an array of ours as it is in the file."""
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 and layout == "NCHW" else x


def assert_same(model: Any, layout: str = "NCHW", *, batch: int = 3, close: float = CLOSE, **options: Any) -> Any:
    """Hold what onnxruntime makes of the file against what the model computes, and return the ModelProto."""
    proto, arrays = written(model, layout=layout, **options), examples(model, batch)
    given = {name: turned(x, layout) for name, x in zip(model.input_names, arrays, strict=True)}
    theirs = session(proto).run(None, given)
    with use_engine("numpy"):  # which compiles nothing
        ours, _ = model.walk(arrays, training=False)
    for got, want in zip(theirs, (turned(y, layout) for y in ours), strict=True):
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        assert np.isfinite(want).all()
        assert np.abs(got - want).max() <= close * max(np.abs(want).max(), 1e-30)
    return proto


def operators(proto: Any) -> list[str]:
    """Return the operators of a file in order."""
    return [node.op_type for node in proto.graph.node]


def random_model(seed: int) -> Any:
    """Return a model of random layers in a random graph: branches, layers used twice, models inside, one or two outputs."""
    rng = np.random.default_rng(seed)
    inputs = Input((int(rng.integers(6, 12)), int(rng.integers(6, 12)), int(rng.integers(1, 5))), name="image")
    x = inputs
    for _ in range(rng.integers(2, 6)):
        x = _block(x, rng)
    if rng.random() < 0.2:
        return randomised(Model(inputs, x, name="images"), seed)
    rows = _head(x, rng)
    y = la.Dense(4, activation=_any(rng, SLOW))(rows)
    outputs = {"scores": la.Softmax()(y), "images": x} if rng.random() < 0.3 else la.Dense(3, name="scores")(y)
    return randomised(Model(inputs, outputs, name="random"), seed)


def _any(rng: np.random.Generator, items: Any) -> Any:
    return items[rng.integers(len(items))]


def _block(x: Any, rng: np.random.Generator) -> Any:
    kind = rng.integers(4)
    if kind == 0:
        for _ in range(2):
            x = _layer(x, rng)(x)
        return x
    if kind == 1:
        a, b = la.Conv2D(3, 3, padding="same")(x), la.Activation(_any(rng, SLOW))(la.Conv2D(3, 1)(x))
        return _any(rng, (la.Add, la.Subtract, la.Multiply, la.Average, la.Maximum, la.Concatenate))()([a, b])
    if kind == 2:
        gate = la.Dense(x.shape[-1], activation="sigmoid")(la.GlobalAveragePooling2D(keepdims=bool(rng.integers(2)))(x))
        return la.Multiply()([x, gate])
    inner = Input(x.shape[1:])
    part = Model(inner, la.Conv2D(x.shape[-1], 3, padding="same", activation=_any(rng, SLOW))(_normal(rng)(inner)))
    return part(part(x))


def _normal(rng: np.random.Generator) -> Any:
    return _any(
        rng, (la.BatchNormalization(), la.LayerNormalization(), la.LayerNormalization(axis=[1, 2, 3]), la.BatchNormalization(axis=1))
    )


def _layer(x: Any, rng: np.random.Generator) -> Any:
    filters, padding, act = int(rng.integers(1, 5)), _any(rng, ("same", 1, ((0, 1), (1, 0)))), _any(rng, SLOW)
    strides = int(rng.integers(1, 3)) if min(x.shape[1:3]) > 4 else 1
    return _any(
        rng,
        (
            la.Conv2D(filters, 3, strides, padding, activation=act),
            la.Conv2D(2 * x.shape[-1], 2, padding=padding, groups=x.shape[-1], use_bias=False),
            la.DepthwiseConv2D((1, 3), 1, padding, depth_multiplier=filters, activation=act),
            la.SeparableConv2D(filters, 2, padding=padding, activation=act),
            la.Conv2DTranspose(filters, 2, strides, padding="same", activation=act),
            la.MaxPooling2D(2, strides, padding="same"),
            la.AveragePooling2D(3, strides, padding="same"),
            la.ZeroPadding2D(((1, 0), (0, 2))),
            la.Cropping2D(((1, 0), (0, 1))),
            la.UpSampling2D((1, 2), interpolation=_any(rng, ("nearest", "bilinear"))),
            la.Permute(_any(rng, ((2, 1, 3), (3, 1, 2)))),
            la.PReLU(shared_axes=_any(rng, (None, [1, 2]))),
            la.ReLU(max_value=_any(rng, (None, 0.7)), negative_slope=_any(rng, (0, 0.2)), threshold=_any(rng, (0, 0.3))),
            la.Rescaling(0.5, 0.1),
            la.Dropout(0.3),
            _normal(rng),
        ),
    )


def _head(x: Any, rng: np.random.Generator) -> Any:
    size = int(np.prod(x.shape[1:]))
    kind = rng.integers(5)
    if kind == 0:
        return la.GlobalMaxPooling2D()(x)
    if kind == 1:
        return la.BatchNormalization()(la.Flatten()(x))
    if kind == 2:
        return la.Flatten()(la.Dense(2, activation="tanh")(la.Reshape((-1, x.shape[-1]))(x)))
    if kind == 3:
        rows = la.Flatten()(x)
        return la.Concatenate()([rows, la.Multiply()([rows, la.Dense(1)(rows)])])
    return la.PReLU()(la.LayerNormalization()(la.Reshape((size,))(x)))
