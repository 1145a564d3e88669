"""`convstep.explore`: arrays become what the page shows, what the page shows becomes arrays, and what does not fit is refused in words."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from tests.commands import environment
from tests.node import ASSETS, run

import convstep
from convstep import explorer as room
from convstep.errors import ArgumentTypeError, DataError, MissingExtraError, ShapeError
from convstep.explorer.exploration import Exploration
from convstep.explorer.page import Network
from convstep.explorer.parts import LIMITS, START
from convstep.explorer.still import Frame
from convstep.layers import Add, Conv2D, Dense, Flatten, Input
from convstep.models import Model, Sequential, load_model
from convstep.models.exploring import RUN

IMAGE = np.arange(25.0).reshape(5, 5)
LIVE = find_spec("anywidget") is not None


@pytest.fixture(
    params=[pytest.param(True, marks=pytest.mark.skipif(not LIVE, reason="anywidget is not installed")), False], ids=["widget", "page"]
)
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make widgets, and then pages as where anywidget is not installed."""
    if not request.param:
        monkeypatch.setattr(room, "find_spec", lambda _: None)


pytestmark = pytest.mark.usefixtures("_kind")

# ---- arrays


def test_it_begins_as_the_page_begins() -> None:
    explorer = convstep.explore()
    assert isinstance(explorer, Exploration)
    assert explorer.state == dict(START)
    assert explorer.view == "layer"
    assert explorer.image is not None
    assert explorer.image.shape == (12, 12, 1)
    assert explorer.W[..., 0, 0].tolist() == [[1, 0, -1]] * 3
    np.testing.assert_array_equal(explorer.dZ.ravel(), START["layer"]["dz"])
    assert (explorer.dilation, explorer.mode) == (1, "max")


def test_it_takes_what_conv_forward_takes() -> None:
    rng = np.random.default_rng(0)
    A_prev, W, b = rng.normal(size=(1, 6, 7, 3)), rng.normal(size=(3, 3, 3, 4)), rng.normal(size=(1, 1, 1, 4))
    hparameters = {"stride": 2, "pad": 1}
    explorer = convstep.explore(A_prev, W, b, hparameters)
    np.testing.assert_array_equal(explorer.image, A_prev[0])
    np.testing.assert_array_equal(explorer.W, W)
    np.testing.assert_array_equal(explorer.b, b)
    assert explorer.hparameters == hparameters
    Z, _ = convstep.conv_forward(A_prev, W, b, hparameters)
    assert explorer.dZ.shape == Z.shape[1:]
    assert (explorer.dZ == 1).all()
    explorer.dZ = Z
    np.testing.assert_array_equal(explorer.dZ, Z[0])
    explorer.dZ = None
    assert (explorer.dZ == 1).all()


def test_it_takes_what_pool_forward_takes() -> None:
    A_prev = np.random.default_rng(0).normal(size=(1, 6, 7, 3))
    explorer = convstep.explore(A_prev, hparameters={"f": 3, "stride": 2}, mode="average")
    A, _ = convstep.pool_forward(A_prev, {"f": 3, "stride": 2}, "average")
    assert (explorer.view, explorer.mode, explorer.hparameters) == ("pooling", "average", {"f": 3, "stride": 2})
    np.testing.assert_array_equal(explorer.image, A_prev[0])
    assert explorer.dA.shape == A.shape[1:]
    explorer.dA = A
    np.testing.assert_array_equal(explorer.dA, A[0])
    explorer.mode = "max"
    assert explorer.state["pooling"]["mode"] == "max"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.zeros((2, 3)), (2, 3, 1)),
        (np.zeros((2, 3, 4)), (2, 3, 4)),
        (np.zeros((1, 2, 3, 4)), (2, 3, 4)),
        ([[1, 2], [3, 4]], (2, 2, 1)),
        (np.zeros((4, 4), np.uint8), (4, 4, 1)),
        (np.ones((4, 4), bool), (4, 4, 1)),
        (np.ones((4, 4), np.float16), (4, 4, 1)),
    ],
)
def test_images_may_leave_out_axes_of_one(image: Any, expected: tuple[int, ...]) -> None:
    explorer = convstep.explore(image)
    assert explorer.image is not None
    assert explorer.image.shape == expected
    assert explorer.image.dtype == np.float64
    np.testing.assert_array_equal(explorer.image.ravel(), np.ravel(image))


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 1), (3, 3, 1, 1)])
def test_filters_may_leave_out_axes_of_one(shape: tuple[int, ...]) -> None:
    assert convstep.explore(IMAGE, np.ones(shape)).W.shape == (3, 3, 1, 1)


def test_a_bias_may_be_one_number() -> None:
    assert convstep.explore(IMAGE, np.ones((3, 3, 1, 2)), 5).b.tolist() == [[[[5, 5]]]]


def test_what_is_left_out_is_what_fits() -> None:
    explorer = convstep.explore(np.ones((4, 4, 3)))
    assert explorer.W.shape == (3, 3, 3, 1)
    assert explorer.W[:, :, 2, 0].tolist() == [[1, 0, -1]] * 3
    assert convstep.explore(np.ones((2, 9))).W[..., 0, 0].tolist() == [[1, -1]] * 2
    assert convstep.explore(np.ones((1, 9))).W.shape == (1, 1, 1, 1)


def test_what_was_there_stays_where_it_fits() -> None:
    explorer = convstep.explore(IMAGE, np.ones((2, 2, 1, 2)), [3, 4], stride=1)
    explorer.dZ = np.full((4, 4, 2), 7)
    explorer.at = (3, 3, 1)
    explorer.image = IMAGE + 1
    assert (explorer.W.shape, explorer.b.ravel().tolist(), explorer.at, explorer.dZ[0, 0, 0]) == ((2, 2, 1, 2), [3, 4], (3, 3, 1), 7)
    explorer.hparameters = {"stride": 2, "pad": "same"}
    assert (explorer.W.shape, explorer.at, explorer.dZ.shape, explorer.dZ[0, 0, 0]) == ((2, 2, 1, 2), (0, 0, 0), (3, 3, 2), 1)
    explorer.W = np.zeros((5, 5, 1, 1))
    assert explorer.b.shape == (1, 1, 1, 1)
    explorer.image = np.ones((6, 6, 2))
    assert explorer.W.shape == (3, 3, 2, 1)
    assert explorer.hparameters == {"stride": 2, "pad": "same"}


def test_padding_has_the_course_s_names_and_keras_s() -> None:
    for pad, expected in ((0, 0), (2, 2), ("same", "same"), ("valid", 0)):
        assert convstep.explore(IMAGE, pad=pad).hparameters == {"stride": 1, "pad": expected}


def test_each_thing_can_be_set() -> None:
    explorer = convstep.explore(IMAGE)
    explorer.W = np.full((2, 2), 2)
    explorer.b = 9
    explorer.dilation = 2
    explorer.at = [1, 2, 0]
    explorer.view = "mistakes"
    assert (explorer.W.sum(), explorer.b.item(), explorer.dilation, explorer.at, explorer.view) == (8, 9, 2, (1, 2, 0), "mistakes")
    explorer.view = "pooling"
    explorer.hparameters = {"f": 3, "stride": 3}
    explorer.at = (1, 1, 0)
    assert (explorer.state["pooling"]["at"], explorer.state["layer"]["at"]) == ([1, 1, 0], [1, 2, 0])


def test_a_change_makes_a_new_state_and_leaves_the_old_one() -> None:
    explorer = convstep.explore(IMAGE)
    before = json.loads(json.dumps(explorer.state))
    held = explorer.state
    explorer.show(IMAGE + 1, np.ones((2, 2)), view="layer")
    assert held == before
    assert explorer.state != before
    assert dict(START) == convstep.explore().state


def test_the_view_follows_what_is_given() -> None:
    explorer = convstep.explore(IMAGE, view="pooling")
    assert explorer.view == "pooling"
    explorer.show(pad=1)
    assert explorer.view == "layer"
    explorer.show(f=3)
    assert explorer.view == "pooling"
    explorer.show(view="mistakes")
    assert explorer.view == "mistakes"
    assert explorer.image is not None
    explorer.show(IMAGE)
    assert explorer.view == "layer"
    explorer.show(IMAGE, view="network")
    assert (explorer.view, explorer.image.shape) == ("network", (5, 5, 1))
    assert convstep.explore(view="network").image is None


# ---- what is refused

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an image of one axis": (
        {"image": np.ones(5)},
        "image must have 2 axes (H, W), 3 (H, W, C) or 4 (1, H, W, C), not 1\n  given image (5,)",
    ),
    "several images": ({"image": np.ones((2, 5, 5, 1))}, "the explorer shows one image, not 2\n  given image (2, 5, 5, 1); try image[0]"),
    "an empty image": ({"image": np.ones((0, 5))}, "image has no cells\n  given image (0, 5)"),
    "a large image": ({"image": np.ones((65, 9))}, "image has 65 rows, and the page shows 64 at most\n  given image (65, 9, 1)"),
    "many channels": ({"image": np.ones((5, 5, 9))}, "image has 9 channels, and the page shows 8 at most\n  given image (5, 5, 9)"),
    "NaN": ({"image": np.full((5, 5), np.nan)}, "image holds nan; the page shows numbers from -1e12 to 1e12\n  given image (5, 5)"),
    "infinity": ({"b": np.inf}, "b holds inf; the page shows numbers from -1e12 to 1e12\n  given b ()"),
    "a large number": (
        {"W": np.full((3, 3), -1e13)},
        "W holds -10000000000000.0; the page shows numbers from -1e12 to 1e12\n  given W (3, 3)",
    ),
    "text": ({"image": "cat.png"}, "image must hold real numbers, not text\n  given image 'cat.png'"),
    "filters of one axis": ({"W": np.ones(3)}, "W must have 4 axes (f, f, n_C_prev, n_C), or 2 (f, f), not 1\n  given W (3,)"),
    "filters that are not square": ({"W": np.ones((2, 3))}, "W must be square, not 2 x 3\n  given W (2, 3, 1, 1)"),
    "filters for other channels": (
        {"W": np.ones((3, 3, 2))},
        "W expects 2 channels, and the image that is shown has 1\n  given W (3, 3, 2, 1)",
    ),
    "filters for other channels of a given image": (
        {"image": IMAGE, "W": np.ones((3, 3, 2))},
        "W expects 2 channels, and the given image has 1\n  given W (3, 3, 2, 1)",
    ),
    "large filters": ({"W": np.ones((12, 12))}, "W has 12 rows, and the page shows 11 at most\n  given W (12, 12, 1, 1)"),
    "many filters": ({"W": np.ones((1, 1, 1, 9))}, "W has 9 filters, and the page shows 8 at most\n  given W (1, 1, 1, 9)"),
    "biases for other filters": ({"b": [1, 2]}, "b has 2 numbers for 1 filters\n  given b (2,)"),
    "a window that does not fit": (
        {"image": IMAGE, "W": np.ones((3, 3)), "dilation": 3},
        "the window does not fit: it reaches over 7 rows, but the padded image has 5\n  given image (5, 5), W (3, 3), dilation 3",
    ),
    "a pooling window that does not fit": (
        {"image": np.ones((5, 2)), "f": 3},
        "the window does not fit: it reaches over 3 columns, but the padded image has 2\n  given image (5, 2), f 3",
    ),
    "no stride": ({"stride": 0}, "stride must be a whole number >= 1, not 0\n  given stride 0"),
    "a broken stride": ({"stride": 1.5}, "stride must be a whole number >= 1, not 1.5\n  given stride 1.5"),
    "a long stride": ({"stride": 9}, "stride is 9, and the page shows 8 at most\n  given stride 9"),
    "much padding": ({"pad": 17}, "pad is 17, and the page shows 16 at most\n  given pad 17"),
    "negative padding": ({"pad": -1}, "pad must be a whole number >= 0, not -1\n  given pad -1"),
    "another padding": ({"pad": "full"}, "pad must be \"same\" or \"valid\", not 'full'\n  given pad 'full'"),
    "another mode": ({"mode": "median"}, "mode must be \"max\" or \"average\", not 'median'\n  given mode 'median'"),
    "a gradient of another shape": (
        {"image": IMAGE, "W": np.ones((3, 3)), "dZ": np.ones((2, 3))},
        "dZ must have the shape of the output, (3, 3, 1), not (2, 3)\n  given dZ (2, 3)",
    ),
    "both at once": (
        {"W": np.ones((3, 3)), "f": 2},
        'the view "pooling" has no W; it has image, f, stride, mode, dA\n  given W (3, 3), f 2',
    ),
    "another view": (
        {"view": "lair"},
        'view must be "layer" or "pooling" or "network" or "mistakes", not \'lair\' (did you mean "layer"?)\n  given view \'lair\'',
    ),
    "another language": ({"language": "fr"}, "language must be \"en\" or \"zh\", not 'fr'\n  given language 'fr'"),
    "another theme": ({"theme": "blue"}, "theme must be \"light\" or \"dark\", not 'blue'\n  given theme 'blue'"),
    "another hyperparameter": (
        {"hparameters": {"stride": 1, "padding": 2}},
        (
            'hparameters has a key \'padding\' (did you mean "pad"?); its keys are "stride" and "pad"\n'
            "  given hparameters {'stride': 1, 'padding': 2}"
        ),
    ),
    "hyperparameters that are none": (
        {"hparameters": 3},
        'hparameters must be a mapping with the keys "stride" and "pad"\n  given hparameters 3',
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_refused_in_words(what: str) -> None:
    given, sentence = BAD[what]
    with pytest.raises((ShapeError, ArgumentTypeError), match=f"^explore: {re.escape(sentence)}$"):
        convstep.explore(**given)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ((3, 0, 0), "there is no row 3 in the output, whose shape is (3, 3, 1)\n  given at (3, 0, 0)"),
        ((0, 0, 1), "there is no channel 1 in the output, whose shape is (3, 3, 1)\n  given at (0, 0, 1)"),
        ((0, -1, 0), "at[1] must be a whole number >= 0, not -1\n  given at[1] -1"),
        ((0, 0), "at must be three whole numbers (h, w, c), not (0, 0)\n  given at (0, 0)"),
        (5, "at must be three whole numbers (h, w, c), not 5\n  given at 5"),
    ],
)
def test_a_place_that_is_none_is_refused(place: Any, sentence: str) -> None:
    explorer = convstep.explore(IMAGE)
    with pytest.raises((ShapeError, ArgumentTypeError), match=f"^explorer: {re.escape(sentence)}$"):
        explorer.at = place
    assert explorer.at == (0, 0, 0)


def test_what_is_refused_changes_nothing() -> None:
    explorer = convstep.explore(IMAGE)
    before = explorer.state
    with pytest.raises(ShapeError):
        explorer.show(IMAGE + 1, np.ones((3, 3, 5)))
    assert explorer.state == before


def test_what_was_left_out_gives_way_where_it_no_longer_fits() -> None:
    explorer = convstep.explore(IMAGE, np.ones((3, 3)), dilation=2)
    explorer.show(np.eye(3))
    assert (explorer.W.tolist(), explorer.dilation) == (np.ones((3, 3, 1, 1)).tolist(), 1)
    explorer.show(IMAGE, hparameters={"f": 4, "stride": 1})
    explorer.show(np.eye(3))
    assert explorer.hparameters == {"f": 3, "stride": 1}


def test_a_state_that_is_changed_in_place_is_nobody_elses() -> None:
    convstep.explore().state["layer"]["stride"] = 3
    assert convstep.explore().hparameters == {"stride": 1, "pad": 0}


def test_the_gradient_of_the_opening_is_left_after_a_move_too() -> None:
    explorer = convstep.explore()
    explorer.at = (0, 0, 0)
    explorer.image = np.ones((12, 12))
    assert (explorer.dZ == 1).all()


def test_a_state_that_leaves_something_out_is_completed() -> None:
    explorer, image = convstep.explore(), {"height": 1, "width": 2, "channels": 1, "values": [5, 6]}
    explorer.state = {"version": 1, "layer": {"image": image, "filters": {"size": 1, "count": 1, "values": [2]}, "bias": [3]}}
    assert (explorer.view, explorer.dilation, explorer.at) == ("layer", 1, (0, 0, 0))
    assert explorer.image is not None
    assert (explorer.image.tolist(), explorer.dZ.tolist()) == ([[[5], [6]]], [[[1], [1]]])
    explorer.view = "pooling"
    assert explorer.hparameters == {"f": 2, "stride": 2}


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"version": 2}, "a state is a mapping with version 1, as the page writes it into a file\n  given state {'version': 2}"),
        (
            {"version": 1, "layer": 5},
            'the layer of a state must be a mapping with "image", "filters", "bias"\n  given layer 5',
        ),
        ({"version": 1, "pooling": {"f": 2}}, "the pooling of a state must be a mapping with \"image\"\n  given pooling {'f': 2}"),
        ({"version": 1, "mistakes": 5}, "the mistakes of a state must be a mapping\n  given mistakes 5"),
    ],
)
def test_a_state_that_is_none_is_refused(state: Any, sentence: str) -> None:
    explorer = convstep.explore(IMAGE)
    with pytest.raises((ShapeError, ArgumentTypeError), match=f"^explore: {re.escape(sentence)}$"):
        explorer.state = state
    assert explorer.image is not None
    assert explorer.image.shape == (5, 5, 1)


def test_a_page_in_another_look_is_refused(tmp_path: Path) -> None:
    explorer = convstep.explore(IMAGE)
    with pytest.raises(ArgumentTypeError, match=re.escape("static: height must be a whole number >= 1, not '100%'\n  given height '100%'")):
        explorer.static("100%")  # type: ignore[arg-type]
    sentence = "explore: language must be \"en\" or \"zh\", not 'fr'\n  given language 'fr'"
    with pytest.raises(ShapeError, match=re.escape(sentence)):  # noqa: PT012 - a widget says so at once, a page when it is made
        explorer.language = "fr"
        explorer.save(tmp_path / "page.html")


@pytest.mark.parametrize("name", ["language", "theme"])
def test_a_widget_looks_at_its_look_at_once(name: str) -> None:
    explorer = convstep.explore(IMAGE, language="zh", theme="dark")
    if type(explorer) is Exploration:
        pytest.skip("it is a page")
    before = getattr(explorer, name)
    with pytest.raises(ShapeError, match=f"^explore: {name} must be "):
        setattr(explorer, name, "plain")
    assert getattr(explorer, name) == before


def _layer(**changed: Any) -> dict[str, Any]:
    image = {"height": 3, "width": 3, "channels": 1, "values": [0] * 9}
    return {"version": 1, "layer": {"image": image, "filters": {"size": 2, "count": 1, "values": [1] * 4}, "bias": [0], **changed}}


def _image(**changed: Any) -> dict[str, Any]:
    return _layer(image={"height": 3, "width": 3, "channels": 1, "values": [0] * 9, **changed})


def _pooling(**changed: Any) -> dict[str, Any]:
    return {"version": 1, "pooling": {"image": {"height": 3, "width": 3, "channels": 1, "values": [0] * 9}, **changed}}


WRONG: list[Any] = [
    {}, {"version": True}, {"version": 1, "view": "home"}, {"version": 1, "view": ["layer"]}, {"version": 1, "layer": 3},
    _image(height=65), _image(height=2.5), _image(height=True), _image(height="3"), _image(channels=0), _image(values=[0] * 8),
    _image(values="000000000"), _image(values=[[0]] * 9), _image(values=[True] * 9), _image(values=[None] * 9),
    _layer(bias=[np.nan]), _layer(bias=[np.inf]), _layer(bias=[1.1e12]), _layer(bias=["1"]), _layer(bias=[0, 0]), _layer(bias=None),
    _layer(filters={"size": 12, "count": 1, "values": [0] * 144}), _layer(filters={"size": 2, "count": 9, "values": [0] * 36}),
    _layer(filters={"size": 4, "count": 1, "values": [0] * 16}), _layer(filters={"size": 0, "count": 1, "values": []}), _layer(filters=3),
    _layer(padding="full"), _layer(padding=17), _layer(padding=-1), _layer(padding=None), _layer(stride=0), _layer(stride=9),
    _layer(dilation=9, padding=16), _layer(dilation=3), _layer(dz=[1]), _layer(dz=[np.nan] * 4), _layer(at=[2, 0, 0]), _layer(at=[0]),
    _layer(channel=1), _layer(direction="up"), _layer(sums="none"), _layer(direction=None),
    _pooling(size=4), _pooling(size=17), _pooling(mode="min"), _pooling(rule="last"), _pooling(da=[1, 2]), _pooling(stride=9),
    {"version": 1, "network": {"class": -1}}, {"version": 1, "network": {"map": 1e7}}, {"version": 1, "network": {"at": [-1, 0]}},
    {"version": 1, "network": {"layer": "x" * 201}}, {"version": 1, "network": {"image": 3}},
    {"version": 1, "network": {"of": {"name": "x", "digest": "0" * 63}}}, {"version": 1, "network": {"of": "x"}},
    {"version": 1, "mistakes": {"id": ["a"]}},
]  # fmt: skip
RIGHT: list[Any] = [
    {"version": 1}, {"version": 1, "layer": None, "mistakes": None}, _layer(), _layer(at=None, dz=[1e12, -1e12, 0.5, 1]), _layer(stride=8),
    _layer(padding=16, dilation=8), _layer(padding="same"), _layer(unknown=1), _pooling(size=3, stride=1.0, da=[5]), _pooling(at=[0, 0, 0]),
    {"version": 1, "network": {"layer": "\N{GRINNING FACE}" * 100, "at": [4095, 0], "of": {"name": "x", "digest": "0" * 64}},
     "mistakes": {"id": "x"}},
]  # fmt: skip


def test_python_and_the_page_refuse_the_same_states() -> None:
    explorer = convstep.explore(IMAGE)
    before = json.dumps(explorer.state)
    for state in WRONG:
        with pytest.raises((ShapeError, ArgumentTypeError), match=r"^explore: "):
            explorer.state = state
        assert json.dumps(explorer.state) == before
    taken = []
    for state in RIGHT:
        explorer.state = state
        taken.append(explorer.state)
    code = """
      const { checkedState } = await load("checking.js");
      return given.map((state) => { try { return checkedState(state); } catch (problem) { return problem.key ?? String(problem); } });
    """
    found = run(code, [*WRONG, *RIGHT])
    accepted = [state for state, said in zip(WRONG, found[: len(WRONG)], strict=True) if not str(said).startswith("problem.")]
    assert accepted == []
    assert found[len(WRONG) :] == taken


# ---- models


@pytest.fixture
def model() -> Any:
    return Sequential([Input((8, 8, 1)), Conv2D(2, 3, activation="relu"), Flatten(), Dense(3, activation="softmax")], name="little")


def test_a_model_is_shown_with_an_image(model: Any, tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((8, 8))
    for explorer in (convstep.explore(model, image), model.explore(image)):
        assert explorer.view == "network"
        np.testing.assert_array_equal(explorer.image, image[..., np.newaxis])
        assert explorer.network
        assert explorer.network.name == "little"
        assert explorer.network.run is None
        (tmp_path / "again.convstep").write_bytes(explorer.network.archive)
        again = load_model(tmp_path / "again.convstep")
        np.testing.assert_array_equal(
            again.predict(image[np.newaxis, ..., np.newaxis], verbose=0), model.predict(image[np.newaxis, ..., np.newaxis], verbose=0)
        )
    assert convstep.explore(model).image is None
    assert model.explore(language="zh", theme="dark").language == "zh"


def test_what_a_network_does_not_have_is_refused_and_not_dropped(model: Any) -> None:
    with pytest.raises(ShapeError, match=re.escape('explore: the view "network" has no stride; it has image\n  given stride 2')):
        convstep.explore(model, np.ones((8, 8)), stride=2)
    explorer = convstep.explore(model, np.ones((8, 8)), stride=2, view="layer")
    assert (explorer.view, explorer.hparameters["stride"]) == ("layer", 2)
    assert explorer.network is not None
    assert explorer.network.name == "little"


@pytest.mark.parametrize("shape", [(8, 9), (9, 8, 1), (8, 8, 3)])
def test_an_image_of_another_shape_than_the_model_takes_is_refused(model: Any, shape: tuple[int, ...]) -> None:
    full = (*shape, 1)[:3]
    with pytest.raises(ShapeError, match=re.escape(f"explore: the model takes images of the shape (8, 8, 1), not {full}\n  given image")):
        model.explore(np.zeros(shape))
    explorer = model.explore(np.zeros((8, 8)))
    with pytest.raises(ShapeError, match=r"^explore: the model takes images "):
        explorer.image = np.zeros(shape)
    assert explorer.image is not None
    assert explorer.image.shape == (8, 8, 1)


def test_a_model_of_any_size_takes_images_of_its_channels() -> None:
    model = Sequential([Input((None, None, 3)), Conv2D(2, 3)])
    assert model.explore(np.zeros((7, 5, 3))).image.shape == (7, 5, 3)
    with pytest.raises(ShapeError, match=re.escape("the model takes images of the shape (any, any, 3), not (7, 5, 1)")):
        model.explore(np.zeros((7, 5)))


def _two_inputs() -> Any:
    first, second = Input((8, 8, 1)), Input((8, 8, 1))
    return Model([first, second], Add()([first, second]))


def _two_outputs() -> Any:
    image = Input((8, 8, 1))
    return Model(image, [Flatten()(image), Conv2D(1, 3)(image)])


class Odd(Flatten):
    """A layer that no page knows."""


UNSEEN: dict[str, tuple[Any, str]] = {
    "several inputs": (_two_inputs, "the model has 2 inputs, and the explorer shows models that take one image"),
    "several outputs": (_two_outputs, "the model has 2 outputs, and the explorer shows models that return one array"),
    "no image": (
        lambda: Sequential([Input((5,)), Dense(2)]),
        "the model takes inputs of the shape (None, 5), and the explorer shows models that take one image, (H, W, C)",
    ),
    "a large image": (
        lambda: Sequential([Input((65, 8, 1)), Flatten()]),
        "the model takes images of 65 x 8 x 1, and the explorer shows 64 x 64 with 8 channels at most",
    ),
    "many channels": (
        lambda: Sequential([Input((8, 8, 9)), Flatten()]),
        "the model takes images of 8 x 8 x 9, and the explorer shows 64 x 64 with 8 channels at most",
    ),
    "another layer": (
        lambda: Sequential([Input((8, 8, 1)), Sequential([Input((8, 8, 1)), Odd(name="mine")])]),
        'the layer "mine" is of the class Odd, which the explorer cannot run',
    ),
}


@pytest.mark.parametrize("what", UNSEEN)
def test_a_model_that_the_page_cannot_show_is_refused(what: str) -> None:
    make, sentence = UNSEEN[what]
    model = make()
    model.name = "unseen"
    with pytest.raises(DataError, match=f"^{re.escape(f'explore: {sentence}')}\n  given unseen$"):
        model.explore()
    archive = saved(model)
    code = """
      const { openNetwork } = await load("network_session.js");
      try { openNetwork(given, "x"); return ""; } catch (problem) { return problem.name; }
    """
    assert run(code, archive) == "NetworkError"  # and the page does not


def saved(model: Any) -> bytes:
    """The file of a model."""
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "x.convstep")
        return (Path(folder) / "x.convstep").read_bytes()


def test_the_layers_that_the_page_runs_are_those_that_are_let_through() -> None:
    table = (ASSETS / "layers.js").read_text(encoding="utf-8").partition("const LAYERS = new Map(")[2]
    assert set(re.findall(r"^  ([A-Z]\w+):", table, re.MULTILINE)) == RUN


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="folders are not closed like this")
def test_a_page_that_cannot_be_written_is_one_kind_of_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    explorer = convstep.explore(IMAGE)
    monkeypatch.setattr("convstep.files.os.open", closed)
    with pytest.raises(DataError, match=r"^save: the file cannot be written: Permission denied\n  given "):
        explorer.save(tmp_path / "page.html")


def test_a_model_that_is_not_built_is_refused() -> None:
    sentence = "explore: the model is not built yet: call it with data, or tell it the shape of its input\n  given model 'sequential'"
    with pytest.raises(ArgumentTypeError, match=f"^{re.escape(sentence)}$"):
        Sequential([Dense(3)]).explore()


# ---- pages and frames


def test_it_can_be_saved_and_framed(tmp_path: Path) -> None:
    explorer = convstep.explore(IMAGE, np.ones((3, 3)), language="zh", theme="dark")
    explorer.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.findall(r'id="convstep-data">(.*?)</script>', text, re.DOTALL)[0])
    assert data["state"] == explorer.state
    assert (data["language"], data["theme"], data["place"]) == ("zh", "dark", "page")
    frame = explorer.static(height=300)
    assert isinstance(frame, Frame)
    assert "height:300px" in frame
    assert explorer._repr_html_() == explorer.static()
    with pytest.raises(DataError, match=r"^save: there is no folder "):
        explorer.save(tmp_path / "nowhere" / "page.html")


def test_a_saved_page_has_the_network_that_is_explored(tmp_path: Path) -> None:
    explorer = room.explore_network(Network("mine", b"PK", {"accuracy": 1}))
    explorer.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '"network":{"name":"mine","run":{"accuracy":1},"archive":"UEs="}' in text


# ---- the page's own rules


def test_the_page_has_the_same_limits_and_begins_the_same() -> None:
    found = run(
        'const { LIMITS, VIEWS } = await load("checking.js"); const { FIRST_STATE } = await load("opening.js");'
        "return { limits: LIMITS, first: FIRST_STATE, views: VIEWS };"
    )
    assert found["limits"] == LIMITS
    assert found["first"] == dict(START), "python -m scripts.build_explorer opening"
    assert found["views"] == ["layer", "pooling", "network", "mistakes"]


def test_the_page_takes_every_state_that_python_makes() -> None:
    rng, explorer = np.random.default_rng(5), Exploration()
    states: list[Any] = []
    while len(states) < 200:
        shape = (*rng.integers(1, 12, 2), rng.integers(1, 9))
        f, count = rng.integers(1, 6), rng.integers(1, 9)
        image, W = rng.normal(size=shape) * 10.0 ** rng.integers(-12, 11), rng.normal(size=(f, f, shape[2], count))
        numbers: Any = {
            "stride": int(rng.integers(1, 5)),
            "dilation": int(rng.integers(1, 4)),
            "pad": ["same", "valid", 0, 2][rng.integers(4)],
        }
        try:
            explorer.show(image, W, rng.normal(size=count), view="layer", **numbers)
            explorer.show(image, f=int(f), stride=int(rng.integers(1, 5)), mode=["max", "average"][rng.integers(2)])
        except ShapeError:
            continue
        explorer.dA = rng.normal(size=explorer.dA.shape)
        explorer.dZ = rng.normal(size=explorer.dZ.shape)
        explorer.at = [int(rng.integers(size)) for size in explorer.dZ.shape]
        explorer.show(image, view="network")
        states.append(explorer.state)
    found = run('const { checkedState } = await load("checking.js"); return given.map((state) => checkedState(state));', states)
    assert found == states


# ---- with and without the extra


def test_importing_convstep_brings_neither_numpy_nor_anywidget() -> None:
    code = "import sys, convstep; convstep.explore; sys.exit('anywidget' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment()).returncode == 0


def test_without_anywidget_there_is_a_page_and_the_widget_says_what_is_missing() -> None:
    code = """
import sys
sys.modules["anywidget"] = None
import convstep.explorer as room
room.find_spec = lambda name: None
explorer = room.explore()
assert type(explorer).__name__ == "Exploration"
assert "iframe" in explorer._repr_html_()
try:
    import convstep.explorer.widget
except ModuleNotFoundError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, env=environment(), capture_output=True, text=True)
    sentence = 'explore: anywidget is not installed; this installs it: pip install "convstep[notebook]"'
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{MissingExtraError.__name__} {sentence}\n", "")


@pytest.mark.skipif(not LIVE, reason="anywidget is not installed")
def test_the_widget_refuses_a_state_that_is_none() -> None:
    from convstep.explorer.widget import Explorer

    explorer = Explorer()
    for state in ({"version": 2}, {}, {"version": 1, "view": "lair"}):
        with pytest.raises(ShapeError, match=r"^explore: (a state is a mapping with version 1|view must be)"):
            explorer.state = state
    explorer.state = {"version": 1, "view": "pooling"}
    assert explorer.state == {**START, "view": "pooling"}
    heard: list[Any] = []
    explorer.observe(heard.append, "state")
    explorer.b = 3
    assert len(heard) == 1
