"""The figure of the demo: it draws the arrays that it is given, says what they are, and arrives in its file whole or not at all."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.commands import environment

import convstep
from convstep import cli, demo
from convstep.data import load_digits

pytest.importorskip("matplotlib", reason="figures need the extra plot (Matplotlib)")

from convstep.figures import draw_steps, numerals, save, style, themes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PIXELS = (1200, 2160)
TITLE = "training image 0, a handwritten 5"


@pytest.fixture(scope="module")
def account() -> demo.Account:
    (images, _), _ = load_digits()
    return demo.walk(images[[0]])


@pytest.fixture(scope="module")
def figure(account: demo.Account) -> "Figure":
    return draw_steps(account, title=TITLE)


def axes_titled(figure: "Figure", title: str) -> list["Axes"]:
    return [axes for axes in figure.axes if axes.get_title() == title]


def drawn(axes: "Axes") -> np.ndarray:
    (image,) = axes.images
    return np.asarray(image.get_array())


# ---- what is drawn


def test_every_panel_says_what_it_shows(figure: "Figure") -> None:
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "image, 28 × 28",
        "padded, 30 × 30 (the frame is hatched)",
        "feature map, 28 × 28",
        "window",
        "filter, horizontal edges",
        "products",
        "",
        "horizontal edges",
        "",
        "vertical edges",
        "",
        "blur",
        "feature map",
        "max",
        "average",
        "max pooling, backward",
        "average pooling, backward",
        "mask, 28 × 28",
        "dX, 28 × 28",
        "dW",
        "dW",
        "dW",
    ]


def test_the_headings_name_all_eight_functions(figure: "Figure") -> None:
    words = " ".join([text.get_text() for text in figure.texts] + [axes.get_xlabel() for axes in figure.axes])
    assert {name for name in convstep.__all__ if re.search(rf"\b{name}\b", words)} == {
        "conv_backward",
        "conv_forward",
        "conv_single_step",
        "create_mask_from_window",
        "distribute_value",
        "pool_backward",
        "pool_forward",
        "zero_pad",
    }
    assert figure.texts[0].get_text() == f"Eight functions, one digit: {TITLE}"


@pytest.mark.parametrize(
    ("title", "name", "channel"),
    [
        ("image, 28 × 28", "X", 0),
        ("padded, 30 × 30 (the frame is hatched)", "X_pad", 0),
        ("feature map, 28 × 28", "Z", 0),
        ("horizontal edges", "Z", 0),
        ("vertical edges", "Z", 1),
        ("blur", "Z", 2),
        ("mask, 28 × 28", "mask", 0),
        ("dX, 28 × 28", "dX", 0),
    ],
)
def test_the_arrays_drawn_are_the_arrays_given(figure: "Figure", account: demo.Account, title: str, name: str, channel: int) -> None:
    (axes,) = axes_titled(figure, title)
    assert np.array_equal(drawn(axes), getattr(account, name)[0, :, :, channel])


def test_the_single_step_is_drawn_with_its_numbers(figure: "Figure", account: demo.Account) -> None:
    step = account.strongest
    for title, values in (("window", step.a_slice), ("filter, horizontal edges", step.W), ("products", step.products)):
        (axes,) = axes_titled(figure, title)
        assert np.array_equal(drawn(axes), values)
        assert [float(text.get_text().replace("−", "-")) for text in axes.texts] == [round(value, 2) for value in values.ravel()]
    assert "sum 3.97  +  bias 0.00  =  3.97  →  Z[0, 5, 14, 0]" in [text.get_text() for text in figure.texts]


def test_the_enlarged_windows_agree_with_each_other(figure: "Figure", account: demo.Account) -> None:
    (forward,), (largest,), (mean,) = (axes_titled(figure, title) for title in ("feature map", "max", "average"))
    (gradient,), (share,) = (axes_titled(figure, f"{mode} pooling, backward") for mode in ("max", "average"))
    quarters = np.stack([drawn(forward)[i::2, j::2] for i in range(2) for j in range(2)])
    assert np.array_equal(drawn(largest), quarters.max(axis=0))
    assert np.allclose(drawn(mean), quarters.mean(axis=0))
    assert np.array_equal(drawn(gradient), drawn(forward) == drawn(largest).repeat(2, axis=0).repeat(2, axis=1))
    assert drawn(share).tolist() == [[0.25] * 6] * 6
    blocks = np.lib.stride_tricks.sliding_window_view(account.Z[0, :, :, 0], (6, 6))[::2, ::2]
    assert (blocks == drawn(forward)).all(axis=(2, 3)).sum() == 1
    bold = [text.get_fontweight() == "bold" for text in forward.texts]
    assert bold == (drawn(gradient) == 1).ravel().tolist()


def test_gradients_of_filters_and_biases_stand_in_the_last_row(figure: "Figure", account: demo.Account) -> None:
    panels = axes_titled(figure, "dW")
    for c, (axes, name) in enumerate(zip(panels, account.filters, strict=True)):
        assert np.array_equal(drawn(axes), account.dW[:, :, 0, c])
        assert axes.get_xlabel() == f"db = {account.db[0, 0, 0, c]:.0f}\n{name}"


def test_windows_are_outlined_where_geometry_has_them_and_point_to_their_cells(figure: "Figure", account: demo.Account) -> None:
    from matplotlib.patches import ConnectionPatch, Rectangle

    (after,), (output,) = axes_titled(figure, "padded, 30 × 30 (the frame is hatched)"), axes_titled(figure, "feature map, 28 × 28")
    cells = [(0, 0), account.strongest.cell[1:3], (27, 27)]
    outlines = [patch for patch in after.patches if isinstance(patch, Rectangle) and not patch.get_hatch()]
    assert [patch.get_xy() for patch in outlines] == [(w - 0.5, h - 0.5) for h, w in cells]
    assert {(patch.get_width(), patch.get_height()) for patch in outlines} == {(3, 3)}
    assert [patch.get_xy() for patch in output.patches if isinstance(patch, Rectangle)] == [(w - 0.5, h - 0.5) for h, w in cells]
    arrows = [artist for artist in figure.artists if isinstance(artist, ConnectionPatch)]
    assert [arrow.xy2 for arrow in arrows] == [(w - 0.5, h) for h, w in cells]


def test_the_hatched_frame_covers_the_padding_and_nothing_else(figure: "Figure") -> None:
    from matplotlib.patches import Rectangle

    (after,) = axes_titled(figure, "padded, 30 × 30 (the frame is hatched)")
    covered = np.zeros((30, 30), dtype=int)
    for patch in after.patches:
        if isinstance(patch, Rectangle) and patch.get_hatch():
            left, above = (round(edge + 0.5) for edge in patch.get_xy())
            covered[above : above + round(patch.get_height()), left : left + round(patch.get_width())] += 1
    assert np.array_equal(covered, np.pad(np.zeros((28, 28), dtype=int), 1, constant_values=1))


@pytest.mark.parametrize("digit", [0, 1, 7, 2500])
def test_no_text_runs_into_another_or_off_the_sheet(digit: int) -> None:
    (images, labels), _ = load_digits()
    figure = draw_steps(demo.walk(images[[digit]]), title=f"training image {digit}, a handwritten {labels[digit]}")
    figure.draw_without_rendering()
    texts = [*figure.texts]
    for axes in figure.axes:
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    for name, box in boxes:
        assert min(box.x0, box.y0) >= 0, name
        assert box.x1 <= PIXELS[0], name
        assert box.y1 <= PIXELS[1], name
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        assert not first.overlaps(second), (one, other)


def test_signs_stay_apart_in_a_grey_print() -> None:
    grey = themes.LIGHT.signed(np.array([0.0, 0.5, 1.0]))[:, :3] @ [0.299, 0.587, 0.114]
    assert grey[2] < 0.25
    assert 0.5 < grey[0] < 0.75 < grey[1]
    grey = themes.DARK.signed(np.array([0.0, 0.5, 1.0]))[:, :3] @ [0.299, 0.587, 0.114]
    assert grey[1] < 0.1
    assert 0.25 < grey[0] < 0.5 < grey[2] - 0.3


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(-1, 0, "−1"), (-0.001, 2, "−0.001"), (0, 1, "0.0"), (3.97, 1, "4.0"), (-2.25, 2, "−2.25")]
)
def test_numbers_have_a_true_minus_and_no_minus_zero(value: float, digits: int, text: str) -> None:
    assert numerals.number(value, digits) == text


def test_settings_of_the_reader_change_nothing(account: demo.Account, tmp_path: Path) -> None:
    import matplotlib as mpl

    save(draw_steps(account, title=TITLE), tmp_path / "plain.png")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight", "image.cmap": "jet"}):
        save(draw_steps(account, title=TITLE), tmp_path / "set.png")
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "set.png").read_bytes()


def test_pyplot_is_never_loaded() -> None:
    code = "import sys, convstep.figures; print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert run.stdout.strip() == "False"


# ---- the file


def test_the_command_writes_a_png_of_the_right_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "digit 5.PNG"
    assert cli.main(["demo", "--figure", str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.err == f"convstep demo: wrote {path}\n"
    assert printed.out.startswith("One walk through the eight functions")
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == PIXELS
    assert content.endswith(b"IEND\xaeB`\x82")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_png_shows_the_digit(tmp_path: Path, figure: "Figure", account: demo.Account) -> None:
    from matplotlib.image import imread

    save(figure, tmp_path / "digit.png")
    picture = imread(tmp_path / "digit.png")[..., :3].mean(axis=2)
    (axes,) = axes_titled(figure, "image, 28 × 28")
    rows, columns = np.mgrid[0:28, 0:28]
    across, up = axes.transData.transform(np.column_stack([columns.ravel(), rows.ravel()])).T.astype(int)
    seen = 1 - picture[PIXELS[1] - 1 - up, across].reshape(28, 28)
    assert np.abs(seen - account.X[0, :, :, 0] * (1 - 0x1A / 255)).max() < 0.01


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_suffix_decides_the_format_and_two_runs_agree(tmp_path: Path, account: demo.Account, suffix: str, start: bytes) -> None:
    for name in ("one", "two"):
        save(draw_steps(account, title=TITLE), tmp_path / f"{name}{suffix}")
    content = (tmp_path / f"one{suffix}").read_bytes()
    assert content.startswith(start)
    assert content == (tmp_path / f"two{suffix}").read_bytes()


def test_the_command_offers_the_formats_that_figures_have() -> None:
    assert tuple(style.NO_DATE) == cli.FIGURE_SUFFIXES


def refused(capsys: pytest.CaptureFixture[str], path: Path) -> str:
    with pytest.raises(SystemExit) as end:
        cli.main(["demo", "--figure", str(path)])
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    usage, message = err.splitlines()
    assert usage == "usage: convstep demo [-h] [--digit INDEX] [--figure FILE.png] [--json]"
    return str(message)


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none" / "digit.png"
    expected = f"convstep demo: error: argument --figure: {path} cannot be written: there is no folder {path.parent}"
    assert refused(capsys, path) == expected


def test_a_folder_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "folder.png"
    path.mkdir()
    message = refused(capsys, path)
    assert re.fullmatch(re.escape(f"convstep demo: error: argument --figure: {path} cannot be written: ") + ".+", message)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_name_too_long_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"{'x' * 300}.png"
    message = refused(capsys, path)
    assert message.startswith(f"convstep demo: error: argument --figure: {path} cannot be written: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is read-only to an administrator")
@pytest.mark.parametrize("locked", ["file", "folder"])
def test_what_is_read_only_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str], locked: str) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(b"before")
    target, mode = (path, 0o444) if locked == "file" else (tmp_path, 0o555)
    target.chmod(mode)
    try:
        expected = f"convstep demo: error: argument --figure: {path} cannot be written: Permission denied"
        assert refused(capsys, path) == expected
        assert path.read_bytes() == b"before"
    finally:
        target.chmod(0o755)


def test_a_read_only_file_is_refused_even_where_a_rename_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refused(capsys, path) == f"convstep demo: error: argument --figure: {path} cannot be written: Permission denied"
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_halfway_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: "Figure", failure: BaseException
) -> None:
    def half(file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise failure

    path = tmp_path / "digit.png"
    path.write_bytes(b"before")
    monkeypatch.setattr(figure, "savefig", half)
    with pytest.raises(type(failure)):
        save(figure, path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"digit.png": b"before"}


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_stays_a_link(tmp_path: Path, figure: "Figure") -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "target.png")
    save(figure, tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "target.png").read_bytes().startswith(b"\x89PNG")
