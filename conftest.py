"""Runs the Python examples of the documents and the docstrings as tests. What a reader can copy, works."""

from contextlib import ExitStack, chdir
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

# Modules whose examples need a package that an extra brings.
NEEDING = {
    "matplotlib": ["convstep/figures/*.py", "convstep/models/pictures.py", "convstep/training/callback.py", "convstep/utils.py"],
    "onnx": ["convstep/interop/onnx/backend.py"],
    "sklearn": ["convstep/sklearn/*.py"],
}


def enter_empty_folder(names: dict[str, Any]) -> None:
    """Let the examples of a document write files, where nobody else has any."""
    names["_inside"] = inside = ExitStack()
    inside.enter_context(chdir(inside.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))))


def leave_it(names: dict[str, Any]) -> None:
    """Go back, and remove the files."""
    names.pop("_inside").close()


documents = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md"],
    setup=enter_empty_folder,
    teardown=leave_it,
)
docstrings = Sybil(
    parsers=[DocTestParser()],
    path="src",
    patterns=["*.py"],
    excludes=[path for package, paths in NEEDING.items() if not find_spec(package) for path in paths],
    document_types={".py": PythonDocStringDocument},
)
pytest_collect_file = (documents + docstrings).pytest()
