"""Images from files and folders: every kind of picture as 8-bit cells, and every damaged or hostile one as one clear error."""

import io
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.damage import answers, withstands

from convstep.data import images, load_folder, read_image
from convstep.errors import ArgumentTypeError, DataError, MissingExtraError, ShapeError

Image = pytest.importorskip("PIL.Image", reason="pillow is not installed (extra data)")

MIB = 2**20
FORMATS = ["bmp", "gif", "jpeg", "png", "ppm", "tiff", "webp"]


def cells(height: int = 12, width: int = 10, channels: int = 3, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)[: 3 if channels > 1 else 2], dtype=np.uint8)


def saved(path: Path, image: Any, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)
    return path


def refused(call: Callable[[], Any], kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


# --- One image ---


@pytest.mark.parametrize("suffix", ["bmp", "png", "ppm", "tiff"])
def test_cells_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    image = cells()
    assert np.array_equal(read_image(saved(tmp_path / f"a.{suffix}", image)), image)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("color", "channels"), [("rgb", 3), ("gray", 1)])
def test_every_format_gives_bytes_with_three_axes(tmp_path: Path, suffix: str, color: Any, channels: int) -> None:
    x = read_image(saved(tmp_path / f"a.{suffix}", cells()), color=color)
    assert (x.shape, x.dtype.name) == ((12, 10, channels), "uint8")
    assert x.flags.c_contiguous
    assert x.flags.writeable


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    image = cells()
    saved(tmp_path / "a.png", image).rename(tmp_path / "a.jpg")
    assert np.array_equal(read_image(tmp_path / "a.jpg"), image)


def test_gray_weighs_colours_as_television_does(tmp_path: Path) -> None:
    """ITU-R 601: 0.299 red, 0.587 green, 0.114 blue."""
    x = read_image(saved(tmp_path / "a.png", np.eye(3, dtype=np.uint8)[None] * 255), color="gray")
    assert x[0, :, 0].tolist() == [76, 150, 29]


def test_an_image_is_scaled_to_height_and_width(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", np.full((40, 20), 77, np.uint8))
    x = read_image(path, size=(7, 9), color="gray")
    assert x.shape == (7, 9, 1)
    assert (x == 77).all()


def test_scaling_down_averages(tmp_path: Path) -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 255
    x = read_image(saved(tmp_path / "a.png", checkers.astype(np.uint8)), size=(4, 4), color="gray")
    assert abs(x.astype(int) - 127).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    """EXIF 2.3, tag 0x0112: what the first row and column of the stored image are."""
    upright = cells(6, 4)
    turned = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2)}
    turned |= {6: np.rot90(upright, 1), 7: np.rot90(upright, 2).transpose(1, 0, 2), 8: np.rot90(upright, -1)}
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", np.ascontiguousarray(turned[orientation]), exif=exif)
    assert np.array_equal(read_image(path), upright)


def sixteen_bits() -> Any:
    return Image.fromarray((np.arange(256, dtype=np.uint16) * 257).reshape(16, 16))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_become_eight(tmp_path: Path, suffix: str) -> None:
    x = read_image(saved(tmp_path / f"a.{suffix}", sixteen_bits()), color="gray")
    assert x.ravel().tolist() == list(range(256))


def see_through(mode: str) -> Any:
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((1, 0), (200, 255) if mode == "LA" else (200, 200, 200, 255))
    return image


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    assert read_image(saved(tmp_path / "a.png", see_through(mode)), color="gray").ravel().tolist() == [255, 200]


def test_a_transparent_palette_is_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([9, 9, 9, 200, 100, 50])
    image.putpixel((1, 0), 1)
    path = saved(tmp_path / "a.png", image, transparency=0)
    assert read_image(path)[0].tolist() == [[255, 255, 255], [200, 100, 50]]


def test_black_and_white_is_0_and_255(tmp_path: Path) -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert read_image(saved(tmp_path / "a.png", image), color="gray").ravel().tolist() == [0, 255]


def test_cmyk_becomes_colours(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=95)
    red, green, blue = read_image(path).reshape(-1, 3).mean(axis=0)
    assert red > 240
    assert max(green, blue) < 15


def test_of_a_moving_image_the_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), value) for value in (30, 200)]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert (read_image(path, color="gray") == 30).all()


# What is refused.


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"color": "grey"}, ShapeError, 'color must be "rgb" or "gray", not \'grey\' (did you mean "gray"?)\n  given color \'grey\''),
        ({"color": 1}, ArgumentTypeError, 'color must be "rgb" or "gray", not 1\n  given color 1'),
        ({"size": 3}, ShapeError, "size must be a pair (height, width)\n  given size 3"),
        ({"size": (3, 0)}, ShapeError, "size[1] must be a whole number >= 1, not 0\n  given size[1] 0"),
        ({"size": (2.5, 3)}, ArgumentTypeError, "size[0] must be a whole number >= 1, not 2.5\n  given size[0] 2.5"),
        ({"size": (3, 20000)}, ShapeError, "size must be at most 16384 on each side\n  given size (3, 20000)"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, arguments: Any, kind: type[Exception], words: str) -> None:
    path = saved(tmp_path / "a.png", cells())
    assert refused(lambda: read_image(path, **arguments), kind) == f"read_image: {words}"


@pytest.mark.parametrize(
    "content", [b"", b"text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    words = "this is no image that can be read, or a damaged one (UnidentifiedImageError)"
    assert refused(lambda: read_image(path)) == f"read_image: {words}\n  given {path}"


@pytest.mark.parametrize(
    ("kind", "fact"), [("absent", "there is no such file"), ("pipe", "expected a regular file, not a pipe or a device")]
)
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str, fact: str) -> None:
    path = tmp_path / "a.png"
    if kind == "pipe":
        os.mkfifo(path)
    assert refused(lambda: read_image(path)) == f"read_image: {fact}\n  given {path}"


def test_fractions_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tiff", Image.fromarray(np.ones((2, 2), np.float32)))
    assert refused(lambda: read_image(path)) == f"read_image: the image holds fractions, whose range is not known\n  given {path}"


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height", "most"), [(5000, 5000, 2**22), (2**31 - 1, 1, 2**22), (12000, 12000, 2**22), (9000, 9000, 2**22)]
)
def test_decompression_bombs_are_refused_before_they_are_decoded(tmp_path: Path, width: int, height: int, most: int) -> None:
    path = tmp_path / "bomb.png"
    content = png(width, height)
    path.write_bytes(content)
    answer = answers(lambda: read_image(path), memory=MIB)
    claims = f"the file has {len(content)} bytes and claims {width} x {height} pixels, more than {most}"
    damage = "this is no image that can be read, or a damaged one (DecompressionBombError)"  # pillow's own limit comes first
    assert answer == f"read_image: {claims if width * height < 178_956_970 else damage}\n  given {path}"


def test_a_large_photograph_is_believed(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2200, 2200), dtype=np.uint8)
    path = saved(tmp_path / "a.jpg", noise, quality=30)
    assert read_image(path, size=(8, 8), color="gray").shape == (8, 8, 1)


def test_without_pillow_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", cells())
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert refused(lambda: read_image(path), MissingExtraError) == (
        'read_image: pillow is not installed; this installs it: pip install "convstep[data]"'
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_images_are_one_clear_error(tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(images, "FREE_PIXELS", 2**16)
    file = io.BytesIO()
    smooth = np.add.outer(np.arange(24), np.arange(20)).astype(np.uint8) * 4
    Image.fromarray(smooth).save(file, format=suffix)
    outcome = withstands(lambda path: read_image(path, size=(9, 9)), tmp_path / "a.x", file.getvalue(), memory=4 * MIB, head=60)
    assert len(outcome) > 580
    assert len(set(outcome)) >= 3
    assert capfd.readouterr() == ("", "")


# --- A folder ---


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Make a folder of three cats and two dogs; every image has one value."""
    root = tmp_path / "animals"
    for name, value in {"dogs/b.png": 5, "dogs/a.JPG": 4, "cats/10.png": 1, "cats/2.png": 2, "cats/more/1.png": 3}.items():
        saved(root / name, np.full((4, 3, 3), value * 10, np.uint8))
    return root


def test_classes_and_files_come_sorted(animals: Path) -> None:
    (x, y), names = load_folder(animals)
    assert names == ["cats", "dogs"]
    assert x[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]
    assert (x.shape, x.dtype) == ((5, 4, 3, 3), np.uint8)
    assert (y.tolist(), y.dtype) == ([0, 0, 0, 1, 1], np.int64)


def test_images_are_scaled_and_gray_on_request(animals: Path) -> None:
    (x, _), _ = load_folder(str(animals), size=(5, 6), color="gray")
    assert x.shape == (5, 5, 6, 1)


def test_other_files_and_hidden_ones_are_passed_over(animals: Path) -> None:
    for name in ("readme.txt", "cats/Thumbs.db", "cats/.hidden.png", ".git/a.png", "dogs/.ipynb_checkpoints/a.png", "cats/noending"):
        (animals / name).parent.mkdir(exist_ok=True)
        (animals / name).write_bytes(b"no image")
    (x, _), names = load_folder(animals)
    assert (len(x), names) == (5, ["cats", "dogs"])


def test_images_of_several_sizes_need_a_size(animals: Path) -> None:
    path = saved(animals / "dogs/c.png", cells(9, 9))
    assert refused(lambda: load_folder(animals)) == (
        f"load_folder: the image is (9, 9) but the first one (4, 3)\n  given {path}; give size=(height, width) to scale all of them"
    )
    (x, _), _ = load_folder(animals, size=(4, 4))
    assert x.shape == (6, 4, 4, 3)


def test_a_damaged_image_is_named(animals: Path) -> None:
    path = animals / "dogs/b.png"
    path.write_bytes(path.read_bytes()[:50])
    assert refused(lambda: load_folder(animals)).endswith(f"\n  given {path}")


@pytest.mark.parametrize(("what", "fact"), [("absent", "there is no such folder"), ("file", "there is no such folder")])
def test_what_is_no_folder_is_refused(tmp_path: Path, what: str, fact: str) -> None:
    path = tmp_path / what
    if what == "file":
        path.write_bytes(b"")
    assert refused(lambda: load_folder(path)) == f"load_folder: {fact}\n  given {path}"


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", cells())
    words = "the folder has no folders, one is expected for each class"
    assert refused(lambda: load_folder(tmp_path)) == f"load_folder: {words}\n  given {tmp_path}"


def test_a_class_without_images_is_refused(animals: Path) -> None:
    (animals / "ants").mkdir()
    endings = ".bmp, .gif, .jpeg, .jpg, .pgm, .png, .ppm, .tif, .tiff, .webp"
    assert refused(lambda: load_folder(animals)) == f"load_folder: the class ants has no images ({endings})\n  given {animals}"


def test_loops_of_links_inside_a_class_are_not_followed(animals: Path) -> None:
    (animals / "cats/loop").symlink_to(animals)
    (animals / "cats/more/up").symlink_to("..")
    (x, _), _ = load_folder(animals)
    assert len(x) == 5


@pytest.mark.parametrize("target", [".", ".."])
def test_a_class_that_leads_back_is_refused(animals: Path, target: str) -> None:
    (animals / "bats").symlink_to(target)
    words = "the class bats is a link that leads back to the folder itself"
    assert refused(lambda: load_folder(animals)) == f"load_folder: {words}\n  given {animals}"


def test_an_image_that_links_to_itself_is_one_clear_error(animals: Path) -> None:
    (animals / "cats/0.png").symlink_to("0.png")
    words = "the file cannot be read (too many levels of symbolic links)"
    assert refused(lambda: load_folder(animals)) == f"load_folder: {words}\n  given {animals}/cats/0.png"


def test_a_pipe_with_the_name_of_an_image_does_not_hang(animals: Path) -> None:
    os.mkfifo(animals / "cats/0.png")
    words = "expected a regular file, not a pipe or a device"
    assert refused(lambda: load_folder(animals)) == f"load_folder: {words}\n  given {animals}/cats/0.png"


# Setting images aside.


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Make a folder of 20 a's and 10 b's, each image with its own value."""
    for value in range(30):
        saved(tmp_path / ("a" if value < 20 else "b") / f"{value:02}.png", np.full((2, 2), value, np.uint8))
    return tmp_path


def test_the_split_takes_a_share_of_each_class(numbered: Path) -> None:
    ((x, y), (x_aside, y_aside)), names = load_folder(numbered, color="gray", validation_split=0.2)
    assert names == ["a", "b"]
    assert (np.bincount(y).tolist(), np.bincount(y_aside).tolist()) == ([16, 8], [4, 2])
    values = np.concatenate([x, x_aside])[:, 0, 0, 0]
    assert sorted(values.tolist()) == list(range(30))
    assert np.array_equal(np.concatenate([y, y_aside]), values >= 20)


def test_the_split_is_the_same_on_every_call_and_another_for_another_generator(numbered: Path) -> None:
    def aside(rng: np.random.Generator | None) -> list[int]:
        ((_, _), (x, _)), _ = load_folder(numbered, validation_split=0.3, rng=rng)
        return [int(value) for value in x[:, 0, 0, 0]]

    assert aside(None) == aside(None)
    assert aside(np.random.default_rng(5)) == aside(np.random.default_rng(5)) != aside(None)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_the_split_leaves_an_image_of_each_class_on_both_sides(numbered: Path, share: float) -> None:
    ((_, y), (_, y_aside)), _ = load_folder(numbered, validation_split=share)
    assert set(y.tolist()) == set(y_aside.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("share", "kind", "words"),
    [
        (0, ShapeError, "validation_split must be between 0 and 1, not 0"),
        (1.0, ShapeError, "validation_split must be between 0 and 1, not 1.0"),
        (float("nan"), ShapeError, "validation_split must be between 0 and 1, not nan"),
        ("half", ArgumentTypeError, "validation_split must be a number between 0 and 1, not 'half'"),
        (True, ArgumentTypeError, "validation_split must be a number between 0 and 1, not True"),
    ],
)
def test_a_split_that_is_no_share_is_refused(numbered: Path, share: Any, kind: type[Exception], words: str) -> None:
    assert refused(lambda: load_folder(numbered, validation_split=share), kind) == (
        f"load_folder: {words}\n  given validation_split {share!r}"
    )
