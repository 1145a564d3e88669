"""Runs the Python examples of the documents and the docstrings as tests. What a reader can copy, works."""

from importlib.util import find_spec

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

# Modules whose examples draw; they need the extra plot.
DRAWING = ["convstep/figures/*.py", "convstep/models/pictures.py", "convstep/training/callback.py", "convstep/utils.py"]

OF_SCIKIT_LEARN = ["convstep/sklearn/*.py"]  # they need the extra sklearn

documents = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["README.md", "docs/*.md"])
docstrings = Sybil(
    parsers=[DocTestParser()],
    path="src",
    patterns=["*.py"],
    excludes=[*([] if find_spec("matplotlib") else DRAWING), *([] if find_spec("sklearn") else OF_SCIKIT_LEARN)],
    document_types={".py": PythonDocStringDocument},
)
pytest_collect_file = (documents + docstrings).pytest()
