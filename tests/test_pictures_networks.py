"""The pictures of networks: filters, feature maps, saliency, curves, confusion matrices and graphs, for any sizes and values."""

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures need the extra plot (Matplotlib)")

from tests.pictures import EXTREMES, check_layout, words

from convstep import ArgumentTypeError, ShapeError
from convstep.figures import draw_confusion, draw_curves, draw_feature_maps, draw_filters, draw_graph, draw_saliency, themes
from convstep.figures import graph as graphs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convstep.figures import Picture


def images(figure: "Picture") -> list[np.ndarray]:
    """Return the arrays that are drawn, in order."""
    arrays: list[Any] = [item.get_array() for axes in figure.axes for item in axes.images]
    return [np.ma.getdata(array) for array in arrays]


def said(figure: "Picture") -> str:
    return " ".join(words(figure)).replace("\n", " ")


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


class TestFeatureMaps:
    @pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (28, 28, 6), (1, 40, 3), (30, 1, 17), (7, 7, 64), (4, 4, 200)], ids=str)
    def test_are_the_channels_each_in_its_own_scale(self, shape: tuple[int, int, int]) -> None:
        maps = draws(*shape)
        figure = draw_feature_maps(maps)
        check_layout(figure)
        found = images(figure)
        assert len(found) == min(shape[2], 64)
        for c, image in enumerate(found):
            np.testing.assert_array_equal(image, maps[:, :, c])
        for c, item in enumerate(figure.axes[0].images):
            largest = np.abs(maps[:, :, c]).max()
            assert item.get_clim() == (-largest, largest)
        assert ("The first 64 are drawn." in said(figure)) == (shape[2] > 64)

    def test_bear_their_names_and_the_ends_of_their_scales(self) -> None:
        maps = np.zeros((4, 4, 3))
        maps[0, 0] = [-2.5, 0, 1e-9]
        figure = draw_feature_maps(maps, names=["one", "two, which has a very long name indeed, too long to fit", "three"], title="Maps")
        assert {"Maps", "one", "three", "±2.50", "all 0", "±1e−9"} <= set(words(figure))
        assert [word for word in words(figure) if word.startswith("two") and word.endswith("…")]
        check_layout(figure)

    @pytest.mark.parametrize("count", [1, 2, 10, 84, 200])
    def test_of_a_layer_without_rows_and_columns_are_bars(self, count: int) -> None:
        units = draws(count)
        figure = draw_feature_maps(units)
        (axes,) = figure.axes
        np.testing.assert_allclose([bar.get_height() for bar in axes.patches], units)  # type: ignore[attr-defined]
        check_layout(figure)

    def test_of_a_layer_with_very_many_units_are_lines(self) -> None:
        units = draws(25000)
        figure = draw_feature_maps(units)
        drawn: Any = figure.axes[0].collections[0]
        np.testing.assert_allclose([segment[1, 1] for segment in drawn.get_segments()], units)
        check_layout(figure)

    @pytest.mark.parametrize("kind", EXTREMES)
    def test_of_extreme_values_are_whole(self, kind: str) -> None:
        for shape in ((1, 1, 1), (4, 5, 3), (6,)):
            check_layout(draw_feature_maps(EXTREMES[kind](shape)))

    def test_say_how_many_cells_are_no_numbers(self) -> None:
        assert "of 8 cells 2 NaN, 1 infinite" in said(
            draw_feature_maps(np.array([1, np.nan, np.inf, 2, np.nan, 3, 4, 5.0]).reshape(2, 2, 2))
        )


class TestFilters:
    @pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 3, 1, 8), (5, 5, 3, 6), (11, 11, 3, 20), (3, 3, 12, 40), (2, 3, 1, 100)], ids=str)
    def test_are_drawn_in_one_scale(self, shape: tuple[int, ...]) -> None:
        W = draws(*shape)
        figure = draw_filters(W)
        check_layout(figure)
        shown, deep = min(shape[3], 64 if shape[2] == 1 else 16), min(shape[2], 8)
        found = images(figure)
        assert len(found) == shown * deep
        for image, (c, k) in zip(found, itertools.product(range(shown), range(deep)), strict=True):
            np.testing.assert_array_equal(image, W[:, :, k, c])
        assert {image.get_clim() for image in figure.axes[0].images} == {(-np.abs(W).max(), np.abs(W).max())}

    def test_hold_their_numbers_where_they_are_few(self) -> None:
        assert {"0.12", "−3.00"} <= set(words(draw_filters(np.array([0.125, -3, 1, 1]).reshape(2, 2, 1, 1))))
        assert not [word for word in words(draw_filters(draws(5, 5, 3, 16))) if word.startswith("−")]

    def test_say_what_is_left_out(self) -> None:
        assert "40 filters of 3 × 3 × 12. The first 16 filters and 8 channels are drawn." in said(draw_filters(draws(3, 3, 12, 40)))

    @pytest.mark.parametrize("kind", EXTREMES)
    def test_of_extreme_values_are_whole(self, kind: str) -> None:
        for shape in ((1, 1, 1, 1), (2, 2, 2, 3), (8, 8, 1, 4)):
            check_layout(draw_filters(EXTREMES[kind](shape)))


class TestSaliency:
    @pytest.mark.parametrize("shape", [(1, 1), (8, 8), (28, 28, 1), (5, 40), (40, 5, 1), (16, 16, 3), (9, 9, 5)], ids=str)
    def test_shows_the_image_the_gradient_and_both(self, shape: tuple[int, ...]) -> None:
        image, gradient = np.abs(draws(*shape)) / 10, draws(*shape, seed=1)
        figure = draw_saliency(image, gradient)
        check_layout(figure)
        first, middle, below, above = images(figure)
        channels = shape[2] if len(shape) == 3 else 1
        np.testing.assert_array_equal(middle, gradient.reshape(shape[:2]) if channels == 1 else np.abs(gradient).max(axis=2))
        np.testing.assert_array_equal(above, middle)
        if channels == 3:
            np.testing.assert_array_equal(first, image)
        else:
            np.testing.assert_array_equal(first, image.reshape(*shape[:2], -1)[:, :, 0])
        assert below.shape == first.shape
        assert ("Of the image, channel 0 of 5 is drawn." in said(figure)) == (channels == 5)

    def test_is_the_stronger_the_larger_the_slope(self) -> None:
        gradient = np.array([[0.0, 0.25], [-1.0, 1.0]])
        alpha: Any = draw_saliency(np.ones((2, 2)), gradient).axes[0].images[-1].get_alpha()
        assert alpha[0, 0] == 0
        assert 0 < alpha[0, 1] < alpha[1, 0] == alpha[1, 1] == 1

    @pytest.mark.parametrize(("low", "high", "ends"), [(0.0, 1.0, (0, 1)), (0, 200, (0, 255)), (-2, 5, (-2, 5)), (-3, -3, (-3, -2))])
    def test_knows_in_which_range_an_image_is(self, low: float, high: float, ends: tuple[float, float]) -> None:
        figure = draw_saliency(np.linspace(low, high, 6).reshape(2, 3), np.ones((2, 3)))
        assert figure.axes[0].images[0].get_clim() == ends
        check_layout(figure)

    @pytest.mark.parametrize("kind", EXTREMES)
    def test_of_extreme_values_is_whole(self, kind: str) -> None:
        for shape in ((1, 1), (4, 5, 3)):
            check_layout(draw_saliency(EXTREMES[kind](shape), EXTREMES[kind](shape)))
            check_layout(draw_saliency(np.ones(shape), EXTREMES[kind](shape)))


def lines(axes: "Axes") -> dict[str, list[tuple[float, float]]]:
    """Return the points of each line by its label."""
    return {str(line.get_label()): [(float(x), float(y)) for x, y in np.column_stack(line.get_data()).tolist()] for line in axes.lines}


class TestCurves:
    def test_are_a_panel_for_each_name_the_loss_first(self) -> None:
        history = {
            "accuracy": [0.5, 0.75],
            "learning_rate": [0.1, 0.01],
            "loss": [1.0, 0.5],
            "val_accuracy": [0.25, 0.5],
            "val_loss": [2.0, 1.0],
        }
        figure = draw_curves(history, test={"loss": 0.75})
        check_layout(figure)
        loss, accuracy, rate = figure.axes
        assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy", "learning rate"]
        assert lines(loss) == {"training": [(1, 1), (2, 0.5)], "held out": [(1, 2), (2, 1)], "test: 0.7500": [(2, 0.75)]}
        assert lines(accuracy) == {"training": [(1, 0.5), (2, 0.75)], "held out": [(1, 0.25), (2, 0.5)]}
        assert lines(rate) == {"training": [(1, 0.1), (2, 0.01)]}
        assert loss.get_ylim()[0] == 0
        assert accuracy.get_ylim()[1] == 1

    def test_may_be_given_epoch_by_epoch(self) -> None:
        rows = [{"epoch": 4, "loss": 1.0, "seconds": 3.0}, {"epoch": 5, "loss": 0.5, "val_loss": 0.6, "seconds": 3.0}]
        figure = draw_curves(rows, title="A run")
        (axes,) = figure.axes
        assert lines(axes) == {"training": [(4, 1), (5, 0.5)], "held out": [(5, 0.6)]}
        assert "A run" in words(figure)
        check_layout(figure)

    def test_put_a_validation_of_every_third_epoch_where_it_was(self) -> None:
        (axes,) = draw_curves({"loss": [6, 5, 4, 3, 2, 1, 0], "val_loss": [7, 8]}).axes
        assert lines(axes)["held out"] == [(3, 7), (6, 8)]

    def test_leave_gaps_and_say_so(self) -> None:
        figure = draw_curves({"loss": [1.0, math.nan, math.inf, 2.0]})
        points = lines(figure.axes[0])["training"]
        assert [math.isnan(y) for _, y in points] == [False, True, True, False]
        assert "Gaps: 2 values not finite." in said(figure)
        check_layout(figure)

    @pytest.mark.parametrize(
        "history",
        [
            {},
            [],
            {"loss": []},
            {"loss": [0.0]},
            {"loss": [math.nan]},
            {"loss": [1e300, 1e-300]},
            {"loss": [-1.0, -2.0]},
            {"accuracy": [1.0, 1.0]},
            {"accuracy": [3.0]},
            {"learning_rate": [1.0, 1e-3, 1e-6]},
            {f"metric_{n}": list(range(200)) for n in range(7)},
            {"recall": [[0.5, 0.5], [0.6, 0.7]], "loss": [1, 2]},
        ],
        ids=str,
    )
    def test_of_any_history_are_whole(self, history: Any) -> None:
        check_layout(draw_curves(history))

    def test_of_a_rate_that_falls_far_have_a_logarithmic_axis(self) -> None:
        assert draw_curves({"learning_rate": [1.0, 1e-3, 1e-6]}).axes[0].get_yscale() == "log"
        assert draw_curves({"learning_rate": [1.0, 0.5]}).axes[0].get_yscale() == "linear"


class TestConfusion:
    @pytest.mark.parametrize("classes", [1, 2, 10, 26, 100])
    def test_shows_shares_of_rows_right_above_and_wrong_below_zero(self, classes: int) -> None:
        matrix = np.random.default_rng(classes).integers(0, 9, (classes, classes))
        figure = draw_confusion(matrix)
        check_layout(figure)
        (shades,) = images(figure)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        right = np.eye(classes, dtype=bool)
        np.testing.assert_allclose(shades[right], shares[right])
        if classes > 1:
            np.testing.assert_allclose(shades[~right], -shares[~right] / shares[~right].max())
        assert f"{np.trace(matrix)} of {matrix.sum():,} on the diagonal" in said(figure)

    def test_writes_every_count_where_there_is_room(self) -> None:
        found = words(draw_confusion([[50, 0, 1], [0, 44, 6], [2, 3, 12345]]))
        assert {"50", "44", "6", "12345"} <= set(found)
        assert not {"1000000"} & set(words(draw_confusion(np.full((60, 60), 1000000))))

    def test_names_classes_and_shows_examples(self) -> None:
        names = ["airplane", "a class with an extraordinarily long name", "cat"]
        examples = [(np.eye(4), 0, 1), (np.ones((8, 2, 3)), 1, 2), (np.zeros((2, 8, 1)), 2, 0)]
        figure = draw_confusion(np.eye(3), names=names, examples=examples)
        check_layout(figure)
        found = words(figure)
        assert found.count("cat") == 2
        assert len([word for word in found if " → " in word and word != "examples: truth → taken for"]) == 3
        assert len(images(figure)) == 4

    def test_draws_at_most_twelve_examples(self) -> None:
        figure = draw_confusion(np.eye(2), examples=[(np.ones((2, 2)), 0, 1)] * 40)
        assert len(images(figure)) == 13
        check_layout(figure)

    def test_of_no_images_and_of_shares_is_whole(self) -> None:
        for matrix in (np.zeros((3, 3)), np.eye(3) * 0.25, np.full((2, 2), 1e300), np.eye(4, dtype=bool)):
            check_layout(draw_confusion(matrix))


def chain(count: int) -> list[dict[str, Any]]:
    names = [f"layer_{n}" for n in range(count)]
    return [
        {"name": name, "kind": "Conv2D", "shape": (8, 8, n), "parameters": n, "inputs": [names[n - 1]] if n else []}
        for n, name in enumerate(names)
    ]


def crossing(nodes: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return each line that goes through a box that it neither leaves nor enters."""
    figure = draw_graph(nodes)
    (axes,) = figure.axes
    boxes = [patch.get_bbox() for patch in axes.patches if type(patch).__name__ == "FancyBboxPatch"]  # type: ignore[attr-defined]
    found = []
    for line in axes.lines:
        across, down = (np.asarray(item, float) for item in line.get_data())
        for (x0, x1), (y0, y1) in zip(itertools.pairwise(across), itertools.pairwise(down), strict=True):
            for box in boxes:
                inside = min(x0, x1) < box.x1 - 0.01 and max(x0, x1) > box.x0 + 0.01
                if inside and min(y0, y1) < max(box.y0, box.y1) - 0.01 and max(y0, y1) > min(box.y0, box.y1) + 0.01:
                    found.append((f"{x0:.2f} {y0:.2f}", f"{x1:.2f} {y1:.2f}", str(box)))
    return found


def ambiguous(nodes: list[dict[str, Any]]) -> list[str]:
    """Return the places where lines lie upon each other that have neither their beginning nor their end in common."""
    (axes,) = draw_graph(nodes).axes
    boxes = [patch.get_bbox() for patch in axes.patches if type(patch).__name__ == "FancyBboxPatch"]  # type: ignore[attr-defined]

    def box_at(end: np.ndarray) -> Any:
        inside = [n for n, box in enumerate(boxes) if box.x0 <= end[0] <= box.x1 and abs(min(box.y0, box.y1) - end[1]) < 1e-6]
        return inside[0] if inside else tuple(end)

    paths = [np.column_stack([np.asarray(item, float) for item in line.get_data()]) for line in axes.lines]
    found = []
    for one, other in itertools.combinations(paths, 2):
        if np.allclose(one[0], other[0]) or box_at(one[-1]) == box_at(other[-1]):
            continue
        for (a, b), (c, d) in itertools.product(itertools.pairwise(one), itertools.pairwise(other)):
            for along, across in ((0, 1), (1, 0)):
                if max(abs(a[across] - item[across]) for item in (b, c, d)) < 0.012:
                    length = min(max(a[along], b[along]), max(c[along], d[along])) - max(min(a[along], b[along]), min(c[along], d[along]))
                    found += [f"{a} {b} and {c} {d}"] if length > 0.012 else []
    return found


BLOCK: list[dict[str, Any]] = [
    {"name": "image", "kind": "Input", "shape": (28, 28, 1), "inputs": []},
    {"name": "conv", "kind": "Conv2D, relu", "shape": (28, 28, 8), "parameters": 80, "inputs": ["image"]},
    {"name": "conv_1", "kind": "Conv2D", "shape": (28, 28, 8), "parameters": 584, "inputs": ["conv"]},
    {"name": "add", "kind": "Add", "shape": (28, 28, 8), "inputs": ["conv", "conv_1"]},
]
INCEPTION: list[dict[str, Any]] = [
    {"name": "image", "kind": "Input", "inputs": []},
    *({"name": name, "kind": "Conv2D", "inputs": ["image"]} for name in ("a", "b", "c", "d")),
    {"name": "c2", "kind": "Conv2D", "inputs": ["c"]},
    {"name": "d2", "kind": "Conv2D", "inputs": ["d"]},
    {"name": "d3", "kind": "Conv2D", "inputs": ["d2"]},
    {"name": "join", "kind": "Concatenate", "inputs": ["a", "b", "c2", "d3"]},
    {"name": "end", "kind": "Dense", "inputs": ["join"]},
    {"name": "other end", "kind": "Dense", "inputs": ["a"]},
]
DENSE: list[dict[str, Any]] = [{"name": f"n{n}", "kind": "Add", "inputs": [f"n{k}" for k in range(n)]} for n in range(6)]
TWO: list[dict[str, Any]] = [
    {"name": "left", "kind": "Input", "inputs": []},
    {"name": "deep", "kind": "Dense", "inputs": ["left"]},
    {"name": "right", "kind": "Input", "inputs": []},
    {"name": "add", "kind": "Add", "inputs": ["deep", "right"]},
]
PASSING: list[dict[str, Any]] = [
    {"name": "in", "kind": "Input", "inputs": []},
    *({"name": name, "kind": "Dense", "inputs": ["in"]} for name in ("a", "b")),
    {"name": "m", "kind": "Dense", "inputs": ["a"]},
    {"name": "x", "kind": "Add", "inputs": ["a", "m"]},
    {"name": "y", "kind": "Add", "inputs": ["b", "m"]},
]
BOTH: list[dict[str, Any]] = [
    {"name": "in", "kind": "Input", "inputs": []},
    *({"name": name, "kind": "Dense", "inputs": ["in"]} for name in ("l", "r")),
    *({"name": name, "kind": "Add", "inputs": ["l", "r"]} for name in ("x", "y")),
]


class TestGraph:
    @pytest.mark.parametrize("nodes", [chain(1), chain(2), chain(17), chain(40), BLOCK, INCEPTION, DENSE, TWO, PASSING, BOTH, BLOCK[:1]])
    def test_is_whole_and_no_line_goes_through_a_box(self, nodes: list[dict[str, Any]]) -> None:
        figure = draw_graph(nodes)
        check_layout(figure)
        assert {node["name"] for node in nodes} <= set(words(figure))
        assert not crossing(nodes)
        assert not ambiguous(nodes)

    @pytest.mark.parametrize("seed", range(6))
    def test_of_random_branches_can_be_followed(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        nodes = [
            {
                "name": f"n{n}",
                "kind": "Add",
                "inputs": [f"n{k}" for k in sorted({*rng.integers(max(n - 4, 0), n, rng.integers(1, 3)).tolist()})] if n else [],
            }
            for n in range(9)
        ]
        check_layout(draw_graph(nodes))
        assert not crossing(nodes)
        assert not ambiguous(nodes)

    def test_writes_kinds_shapes_and_parameters(self) -> None:
        found = words(draw_graph(BLOCK, title="A residual block"))
        assert {"A residual block", "Conv2D, relu", "28 × 28 × 8", "584", "add"} <= set(found)
        assert "4 layers, 664 parameters." in " ".join(found).replace("\n", " ")

    @pytest.mark.parametrize(
        ("shape", "text"),
        [((28, 28, 1), "28 × 28 × 1"), ((None, None, 3), "? × ? × 3"), ((), "1"), ("anything", "anything"), ([(2,), (3, 4)], "2, 3 × 4")],
    )
    def test_writes_any_shape(self, shape: Any, text: str) -> None:
        assert text in words(draw_graph([{"name": "a", "kind": "Layer", "shape": shape, "inputs": []}]))

    def test_cuts_names_that_are_too_long(self) -> None:
        figure = draw_graph([{"name": "a" * 200, "kind": "K" * 90, "shape": (10**9,) * 6, "parameters": 10**15, "inputs": []}])
        check_layout(figure)
        assert len([word for word in words(figure) if word.endswith("…")]) == 3

    def test_draws_a_line_for_each_input(self) -> None:
        for nodes in (chain(30), BLOCK, TWO, DENSE):
            heads = [patch for patch in draw_graph(nodes).axes[0].patches if type(patch).__name__ == "Polygon"]
            assert len(heads) == sum(len(node["inputs"]) for node in nodes)

    def test_folds_tall_graphs_into_columns(self) -> None:
        for count, columns in ((10, 1), (30, 2), (60, 3)):
            figure = draw_graph(chain(count))
            boxes = [patch.get_bbox() for patch in figure.axes[0].patches if type(patch).__name__ == "FancyBboxPatch"]  # type: ignore[attr-defined]
            assert len({round(box.x0, 3) for box in boxes}) == columns

    @pytest.mark.parametrize(
        ("kind", "colour"),
        [
            ("Conv2D, relu", "blue"),
            ("Dense", "blue"),
            ("AveragePooling2D", "green"),
            ("Average", "orange"),
            ("Add", "orange"),
            ("ZeroPadding2D", "grey"),
            ("LeakyReLU", "vermilion"),
            ("Activation, relu", "vermilion"),
            ("BatchNormalization", "purple"),
            ("Input", "ink"),
            ("Flatten", "grey"),
        ],
    )
    def test_has_a_colour_for_each_family(self, kind: str, colour: str) -> None:
        theme = themes.LIGHT
        assert graphs._colour(kind, theme) == getattr(theme, colour)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: draw_feature_maps(np.ones((2, 2))),
            ShapeError,
            "draw_feature_maps: maps must have 3 axes (height, width, channels), not 2\n  given maps (2, 2)",
        ),
        (
            lambda: draw_feature_maps([]),
            ShapeError,
            "draw_feature_maps: maps has no channels\n  given maps (0,)",
        ),
        (
            lambda: draw_feature_maps(np.ones((2, 2, 3)), names=["a"]),
            ShapeError,
            "draw_feature_maps: there are 3 channels, but 1 name\n  given names ('a',)",
        ),
        (
            lambda: draw_filters(np.ones((3, 3))),
            ShapeError,
            "draw_filters: W must have 4 axes (f, f, channels, filters), not 2\n  given W (3, 3)",
        ),
        (
            lambda: draw_filters("sobel"),
            ArgumentTypeError,
            "draw_filters: W must hold real numbers, not text\n  given W 'sobel'",
        ),
        (
            lambda: draw_saliency(np.ones((2, 2)), np.ones((2, 3))),
            ShapeError,
            "draw_saliency: gradient must have the shape of image, (2, 2, 1), not (2, 3, 1)\n  given image (2, 2, 1), gradient (2, 3, 1)",
        ),
        (
            lambda: draw_saliency(np.ones(3), np.ones(3)),
            ShapeError,
            "draw_saliency: image must have the axes (height, width) or (height, width, channels), not 1\n  given image (3,)",
        ),
        (
            lambda: draw_curves(3),  # type: ignore[arg-type]
            ArgumentTypeError,
            "draw_curves: history must be a tuple or list, not 3\n  given history 3",
        ),
        (
            lambda: draw_curves({"loss": [1.0]}, test=3),  # type: ignore[arg-type]
            ArgumentTypeError,
            "draw_curves: test must be a mapping of names to values\n  given test 3",
        ),
        (
            lambda: draw_curves({"loss": [1.0]}, test={"loss": "x"}),  # type: ignore[dict-item]
            ArgumentTypeError,
            "draw_curves: test['loss'] must hold real numbers, not text\n  given test['loss'] 'x'",
        ),
        (
            lambda: draw_curves({"loss": [1.0]}, title=5),  # type: ignore[arg-type]
            ArgumentTypeError,
            "draw_curves: title must be a text, not 5\n  given title 5",
        ),
        (
            lambda: draw_curves([1, 2]),  # type: ignore[list-item]
            ArgumentTypeError,
            "draw_curves: history must be a mapping of names to values, or a sequence of such mappings\n  given history [1, 2]",
        ),
        (
            lambda: draw_curves({"loss": ["low"]}),  # type: ignore[list-item]
            ArgumentTypeError,
            "draw_curves: loss must hold real numbers, not text\n  given loss ['low']",
        ),
        (
            lambda: draw_confusion(np.ones((2, 3))),
            ShapeError,
            "draw_confusion: matrix must be square, not 2 × 3\n  given matrix (2, 3)",
        ),
        (
            lambda: draw_confusion([[1, -1], [0, 0]]),
            ShapeError,
            "draw_confusion: matrix must hold counts, finite numbers >= 0\n  given matrix (2, 2)",
        ),
        (
            lambda: draw_confusion(np.eye(2), names=["a"]),
            ShapeError,
            "draw_confusion: there are 2 classes, but 1 name\n  given names ('a',)",
        ),
        (
            lambda: draw_confusion(np.eye(2), examples=[(np.ones((2, 2)), 0, 2)]),
            ShapeError,
            "draw_confusion: there is no class 2: they count from 0 to 1\n  given example ((2, 2), 0, 2)",
        ),
        (
            lambda: draw_confusion(np.eye(2), examples=[(0, 1)]),  # type: ignore[list-item]
            ShapeError,
            "draw_confusion: each of examples must be (image, truth, prediction), not (0, 1)\n  given example (0, 1)",
        ),
        (
            lambda: draw_graph([]),
            ArgumentTypeError,
            "draw_graph: nodes must be a sequence of mappings, one for each box\n  given nodes []",
        ),
        (
            lambda: draw_graph([{"name": "a", "kind": "Dense"}]),
            ShapeError,
            "draw_graph: a node has no \"inputs\"\n  given node {'name': 'a', 'kind': 'Dense'}",
        ),
        (
            lambda: draw_graph([*TWO, TWO[0]]),
            ShapeError,
            "draw_graph: two nodes have the name \"left\"\n  given node {'name': 'left', 'kind': 'Input', 'inputs': []}",
        ),
        (
            lambda: draw_graph([{"name": "a", "kind": "Dense", "inputs": ["b"]}]),
            ShapeError,
            ("draw_graph: the node \"a\" needs \"b\", which does not stand before it\n  given node {'name': 'a', 'kind': 'Dense', "
            "'inputs': ['b']}"),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_words(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize("history", [{}, [], {"loss": []}])
def test_curves_of_no_epoch_say_so_in_one_sentence(history: Any) -> None:
    figure = draw_curves(history, test={"loss": 1})
    assert [text.get_text() for text in figure.texts] == ["Training", "There is no epoch yet."]
    check_layout(figure)


def test_curves_of_the_largest_numbers_are_drawn_without_a_warning() -> None:
    figure = draw_curves({"loss": [1e308, -1e308]}, test={"loss": 1e308})
    check_layout(figure)
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert "8e+307" in labels
    assert "−8e+307" in labels


def test_filters_without_a_number_have_no_scale() -> None:
    figure = draw_filters(np.full((2, 2, 1, 1), math.nan))
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "None of their numbers is finite, so there is no scale." in said
    assert "±" not in said
