"""How a network that tells classes apart ends: in probabilities, or in scores that become them.

One rule: only the last layer that changes numbers is asked; whatever does not end in an activation of its own gives scores.
"""

from typing import Any

from convstep.layers import Activation, Conv2D, Dense, Flatten, Reshape, Softmax
from convstep.training.losses import BinaryCrossentropy, Loss, SparseCategoricalCrossentropy


def gives_probabilities(model: Any) -> bool:
    """Say whether a model with one output ends in a softmax, or with a single number in a sigmoid."""
    if model.output_shape[-1] == 1:
        return _ends_in(_last(model), "sigmoid")
    return isinstance(_last(model), Softmax) or _ends_in(_last(model), "softmax")


def cross_entropy_for(model: Any) -> Loss:
    """Return the cross-entropy that fits the last layer: of yes or no for one number, of classes for several."""
    kind = BinaryCrossentropy if model.output_shape[-1] == 1 else SparseCategoricalCrossentropy
    return kind(from_logits=not gives_probabilities(model))


def _last(model: Any) -> Any:
    """Return the layer that makes the numbers of the output, inside a model that comes last, too."""
    symbol = model.outputs[0]
    while isinstance(symbol.layer, Flatten | Reshape):
        symbol = symbol.inputs[0]
    return _last(symbol.layer) if hasattr(symbol.layer, "outputs") else symbol.layer


def _ends_in(layer: Any, name: str) -> bool:
    activation = layer.activation if isinstance(layer, Activation | Dense | Conv2D) else None
    return getattr(activation, "name", activation) == name
