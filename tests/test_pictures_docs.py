"""The pages show under a docstring what its example draws, on white paper and on dark."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="figures need the extra plot (Matplotlib)")
pytest.importorskip("sphinx", reason="the pages are built with Sphinx")

from docs.extensions import pictures
from sphinx.application import Sphinx

import convstep
from convstep import figures
from convstep.callbacks import History

DRAWN = [
    *(getattr(figures, name) for name in figures.__all__ if name.startswith("draw_")),
    *(getattr(convstep.Model, name) for name in dir(convstep.Model) if name.startswith("plot")),
    History.plot,
    convstep.utils.plot_model,
]

CONF = """
import sys
sys.path.insert(0, {root!r})
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs.extensions.pictures"]
exclude_patterns = ["_build"]
html_theme = "basic"
"""
PAGE = """
Pictures
========

.. autofunction:: convstep.figures.draw_row

.. autofunction:: convstep.ops.conv2d
"""


@pytest.mark.parametrize("thing", DRAWN, ids=lambda thing: str(thing.__qualname__))
def test_everything_that_draws_has_an_example_that_ends_with_its_figure(thing: Any) -> None:
    assert re.search(r"^>>> figure = ", thing.__doc__ or "", re.MULTILINE) or re.search(r"^ +>>> figure = ", thing.__doc__, re.MULTILINE)


def test_an_example_is_run_once_on_each_paper() -> None:
    found = pictures.draw_example(figures.draw_row)
    assert [(name, figure.theme) for name, figure in found.items()] == list(figures.themes.THEMES.items())


@pytest.mark.parametrize("thing", [convstep.conv_forward, convstep.Model.saliency, figures.save, None, 3])
def test_what_draws_nothing_has_no_picture(thing: Any) -> None:
    assert pictures.draw_example(thing) == {}


def build(folder: Path, page: str) -> tuple[str, str]:
    """Build a page; return its HTML, and what was warned of."""
    import io

    (folder / "conf.py").write_text(CONF.format(root=str(Path(convstep.__file__).parents[2])), encoding="utf-8")
    (folder / "index.rst").write_text(page, encoding="utf-8")
    warned = io.StringIO()
    app = Sphinx(folder, folder, folder / "_build" / "html", folder / "_build" / "trees", "html", status=None, warning=warned)
    app.build()
    return (folder / "_build" / "html" / "index.html").read_text(encoding="utf-8"), warned.getvalue()


@pytest.mark.filterwarnings("ignore:The mapping interface")  # between parts of Sphinx
def test_a_page_has_both_pictures_below_the_example_with_what_they_show(tmp_path: Path) -> None:
    html, warned = build(tmp_path, PAGE)
    assert not warned
    images = re.findall(r"<img [^>]*>", html)
    assert len(images) == 2
    for image, theme in zip(images, ("light", "dark"), strict=True):
        assert f'class="only-{theme} example-picture"' in image
        assert 'loading="lazy"' in image
        assert 'alt="window. filter."' in image
        file = tmp_path / "_build" / "html" / str(re.findall(r'src="([^"]+)"', image)[0])
        assert file.read_bytes().startswith(b"\x89PNG")
    assert html.index("draw_row") < html.index("products") < html.index("<img") < html.rindex("conv2d")


@pytest.mark.filterwarnings("ignore:The mapping interface")
def test_an_example_that_fails_is_a_warning_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise ValueError("no such digit")

    monkeypatch.setattr(pictures, "draw_example", broken)
    html, warned = build(tmp_path, ".. autofunction:: convstep.figures.draw_row\n")
    assert "the example of convstep.figures.draw_row draws no picture: no such digit" in warned
    assert "<img" not in html
