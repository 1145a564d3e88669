"""How Sphinx builds these pages: Markdown through MyST, the reference from the docstrings."""

import convstep

project = "ConvStep"
author = "ConvStep contributors"
copyright = "ConvStep contributors"
version = release = convstep.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"ConvStep {version}"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False
