"""Frozen models with branches: what is joined is written in its place, and what only moves numbers is part of a program too."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from tests.architectures import IMAGES
from tests.test_predictor import as_one_program, chain, checked, images, trained

from convstep import Input, Model, layers, use_engine
from convstep.checks import Array
from convstep.models.predicting.pieces import pieces_of
from convstep.models.predictor import Predictor

ENGINES = ["numpy", *(["compiled"] if find_spec("numba") else [])]


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    with use_engine(request.param):
        yield request.param


def placed(predictor: Predictor) -> int:
    """How many values are written right into their place, concatenations not counted."""
    pieces = pieces_of(predictor._steps, 1, predictor._results)
    kinds = [type(piece.steps[value - piece.first].layer) for piece in pieces for value in piece._places]
    return sum(kind is not layers.Concatenate for kind in kinds)


def in_one_program(predictor: Predictor, engine: str) -> bool:
    """Whether the one program that there is does everything."""
    if engine != "compiled":
        return as_one_program(predictor)
    return all(len(item._performed) == 1 and item._performed[0][0] is not item._performed[0][1] for item in predictor._programs.values())


def branched(join: Any, *, last: Any = None) -> Any:
    """A model of what `join` makes of an image."""
    inputs = Input(IMAGES)
    x = join(layers.Conv2D(8, 3, padding="same", activation="relu")(inputs))
    return trained(Model(inputs, x if last is None else last(x)))


def conv(filters: int, size: int = 1, **options: Any) -> Any:
    return layers.Conv2D(filters, size, padding="same", **options)


BRANCHES: dict[str, tuple[Any, int]] = {
    "convolutions": (lambda x: [conv(3)(x), conv(5, 3, activation="relu")(x), conv(17, 5)(x)], 3),
    "a pooling": (lambda x: [conv(3)(x), layers.MaxPooling2D(3, 1, "same")(x), layers.AveragePooling2D(3, 1, "same")(x)], 3),
    "normalization": (lambda x: [layers.ReLU()(layers.BatchNormalization()(layers.Add()([x, x]))), conv(3)(x)], 2),
    "itself": (lambda x: [x, conv(4, 3)(x)], 2),
    "twice the same": (lambda x: [x, x, conv(4, 3)(x)], 2),
    "depthwise": (lambda x: [layers.DepthwiseConv2D(3, padding="same", activation="relu")(x), conv(4, groups=2)(x)], 2),
    "other activations": (lambda x: [conv(4, activation="tanh")(x), conv(5, activation="sigmoid")(x), conv(3)(x)], 1),
    "sums": (lambda x: [layers.Add()([conv(4)(x), conv(4)(x)]), conv(3)(x)], 1),
    "one": (lambda x: [conv(4, 3)(x)], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", BRANCHES)
def test_branches_are_joined(name: str, engine: str) -> None:
    branches, count = BRANCHES[name]
    for last in (None, layers.Conv2D(3, 3), layers.MaxPooling2D(2), layers.BatchNormalization(), layers.ReLU(), layers.Flatten()):
        predictor = checked(branched(lambda x: layers.Concatenate()(branches(x)), last=last))
        assert in_one_program(predictor, engine)
        if not isinstance(last, layers.ReLU):
            assert placed(predictor) == count


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2])
def test_branches_are_joined_along_every_axis(axis: int, engine: str) -> None:
    predictor = checked(branched(lambda x: layers.Concatenate(axis)([conv(8)(x), conv(8, 3)(x)]), last=layers.Conv2D(3, 3)))
    assert in_one_program(predictor, engine)
    assert placed(predictor) == (2 if axis in {3, -1} else 0)


def test_what_was_joined_is_joined_again_and_again(engine: str) -> None:
    def dense_block(x: Any) -> Any:
        for _ in range(4):
            y = layers.ReLU()(layers.BatchNormalization()(x))
            y = layers.ReLU()(layers.BatchNormalization()(conv(12)(y)))
            x = layers.Concatenate()([x, conv(5, 3)(y)])
        return x

    predictor = checked(branched(dense_block, last=layers.AveragePooling2D(2)))
    assert in_one_program(predictor, engine)
    assert placed(predictor) == 5


def test_a_value_is_in_one_place_and_copied_to_others(engine: str) -> None:
    def twice(x: Any) -> Any:
        y, z = conv(3)(x), conv(4)(x)
        one, other = layers.Concatenate()([y, z]), layers.Concatenate()([z, x, y])
        return layers.Add()([conv(3)(one), conv(3)(other), y])

    predictor = checked(branched(twice))
    assert in_one_program(predictor, engine)


def test_a_part_of_what_was_joined_may_be_an_output() -> None:
    inputs = Input(IMAGES)
    x, y = conv(3)(inputs), conv(5)(inputs)
    both = layers.Concatenate()([x, y])
    model = trained(Model(inputs, [x, both, layers.Flatten()(y)]))
    predictor = Predictor(model)
    for seed in range(3):
        batch = images(model, 2, seed)
        found = predictor(batch)
        for got, want in zip(found, model.predict_on_batch(batch), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
        assert not any(np.shares_memory(one, other) for i, one in enumerate(found) for other in found[:i])


def test_lengths_that_do_not_fit_are_refused_as_by_the_model() -> None:
    inputs = Input((None, None, 3))
    x = layers.Concatenate(name="both")([layers.Conv2D(4, 3)(inputs), layers.Conv2D(4, 5, padding=((1, 1), (1, 2)))(inputs)])
    model = trained(Model(inputs, x))
    said = []
    for predict in (Predictor(model), model.predict_on_batch):
        with pytest.raises(ValueError, match="both") as error:
            predict(np.ones((1, 8, 8, 3), np.float32))
        said.append(str(error.value))
    assert said[0] == said[1]


class Doubled(layers.Layer):
    """Somebody's own layer, of NumPy."""

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return x * 2, None


def test_branches_of_numpy_are_joined_with_others() -> None:
    checked(branched(lambda x: layers.Concatenate()([Doubled()(conv(3)(x)), conv(5)(x), x]), last=layers.Conv2D(3, 3)))


# --- what only moves numbers, and pairs ---


def squeezed(x: Any) -> Any:
    share = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Multiply()([x, conv(8, activation="sigmoid")(conv(4, activation="relu")(share))])


MOVES: dict[str, Any] = {
    "shuffled": lambda x: layers.Reshape((8, 8, 8))(layers.Permute((1, 2, 4, 3))(layers.Reshape((8, 8, 2, 4))(x))),
    "channels first": lambda x: layers.Dense(3)(layers.Flatten()(layers.Permute((3, 1, 2))(x))),
    "moved and activated": lambda x: layers.Activation("tanh")(layers.Permute((2, 1, 3))(x)),
    "moved and added": lambda x: layers.Add()([layers.Permute((2, 1, 3))(x), x]),
    "moved and shared": lambda x: layers.Softmax()(layers.Permute((3, 2, 1))(x)),
    "moved and multiplied with rows": lambda x: layers.Dense(5)(layers.Permute((3, 1, 2))(x)),
    "cut": lambda x: conv(3, 3)(layers.Cropping2D(((1, 0), (2, 1)))(x)),
    "padded": lambda x: layers.AveragePooling2D(3)(layers.ZeroPadding2D(((1, 0), (2, 1)))(x)),
    "enlarged": lambda x: conv(3, 3)(layers.UpSampling2D((2, 3))(x)),
    "transposed": lambda x: conv(3)(layers.Conv2DTranspose(5, 3, strides=2, activation="relu")(x)),
    "transposed without a bias": lambda x: conv(3)(layers.Conv2DTranspose(5, 2, strides=2, use_bias=False, activation="relu")(x)),
    "squeezed": squeezed,
    "leaking": lambda x: layers.PReLU(shared_axes=[1, 2])(conv(5)(x)),
    "leaking everywhere": lambda x: layers.PReLU()(conv(5)(x)),
    "pairs": lambda x: layers.Maximum()([layers.Subtract()([x, conv(8)(x)]), layers.Average()([x, conv(1)(x), conv(8)(x)])]),
    "pairs of other ranks": lambda x: layers.Add()([x, layers.GlobalMaxPooling2D()(x)]),
    "the largest": lambda x: layers.Dense(3)(layers.GlobalMaxPooling2D()(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_moves_and_pairs_are_part_of_a_program(name: str, engine: str) -> None:
    predictor = checked(branched(MOVES[name]))
    assert in_one_program(predictor, engine)


def test_channels_first_are_read_as_they_lie(engine: str) -> None:
    parts = [
        layers.Permute((2, 3, 1)),
        layers.Conv2D(6, 3, strides=2),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Permute((3, 1, 2)),
    ]
    assert in_one_program(checked(chain(*parts, shape=(3, 11, 9))), engine)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_as_in_the_model(value: float) -> None:
    for join in (
        squeezed,
        MOVES["leaking"],
        MOVES["shuffled"],
        lambda x: layers.Concatenate()([conv(3)(x), layers.BatchNormalization()(x)]),
    ):
        model = branched(join)
        predictor, x = Predictor(model), images(model)
        predictor(x)
        x[1, 3, 4, 1] = value
        np.testing.assert_allclose(predictor(x), model.predict_on_batch(x), rtol=1e-5, atol=1e-5)
