"""Keras's name for what a script needs beside a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convstep.checks import Array, numbers, one_of, refusal, whole
from convstep.errors import ArgumentTypeError
from convstep.extras import require
from convstep.models.model import Model
from convstep.random import set_random_seed

if TYPE_CHECKING:
    from convstep.figures import Picture

__all__ = ["plot_model", "set_random_seed", "to_categorical"]


def plot_model(  # noqa: PLR0913, PLR0917 - Keras's arguments
    model: Any,
    to_file: str | Path | None = "model.png",
    show_shapes: bool = True,  # noqa: FBT001, FBT002 - Keras's
    show_dtype: bool = False,  # noqa: FBT001, FBT002
    show_layer_names: bool = True,  # noqa: FBT001, FBT002
    rankdir: str = "TB",
    expand_nested: bool = False,  # noqa: FBT001, FBT002
    dpi: int = 200,
    show_layer_activations: bool = True,  # noqa: FBT001, FBT002
    show_trainable: bool = False,  # noqa: FBT001, FBT002
) -> "Picture":
    """Draw the graph of a model into a file, as `model.plot()` draws it (extra `plot`).

    Parameters
    ----------
    model : Model
    to_file : str or Path, optional
        Ends in .png, .svg or .pdf. None for no file.
    rankdir : "TB"
        From top to bottom.
    expand_nested : bool
        Whether the layers of models inside this one are drawn instead of one box for each.
    dpi : int
        Pixels an inch of a PNG.
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool
        Accepted for Keras's sake: shapes, names and activations are always drawn, types and what is trainable are not.

    Returns
    -------
    Picture
        A Matplotlib figure, which a notebook shows.

    Raises
    ------
    ArgumentTypeError
        If model is no model, or is not built yet.
    ShapeError
        If the file is to end in something else.
    OSError
        If the file cannot be written.
    MissingExtraError
        If Matplotlib is not installed.

    Examples
    --------
    >>> from convstep.models import lenet5
    >>> from convstep.utils import plot_model
    >>> figure = plot_model(lenet5(), to_file=None)
    """
    del show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
    if not isinstance(model, Model):
        raise refusal("plot_model", "model must be a model", {"model": model}, kind=ArgumentTypeError)
    one_of("plot_model", "rankdir", rankdir, ("TB",))
    pixels = whole("plot_model", "dpi", dpi, 1)
    require("matplotlib", extra="plot", op="plot_model")
    from convstep.figures import save  # noqa: PLC0415 - brings Matplotlib

    figure = model.plot(expand_nested=expand_nested)
    if to_file is not None:
        save(figure, to_file, dpi=pixels)
    return figure


def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """Return numbers of classes as one-hot rows.

    Parameters
    ----------
    x : (...) or (..., 1)
        Whole numbers from 0 on.
    num_classes : int, optional
        Length of a row; by default the largest number and 1 more.

    Returns
    -------
    rows : (..., num_classes), float64

    Raises
    ------
    ShapeError
        If a number is no class.
    """
    labels = numbers("to_categorical", "x", x)
    labels = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    whole_numbers = labels.astype(np.int64)
    if (whole_numbers != labels).any() or whole_numbers.min(initial=0) < 0:
        raise refusal("to_categorical", "x must hold whole numbers >= 0", {"x": labels})
    classes = int(whole_numbers.max(initial=-1)) + 1 if num_classes is None else whole("to_categorical", "num_classes", num_classes, 1)
    if whole_numbers.max(initial=0) >= max(classes, 1):
        fact = f"x holds the class {int(whole_numbers.max())}, but there are {classes}, counted from 0"
        raise refusal("to_categorical", fact, {"x": labels, "num_classes": classes})
    rows = np.zeros((*whole_numbers.shape, classes))
    np.put_along_axis(rows, whole_numbers[..., None], 1.0, axis=-1)
    return rows
