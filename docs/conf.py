"""How Sphinx builds these pages: Markdown through MyST, the reference from the docstrings, the lessons from their sources.

One rule: the build asks no network, and a warning ends it.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("MPLBACKEND", "agg")

import convstep  # noqa: E402 - the path comes first

project = "ConvStep"
author = "ConvStep contributors"
copyright = "ConvStep contributors"
version = release = convstep.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "docs.extensions.commands",
    "docs.extensions.docstrings",
    "docs.extensions.documents",
    "docs.extensions.drawn",
    "docs.extensions.formulas",
    "docs.extensions.lessons",
    "docs.extensions.links",
    "docs.extensions.live",
    "docs.extensions.outline",
    "docs.extensions.pictures",
    "docs.extensions.supported",
]
exclude_patterns = ["_build", "extensions"]
html_theme = "furo"
html_title = f"ConvStep {version}"
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["pages.css"]
html_js_files = ["pages.js"]
smartquotes_action = "D"  # dashes alone: "max" is Python
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True

default_role = "py:obj"  # a name between backticks is a link, where this reference has it
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r".*"),
    ("py:class", r"(?!convstep\.).*"),  # types of Python and NumPy, and what a docstring says instead of a type
    # types that no reader makes
    ("py:class", r"convstep\..*\.(_\w+|Block|Builder|Lesson|Network|Numbers|Prepared|ProbeResult|Rule|Source|Weights)"),
]

# `sphinx-build -b linkcheck docs docs/_build/linkcheck` asks the addresses outside of these pages.
linkcheck_timeout = 20
linkcheck_retries = 2
