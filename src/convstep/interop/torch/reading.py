"""A state dict as plain arrays: from PyTorch's files, from safetensors, or from what a caller has in memory.

One rule: whatever is around the weights (epochs, optimizers, wrappers) is taken off only where it can be told from them.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convstep import checks
from convstep.checks import Array, shown
from convstep.data.files import refusal
from convstep.errors import ArgumentTypeError
from convstep.interop.torch.containers import SafeTensor, is_written, opened
from convstep.interop.torch.orders import is_sorted

__all__ = ["loaded", "read"]

OP = "torch.read"
AROUND = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params", "params_ema", "ema")
WRAPPERS = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
DEEPEST = 4


def read(source: Any, *, key: str | None = None) -> dict[str, Array]:
    """Return a state dict of PyTorch as plain arrays, in PyTorch's names, layouts and order. PyTorch is not needed, and no code is run.

    Parameters
    ----------
    source : str, path, mapping or module
        A file of ``torch.save`` (``.pth``, ``.pt``, ``.bin``: a zip file, or as PyTorch wrote before version 1.6) or of safetensors; which,
        its content says. Or a state dict, or a module (anything with ``state_dict()``).
    key : str, optional
        Where the state dict is in what is around it, such as "generator" or "checkpoint.model". Without it, it is found: directly, under a
        usual name such as "state_dict" or "model", or as the only one there is.

    Returns
    -------
    weights : dict of str to array
        bfloat16 becomes float32, which holds the same numbers; all other types stay. The prefixes "module." and "_orig_mod.", which
        wrappers add to every name, are taken off.

    Raises
    ------
    DataError
        The file is missing, damaged, names a class or function that weights do not need, holds a whole module or a program, several state
        dicts or none, or tensors that are sparse, quantized or of a type that NumPy lacks.
    ArgumentTypeError
        The source is nothing of this kind.

    Notes
    -----
    safetensors does not keep the order of a state dict: its names come sorted, numbers by their values. All arrays together may take
    64 MiB and 8 times the file.
    """
    return loaded(source, key)[0]


def loaded(source: Any, key: str | None = None) -> tuple[dict[str, Array], bool]:
    """Return the state dict, and whether it has the order in which the modules were made; safetensors does not keep it."""
    if isinstance(source, str | os.PathLike):
        with opened(OP, source) as (content, array):
            found = _state_dict(content, is_written, key, source)
            arrays = _unwrapped({name: array(value) for name, value in found.items()})
            return arrays, not any(isinstance(value, SafeTensor) for value in found.values())
    live = callable(getattr(source, "state_dict", None))
    state = source.state_dict() if live else source
    if not isinstance(state, Mapping):
        fact = "expected the path of a file, a state dict or a module"
        raise checks.refusal(OP, fact, {"source": source}, kind=ArgumentTypeError)
    given = _state_dict(state, _is_live, key, "a state dict")
    arrays = _unwrapped({name: _from_memory(name, value) for name, value in given.items()})
    return arrays, live or not is_sorted(arrays)


def _state_dict(content: Any, is_tensor: Callable[[Any], bool], key: str | None, source: object) -> dict[str, Any]:
    """Return the tensors by their names."""
    inside = _at(content, key, source)
    found = _found(inside, is_tensor, DEEPEST)
    if not found:
        what = f"a dict of {len(inside)}" if isinstance(inside, Mapping) else f"a {type(inside).__name__}"
        raise refusal(OP, f"there is no state dict, a dict of names and tensors, but {what}", source)
    if len(found) > 1:
        names = ", ".join(shown(name) for name in list(found)[:6])
        raise refusal(OP, f"there are {len(found)} state dicts: {names}", source, f"key={shown(next(iter(found)))} for one of them")
    return next(iter(found.values()))


def _at(content: Any, key: str | None, source: object) -> Any:
    for part in [] if key is None else key.split("."):
        if not isinstance(content, Mapping) or part not in content:
            there = ", ".join(shown(name) for name in list(content)[:6]) if isinstance(content, Mapping) else "no dict"
            raise refusal(OP, f"there is no {shown(part)} of the key {shown(key)}; there is {there}", source)
        content = content[part]
    return content


def _found(content: Any, is_tensor: Callable[[Any], bool], deep: int) -> dict[str, dict[str, Any]]:
    """Return the state dicts in a dict, by their keys: the one under a usual name, else the dict itself, else those in it."""
    if not isinstance(content, Mapping) or not deep:
        return {}
    inner = {name: _found(value, is_tensor, deep - 1) for name, value in content.items() if isinstance(value, Mapping)}
    for name in AROUND:
        if inner.get(name):
            return inner[name]
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and is_tensor(value)}
    if tensors:
        return {"": tensors}
    within = {str(name): found for name, found in inner.items() if found and name != "optimizer"}
    return {f"{name}.{path}".rstrip("."): value for name, found in within.items() for path, value in found.items()}


def _unwrapped(arrays: dict[str, Array]) -> dict[str, Array]:
    """Take off what wrappers put before every name."""
    for _ in range(DEEPEST):
        for wrapper in WRAPPERS:
            if arrays and all(name.startswith(wrapper) for name in arrays):
                arrays = {name.removeprefix(wrapper): array for name, array in arrays.items()}
    return arrays


def _is_live(value: Any) -> bool:
    return isinstance(value, np.ndarray) or all(hasattr(value, word) for word in ("detach", "cpu", "numpy"))


def _from_memory(name: str, value: Any) -> Array:
    """Return a copy of a tensor or array."""
    if isinstance(value, np.ndarray):
        return np.array(checks.numbers(OP, name, value), order="C")
    try:
        tensor = value.detach().cpu()
        if str(tensor.dtype) == "torch.bfloat16":
            tensor = tensor.float()
        return np.array(tensor.numpy(), order="C")
    except Exception:  # noqa: BLE001 - sparse, quantized, or of a type that NumPy lacks
        raise checks.refusal(OP, f'"{name}" cannot be read as an array of numbers', {name: value}, kind=ArgumentTypeError) from None
