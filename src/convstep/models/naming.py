"""The names of layers in a model: those that were given by hand, and numbered ones for all others."""

from collections.abc import Sequence

from convstep.checks import refusal
from convstep.layers import Layer
from convstep.layers.base import snake_case


def number_layers(layers: Sequence[Layer]) -> None:
    """Give layers that were not named by hand the first free names of their kinds: conv2d, conv2d_1, ...

    A layer that another model has numbered already keeps its name, unless it is taken here.

    Raises
    ------
    ShapeError
        If two layers were given one name, or a name holds a slash.
    """
    different = list({id(layer): layer for layer in layers}.values())
    taken: set[str] = set()
    for layer in different:
        if layer.named and layer.name in taken:
            raise refusal("Model", f'two layers have the name "{layer.name}": names must be unique in a model', {"name": layer.name})
        if layer.named and "/" in layer.name:
            raise refusal("Model", f'the name "{layer.name}" holds a slash, which separates names in paths', {"name": layer.name})
        taken |= {layer.name} if layer.named else set()
    left = []
    for layer in (item for item in different if not item.named):
        if vars(layer).get("numbered") and layer.name not in taken:
            taken.add(layer.name)
        else:
            left.append(layer)
    for layer in left:
        base, number = kind_name(layer), 0
        while (f"{base}_{number}" if number else base) in taken:
            number += 1
        layer.name = f"{base}_{number}" if number else base
        vars(layer)["numbered"] = True
        taken.add(layer.name)


def kind_name(layer: Layer) -> str:
    """Return the name that a layer of this kind has before it is numbered."""
    kind = getattr(layer, "kind", None)  # which models have
    return kind.lower() if isinstance(kind, str) else snake_case(type(layer).__name__)
