"""A sample of the damaged files of `benchmarks.fuzz_files`: refused in one sentence, or read as others read them."""

from importlib.util import find_spec

import pytest
from benchmarks.fuzz_files import BAD, in_process

FILES = range(40)
NEEDS = {"onnx": ["onnx", "onnxruntime"], "keras": ["h5py", "keras", "torch"], "torch": ["torch"], "safetensors": []}


@pytest.mark.parametrize("name", NEEDS)
def test_damaged_files_are_refused_in_a_sentence_or_read_as_others_read_them(name: str) -> None:
    if not all(find_spec(module) for module in NEEDS[name]):
        pytest.skip(f"who else reads these files is not installed: {', '.join(NEEDS[name])}")
    found = in_process(name, 2026, FILES)
    assert [number for _, number, _ in found] == list(FILES)
    assert [item for item in found if item[0] in BAD] == []
    assert sum(kind == "refused" for kind, _, _ in found) > len(FILES) / 4  # the damage is real
