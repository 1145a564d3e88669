"""Every picture of `convstep.figures`: true to what it is given, whole on its sheet, alike on each run, leaving no trace in Matplotlib."""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import environment

pytest.importorskip("matplotlib", reason="figures need the extra plot (Matplotlib)")

import matplotlib as mpl
from tests.pictures import EXTREMES, check_layout, content, pixels, words

from convstep import ArgumentTypeError, ShapeError, figures
from convstep.figures import Grid, Picture, draw_row, numerals, save, style, themes, use_theme
from convstep.figures.board import Row, draw_board, wrapped

DRAWN = sorted(name for name in figures.__all__ if name.startswith("draw_") and name != "draw_steps")  # which test_figures.py looks at


def example(name: str) -> Callable[[], Picture]:
    """Return what draws the example of a function's docstring."""
    import doctest

    steps = doctest.DocTestParser().get_examples(inspect.getdoc(getattr(figures, name)) or "")

    def draw() -> Picture:
        names: dict[str, Any] = {}
        for step in steps:
            exec(step.source, names)  # noqa: S102 - our own docstring
        figure = names["figure"]
        assert isinstance(figure, Picture)
        return figure

    return draw


# ---- every picture


@pytest.mark.parametrize("name", DRAWN)
def test_the_example_of_each_function_draws_a_picture_that_is_whole_on_its_sheet(name: str) -> None:
    for theme in ("light", "dark"):
        with use_theme(theme):
            figure = example(name)()
        check_layout(figure)
        assert figure.theme is themes.THEMES[theme]
        assert mpl.colors.to_hex(figure.get_facecolor()) == figure.theme.page
        shades, page = pixels(figure), np.array(mpl.colors.to_rgb(figure.theme.page))
        assert np.abs(shades[0, 0] - page).max() < 0.01
        assert 0.002 < (np.abs(shades - page).max(axis=-1) > 0.2).mean() < 0.8


@pytest.mark.parametrize("name", DRAWN)
def test_two_runs_give_the_same_bytes_whatever_the_reader_has_set(name: str) -> None:
    first = content(example(name)())
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight", "image.cmap": "jet", "text.color": "lime"}):
        assert content(example(name)()) == first


def test_vector_formats_are_the_same_on_each_run_too() -> None:
    for kind in ("svg", "pdf"):
        assert content(example("draw_row")(), kind) == content(example("draw_row")(), kind)


def test_no_picture_changes_matplotlib_or_loads_pyplot() -> None:
    code = (
        "import sys, os, doctest, inspect, matplotlib as mpl\n"
        "before = dict(mpl.rcParams)\n"
        "from convstep import figures\n"
        "for name in ('draw_window', 'draw_curves', 'draw_graph', 'draw_confusion'):\n"
        "    names = {}\n"
        "    for step in doctest.DocTestParser().get_examples(inspect.getdoc(getattr(figures, name))):\n"
        "        exec(step.source, names)\n"
        "    names['figure'].savefig(os.devnull, format='png', dpi=20)\n"
        "assert dict(mpl.rcParams) == before\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment() | {"MPLBACKEND": "agg"}, check=True
    )
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("name", DRAWN)
def test_every_function_takes_a_theme_and_returns_a_picture(name: str) -> None:
    signature = inspect.signature(getattr(figures, name))
    assert signature.parameters["theme"].kind is inspect.Parameter.KEYWORD_ONLY
    assert signature.parameters["theme"].default is None
    assert signature.return_annotation is Picture


def test_a_notebook_shows_a_picture_as_it_is_saved() -> None:
    bundle, metadata = draw_row(Grid([[1, 2]]), theme="dark")._repr_mimebundle_()
    assert set(bundle) == {"image/png"}
    assert set(metadata["image/png"]) == {"width", "height"}


# ---- themes


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""

    def light(colour: str) -> float:
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in mpl.colors.to_rgb(colour)]
        return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", themes.THEMES.values(), ids=themes.THEMES)
class TestEveryTheme:
    def test_is_readable(self, theme: themes.Theme) -> None:
        assert contrast(theme.ink, theme.page) > 12
        assert contrast(theme.grey, theme.page) > 6
        assert min(contrast(colour, theme.page) for colour in (theme.blue, theme.vermilion, theme.green, theme.purple)) > 3

    def test_has_the_paper_at_zero(self, theme: themes.Theme) -> None:
        for scale, zero in ((theme.signed, 0.5), (theme.paper, 0.0), (theme.gradient, 0.0)):
            assert np.abs(np.array(scale(zero)[:3]) - mpl.colors.to_rgb(theme.page)).max() < 0.01

    def test_keeps_signs_apart_in_a_grey_print(self, theme: themes.Theme) -> None:
        low, zero, high = theme.signed(np.array([0.0, 0.5, 1.0]))[:, :3] @ [0.299, 0.587, 0.114]
        assert min(abs(low - zero), abs(high - zero), abs(high - low)) > 0.25
        half = theme.signed(np.linspace(0.5, 1, 20))[:, :3] @ [0.299, 0.587, 0.114]
        assert (np.diff(half) < 0).all() or (np.diff(half) > 0).all()

    def test_has_numbers_that_stand_out_from_every_cell(self, theme: themes.Theme) -> None:
        for scale in (theme.signed, theme.paper, theme.gradient):
            for shade in scale(np.linspace(0, 1, 41)):
                assert contrast(style.readable_on(shade, theme), mpl.colors.to_hex(shade)) > 3.8


def test_a_theme_holds_for_a_block_or_from_here_on() -> None:
    def theme() -> themes.Theme:
        return draw_row(Grid([[1]])).theme

    assert theme() is themes.LIGHT
    with use_theme("dark"):
        assert theme() is themes.DARK
        assert draw_row(Grid([[1]]), theme="light").theme is themes.LIGHT
        with use_theme("light"):
            assert theme() is themes.LIGHT
        assert theme() is themes.DARK
    assert theme() is themes.LIGHT


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: use_theme("drak"),
            ShapeError,
            'use_theme: name must be "light" or "dark", not \'drak\' (did you mean "dark"?)\n  given name \'drak\'',
        ),
        (
            lambda: draw_row(Grid([[1]]), theme="print"),
            ShapeError,
            "draw_row: theme must be \"light\" or \"dark\", not 'print'\n  given theme 'print'",
        ),
        (
            lambda: draw_row(Grid([[1]]), theme=3),  # type: ignore[arg-type]
            ArgumentTypeError,
            'draw_row: theme must be "light" or "dark", not 3\n  given theme 3',
        ),
        (lambda: draw_row("×"), ShapeError, "draw_row: there is no Grid to draw\n  given parts ('×',)"),
        (lambda: Grid([1, 2]), ShapeError, "Grid: values must have 2 axes (rows, columns), not 1\n  given values (2,)"),
        (lambda: Grid(np.zeros((0, 3))), ShapeError, "Grid: values has no cells: its axis rows is 0 long\n  given values (0, 3)"),
        (lambda: Grid([["a"]]), ArgumentTypeError, "Grid: values must hold real numbers, not text\n  given values [['a']]"),
        (
            lambda: save(draw_row(Grid([[1]])), "picture.jpg"),
            ShapeError,
            "save: path must end in .png, .svg or .pdf, not '.jpg'\n  given path 'picture.jpg'",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message


def test_a_file_may_be_named_by_a_text(tmp_path: Path) -> None:
    save(draw_row(Grid([[1]])), str(tmp_path / "picture.PNG"), dpi=50)
    assert (tmp_path / "picture.PNG").read_bytes().startswith(b"\x89PNG")


# ---- numbers


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (0.004, 2, "0.004"),
        (-0.0004, 1, "−4e−4"),
        (0.0149, 1, "0.01"),
        (0.0096, 1, "0.01"),
        (5e-324, 2, "5e−324"),
        (1e308, 0, "1e308"),
        (-123456789.0, 2, "−1.2e8"),
        (999999.0, 0, "999999"),
        (9999999.0, 0, "1e7"),
        (999999.6, 0, "1e6"),
        (float("nan"), 2, "NaN"),
        (float("inf"), 2, "∞"),
        (float("-inf"), 0, "−∞"),
    ],
)
def test_a_rounded_number_is_never_zero_unless_it_is(value: float, digits: int, text: str) -> None:
    assert numerals.number(value, digits) == text


def test_no_number_is_written_as_zero_or_with_a_signed_zero() -> None:
    rng = np.random.default_rng(3)
    for value in (rng.choice([-1, 1], 3000) * 10.0 ** rng.uniform(-320, 300, 3000)).tolist():
        for text in [numerals.number(value, digits) for digits in (0, 1, 2, 4)] + [numerals.brief(value)]:
            assert len(text) <= 12
            read = float(text.replace("−", "-"))
            assert read != 0
            assert (read < 0) == (value < 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (7.0, "7"),
        (0.25, "0.250"),
        (3.97, "3.97"),
        (123.45, "123.5"),
        (4096.4, "4096"),
        (2e-5, "2e−5"),
        (1.25e9, "1.2e9"),
    ],
)
def test_a_brief_number_has_the_digits_that_say_something(value: float, text: str) -> None:
    assert numerals.brief(value) == text


def test_what_is_added_has_its_sign_before_it() -> None:
    assert [numerals.added(value, 1) for value in (2.0, -2.0, 0.0, -0.0)] == ["+ 2.0", "− 2.0", "+ 0.0", "+ 0.0"]


@pytest.mark.parametrize(
    ("values", "digits"), [([1, 2, -300], 0), ([0.5, -3], 2), ([0.5, 250], 1), ([0.5, 25000], 0), ([np.nan, np.inf], 0), ([], 0)]
)
def test_digits_suit_the_numbers(values: list[float], digits: int) -> None:
    assert numerals.digits_for(np.array(values)) == digits


def test_widths_are_those_that_are_drawn() -> None:
    figure = draw_row(Grid([[1]], "a wide title, W W W"))
    figure.draw_without_rendering()
    title = figure.axes[0].title
    assert title.get_window_extent().width / figure.dpi == pytest.approx(numerals.text_width(title.get_text(), 8), rel=0.03)


# ---- grids and sheets


@pytest.mark.parametrize("kind", EXTREMES)
def test_grids_of_any_shapes_and_values_are_whole_on_their_sheet(kind: str) -> None:
    few = [Grid(EXTREMES[kind](shape), "X", "note", digits=None) for shape in [(1, 1), (1, 9), (3, 2), (8, 9)]]
    many = [Grid(EXTREMES[kind](shape), "X", "note", digits=None, frame=1) for shape in [(1, 60), (60, 1), (10, 10), (24, 28)]]
    rows: list[Row] = [few, "a line of text", [many[0], "→", many[1]], many]
    figure, axes = draw_board(rows, title=kind, explanation="What is drawn.", theme=themes.LIGHT)
    check_layout(figure)
    content(figure)
    assert [[len(item.texts) for item in row] for row in axes] == [[1, 9, 6, 72], [], [0, 0], [0, 0, 0, 0]]


def test_numbers_that_do_not_fit_are_left_out_or_told_as_nearly_zero() -> None:
    narrow = draw_row(Grid([[-0.00012, 0.5], [0.25, 0.0]], digits=1), Grid([[123456, 2]], digits=0))
    assert [text.get_text() for text in narrow.axes[0].texts] == ["−1e−4", "0.5", "0.2", "0.0"]
    with style.house_style():
        axes = style.panel(style.sheet(2, 2), 0.5, 0.5, (0.3, 0.3))
        style.draw_image(axes, np.array([[-1e-300, 0.5]]), "signed", (-1, 1))
        assert not style.write_numbers(axes, digits=3)
        assert style.fitted(np.array([-1e-300, 0.0]), 0, 0.2) == [("≈0", pytest.approx(5.7, abs=1)), ("0", 6.5)]


def test_cells_that_are_no_number_are_hatched_and_have_a_colour_of_their_own() -> None:
    (axes,) = draw_row(Grid([[np.nan, 1.0], [0.0, -1.0]])).axes
    (hatched,) = [item for item in axes.collections if item.get_hatch()]
    assert [path.get_extents().bounds for path in hatched.get_paths()] == [(-0.5, -0.5, 1, 1)]
    shades = axes.images[0].to_rgba(axes.images[0].get_array())  # type: ignore[arg-type]
    assert mpl.colors.to_hex(shades[0, 0]) == themes.LIGHT.missing


def test_infinities_have_the_colours_of_the_ends() -> None:
    (axes,) = draw_row(Grid([[np.inf, 1.0], [-np.inf, -1.0]])).axes
    assert np.asarray(axes.images[0].get_array()).tolist() == [[1, 1], [-1, -1]]
    assert [text.get_text() for text in axes.texts] == ["∞", "1", "−∞", "−1"]


def test_numbers_beyond_what_colours_can_be_computed_of_look_as_others_do() -> None:
    for size in (1e308, 5e-324):
        (axes,) = draw_row(Grid(np.array([[1, -1], [0, 1]]) * size)).axes
        assert np.asarray(axes.images[0].get_array()).tolist() == [[1, -1], [0, 1]]


def test_bold_cells_are_ringed_too() -> None:
    (axes,) = draw_row(Grid(np.arange(400).reshape(20, 20), bold=np.eye(20, dtype=bool))).axes
    (rings,) = axes.collections
    assert [path.get_extents().bounds for path in rings.get_paths()] == [(n - 0.5, n - 0.5, 1, 1) for n in range(20)]


def test_cells_that_no_window_reads_are_hatched() -> None:
    (axes,) = draw_row(Grid(np.zeros((4, 5)), unread=(1, 2))).axes
    covered = np.zeros((4, 5), dtype=int)
    for patch in axes.patches:
        (left, top), width, height = patch.get_xy(), patch.get_width(), patch.get_height()  # type: ignore[attr-defined]
        covered[int(top + 0.5) : int(top + 0.5 + height), int(left + 0.5) : int(left + 0.5 + width)] += 1
    expected = np.zeros((4, 5), dtype=int)
    expected[3, :] = expected[:, 3:] = 1
    np.testing.assert_array_equal(covered, expected)


def test_a_dollar_in_a_name_is_a_dollar() -> None:
    figure = draw_row(Grid([[1]], title="$x_1$ and \\alpha"))
    assert words(figure)[1] == "$x_1$ and \\alpha" or "$x_1$ and \\alpha" in words(figure)
    content(figure)


def test_long_texts_are_broken_between_words() -> None:
    text = "one two three four five six seven eight nine ten"
    lines = wrapped(text, 1.0, 7.5).split("\n")
    assert " ".join(lines) == text
    assert len(lines) > 2
    assert max(numerals.text_width(line, 7.5) for line in lines) <= 1.0
    assert wrapped("unbreakable", 0.1, 7.5) == "unbreakable"


def test_a_chinese_title_is_drawn_where_the_machine_has_a_font() -> None:
    if len(numerals.fonts()) == 1:
        pytest.skip("no font with Chinese characters on this machine")
    assert numerals.text_width("卷积", 8) > 0.15
    plain = pixels(draw_row(Grid([[1]], title="aa")))
    assert not np.array_equal(pixels(draw_row(Grid([[1]], title="卷积"))), plain)


def test_the_module_says_what_it_has() -> None:
    for name in figures.__all__:
        assert re.match(r"[A-Z]", inspect.getdoc(getattr(figures, name)) or ""), name
