"""The pictures of steps: they show what the record says, for any sizes and values, and refuse records of something else in words."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures need the extra plot (Matplotlib)")

from tests.pictures import EXTREMES, check_layout, words

from convstep import (
    ArgumentTypeError,
    ShapeError,
    conv_backward,
    conv_forward,
    conv_single_step,
    pool_backward,
    pool_forward,
    trace,
    zero_pad,
)
from convstep.figures import draw_accumulation, draw_padding, draw_pooling, draw_window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convstep.figures import Picture

NO_BREAK = "\N{NO-BREAK SPACE}"


def panels(figure: "Picture") -> dict[str, "Axes"]:
    """Return the panels by their titles."""
    return {axes.get_title(): axes for axes in figure.axes}


def drawn(axes: "Axes") -> np.ndarray:
    (image,) = axes.images
    return np.asarray(image.get_array())


def bold(axes: "Axes") -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_fontweight() == "bold"]


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def forward(image: Any, size: Any = (3, 3, 1, 1), stride: int = 1, pad: int = 0, **options: Any) -> dict[str, Any]:
    W, b = options.get("W", draws(*size, seed=1)), options.get("b", draws(1, 1, 1, size[3], seed=2))
    return trace(conv_forward, image, W, b, {"stride": stride, "pad": pad})


def backward(image: Any, size: Any = (3, 3, 1, 1), stride: int = 1, pad: int = 0) -> dict[str, Any]:
    Z, cache = conv_forward(image, draws(*size, seed=1), np.zeros((1, 1, 1, size[3])), {"stride": stride, "pad": pad})
    return trace(conv_backward, draws(*Z.shape, seed=3), cache)


class TestPadding:
    @pytest.mark.parametrize(("shape", "pad"), [((1, 1, 1, 1), 1), ((2, 3, 4, 2), 2), ((1, 5, 5, 1), 0), ((1, 20, 30, 3), 4)])
    def test_shows_the_image_before_and_after(self, shape: tuple[int, ...], pad: int) -> None:
        X = draws(*shape)
        i, c = shape[0] - 1, shape[3] - 1
        figure = draw_padding(trace(zero_pad, X, pad), image=i, channel=c)
        before, after = figure.axes
        np.testing.assert_array_equal(drawn(before), X[i, :, :, c])
        np.testing.assert_array_equal(drawn(after), zero_pad(X, pad)[i, :, :, c])
        assert before.get_title() == f"X, {shape[1]} × {shape[2]}"
        assert after.get_title() == f"X_pad, {shape[1] + 2 * pad} × {shape[2] + 2 * pad}"
        assert len([patch for patch in after.patches if patch.get_hatch()]) == (4 if pad else 0)
        check_layout(figure)

    def test_says_which_image_and_channel_it_is(self) -> None:
        said = words(draw_padding(trace(zero_pad, draws(2, 3, 4, 3), 1), image=1, channel=2))
        assert "3 + 2 × 1 = 5 rows, 4 + 2 × 1 = 6 columns. The frame is hatched. Image 1 of 2. Channel 2 of 3." in " ".join(said).replace(
            "\n", " "
        )

    @pytest.mark.parametrize("kind", EXTREMES)
    def test_of_extreme_values_is_whole(self, kind: str) -> None:
        check_layout(draw_padding(trace(zero_pad, EXTREMES[kind]((1, 3, 4, 1)), 1)))


class TestWindow:
    @pytest.mark.parametrize(
        ("shape", "size", "stride", "pad", "cell"),
        [
            ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0, (0, 0, 0, 0)),
            ((2, 4, 5, 1), (3, 3, 1, 2), 1, 1, (1, 2, 3, 1)),
            ((1, 6, 7, 3), (2, 2, 3, 1), 2, 0, (0, 1, 2, 0)),
            ((1, 12, 14, 2), (5, 5, 2, 1), 3, 2, (0, 1, 1, 0)),
            ((1, 11, 11, 1), (11, 11, 1, 1), 1, 0, (0, 0, 0, 0)),
        ],
    )
    def test_shows_the_arithmetic_of_the_step(self, shape: Any, size: Any, stride: int, pad: int, cell: Any) -> None:
        A_prev = draws(*shape)
        record = forward(A_prev, size, stride, pad)
        figure = draw_window(record, cell=cell)
        check_layout(figure)
        (event,) = [event for event in record["events"] if tuple(event["cell"]) == cell]
        i, h, w, c = cell
        padded = zero_pad(A_prev, pad)[i]
        (top, bottom), (left, right) = event["window"]["rows"], event["window"]["columns"]
        context, Z, *steps = figure.axes
        np.testing.assert_array_equal(drawn(context), padded[:, :, 0])
        np.testing.assert_array_equal(drawn(Z), np.array(record["result"][0])[i, :, :, c])
        for k, (window, kernel, products) in enumerate(zip(steps[::3], steps[1::3], steps[2::3], strict=True)):
            np.testing.assert_array_equal(drawn(window), padded[top:bottom, left:right, k])
            np.testing.assert_array_equal(drawn(kernel), np.array(record["arguments"]["W"])[:, :, k, c])
            np.testing.assert_array_equal(drawn(products), np.array(event["products"])[:, :, k])
        outlined = [patch for patch in context.patches if not patch.get_hatch()]
        assert [(patch.get_xy(), patch.get_width(), patch.get_height()) for patch in outlined] == [  # type: ignore[attr-defined]
            ((left - 0.5, top - 0.5), right - left, bottom - top)
        ]
        assert [patch.get_xy() for patch in Z.patches] == [(w - 0.5, h - 0.5)]  # type: ignore[attr-defined]

    def test_writes_the_sum_as_the_function_added_it(self) -> None:
        record = forward(
            np.array([1.0, 2, 3, 4]).reshape(1, 2, 2, 1), W=np.array([2.0, 0, 0, -1]).reshape(2, 2, 1, 1), b=np.full((1, 1, 1, 1), -0.5)
        )
        assert "sum of the products −2.00 − 0.50 (bias) = −2.50 → Z[0, 0, 0, 0]" in words(draw_window(record))

    def test_of_many_channels_shows_the_first_and_says_so(self) -> None:
        figure = draw_window(forward(draws(1, 4, 4, 6), (3, 3, 6, 1)))
        assert [axes.get_title() for axes in figure.axes[2::3]] == [f"window, channel {k}" for k in range(4)]
        said = " ".join(words(figure))
        assert "Channel 0 of 6 is drawn whole." in said.replace("\n", " ")
        assert "(with 2 channels more)" in said
        check_layout(figure)

    def test_hatches_what_no_window_reads(self) -> None:
        figure = draw_window(forward(draws(1, 6, 7, 1), stride=2))
        hatched = np.zeros((6, 7), dtype=int)
        for patch in figure.axes[0].patches:
            if patch.get_hatch():
                (left, top), width, height = patch.get_xy(), patch.get_width(), patch.get_height()  # type: ignore[attr-defined]
                hatched[int(top + 0.5) : int(top + 0.5 + height), int(left + 0.5) : int(left + 0.5 + width)] += 1
        read = np.zeros((6, 7), dtype=int)
        read[:5, :7] = 1
        np.testing.assert_array_equal(hatched, 1 - read)
        assert "crossed: read by no window" in words(figure)

    def test_of_a_single_step_needs_no_image(self) -> None:
        a, W = draws(3, 3, 2), draws(3, 3, 2, seed=1)
        figure = draw_window(trace(conv_single_step, a, W, np.full((1, 1, 1), 0.25)))
        check_layout(figure)
        np.testing.assert_array_equal(drawn(panels(figure)["products, channel 1"]), a[:, :, 1] * W[:, :, 1])
        assert "conv_single_step" in words(figure)

    @pytest.mark.parametrize("kind", EXTREMES)
    def test_of_extreme_values_is_whole(self, kind: str) -> None:
        check_layout(draw_window(forward(EXTREMES[kind]((1, 3, 4, 1)), (2, 2, 1, 1), pad=1)))


class TestPooling:
    PICTURE = np.array([[1, 3, 2, 2], [0, 1, 2, 1], [-1, -2, 5, 0], [-4, -1, 0, 4]]).reshape(1, 4, 4, 1)

    def test_forward_rings_the_winners_of_every_window(self) -> None:
        figure = draw_pooling(trace(pool_forward, self.PICTURE, {"f": 2, "stride": 2}, "max"), cell=(0, 0, 1, 0))
        image, pooled, window = figure.axes
        assert bold(image) == ["3", "2", "2", "2", "−1", "5", "−1"]
        np.testing.assert_array_equal(drawn(image), self.PICTURE[0, :, :, 0])
        assert drawn(pooled).tolist() == [[3, 2], [-1, 5]]
        assert drawn(window).tolist() == [[2, 2], [2, 1]]
        assert "the largest of 4 values, 3 times: 2 → A[0, 0, 1, 0]" in words(figure)
        check_layout(figure)

    def test_forward_of_an_average_writes_the_sum(self) -> None:
        figure = draw_pooling(trace(pool_forward, self.PICTURE, {"f": 2, "stride": 2}, "average"))
        assert "sum 5.00 ÷ 4 = 1.25 → A[0, 0, 0, 0]" in words(figure)
        assert not bold(figure.axes[0])
        check_layout(figure)

    def test_backward_shows_where_the_gradient_lands(self) -> None:
        dA = np.array([[1, 2], [3, -4]]).reshape(1, 2, 2, 1)
        cache = (self.PICTURE, {"f": 2, "stride": 2})
        record = trace(pool_backward, dA, cache, "max")
        figure = draw_pooling(record, cell=(0, 0, 1, 0))
        image, given, landed, mask, received = figure.axes
        assert bold(image) == ["3", "2", "2", "2", "−1", "5", "−1"]
        assert drawn(given).tolist() == [[1, 2], [3, -4]]
        np.testing.assert_array_equal(drawn(landed), np.array(record["result"])[0, :, :, 0])
        assert drawn(mask).tolist() == [[1, 1], [1, 0]]
        assert drawn(received).tolist() == [[2, 2], [2, 0]]
        assert "dA[0, 0, 1, 0] = 2 goes to each of 3 equal values of its window" in words(figure)
        check_layout(figure)

    def test_backward_of_an_average_shares_out(self) -> None:
        dA = np.array([[1, 2], [3, -4]]).reshape(1, 2, 2, 1)
        figure = draw_pooling(trace(pool_backward, dA, (self.PICTURE, {"f": 2, "stride": 2}), "average"), cell=(0, 1, 1, 0))
        assert "dA[0, 1, 1, 0] = −4, ÷ 4 = −1 for each value of its window" in words(figure)
        check_layout(figure)

    def test_outlines_windows_only_where_they_can_be_told_apart(self) -> None:
        for f, stride, size, count in ((2, 2, 6, 9), (3, 1, 6, 0), (2, 2, 40, 0)):
            figure = draw_pooling(trace(pool_forward, draws(1, size, size, 1), {"f": f, "stride": stride}, "average"))
            assert len([patch for patch in figure.axes[0].patches if patch.get_linewidth() < 1]) == count
            check_layout(figure)

    @pytest.mark.parametrize("mode", ["max", "average"])
    @pytest.mark.parametrize("kind", EXTREMES)
    def test_of_extreme_values_is_whole(self, kind: str, mode: str) -> None:
        image, hparameters = EXTREMES[kind]((1, 4, 5, 2)), {"f": 2, "stride": 2}
        record = trace(pool_forward, image, hparameters, mode)
        check_layout(draw_pooling(record, cell=(0, 1, 1, 1)))
        check_layout(draw_pooling(trace(pool_backward, EXTREMES[kind]((1, 2, 2, 2)), (image, hparameters), mode), cell=(0, 1, 1, 1)))


class TestAccumulation:
    @pytest.mark.parametrize(
        ("shape", "size", "stride", "pad", "cell"),
        [
            ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0, (0, 0, 0, 0)),
            ((1, 3, 4, 1), (2, 2, 1, 1), 1, 0, (0, 1, 1, 0)),
            ((2, 5, 4, 2), (3, 3, 2, 1), 2, 1, (1, 2, 2, 1)),
            ((1, 4, 4, 1), (3, 3, 1, 2), 1, 1, (0, 1, 1, 0)),
            ((1, 12, 12, 1), (2, 2, 1, 1), 2, 0, (0, 5, 5, 0)),
        ],
    )
    def test_shows_the_pieces_that_add_up(self, shape: Any, size: Any, stride: int, pad: int, cell: Any) -> None:
        record = backward(draws(*shape), size, stride, pad)
        figure = draw_accumulation(record, cell=cell)
        check_layout(figure)
        i, h, w, k = cell
        total = np.array(record["result"][0])[cell]
        pieces = [axes for axes in figure.axes if axes.get_title().startswith("from dZ")]
        terms = []
        for axes in pieces:
            place = [int(item) for item in axes.get_title().removeprefix("from dZ[").removesuffix("]").split(", ")]
            (event,) = [event for event in record["events"] if event["cell"] == place]
            np.testing.assert_array_equal(drawn(axes), np.array(event["to_window"])[:, :, k])
            (ring,) = axes.patches
            row, column = round(ring.get_y() + 0.5), round(ring.get_x() + 0.5)  # type: ignore[attr-defined]
            assert (row + event["window"]["rows"][0], column + event["window"]["columns"][0]) == (h + pad, w + pad)
            terms.append(drawn(axes)[row, column])
        if len(pieces) < 12:
            assert sum(terms) == pytest.approx(total)
        assert len({axes.images[0].get_clim() for axes in pieces}) == 1
        np.testing.assert_array_equal(drawn(panels(figure)[f"dA_prev[{i}, :, :, {k}]"]), np.array(record["result"][0])[i, :, :, k])

    def test_writes_the_sum_in_the_order_of_the_steps(self) -> None:
        A_prev, W = np.ones((1, 3, 4, 1)), np.array([[1, 2], [-3, 4]]).reshape(2, 2, 1, 1)
        _, cache = conv_forward(A_prev, W, np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 0})
        dZ = np.array([[1, 0.5, -1], [2, 0, 1]]).reshape(1, 2, 3, 1)
        figure = draw_accumulation(trace(conv_backward, dZ, cache))
        assert "4.00 − 1.50 + 4.00 + 0.00 = 6.50 = dA_prev[0, 1, 1, 0]" in [text.replace(NO_BREAK, " ") for text in words(figure)]

    def test_a_sum_of_rounded_terms_is_about_equal(self) -> None:
        _, cache = conv_forward(np.ones((1, 1, 3, 1)), np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 0})
        figure = draw_accumulation(trace(conv_backward, np.full((1, 1, 3, 1), 1 / 3), cache))
        assert "0.33 ≈ 0.33 ≈ dA_prev[0, 0, 0, 0]" in [text.replace(NO_BREAK, " ") for text in words(figure)]

    def test_chooses_the_first_entry_under_the_most_windows(self) -> None:
        assert "conv_backward: what adds up to dA_prev[0, 2, 2, 0]" in words(draw_accumulation(backward(draws(1, 6, 6, 1))))
        assert "conv_backward: what adds up to dA_prev[0, 1, 1, 0]" in words(draw_accumulation(backward(draws(1, 6, 6, 1), pad=1)))

    def test_of_many_pieces_draws_the_first_and_adds_up_all(self) -> None:
        figure = draw_accumulation(backward(draws(1, 6, 6, 2), (3, 3, 2, 2), pad=1))
        assert len([axes for axes in figure.axes if axes.get_title().startswith("from")]) == 12
        said = " ".join(words(figure)).replace("\n", " ").replace(NO_BREAK, " ")
        assert "+ … (6 pieces more)" in said
        assert "The first 12 of 18 pieces are drawn." in said

    def test_of_an_entry_that_no_window_reads_is_zero(self) -> None:
        figure = draw_accumulation(backward(draws(1, 5, 5, 1), (2, 2, 1, 1), stride=3), cell=(0, 2, 2, 0))
        assert "no window reads it: dA_prev[0, 2, 2, 0] = 0" in words(figure)
        check_layout(figure)

    @pytest.mark.parametrize("kind", EXTREMES)
    def test_of_extreme_values_is_whole(self, kind: str) -> None:
        _, cache = conv_forward(EXTREMES[kind]((1, 3, 4, 1)), draws(2, 2, 1, 1), np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 0})
        check_layout(draw_accumulation(trace(conv_backward, EXTREMES[kind]((1, 2, 3, 1)), cache)))


PADDED = trace(zero_pad, np.ones((2, 2, 2, 1)), 1)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: draw_padding(np.ones((1, 2, 2, 1))),  # type: ignore[arg-type]
            ArgumentTypeError,
            "draw_padding: record must be what convstep.trace(zero_pad, ...) returns\n  given record (1, 2, 2, 1)",
        ),
        (
            lambda: draw_padding({"function": "zero_pad"}),
            ArgumentTypeError,
            "draw_padding: record must be what convstep.trace(zero_pad, ...) returns\n  given record {'function': 'zero_pad'}",
        ),
        (
            lambda: draw_padding(PADDED, image=2),
            ShapeError,
            "draw_padding: there is no image 2: X has 2 images, counted from 0\n  given image 2",
        ),
        (
            lambda: draw_padding(PADDED, channel=1.0),  # type: ignore[arg-type]
            ArgumentTypeError,
            "draw_padding: channel must be a whole number >= 0, not 1.0\n  given channel 1.0",
        ),
        (
            lambda: draw_padding(trace(zero_pad, np.ones((0, 2, 2, 1)), 1)),
            ShapeError,
            "draw_padding: the record of zero_pad holds no image\n  given X (0,)",
        ),
        (
            lambda: draw_window(forward(np.ones((1, 3, 3, 1))), cell=(0, 1, 0, 0)),
            ShapeError,
            "draw_window: no step was taken for cell (0, 1, 0, 0): they go from (0, 0, 0, 0) to (0, 0, 0, 0)\n  given cell (0, 1, 0, 0)",
        ),
        (
            lambda: draw_window(forward(np.ones((1, 3, 3, 1))), cell=(0, 0)),
            ShapeError,
            "draw_window: cell must be (i, h, w, c), not (0, 0)\n  given cell (0, 0)",
        ),
        (
            lambda: draw_window(forward(np.ones((1, 3, 3, 1))), cell=7),  # type: ignore[arg-type]
            ArgumentTypeError,
            "draw_window: cell must be a tuple or list, not 7\n  given cell 7",
        ),
        (
            lambda: draw_window(forward(np.ones((0, 3, 3, 1)))),
            ShapeError,
            "draw_window: the record of conv_forward has no steps: there was no image\n  given record {'function': 'conv_forward', ",
        ),
        (
            lambda: draw_accumulation(backward(np.ones((1, 3, 3, 1))), cell=(0, 3, 0, 0)),
            ShapeError,
            "draw_accumulation: there is no entry (0, 3, 0, 0) of dA_prev, whose shape is (1, 3, 3, 1)\n  given cell (0, 3, 0, 0)",
        ),
        (
            lambda: draw_pooling(PADDED),
            ShapeError,
            "draw_pooling: the picture is of pool_forward or pool_backward, but the record is of 'zero_pad'\n  given record ",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_words(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert (
        str(error.value).startswith(message) if "given record {" in message or message.endswith("record ") else str(error.value) == message
    )
