"""The process that runs a program: it gives up its rights, then the program's text becomes its ``__main__``.

One rule: from there on, nobody trusts anything of it.
"""

# ruff: noqa: PTH118, PTH120 - paths are texts here, as the kernel takes them

from __future__ import annotations

import os
import sys
import threading
from importlib import machinery
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from . import frame
from .locks import DESCRIPTORS, drawn, lock
from .task import Task, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["work"]

REFUSED = "convstep"


def work(task: Task, layers: list[str], tell: Callable[[list[str]], None]) -> NoReturn:
    """Run the program, and end.

    Parameters
    ----------
    task : Task
        What to run, and within which limits.
    layers : list of str
        What protects already.
    tell : callable
        Takes the list of what protects when the program starts.
    """
    tell(lock(task, layers))
    send = channel()
    forget()
    sys.meta_path.insert(0, Finder(task.numpy))
    code = 1
    try:
        code = execute(task.program, {"receive": lambda: task.request, "send": lambda message: send(frame.MESSAGE, message)}, send)
    finally:
        os._exit(code)


def channel() -> Callable[[int, bytes], None]:
    """Move the channel to a number that is not well known, and leave nothing else open."""
    number = move(1)
    null = os.open(os.devnull, os.O_RDWR)
    for known in (0, 1, 2):
        os.dup2(null, known)
    os.closerange(3, number)
    os.closerange(number + 1, DESCRIPTORS)
    busy = threading.Lock()

    def send(kind: int, body: bytes) -> None:
        data = frame.pack(kind, bytes(body))
        with busy:
            write_all(number, data)

    return send


def move(descriptor: int) -> int:
    """The same as another descriptor, under a number drawn at random."""
    if sys.platform == "win32":
        return os.dup(descriptor)
    import fcntl  # noqa: PLC0415 - Windows has none

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20 + drawn(DESCRIPTORS - 36))


def forget() -> None:
    """Let no module of ours be found any more."""
    sys.argv[:] = [""]
    package = __name__.partition(".")[0]
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "__main__"]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


class Finder:
    """Finds NumPy, although its folder's neighbours stay shut, and refuses convstep by name.

    Parameters
    ----------
    numpy : str
        NumPy's folder, or nothing.
    """

    def __init__(self, numpy: str) -> None:
        self.numpy = numpy

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> machinery.ModuleSpec | None:
        """What the import system asks of a finder.

        Parameters
        ----------
        name : str
            Of a module.
        path, target : object
            Ignored.

        Returns
        -------
        ModuleSpec or None
            Where NumPy is; None for anything else.

        Raises
        ------
        ImportError
            For convstep.
        """
        del path, target
        if name.partition(".")[0] == REFUSED:
            raise ImportError(f"importing {REFUSED} earns no credit: the function must be your own", name=name)
        if name != "numpy" or not self.numpy:
            return None
        return machinery.PathFinder.find_spec(name, [os.path.dirname(self.numpy)]) or self.direct()

    def direct(self) -> machinery.ModuleSpec:
        """NumPy by its file alone: its folder's neighbours cannot be listed."""
        file = os.path.join(self.numpy, "__init__.py")
        spec = machinery.ModuleSpec("numpy", machinery.SourceFileLoader("numpy", file), origin=file, is_package=True)
        spec.submodule_search_locations = [self.numpy]
        spec.has_location = True
        return spec


def execute(program: bytes, names: dict[str, Any], send: Callable[[int, bytes], None]) -> int:
    """Run the program's text as ``__main__``, and say how that ended; the exit code."""
    main = ModuleType("__main__")
    main.__dict__.update(names)
    sys.modules["__main__"] = main
    complete_builtins()
    try:
        exec(compile(program, "<program>", "exec"), main.__dict__)  # noqa: S102 - the one purpose of this process
    except SystemExit as ended:
        return ended.code % 256 if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001
        name = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
        send(frame.RAISED, name.encode("utf-8", "replace"))
        return 1
    send(frame.ENDED, b"")
    return 0


def complete_builtins() -> None:
    """Provide ``exit``, ``quit`` and ``help``, which come with ``site``."""
    import site  # noqa: PLC0415 - after the rights are gone

    site.setquit()
    site.sethelper()
