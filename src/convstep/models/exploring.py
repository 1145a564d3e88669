"""A model in the explorer. One rule: the page is handed a file as `save` writes it, and computes the rest itself."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convstep.errors import DataError
from convstep.explorer import explore_network
from convstep.explorer.page import LARGEST_NETWORK, Network
from convstep.models.saving import save_model

__all__ = ["as_network", "explore_model"]

MEGABYTE = 10**6


def explore_model(model: Any, image: Any = None, *, language: str | None = None, theme: str | None = None) -> Any:
    """Show a model in the explorer; see `Model.explore`."""
    return explore_network(as_network(model), image, language=language, theme=theme)


def as_network(model: Any, *, name: str | None = None, run: Mapping[str, Any] | None = None) -> Network:
    """Return a model as the page takes it.

    Parameters
    ----------
    model : Model
    name : str, optional
        What the page calls it; without it, the model's own.
    run : mapping, optional
        What run.json says of its training; without it, what `convstep train` wrote into the model.

    Raises
    ------
    DataError
        If the model cannot be saved, or takes more than 64 MiB.
    """
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page trains nothing: a loss that cannot be saved is not missed
        path = Path(folder) / "model.convstep"
        save_model(model, path, include_optimizer=False)
        archive = path.read_bytes()
    if len(archive) > LARGEST_NETWORK:
        size, most = (f"{number / MEGABYTE:.1f} MB" for number in (len(archive), LARGEST_NETWORK))
        raise DataError(f"explore: the model takes {size}, and the explorer opens {most} at most\n  given {name or model.name}")
    return Network(name or model.name, archive, run or model.notes.get("convstep_run"))
