"""The layers of a model in their places: what Keras calls them, where its files keep them, and how errors name them.

One rule: whatever is said of a layer begins with its path in the model.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from convstep.checks import shown
from convstep.errors import ConvStepError, DataError
from convstep.layers.base import snake_case


@dataclass
class Piece:
    """A layer in its place.

    Attributes
    ----------
    name, kind : str
        What Keras calls it and its class.
    layer : Layer
    pieces : list of Piece, optional
        The layers of a model.
    path : str
        The names of the models that it is in, and its own: "block1/conv".
    operation : bool
        Whether Keras has it as an operation, `x + y`, and not among its layers.
    """

    name: str
    kind: str
    layer: Any
    pieces: "list[Piece] | None" = None
    path: str = ""
    operation: bool = False


def paths(pieces: Sequence[Piece]) -> list[tuple[str, Piece]]:
    """Return how Keras 3 calls the layers of a model in its files: by class, and numbered."""
    seen: Counter[str] = Counter()
    found = []
    for piece in pieces:
        if not piece.operation:
            name = snake_case(piece.kind)
            found.append((f"{name}_{seen[name]}" if seen[name] else name, piece))
            seen[name] += 1
    return found


@contextmanager
def placed(op: str, path: str, kind: str) -> Iterator[None]:
    """Put the path and the class of a layer in front of what is refused."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error).replace("load_model: ", f"{op}: ", 1)) from None
    except ConvStepError as error:
        first, _, rest = str(error).partition("\n")
        fact = first.partition(": ")[2] or first
        where = f'"{path}" ({shown(kind)[1:-1]}): ' if path else ""
        raise DataError(f"{op}: {where}{fact}\n{rest or '  given nothing more'}") from None
