"""The pages about ONNX, Keras and PyTorch: their lists are the code's, and so is every limit that they name."""

import importlib
import re
from pathlib import Path

import pytest

from convstep.data.files import FREE, RATIO
from convstep.interop.keras import archive, hdf5
from convstep.interop.keras.building import BOTH
from convstep.interop.onnx import files, inlining, reading
from convstep.interop.onnx.operators import MOST_BYTES, NEWEST, OLDEST, VERSIONS
from convstep.interop.onnx.writing.protocol import VERSIONS as WRITTEN_OPSETS
from convstep.interop.onnx.writing.walking import WRITTEN
from convstep.interop.torch import containers, pickles

ROOT = Path(__file__).parents[1]
MIB, GIB = 2**20, 2**30
HELD = {
    "README.md": (f"operators of ONNX are read, in opsets {OLDEST} to {NEWEST}.",),
    "CHANGELOG.md": (f"opsets {OLDEST} to {NEWEST}",),
    "docs/onnx.md": (
        f"Files of opsets {OLDEST} to {NEWEST}",
        f"in opset {min(WRITTEN_OPSETS)} to {max(WRITTEN_OPSETS)}",
        f"may have {files.MOST_FILE // GIB} GiB, as ONNX's own rule is",
        f"more than {files.MOST_BESIDE // GIB} GiB",
        f"beyond {reading.MOST_CELLS:,}",
        f"{inlining.MOST_NODES:,} nodes, {files.MOST_AXES} axes of a tensor, and functions inside functions {inlining.DEEPEST} deep",
        f"What one node makes may take {MOST_BYTES // GIB} GiB",
    ),
    "docs/keras.md": (
        f"may list {archive.MOST_PARTS:,} parts",
        f"may have {archive.MOST_JSON // MIB} MiB",
        f"may expand to {FREE // MIB} MiB, or to {RATIO} times the size of the file",
        f"{hdf5.MOST_NAMES:,} names, and groups inside groups {hdf5.DEEPEST} deep",
    ),
    "docs/pytorch.md": (
        f"may have {containers.MOST_PICKLE // MIB} MiB and {pickles.MOST_INSTRUCTIONS:,} instructions",
        f"may expand to {FREE // MIB} MiB, or to {RATIO} times the size of the file",
    ),
}


@pytest.mark.parametrize(("page", "phrase"), [(page, phrase) for page, phrases in HELD.items() for phrase in phrases])
def test_what_a_page_says_of_limits_is_what_the_code_has(page: str, phrase: str) -> None:
    assert phrase in re.sub(r"\s+", " ", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.once
def test_the_lists_of_the_pages_are_whole() -> None:
    pytest.importorskip("sphinx", reason="the documents are built with Sphinx")
    from docs.extensions.supported import TABLES

    tables = {name: set(re.findall(r"`(\w+)`", make())) for name, make in TABLES.items()}
    assert tables == {
        "onnx-operators": set(VERSIONS),
        "onnx-layers": {kind.__name__ for kind in WRITTEN},
        "keras-layers": set(BOTH),
    }
    assert "`Einsum` (12)" in TABLES["onnx-operators"]()
    shown = {
        name for page in ROOT.glob("docs/*.md") for name in re.findall(r"^```\{supported\} (\S+)$", page.read_text("utf-8"), re.MULTILINE)
    }
    assert shown == set(TABLES)


def told(page: str, pattern: str) -> int:
    found = re.search(pattern, re.sub(r"\s+", " ", (ROOT / page).read_text(encoding="utf-8")))
    assert found, page
    return int(found[1].replace(",", ""))


def test_what_the_page_calls_not_supported_is_not() -> None:
    text = (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8")
    sentence = next(line for line in text.splitlines() if line.endswith("are not supported."))
    names = [name for name in re.findall(r"`(\w+)`", sentence) if "." not in name]
    assert names == ["If", "Loop", "Scan"]
    assert not set(names) & set(VERSIONS)


def test_there_are_more_operators_than_the_readme_says() -> None:
    assert len(VERSIONS) > told("README.md", r"More than ([\d,]+) operators of ONNX") >= len(VERSIONS) - 20


@pytest.mark.once
def test_more_of_onnxs_own_tests_pass_than_the_page_says() -> None:
    pytest.importorskip("onnx.backend.test", reason="needs the extra onnx")
    passing = sum(importlib.import_module("tests.test_onnx_backend").LEAST.values())
    assert passing > told("docs/onnx.md", r"more than ([\d,]+) cases") >= passing - 100
