"""A model frozen for predictions: batch normalization folded into filters, activations and padding into what they surround.

One rule: the weights are those of the moment at which it was made; whoever trains on makes another one.
"""

import os
from typing import Any

import numpy as np

from convstep.engines import current_engine
from convstep.models.predicting.pieces import Prepared, pieces_of
from convstep.models.predicting.planning import planned

SHAPES = 8  # of inputs that programs are kept for


class Predictor:
    """A frozen copy of a model, made for predictions: called with a batch, it returns the outputs.

    Batch normalization is folded into the filters before it, and padding and activations into what they surround. On the compiled engine
    layers next to each other that are kernels alone are one program for each shape of batch: no Python runs between them.

    Parameters
    ----------
    model : Model
        Built. Its weights are copied: whoever trains on makes another predictor.

    Notes
    -----
    It takes what the model takes, several inputs as a list or by their names, and returns what `model.predict` returns. Folding changes the
    order of a few roundings: results agree within the precision of the type, not bit by bit.

    The first batch of a shape takes several times as long as the next ones, since its program is recorded and tried. Programs are kept for
    8 shapes, each with memory of its own for what lies between layers. Threads that share a predictor take turns.

    Examples
    --------
    >>> import numpy as np
    >>> import convstep
    >>> model = convstep.models.lenet5()
    >>> predict = convstep.Predictor(model)
    >>> x = np.zeros((2, 28, 28, 1), np.float32)
    >>> predict(x).shape
    (2, 10)
    >>> np.allclose(predict(x), model.predict(x, verbose=0))
    True

    """

    def __init__(self, model: Any) -> None:
        graph = model._graph("Predictor")  # noqa: SLF001 - builds, or says that the model is not built
        self._accept, self._pack = model.accept, model.output_structure.pack
        self._known = [(tuple(symbol.shape[1:]), np.dtype(symbol.layer.dtype)) for symbol in graph.inputs]
        self._steps, self._results = planned(graph)
        self._programs: dict[tuple[Any, ...], Prepared] = {}

    def __call__(self, x: Any) -> Any:
        """Return the outputs for a batch (m, ...), in memory that no later call touches."""
        given = [x] if self._fits(x) else self._accept("Predictor", x)
        engine = current_engine()
        # A child of this process has a copy of its memory, which a thread may have been writing to: it records its own.
        shapes = tuple((item.shape, item.dtype) for item in given)
        key = shapes, engine.name, engine.correlate, engine.workers(), os.getpid()
        prepared = self._programs.get(key)
        if prepared is None:
            if len(self._programs) >= SHAPES:
                self._programs.clear()
            pieces = pieces_of(self._steps, len(given), self._results)
            self._programs[key] = prepared = Prepared(pieces, self._results, given)
        return self._pack(prepared(given))

    def _fits(self, x: Any) -> bool:
        """Return whether a batch is just as the only input wants it."""
        return type(x) is np.ndarray and self._known == [(x.shape[1:], x.dtype)]

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the programs, which are recorded anew."""
        return {**self.__dict__, "_programs": {}}
