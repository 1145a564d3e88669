"""Formulas as MathML, which browsers set by themselves, with the letters of STIX Two Math.

One rule: a page needs nothing from elsewhere to show a formula, no script and no network.
"""

import io
from logging import getLogger
from pathlib import Path

import ziamath
from docutils.nodes import Element, SkipNode  # type: ignore[import-untyped]
from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

FONT = Path(ziamath.__file__).with_name("fonts") / "STIXTwoMath-Regular.ttf"  # under the SIL Open Font License, which it says itself
# Latin, Greek, dashes, letters like the italic h, arrows and signs, brackets, italics
LETTERS = (
    (0x20, 0x7F),
    (0xA0, 0x100),
    (0x391, 0x3F6),
    (0x2000, 0x2070),
    (0x2100, 0x2150),
    (0x2190, 0x2310),
    (0x27E6, 0x2800),
    (0x1D434, 0x1D468),
    (0x1D6A4, 0x1D71C),
)
# What the converter makes of \\mathrel{+}= is no MathML.
TWO_SIGNS, ONE_SIGN = "<mo><mrow><mo>&#x0002B;</mo></mrow></mo><mo>&#x0003D;</mo>", "<mo>+=</mo>"
FILE = "stix-two-math.woff"
STYLE = "formulas.css"
RULES = f"""\
@font-face {{ font-family: "STIX Two Math"; src: local("STIX Two Math"), url("{FILE}") format("woff"); font-display: swap; }}
math {{ font-family: "STIX Two Math", "Cambria Math", math; font-size: 1.1em; }}
"""

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.add_css_file(STYLE)
    app.connect("build-finished", write_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(formula: str, *, display: bool) -> str:
    """Return a formula of LaTeX as MathML, which carries the LaTeX with it for those who copy it.

    Raises
    ------
    ValueError
        A command is unknown.
    """
    text = convert(formula, display="block" if display else "inline")
    if "\\" in text:
        raise ValueError(f"a command of this formula is unknown: {formula}")
    return text.replace(TWO_SIGNS, ONE_SIGN)


def _inline(translator: HTML5Translator, node: Element) -> None:
    _write(translator, node, display=False)


def _display(translator: HTML5Translator, node: Element) -> None:
    _write(translator, node, display=True)


def _write(translator: HTML5Translator, node: Element, *, display: bool) -> None:
    try:
        text = mathml(node.astext(), display=display)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        text = translator.encode(node.astext())
    translator.body.append(f'<div class="math">{text}</div>' if display else text)
    raise SkipNode


def write_font(app: Sphinx, exception: Exception | None) -> None:
    """Write the style sheet and the part of the font that formulas use."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static"
    (folder / STYLE).write_text(RULES, encoding="utf-8")
    (folder / FILE).write_bytes(small_font())


def small_font() -> bytes:
    """Return the font with Latin and Greek letters, in italics too, digits, and the signs of mathematics, as WOFF."""
    options = Options()
    options.flavor = "woff"
    options.name_IDs = ["*"]  # the licence is in the names
    options.layout_features = ["*"]
    getLogger("fontTools").setLevel("ERROR")
    with TTFont(FONT) as font:
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=[code for first, end in LETTERS for code in range(first, end)])
        subsetter.subset(font)
        font.flavor = "woff"
        with io.BytesIO() as file:
            font.save(file)
            return file.getvalue()
