"""Random changes of images: what they keep, what they change, that a seed repeats them, and how long they take."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstep.data import Augment, Standardise, load_digits
from convstep.data.augment import bilinear, random_affine, random_crop, random_flip, random_shift
from convstep.errors import ArgumentTypeError, ShapeError

TYPES = ["uint8", "int16", "float16", "float32", "float64"]
RECIPES = [
    Augment(),
    Augment(flip=True),
    Augment(shift=2),
    Augment(crop=(5, 4)),
    Augment(rotate=20),
    Augment(zoom=0.3, shift=1),
    Augment(flip=True, shift=2, rotate=10, zoom=0.1, shear=0.2, crop=(6, 6), fill=3),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def images(*shape: int, dtype: str = "float64", seed: int = 0) -> Any:
    return rng(seed).integers(0, 100, shape).astype(dtype)


def turned(degrees: float, n: int = 1) -> Any:
    angle = np.deg2rad(degrees)
    return np.repeat([[[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]], n, axis=0)


# Every recipe.


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("channels", [(), (1,), (3,)], ids=str)
def test_type_and_axes_stay_and_nothing_given_is_changed(recipe: Augment, dtype: str, channels: tuple[int, ...]) -> None:
    x = images(6, 9, 8, *channels, dtype=dtype)
    before = x.copy()
    result = recipe(x, rng())
    assert result.dtype == x.dtype
    assert result.shape == (6, *(recipe.crop or (9, 8)), *channels)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_a_seed_repeats_and_another_differs(recipe: Augment) -> None:
    x = images(20, 9, 8)
    assert np.array_equal(recipe(x, rng(1)), recipe(x, rng(1)))
    if recipe != Augment():
        assert not np.array_equal(recipe(x, rng(1)), recipe(x, rng(2)))


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_channels_move_together(recipe: Augment) -> None:
    x = images(6, 9, 8)
    three = recipe(np.stack([x, x, x], axis=-1), rng())
    assert np.array_equal(three, np.stack([recipe(x, rng())] * 3, axis=-1))


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_the_changes_do_not_depend_on_the_values(recipe: Augment) -> None:
    """The same seed moves a mask as it moves its image."""
    x = images(6, 9, 8).astype("float32")
    plain = recipe(x, rng())
    assert np.allclose(recipe(2 * x - recipe.fill, rng()), 2 * plain - recipe.fill, atol=1e-4)


def test_without_changes_the_images_stay() -> None:
    x = images(3, 5, 5)
    assert np.array_equal(Augment()(x, rng()), x)


# Flips, shifts and crops.


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    x = images(1000, 3, 4)
    result = random_flip(x, rng())
    mirrored = (result == x[:, :, ::-1]).all(axis=(1, 2))
    assert 450 < mirrored.sum() < 550
    assert np.array_equal(result[~mirrored], x[~mirrored])


@given(most=st.integers(0, 6), seed=st.integers(0, 99), fill=st.sampled_from([0, 7]))
def test_a_shift_moves_by_whole_cells_and_fills(most: int, seed: int, fill: int) -> None:
    x = images(4, 5, 3, seed=seed) + 1
    result = random_shift(x, most, rng(seed), fill=fill)
    for before, after in zip(x, result, strict=True):
        wide = np.pad(before, most, constant_values=fill)
        places = [(top, left) for top in range(2 * most + 1) for left in range(2 * most + 1)]
        assert any(np.array_equal(after, wide[top : top + 5, left : left + 3]) for top, left in places)


def test_every_shift_comes_about_as_often() -> None:
    x = np.zeros((5000, 5, 5))
    x[:, 2, 2] = 1
    where = random_shift(x, 2, rng()).sum(axis=0)
    assert where.sum() == 5000
    assert where.min() > 150
    assert where.max() < 250


@given(rows=st.integers(1, 6), columns=st.integers(1, 5), seed=st.integers(0, 99))
def test_a_crop_is_a_window_of_the_image(rows: int, columns: int, seed: int) -> None:
    x = images(3, 6, 5, 2, seed=seed)
    result = random_crop(x, (rows, columns), rng(seed))
    for before, after in zip(x, result, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(before, (rows, columns), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
        assert (windows == after).all(axis=(2, 3, 4)).any()


# Rotations, zooms and the rest.


@given(height=st.integers(1, 7), width=st.integers(1, 7), seed=st.integers(0, 99))
def test_the_identity_returns_the_image_itself(height: int, width: int, seed: int) -> None:
    x = images(2, height, width, seed=seed)
    assert np.array_equal(bilinear(x, turned(0, 2), np.zeros((2, 2))), x)


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
@pytest.mark.parametrize("size", [4, 5])
def test_quarter_turns_are_those_of_numpy(quarters: int, size: int) -> None:
    x = images(2, size, size, 3)
    result = bilinear(x, turned(90 * quarters, 2), np.zeros((2, 2)))
    assert np.allclose(result, np.rot90(x, -quarters, axes=(1, 2)))


@given(down=st.integers(-3, 3), right=st.integers(-3, 3))
def test_whole_moves_are_shifts(down: int, right: int) -> None:
    x = images(1, 6, 5) + 1
    wide = np.pad(x[0], 3)
    result = bilinear(x, turned(0), np.array([[down, right]]))
    assert np.array_equal(result[0], wide[3 - down : 9 - down, 3 - right : 8 - right])


@given(degrees=st.floats(-180, 180), scale=st.floats(0.3, 3), down=st.floats(-2, 2), right=st.floats(-2, 2))
def test_a_plane_is_interpolated_exactly_inside_and_fill_outside(degrees: float, scale: float, down: float, right: float) -> None:
    """Bilinear interpolation is exact for a + b·row + c·column, which no error in the four weights would survive."""
    height, width = 9, 8
    row, column = np.mgrid[:height, :width].astype(float)
    plane = 5 + 2 * row - 3 * column
    matrix, moves = turned(degrees) * scale, np.array([[down, right]])
    result = bilinear(plane[None], matrix, moves, fill=99.0)[0]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    source = (np.stack([row, column], -1) - middle) @ matrix[0].T - moves[0] + middle
    inside = ((source >= 0) & (source <= [height - 1, width - 1])).all(axis=-1)
    outside = ((source <= -1) | (source >= [height, width])).any(axis=-1)
    expected = 5 + 2 * source[..., 0] - 3 * source[..., 1]
    assert np.allclose(result[inside], expected[inside], atol=1e-9)
    assert np.allclose(result[outside], 99.0, atol=1e-9)


def test_amounts_stay_within_what_was_asked() -> None:
    """A single bright cell right of the middle shows where it went: angle, distance from the middle."""
    x = np.zeros((400, 41, 41))
    x[:, 20, 35] = 1
    result = random_affine(x, rng(), rotate=10, zoom=0.2)
    row, column = np.mgrid[:41, :41] - 20.0
    mass = result.sum(axis=(1, 2))
    down, right = ((result * axis).sum(axis=(1, 2)) / mass for axis in (row, column))
    angles, reach = np.rad2deg(np.arctan2(down, right)), np.hypot(down, right) / 15
    assert (abs(angles) < 10.5).all()
    assert (abs(reach - 1) < 0.22).all()
    assert angles.std() > 4
    assert reach.std() > 0.08


def test_whole_numbers_are_rounded_not_cut() -> None:
    x = np.full((1, 8, 8), 200, np.uint8)
    assert (bilinear(x, turned(33), np.zeros((1, 2)), fill=200) == 200).all()


def test_digits_stay_digits() -> None:
    """After small changes nearly all the ink is still there."""
    (x, _), _ = load_digits()
    changed = Augment(shift=1, rotate=10, zoom=0.1)(x[:200], rng())
    ratio = changed.sum(axis=(1, 2)) / x[:200].sum(axis=(1, 2))
    assert ratio.min() > 0.75
    assert ratio.max() < 1.3
    assert abs(ratio.mean() - 1) < 0.05


# Standardising.


def test_standardised_images_have_mean_0_and_deviation_1_per_channel() -> None:
    x = rng().normal([5, -2, 100], [1, 7, 0.1], (2500, 3, 3, 3))
    result = Standardise.of(x)(x)
    assert np.allclose(result.mean(axis=(0, 1, 2)), 0, atol=1e-9)
    assert np.allclose(result.std(axis=(0, 1, 2)), 1)


def test_images_without_channels_are_standardised_as_one() -> None:
    (x_train, _), (x_test, _) = load_digits()
    standardise = Standardise.of(x_train)
    assert np.allclose(standardise.mean, x_train.mean())
    assert np.allclose(standardise.std, x_train.std())
    assert standardise(x_test).dtype == np.float32
    assert np.allclose(standardise(x_test), (x_test - x_train.mean()) / x_train.std(), atol=1e-5)


def test_a_constant_channel_becomes_0() -> None:
    x = np.full((3, 2, 2), 7, np.uint8)
    assert (Standardise.of(x)(x) == 0).all()


# What is refused.


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"shift": -1}, ShapeError, "shift must be a whole number >= 0, not -1\n  given shift -1"),
        ({"shift": 1.5}, ArgumentTypeError, "shift must be a whole number >= 0, not 1.5\n  given shift 1.5"),
        ({"flip": 1}, ArgumentTypeError, "flip must be True or False\n  given flip 1"),
        ({"rotate": 181}, ShapeError, "rotate must be from 0 to 180, not 181\n  given rotate 181"),
        ({"rotate": "10"}, ArgumentTypeError, "rotate must be a number, not '10'\n  given rotate '10'"),
        ({"zoom": 1.0}, ShapeError, "zoom must be from 0 to 1, not 1.0\n  given zoom 1.0"),
        ({"shear": float("nan")}, ShapeError, "shear must be from 0 to 1, not nan\n  given shear nan"),
        ({"crop": 5}, ArgumentTypeError, "crop must be a pair (height, width)\n  given crop 5"),
        ({"crop": (5, 0)}, ShapeError, "crop[1] must be a whole number >= 1, not 0\n  given crop[1] 0"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(options: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as caught:
        Augment(**options)
    assert str(caught.value) == f"Augment: {words}"


@pytest.mark.parametrize(
    ("recipe", "x", "words"),
    [
        (Augment(shift=1), [[1]], "Augment: x must be an array of real numbers\n  given x [[1]]"),
        (
            Augment(shift=1),
            np.zeros((3, 3)),
            "Augment: x must be (n, height, width) or (n, height, width, channels) with cells, not (3, 3)\n  given x (3, 3)",
        ),
        (
            Augment(crop=(4, 2)),
            np.zeros((1, 3, 3)),
            "random_crop: the crop is 4 x 2 but the images are 3 x 3\n  given x (1, 3, 3), crop (4, 2)",
        ),
        (
            Augment(shift=1, fill=300),
            np.zeros((1, 3, 3), np.uint8),
            "Augment: fill = 300 is no value of uint8\n  given x (1, 3, 3), fill 300",
        ),
        (
            Standardise((1.0,), (1.0,)),
            np.zeros((1, 3, 3, 2)),
            "Standardise: x has 2 channels but 1 were measured\n  given x (1, 3, 3, 2)",
        ),
    ],
    ids=["list", "axes", "crop", "fill", "channels"],
)
def test_images_that_do_not_fit_are_refused(recipe: Any, x: Any, words: str) -> None:
    with pytest.raises((ShapeError, ArgumentTypeError)) as caught:
        recipe(x, rng()) if isinstance(recipe, Augment) else recipe(x)
    assert str(caught.value) == words


# How long it takes.


@pytest.mark.parametrize(("recipe", "limit"), [(Augment(shift=2), 1e-3), (Augment(shift=2, rotate=10, zoom=0.1, shear=0.1), 4e-3)], ids=str)
def test_a_batch_of_64_digits_takes_milliseconds(recipe: Augment, limit: float) -> None:
    """The best of 50: the machine may be busy with other things."""
    x, times, generator = images(64, 28, 28, 1, dtype="float32"), [], rng()
    for _ in range(50):
        start = time.perf_counter()
        recipe(x, generator)
        times.append(time.perf_counter() - start)
    assert min(times) < limit
