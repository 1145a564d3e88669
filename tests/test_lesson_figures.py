"""The pictures of the lessons: they show the arrays that they are given, and a notebook shows them by itself."""

import base64
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures need the extra plot (Matplotlib)")

from convstep.figures import style
from convstep.figures.lessons import Grid, draw_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL = np.array([[1.0, -2.0, 3.0], [0.0, 0.5, -0.25]])
LARGE = np.linspace(0, 1, 20 * 24).reshape(20, 24)


def inches(axes: "Axes") -> tuple[float, float, float]:
    """Return the left side, the width and the height of a panel."""
    figure: Figure = axes.figure  # type: ignore[assignment]
    width, height = figure.get_size_inches()
    box = axes.get_position()
    return box.x0 * width, box.width * width, box.height * height


def test_arrays_are_drawn_as_they_are_from_left_to_right_under_their_names() -> None:
    figure = draw_row(Grid(SMALL, "X", "2 × 3"), "→", Grid(LARGE, "Y", look="paper"))
    first, second = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["X", "Y"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["2 × 3", ""]
    assert [text.get_text() for text in figure.texts] == ["→"]
    for axes, values in ((first, SMALL), (second, LARGE)):
        np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), values)
    assert inches(first)[0] + inches(first)[1] < figure.texts[0].get_position()[0] * figure.get_size_inches()[0] < inches(second)[0]


def test_few_cells_hold_their_numbers_and_many_do_not() -> None:
    figure = draw_row(Grid(SMALL, digits=2), Grid(LARGE))
    small, large = figure.axes
    assert [text.get_text() for text in small.texts] == ["1.00", "−2.00", "3.00", "0.00", "0.50", "−0.25"]
    assert not large.texts


@pytest.mark.parametrize(("look", "limits"), [("signed", (-3.0, 3.0)), ("paper", (0.0, 3.0)), ("gradient", (0.0, 3.0))])
def test_the_darkest_colour_is_the_largest_value(look: str, limits: tuple[float, float]) -> None:
    (axes,) = draw_row(Grid(SMALL, look=look)).axes  # type: ignore[arg-type]
    assert axes.images[0].get_clim() == limits


def test_a_limit_and_an_array_of_zeros_have_colours_too() -> None:
    limited, zeros = draw_row(Grid(SMALL, limit=10.0), Grid(np.zeros((2, 2)))).axes
    assert limited.images[0].get_clim() == (-10.0, 10.0)
    assert zeros.images[0].get_clim() == (-1.0, 1.0)


def test_large_arrays_share_one_scale_and_cells_are_square() -> None:
    figure = draw_row(Grid(LARGE), Grid(LARGE[:12, :12]), Grid(SMALL))
    (_, width, height), (_, half_width, half_height), (_, small_width, small_height) = (inches(axes) for axes in figure.axes)
    assert width / 24 == pytest.approx(height / 20) == pytest.approx(half_width / 12) == pytest.approx(half_height / 12)
    assert small_width / 3 == pytest.approx(small_height / 2)
    assert small_width / 3 > width / 24


def test_a_row_of_many_large_arrays_still_fits_a_page() -> None:
    figure = draw_row(*[Grid(LARGE)] * 6)
    assert figure.get_size_inches()[0] < 9.5
    assert inches(figure.axes[0])[1] == pytest.approx(1.1)


def test_windows_are_outlined_in_colours_of_their_own() -> None:
    (axes,) = draw_row(Grid(LARGE, windows=[(slice(0, 2), slice(1, 4)), (slice(2, 5), slice(0, 3))])).axes
    blocks = [(patch.get_xy(), patch.get_width(), patch.get_height()) for patch in axes.patches]  # type: ignore[attr-defined]
    assert blocks == [((0.5, -0.5), 3, 2), ((-0.5, 1.5), 3, 3)]
    assert len({patch.get_edgecolor() for patch in axes.patches}) == 2


def test_a_frame_hatches_the_padding_and_nothing_else() -> None:
    padded = np.zeros((6, 7))
    (axes,) = draw_row(Grid(padded, frame=2)).axes
    hatched = np.zeros(padded.shape, dtype=int)
    for patch in axes.patches:
        (left, top), width, height = patch.get_xy(), patch.get_width(), patch.get_height()  # type: ignore[attr-defined]
        hatched[int(top + 0.5) : int(top + 0.5 + height), int(left + 0.5) : int(left + 0.5 + width)] += 1
        assert patch.get_hatch() == "//////"
    expected = np.ones(padded.shape, dtype=int)
    expected[2:4, 2:5] = 0
    np.testing.assert_array_equal(hatched, expected)


def test_a_notebook_shows_a_picture_by_itself_at_its_size() -> None:
    figure = draw_row(Grid(SMALL, "X"))
    bundle, metadata = figure._repr_mimebundle_(include=None, exclude=None)
    content = base64.b64decode(bundle["image/png"])
    assert content.startswith(b"\x89PNG")
    width, height = figure.get_size_inches()
    assert metadata == {"image/png": {"width": round(96 * width), "height": round(96 * height)}}
    assert bundle == draw_row(Grid(SMALL, "X"))._repr_mimebundle_()[0]
    pixels = int.from_bytes(content[16:20], "big")
    assert pixels == pytest.approx(2 * style.DPI * width, abs=1)
