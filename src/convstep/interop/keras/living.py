"""Live models of Keras's: what version they are of, and their weights into ours and back.

One rule: nothing of Keras is imported; a layer is asked for `name`, `layers`, `get_weights` and `set_weights` alone.
"""

from typing import Any

import numpy as np

from convstep.data.files import refusal
from convstep.interop.keras.pieces import Piece
from convstep.layers import InputLayer


def is_old(model: Any) -> bool:
    """Return whether a model is one of Keras 2."""
    modules = {kind.__module__ for kind in type(model).__mro__}
    return not any(name.startswith("keras.src.models") for name in modules) and any("keras" in name for name in modules)


def copy_weights(op: str, live: Any, top: Piece) -> None:
    """Copy the weights of a live model's layers into ours."""
    for layer, piece in pairs(live, top):
        arrays = [np.asarray(array) for array in layer.get_weights()]
        shapes = [array.shape for array in arrays]
        wanted = [item.value.shape for item in piece.layer.parameters]
        if shapes != wanted:
            fact = f'"{piece.path}" ({piece.kind}) has weights of the shapes {wanted}, but Keras has {shapes}'
            raise refusal(op, fact, type(layer).__name__)
        for item, array in zip(piece.layer.parameters, arrays, strict=True):
            item.value = np.array(array, dtype=item.value.dtype)


def pairs(live: Any, top: Piece) -> list[tuple[Any, Piece]]:
    """Return each of Keras's layers that is no model with ours of the same place."""
    known = {str(layer.name).replace("/", "_"): layer for layer in live.layers}
    found: list[tuple[Any, Piece]] = []
    for piece in top.pieces or ():
        if piece.operation or isinstance(piece.layer, InputLayer):
            continue
        found += pairs(known[piece.name], piece) if piece.pieces is not None else [(known[piece.name], piece)]
    return found
