"""Kernels are compiled once for a machine, in words, and whatever lies in their folder can only cost time."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.convolutions import needs_numba

from convstep import ops, use_engine

pytestmark = needs_numba
KERNEL = "board.serve"  # a small one
LOAD = f"""
import sys
from convstep.engines.compiled.native import kernel
assert kernel("{KERNEL}").address > 0
print("compiled" if "numba" in sys.modules else "loaded", kernel("{KERNEL}").path)
"""


def loading(**variables: str) -> subprocess.Popen[str]:
    """A process that needs one kernel."""
    environment = {name: value for name, value in os.environ.items() if name not in {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"}} | variables
    return subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", LOAD], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


def answer(process: subprocess.Popen[str]) -> tuple[str, Path | None, str]:
    """Whether the kernel was compiled or loaded, where it is kept, and what was said."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    how, _, path = output.strip().partition(" ")
    return how, None if path == "None" else Path(path), errors


def line(folder: Path) -> str:
    return f"convstep: compiling kernels for this CPU, about a second for each, once: {folder} keeps them\n"


# --- from process to process ---


@pytest.mark.parametrize("name", ["plain", "mit Leerzeichen, ü und 目録"])
def test_a_kernel_is_compiled_once_with_one_line_and_then_loaded_in_silence_without_numba(name: str, tmp_path: Path) -> None:
    how, path, said = answer(loading(NUMBA_CACHE_DIR=str(tmp_path / name)))
    assert path
    assert (how, said) == ("compiled", line(tmp_path / name / "convstep"))
    assert path.parent.parent == tmp_path / name / "convstep"
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert answer(loading(NUMBA_CACHE_DIR=str(tmp_path / name))) == ("loaded", path, "")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_processes_that_compile_at_once_leave_one_whole_kernel(tmp_path: Path) -> None:
    found = [answer(process) for process in [loading(NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(3)]]
    path = found[0][1]
    assert path
    assert {path for _, path, _ in found} == {path}
    assert list(path.parent.iterdir()) == [path]
    assert answer(loading(NUMBA_CACHE_DIR=str(tmp_path))) == ("loaded", path, "")


def test_a_folder_that_nobody_can_make_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    how, _, said = answer(loading(NUMBA_CACHE_DIR=str(tmp_path / "file"), NUMBA_NUM_THREADS="many"))
    ending = "each time: there is no folder that could keep them\n"
    assert (how, said.splitlines(keepends=True)[:1]) == (
        "compiled",
        [f"convstep: compiling kernels for this CPU, about a second for each, {ending}"],
    )
    assert (tmp_path / "file").read_text() == "mine"


# --- what lies in the folder ---


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of kernels, with an empty folder."""
    from convstep.engines.compiled import native

    monkeypatch.setattr(native, "cache_folder", lambda: tmp_path / "kernels")
    yield native
    native.cache_folder.cache_clear() if hasattr(native.cache_folder, "cache_clear") else None


def kept(native: Any) -> tuple[Path, bytes]:
    """Compile the kernel: its place and what is kept there."""
    path = native.Kernel(KERNEL, ()).path
    assert native.Kernel(KERNEL, ()).address > 0
    return path, path.read_bytes()


def signed(symbol: bytes, code: bytes) -> bytes:
    digest = hashlib.sha256(symbol + b"\n" + code).hexdigest().encode()
    return b"\n".join([b"convstep kernel 1", digest, symbol, code])


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "cut off in its head": lambda whole: whole[:40],
    "longer": lambda whole: whole + b"\0",
    "one bit": lambda whole: whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
    "zeros": lambda whole: bytes(len(whole)),
    "lines": lambda _: b"\n" * 100,
    "of another version": lambda whole: whole.replace(b"kernel 1\n", b"kernel 0\n", 1),
    "text": lambda _: "ünlesbar".encode("utf-16"),
    "of another symbol": lambda whole: signed(b"elsewhere", whole.split(b"\n", 3)[3]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_kernel_is_compiled_again(damage: str, native: Any) -> None:
    path, whole = kept(native)
    path.write_bytes(DAMAGES[damage](whole))
    assert native.Kernel(KERNEL, ()).address > 0
    assert path.read_bytes()[:18] == whole[:18]
    assert native.Kernel(KERNEL, ())._kept() is not None


def test_a_folder_in_the_place_of_a_kernel_costs_time_alone(native: Any) -> None:
    path, _ = kept(native)
    path.unlink()
    path.mkdir()
    assert native.Kernel(KERNEL, ()).address > 0
    assert path.is_dir()


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system"), OSError(28, "No space left")]
)
def test_a_folder_that_cannot_be_written_costs_time_alone(error: OSError, native: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise error

    monkeypatch.setattr(native, "atomic_write", refuse)
    kernel = native.Kernel(KERNEL, ())
    assert kernel.address > 0
    assert not kernel.path.exists()


def test_a_kernel_is_kept_by_its_sources(native: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = native.Kernel(KERNEL, ()).path
    assert native.Kernel("products.pack", (4, 8)).path != native.Kernel("products.pack", (4, 16)).path
    sources = native._sources
    monkeypatch.setattr(native, "_sources", lambda module: sources(module) + b"# another")
    assert native.Kernel(KERNEL, ()).path != path


def test_sources_are_a_modules_own_and_those_that_it_imports(native: Any) -> None:
    kernels = Path(native.__file__).parent / "kernels"
    for name in ("products", "tile", "words"):
        assert (kernels / f"{name}.py").read_bytes() in native._sources("products")
    assert (kernels / "products.py").read_bytes() not in native._sources("board")


# --- where the folder is ---


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"NUMBA_CACHE_DIR": "numba", "XDG_CACHE_HOME": "xdg"}, "numba"),
        ({"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": "xdg"}, "xdg"),
        ({"XDG_CACHE_HOME": "", "HOME": "home", "USERPROFILE": "home"}, "home/.cache"),
    ],
)
def test_kernels_are_kept_where_the_variables_say(
    variables: dict[str, str], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convstep.engines.compiled.native import cache_folder

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value and str(tmp_path / value))
    folder = cache_folder.__wrapped__()
    assert folder
    assert folder.parent == tmp_path / place / "convstep"
    assert folder.name.startswith("kernels-")


def test_a_user_without_a_home_compiles_each_time(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from convstep.engines.compiled import native

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(native, "cache_folder", native.cache_folder.__wrapped__)
    assert native.cache_folder() is None
    assert native.Kernel(KERNEL, ()).address > 0
    native._announce.__wrapped__()
    assert capfd.readouterr().err.endswith("each time: there is no folder that could keep them\n")


@pytest.mark.parametrize("listener", [None, Path(os.devnull).open(encoding="utf-8")], ids=["none", "of another kind"])  # noqa: SIM115
def test_where_nobody_listens_nothing_is_said(listener: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled import native

    monkeypatch.setattr(sys, "stderr", listener)
    native._announce.__wrapped__()


# --- one process ---


def test_threads_that_ask_at_once_load_a_kernel_once(native: Any) -> None:
    kept(native)
    kernel, together = native.Kernel(KERNEL, ()), threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        address: int = kernel.address
        return address

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_a_kernel_stays_in_memory_when_nobody_holds_it_any_more(native: Any) -> None:
    code = native.Kernel("elementwise.relu", (4,))
    call, address = code.call, code.address
    del code
    assert address > 0
    x = np.array([-1, 2, -3], np.float32)
    y = np.zeros(3, np.float32)
    nothing = np.zeros(8, np.int64)
    call(nothing.ctypes.data, nothing.ctypes.data, native.packed(x.ctypes.data, y.ctypes.data, 3, 8, 0), 0, 0)
    np.testing.assert_array_equal(y, [0, 2, 0])


def test_the_default_engine_needs_numba_installed_but_does_not_import_it() -> None:
    with use_engine("compiled"):
        ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1)))  # compiles what is missing
    script = """
import sys
import numpy as np
from convstep import ops
assert ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1)))[0, 0, 0, 0] == 4
from convstep.engines import current_engine
assert current_engine().name == "compiled"
assert "llvmlite" in sys.modules and "numba" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
