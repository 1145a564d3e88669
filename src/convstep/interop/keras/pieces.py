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

GIVEN, LONGEST = "\n  given ", 300  # what separates the lines of an error; characters of one


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
        first, mark, rest = str(error).rpartition(GIVEN)
        fact = first.partition(": ")[2] or first
        where = f'"{path}" ({shown(kind)[1:-1]}): ' if path else ""
        raise DataError(f"{op}: {where}{fact}{mark}{rest}") from None
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:  # of a class that was given something else
        where = f'"{path}" ({shown(kind)[1:-1]})' if path else "the model"
        raise DataError(f"{op}: {where} is described wrongly{GIVEN}{shown(f'{type(error).__name__} {error}')[1:-1]}") from None


def two_lines(error: DataError) -> DataError:
    """Return an error whose two lines hold nothing unprintable and are not too long, whatever names and values a file has."""
    first, _, rest = str(error).rpartition(GIVEN)
    lines = ["".join(letter if letter.isprintable() else "?" for letter in line) for line in (first, f"{GIVEN[1:]}{rest}")]
    return type(error)("\n".join(line if len(line) <= LONGEST else f"{line[:LONGEST]} ..." for line in lines))
