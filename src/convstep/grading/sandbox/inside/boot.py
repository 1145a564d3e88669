"""The first lines of the other side. Its modules come over standard input, compiled, so it needs none of our files."""

from __future__ import annotations

import marshal
import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import CodeType, ModuleType

PACKAGE = "inside"


class Modules:
    """Finds and loads the modules of a package that came as code.

    Parameters
    ----------
    codes : dict
        By name.
    """

    def __init__(self, codes: dict[str, CodeType]) -> None:
        self.codes = codes

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
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
            For a module of the package.
        """
        del path, target
        return ModuleSpec(name, self, is_package=name == PACKAGE) if name in self.codes else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the import system.

        Parameters
        ----------
        spec : ModuleSpec
            Ignored.
        """

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code.

        Parameters
        ----------
        module : module
            Still empty.
        """
        exec(self.codes[module.__name__], module.__dict__)  # noqa: S102 - how modules are made


def read(count: int) -> bytes:
    """So many bytes from standard input."""
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part:
            sys.exit(1)  # the caller is gone
        data += part
    return data


if __name__ == "__main__":
    codes = marshal.loads(read(int.from_bytes(read(8), "big")))  # noqa: S302 - from the caller, of this same Python
    sys.meta_path.insert(0, Modules(codes))
    import_module("inside.warden").main()
