"""How hypothesis searches: the same cases on every run where CI is set, new ones elsewhere."""

import os
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.browser import Explorer, running_explorer

settings.register_profile("ci", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Kernels are compiled once for the checkout, not once for each run of the tests.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".cache" / "numba"))


@pytest.fixture(scope="session")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Keras 3 on PyTorch, the oracle of layers, models and training; tests that ask for it skip without it."""
    if not all(find_spec(name) for name in ("keras", "torch")):
        pytest.skip("keras with torch is the oracle here, and it is not installed")
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["KERAS_HOME"] = str(tmp_path_factory.mktemp("keras"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = import_module("keras")
    if module.backend.backend() != "torch":
        pytest.skip("keras was imported with another backend than torch")
    return module


@pytest.fixture(scope="module")  # longer, and Playwright's running loop would meet other tests'
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """Open the explorer's page in a real browser; tests that ask for it skip without one."""
    with running_explorer(tmp_path_factory.mktemp("explorer")) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the oracle warn: a DeprecationWarning about PyTorch's tensors in NumPy 2 is between Keras, PyTorch and NumPy."""
    for item in items:
        if "keras" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"))
