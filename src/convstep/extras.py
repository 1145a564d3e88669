"""Packages that come with an extra of convstep. The one rule: a missing one is one sentence with the command that installs it."""

from importlib import import_module
from typing import Any

from convstep.errors import MissingExtraError

__all__ = ["require"]


def require(module: str, *, extra: str, op: str = "convstep") -> Any:
    """Import a module of a package that convstep does not install by itself.

    Parameters
    ----------
    module : str
        Its full name, for example ``"h5py"`` or ``"PIL.Image"``.
    extra : str
        The extra of convstep that installs it.
    op : str
        The operation that needs it, named first in the error.

    Raises
    ------
    MissingExtraError
        The package is not installed. An error inside an installed package is passed on.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        package = {"PIL": "pillow", "sklearn": "scikit-learn"}.get(error.name.partition(".")[0], error.name)
        message = f'{op}: {package} is not installed; this installs it: pip install "convstep[{extra}]"'
        raise MissingExtraError(message, name=error.name) from None
