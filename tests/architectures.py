"""Small models written once, for Keras and for convstep: `k` is either of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from convstep.checks import Array

CLASSES = 3
IMAGES = (8, 8, 2)


def chain(k: Any, *layers: Any, shape: tuple[int, ...] = IMAGES) -> Any:
    return k.Sequential([k.Input(shape), *layers])


def convolution(k: Any) -> Any:
    la = k.layers
    return chain(k, la.Conv2D(4, 3, activation="tanh"), la.Flatten(), la.Dense(CLASSES, activation="softmax"))


def lenet(k: Any) -> Any:
    la = k.layers
    return chain(
        k, la.Conv2D(4, 3, padding="same", activation="tanh"), la.AveragePooling2D(2), la.Conv2D(6, 3, activation="tanh"),
        la.Flatten(), la.Dense(8, activation="tanh"), la.Dense(CLASSES, activation="softmax"),
    )  # fmt: skip


def normalized(k: Any) -> Any:
    la = k.layers
    return chain(
        k, la.ZeroPadding2D(1), la.Conv2D(4, 3, use_bias=False), la.BatchNormalization(), la.Activation("relu"), la.MaxPooling2D(),
        la.Conv2D(4, 3), la.BatchNormalization(momentum=0.8, epsilon=1e-2), la.LeakyReLU(), la.GlobalAveragePooling2D(),
        la.Dense(CLASSES, activation="softmax"),
    )  # fmt: skip


def depthwise(k: Any) -> Any:
    la = k.layers
    return chain(
        k, la.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2), la.LayerNormalization(), la.Activation("elu"),
        la.SeparableConv2D(5, 3, padding="same", activation="sigmoid"), la.GlobalMaxPooling2D(), la.Dense(CLASSES, activation="softmax"),
    )  # fmt: skip


def grouped_and_dilated(k: Any) -> Any:
    la = k.layers
    return chain(
        k, la.Conv2D(4, 3, dilation_rate=2, padding="same", groups=2, activation="tanh"), la.MaxPooling2D(3, strides=2, padding="same"),
        la.Conv2D(6, 2, strides=2, padding="same", groups=2, activation="softplus"), la.Flatten(), la.Dense(CLASSES, activation="softmax"),
    )  # fmt: skip


def regularized(k: Any) -> Any:
    la, re = k.layers, k.regularizers
    return chain(
        k, la.Conv2D(4, 3, kernel_regularizer=re.L2(0.05), bias_regularizer="l1", activation="tanh"), la.Flatten(),
        la.Dense(6, kernel_regularizer=re.L1L2(0.01, 0.02), activation="tanh"), la.Dense(CLASSES, activation="softmax"),
    )  # fmt: skip


def encoder_and_decoder(k: Any) -> Any:
    la = k.layers
    return chain(
        k, la.Conv2D(4, 3, strides=2, padding="same", activation="tanh"), la.UpSampling2D(), la.Conv2DTranspose(3, 3, activation="tanh"),
        la.Cropping2D(1), la.Conv2DTranspose(2, 3, strides=2, padding="same"), la.Flatten(), la.Reshape((16, 32)), la.Flatten(),
        la.Dense(CLASSES, activation="softmax"),
    )  # fmt: skip


def residual(k: Any) -> Any:
    la = k.layers
    inputs = k.Input(IMAGES)
    x = la.Conv2D(4, 3, padding="same")(inputs)
    y = la.Conv2D(4, 3, padding="same", activation="tanh")(x)
    y = la.BatchNormalization()(y)
    x = la.Add()([x, y])
    y = la.Conv2D(6, 3, strides=2, padding="same")(x)
    shortcut = la.Conv2D(6, 1, strides=2, padding="same")(x)
    x = la.Activation("tanh")(la.add([y, shortcut]))
    x = la.GlobalAveragePooling2D()(x)
    return k.Model(inputs, la.Dense(CLASSES, activation="softmax")(x))


def inception(k: Any) -> Any:
    la = k.layers
    inputs = k.Input(IMAGES)
    one = la.Conv2D(2, 1, activation="tanh")(inputs)
    three = la.Conv2D(3, 3, padding="same", activation="sigmoid")(one)
    pool = la.Conv2D(2, 1)(la.MaxPooling2D(3, strides=1, padding="same")(inputs))
    x = la.Concatenate()([one, three, pool])
    x = la.AveragePooling2D(2, padding="same")(x)
    return k.Model(inputs=inputs, outputs=la.Dense(CLASSES, activation="softmax")(la.Flatten()(x)))


def merged(k: Any) -> Any:
    la = k.layers
    inputs = k.Input(IMAGES)
    a, b, c = (la.Conv2D(3, 3, activation=name)(inputs) for name in ("tanh", "sigmoid", "softsign"))
    x = la.Concatenate()([la.Subtract()([a, b]), la.Multiply()([a, c]), la.Average()([a, b, c]), la.Maximum()([b, c])])
    return k.Model(inputs, la.Dense(CLASSES, activation="softmax")(la.GlobalAveragePooling2D()(x)))


def shared(k: Any) -> Any:
    la = k.layers
    inputs = k.Input(IMAGES)
    twice = la.Conv2D(2, 3, padding="same", activation="tanh")
    x = twice(twice(inputs))
    normal = la.BatchNormalization()
    x = la.Add()([normal(x), normal(inputs)])
    return k.Model(inputs, la.Dense(CLASSES, activation="softmax")(la.Flatten()(x)))


def nested(k: Any) -> Any:
    la = k.layers
    part = k.Input(IMAGES)
    inner = k.Model(part, la.BatchNormalization()(la.Conv2D(3, 3, activation="tanh")(part)), name="inner")
    tail = k.Sequential([la.GlobalAveragePooling2D(), la.Dense(4, activation="tanh")], name="tail")
    inputs = k.Input(IMAGES, name="whole")
    x = la.Concatenate()([tail(inner(inputs)), tail(inner(la.Activation("tanh")(inputs)))])
    return k.Model(inputs, la.Dense(CLASSES, activation="softmax", name="kind")(x), name="outer")


def leaky_and_parametric(k: Any) -> Any:
    la = k.layers
    return chain(
        k, la.Conv2D(4, 3), la.PReLU(shared_axes=[1, 2]), la.Conv2D(4, 3, activation="gelu"), la.ReLU(negative_slope=0.1),
        la.Permute((3, 1, 2)), la.Flatten(), la.Dense(CLASSES), la.Softmax(),
    )  # fmt: skip


ARCHITECTURES: tuple[Callable[[Any], Any], ...] = (
    convolution, lenet, normalized, depthwise, grouped_and_dilated, regularized, encoder_and_decoder, residual, inception, merged, shared,
    nested, leaky_and_parametric,
)  # fmt: skip


def images(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Return images and one-hot labels."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, *IMAGES)).astype(np.float32)
    return x, np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, count)]


def both(keras: Any, make: Callable[[Any], Any], seed: int = 1) -> tuple[Any, Any]:
    """Return the model of convstep and the model of Keras with the same weights, all of them random."""
    import convstep

    ours, theirs = make(convstep), make(keras)
    rng = np.random.default_rng(seed)
    weights = [np.abs(rng.normal(0, 0.4, w.shape)).astype(np.float32) if "var" in name else rng.normal(0, 0.4, w.shape).astype(np.float32)
               for name, w in zip(([v.path for v in theirs.weights]), theirs.get_weights(), strict=True)]  # fmt: skip
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs
