"""Weights of PyTorch's put into a model, and taken out of it.

One rule: everything is matched, checked and converted before the first parameter is changed.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from convstep.checks import Array, refusal, shown
from convstep.errors import ArgumentTypeError
from convstep.interop.torch.matching import Names, grouped, matched
from convstep.interop.torch.reading import loaded
from convstep.interop.torch.sites import Site, sites_of
from convstep.interop.torch.writing import write
from convstep.layers import BatchNormalization, LayerNormalization
from convstep.models import Model

__all__ = ["load_weights", "save", "to_state_dict"]


def load_weights(model: Model, source: Any, *, names: Names = None, epsilon: float | None = None) -> dict[str, str]:
    """Put weights of a PyTorch model into a model of the same architecture, so that both give the same numbers.

    Parameters
    ----------
    model : Model
        Built, and of the same layers. Its images have their channels last, PyTorch's first.
    source : str, path, mapping or module
        As `read` takes it.
    names : mapping or callable, optional
        Which module of PyTorch's belongs to which layer: ``{"features.0": "conv2d", "fc": "dense"}``, or a function from one to the other.
        A module that is left out goes by the nearest one around it that is not (``{"backbone": "inner"}`` takes "backbone.conv" to
        "inner/conv"), else by its own name; None as the layer leaves it away. Layers of models inside the model are "inner/conv"; the two
        parts of a SeparableConv2D are "separable_conv2d/depthwise" and "separable_conv2d/pointwise".
    epsilon : float, optional
        Given to every BatchNormalization and LayerNormalization. A file does not tell it: PyTorch's is 1e-5 unless the module was made with
        another one; the default of these layers, as in Keras, is 1e-3.

    Returns
    -------
    matched : dict of str to str
        The layer that each module went to; it can be handed over as `names` the next time, and to `save`.

    Raises
    ------
    DataError
        The file is refused: see `read`.
    ShapeError
        Something is missing, unexpected or of another shape; or the order does not tell what belongs together; or a layer has no twin in
        PyTorch. Nothing was changed.
    ArgumentTypeError
        The model is none, or not built.

    Notes
    -----
    Without `names`, layers that bear exactly the names of the modules get theirs. Otherwise the order of the state dict decides: each
    module goes to a layer of its shapes whose predecessors in the graph have theirs already. torchvision's ResNets fit so, whichever branch
    of a block was described first. If there are two ways, for example with branches of the same shapes, that is an error which asks for
    `names`. In a chain of layers, modules that are sorted by kinds (all convolutions, then all normalizations) go to their kinds in order.
    safetensors, and dicts whose names are sorted, keep no order: then only numbers in names count ("conv1" is before "conv2"), beside the
    shapes; torchvision's ResNets are known by their names.

    Kernels become (rows, columns, inputs, outputs). A Dense after a Flatten has its rows in another order, since PyTorch flattens
    (C, H, W) and this library (H, W, C); so has a BatchNormalization in between, and the columns of a Dense before a Reshape to images. The
    graph tells where this is so. ``num_batches_tracked`` is not kept. What PyTorch calls the momentum of a batch normalization, 0.1, is
    1 - momentum here, 0.9; it does not matter for inference.
    """
    op = "torch.load_weights"
    sites = sites_of(op, _built(op, model))
    arrays, ordered = loaded(source)
    groups = grouped(arrays)
    found = matched(op, groups, sites, names, ordered=ordered)
    step = None if epsilon is None else _positive(op, epsilon)
    made = [
        (slot.parameter, np.array(slot.ours(groups[module][name]), dtype=slot.parameter.value.dtype, order="C"))
        for module, site in found.items()
        for name, slot in site.slots.items()
    ]
    for parameter, value in made:
        parameter.value = value
    for site in sites:
        if step is not None and isinstance(site.layer, BatchNormalization | LayerNormalization):
            site.layer.epsilon = step
    return {module: site.name for module, site in found.items()}


def to_state_dict(model: Model, names: Names = None) -> dict[str, Array]:
    """Return the weights as a state dict of PyTorch's has them: its layouts, its names for tensors, copies in the types of the parameters.

    Parameters
    ----------
    model : Model
    names : mapping or callable, optional
        The same map that `load_weights` takes and returns, ``{"features.0": "conv2d"}``, whose order is kept; or a function from the name
        of a layer, "inner/conv2d", to that of a module. Without it, a module has the name of the layer: "inner.conv2d".

    Returns
    -------
    weights : dict of str to array
        What ``module.load_state_dict`` takes after ``torch.from_numpy``. Each BatchNormalization has a ``num_batches_tracked`` of 0.

    Raises
    ------
    ShapeError
        A layer has no twin in PyTorch; the names do not fit the layers, or are not different.
    """
    op = "torch.to_state_dict"
    arrays: dict[str, Array] = {}
    for module, site in _modules(op, sites_of(op, _built(op, model)), names):
        for name, array in _tensors(site).items():
            path = f"{module}.{name}" if module else name
            if path in arrays:
                raise refusal(op, f'two layers would be called "{module}"', {"names": names})
            arrays[path] = array
    return arrays


def save(model: Model, path: str | os.PathLike[str], *, names: Names = None) -> None:
    """Write the weights into one file for PyTorch: safetensors for a path that ends so, else what ``torch.load`` opens (``.pth``, ``.pt``).

    Parameters
    ----------
    model : Model
    path : path
    names : mapping or callable, optional
        As `to_state_dict` takes it.

    Raises
    ------
    ShapeError
        As `to_state_dict`, or the path has another suffix.
    DataError
        There is no such folder.
    """
    write("torch.save", to_state_dict(model, names), path)


def _built(op: str, model: Any) -> Model:
    if not isinstance(model, Model):
        raise refusal(op, "expected a model of convstep", {"model": model}, kind=ArgumentTypeError)
    if model.graph is None:
        fact = "the model is not built yet: call it with data, or tell it the shape of its input"
        raise refusal(op, fact, {"model": model.name}, kind=ArgumentTypeError)
    return model


def _positive(op: str, epsilon: Any) -> float:
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float | np.floating):
        raise refusal(op, f"epsilon must be a number > 0, not {shown(epsilon)}", {"epsilon": epsilon}, kind=ArgumentTypeError)
    if not 0 < epsilon < np.inf:
        raise refusal(op, f"epsilon must be a number > 0, not {shown(epsilon)}", {"epsilon": epsilon})
    return float(epsilon)


def _modules(op: str, sites: list[Site], names: Names) -> list[tuple[str, Site]]:
    """Return what each site is called in PyTorch, in the order of the names."""
    if names is None:
        return [(site.dotted, site) for site in sites]
    if callable(names):
        called = [(names(site.name), site) for site in sites]
        return [(site.dotted if module is None else str(module), site) for module, site in called]
    if not isinstance(names, Mapping):
        fact = "names must be a mapping of PyTorch's modules to layers, or a function from a layer to a module"
        raise refusal(op, fact, {"names": names}, kind=ArgumentTypeError)
    known = {site.dotted: site for site in sites}
    found: dict[str, Site] = {}
    for module, layer in names.items():
        if layer is None:  # a module that `load_weights` leaves away
            continue
        around = str(layer).replace("/", ".")
        inside = [name for name in known if name == around or name.startswith(f"{around}.")]
        if not inside:
            fact = f'names has "{layer}" for "{module}", but there is no such layer with weights'
            raise refusal(op, fact, {"layers": tuple(known)})
        found |= {f"{module}{name.removeprefix(around)}": known.pop(name) for name in inside}
    return [*found.items(), *known.items()]


def _tensors(site: Site) -> dict[str, Array]:
    made = {name: np.array(slot.theirs(slot.parameter.value), order="C") for name, slot in site.slots.items()}
    if any(name in made for name in ("weight", "bias")):  # PyTorch has both or none, but for the bias of a layer normalization
        dtype, count = next((array.dtype, array.shape) for array in made.values())
        optional = {"bias"} if isinstance(site.layer, LayerNormalization) else set[str]()
        made |= {name: np.full(count, value, dtype) for name, value in site.constants.items() if name not in optional}
    ordered = {name: made[name] for name in ("weight", "bias", "running_mean", "running_var") if name in made}
    return ordered | {name: np.zeros((), np.int64) for name in site.ignored}
