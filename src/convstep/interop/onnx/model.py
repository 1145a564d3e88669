"""An ONNX file as a model: what goes in and out has the names, the layout and the types of the file.

One rule: `predict` uses the weights as they are now; where it works with a frozen copy, nobody can change them behind its back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from convstep.checks import Array, one_of, refusal, shown, whole
from convstep.errors import ArgumentTypeError, ConvStepError, DataError
from convstep.interop.onnx.importing import Importing, transposes
from convstep.interop.onnx.lowering import LOWERINGS
from convstep.interop.onnx.measuring import measure, refused
from convstep.interop.onnx.meeting import apart
from convstep.interop.onnx.operator import Operator
from convstep.interop.onnx.reading import Entry, Source, read
from convstep.layers import Input, Symbol
from convstep.models import Model, Predictor

PART = 64  # samples at a time, where samples do not meet
LAYOUT_NOTE = "images lie as in the ONNX file"  # beside a model that was read from one: who writes it again leaves its axes alone
BESIDE = "nothing"  # the input of a model whose file has none


def load(source: Any, *, layout: str | None = None, fold: bool = False, name: str | None = None) -> "OnnxModel":
    """Return an ONNX file as a model (extra `onnx`).

    Parameters
    ----------
    source : path, bytes or onnx.ModelProto
        Opsets 1 to 28. Weights may lie in other files of the same folder, if source is a path.
    layout : "NHWC", optional
        That inputs and outputs of four axes, which ONNX has as (m, channels, height, width), come and go as convstep and Keras have them:
        (m, height, width, channels). Without it they lie as in the file.
    fold : bool
        Whether batch normalization becomes part of the convolution before it: fewer layers, numbers that differ by rounding.
    name : str, optional
        Of the model; the graph's own without it.

    Returns
    -------
    model : Model
        Its layers are ours wherever they do the same, on images (m, height, width, channels), with the weights of the file; other operators
        are layers that compute what ONNX says. `predict` takes and returns arrays as the file has them, or as `layout` says.

    Raises
    ------
    MissingExtraError
        Without the extra `onnx`.
    DataError
        If the file is damaged, or holds what is not supported: the message names the node, its operator and the opset.
    ShapeError
        If layout is something else.

    Notes
    -----
    No code of a file is run, and nothing outside its folder is read: weights beside it must be plain files below that folder, no links; a
    hard link cannot be told from a file. At most 2 GiB are read as the file, 16 GiB as weights beside it; a file has at most 100,000 nodes,
    functions put in place; an array takes at most 2 GiB, and what nodes make of weights 1 GiB and eight times the weights. What would be
    larger is refused before memory is asked for, by `load` where that is known then, else by `predict`.

    Examples
    --------
    >>> model = convstep.interop.onnx.load("squeezenet.onnx")  # doctest: +SKIP
    >>> model.predict(images).shape  # doctest: +SKIP
    (1, 1000, 1, 1)

    """
    turned = layout is not None and one_of("onnx.load", "layout", layout, ("NHWC",)) == "NHWC"
    return model_of(read(source), fold=fold, turned=turned, name=name)


def model_of(source: Source, *, fold: bool = False, turned: bool = False, name: str | None = None) -> "OnnxModel":
    """Return what a file holds as a model; see `load`."""
    made = Importing(source, LOWERINGS, fold=fold, turned=turned)
    try:
        with np.errstate(all="ignore"):
            for node in source.nodes:
                made.add(node)
            return OnnxModel(source, made, name=name)
    except MemoryError:
        raise DataError("onnx.load: the file needs more memory than there is\n  given its weights and constants") from None


class OnnxModel(Model):
    """A network that was read from an ONNX file; see `load`.

    Attributes
    ----------
    source : Source
        What the file holds, as plain data.
    transposes : int
        How many transpositions of arrays remain, which move numbers only because the file has its channels elsewhere.
    operators : list of str
        The operators that no layer of convstep stands for.
    """

    kind: ClassVar[str] = "Functional"

    def __init__(self, source: Source, made: Importing, *, name: str | None) -> None:
        inputs = [made.symbol(value) for value in made.inputs]
        if not inputs:
            inputs = [Input(batch_shape=(None,), name=BESIDE)]
            made.inputs.append(made.stand_in(inputs[0]))
        outputs = [made.output(entry) for entry in source.outputs]
        self.source = source
        super().__init__(_grouped(inputs), _grouped(outputs), name=name or _word(source.name))
        self.notes = {} if made.turned else {LAYOUT_NOTE: True}
        self.entries = [_as_called(entry, made) for entry in source.inputs]
        self.input_names = [entry.name for entry in source.inputs] or [BESIDE]
        self.output_names = [entry.name for entry in source.outputs]
        self.transposes = transposes(self._graph("load").described)
        self.operators = [layer.node.kind for layer in self.layers if isinstance(layer, Operator)]
        self._frozen: tuple[list[Array], Predictor] | None = None
        self._measured: set[tuple[tuple[int, ...], ...]] = set()
        self._nodes = made.nodes
        self._batched = apart(self._graph("load"), self.source.inputs)
        measure(self._graph("load"), [tuple(size or 1 for size in symbol.shape) for symbol in inputs], self._nodes)

    def predict(self, x: Any = None, batch_size: int | None = None, verbose: Any = "auto", callbacks: Any = None) -> Any:
        """Return the outputs for x, all in the layout of the file.

        Parameters
        ----------
        x : array, list of arrays or dict of str to array
            The inputs, in the order of the file or by its names.
        batch_size : int, optional
            How many samples at a time, where the first axis is a batch in which samples do not meet; it does not change the result.
        verbose, callbacks
            Accepted for Keras's sake.

        Returns
        -------
        array, or dict of str to array
            The one output, or all of them by their names, in the order of the file.

        Raises
        ------
        ShapeError, ArgumentTypeError
            If x does not fit the inputs of the file.
        DataError
            If the file asks for what cannot be done on such inputs, or for an array of more than 2 GiB.
        """
        del verbose, callbacks
        arrays = self.accept("predict", x)
        size = PART if batch_size is None else whole("predict", "batch_size", batch_size, 1)
        at_once = not self._batched or len(arrays[0]) <= size
        parts = [arrays] if at_once else _parts(arrays, size)
        found = [self._computed(part) for part in parts]
        outputs = found[0] if at_once else [np.concatenate(pieces) for pieces in zip(*found, strict=True)]
        return outputs[0] if len(outputs) == 1 else dict(zip(self.output_names, outputs, strict=True))

    def accept(self, op: str, x: Any) -> list[Array]:
        """Return inputs as a flat list of arrays of the types and sizes of the file."""
        entries = self.entries
        if not entries:
            return [np.zeros(1, np.float32)]
        items = self.input_structure.flat(op, "x", x, self.input_names)
        lengths: dict[str, tuple[int, str]] = {}
        return [_accepted(op, entry, item, lengths) for entry, item in zip(entries, items, strict=True)]

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Prepare for training, as every model; operators that no layer stands for cannot be trained through."""
        if self.operators:
            fact = f"no gradient goes back through {', '.join(sorted(set(self.operators)))}, which convstep has no layers for"
            raise refusal("compile", fact, {"model": self.name}, kind=ArgumentTypeError)
        self._frozen = None
        for item in self.parameters:
            item.value = item.value.copy()  # may be written to again
        super().compile(*arguments, **options)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make a `Model` from what `get_config` returned, with new weights; it knows nothing of ONNX."""
        return Model.from_config(config, custom_objects)

    def plain(self) -> Model:
        """Return the same layers as a `Model` that knows nothing of ONNX, for other formats."""
        model = Model(self.input, self.output, name=self.name)
        model.notes = dict(self.notes)
        return model

    def export(self, path: Any, format: str | None = None, **options: Any) -> None:  # noqa: A002 - Keras's argument
        """Write the layers for other tools, as every model; those with operators go to ONNX alone."""
        self.plain().export(path, format, **options)

    def save(self, path: Any, *, include_optimizer: bool = True, notes: Mapping[str, Any] | None = None) -> None:
        """Write the layers into convstep's own format, which is read without ONNX.

        Raises
        ------
        DataError
            If there are operators that no layer of convstep stands for: only the ONNX file describes them.
        """
        if self.operators:
            kinds = ", ".join(sorted(set(self.operators)))
            raise DataError(f"save: {self.name} cannot be written: there are no layers for {kinds}, so keep the ONNX file\n  given {path}")
        self.plain().save(path, include_optimizer=include_optimizer, notes={**self.notes, **(notes or {})})

    # --- parts ---

    def __getstate__(self) -> dict[str, Any]:
        """Leave the frozen copy out: whoever gets a copy may write to its weights."""
        return {**self.__dict__, "_frozen": None}

    def _computed(self, arrays: list[Array]) -> list[Array]:
        """Return the outputs, after the sizes of all that is between were measured, once for each size of the inputs."""
        shapes = tuple(array.shape for array in arrays)
        if shapes not in self._measured:
            measure(self._graph("predict"), shapes, self._nodes)
            self._measured.add(shapes)
        try:
            with np.errstate(all="ignore"):  # infinities are what the file says
                return self._run(arrays)
        except DataError:
            raise
        except ConvStepError:
            with np.errstate(all="ignore"):
                said = refused(self._graph("predict"), arrays, self._nodes)
            if said is None:
                raise
            raise said from None
        except MemoryError:
            raise DataError("onnx: the network needs more memory than there is\n  given inputs of " + shown(shapes)) from None

    def _run(self, arrays: list[Array]) -> list[Array]:
        if self.compiled:
            return self.walk(arrays, training=False, remember=False)[0]
        kept = [] if self._frozen is None else self._frozen[0]
        if self._frozen is None or any(item.value is not value for item, value in zip(self.parameters, kept, strict=True)):
            self._frozen = self._settled(kept), Predictor(self)
        found = self._frozen[1](arrays[0] if len(arrays) == 1 else arrays)
        return found if isinstance(found, list) else [found]

    def _settled(self, kept: Sequence[Array]) -> list[Array]:
        """Give every parameter an array that nobody can write to, not even through a view of the one that it had; return them all."""
        mine = {id(value) for value in kept}
        for item in self.parameters:
            if id(item.value) not in mine or item.value.flags.writeable:
                item.value = item.value.copy()
                item.value.flags.writeable = False
        return [item.value for item in self.parameters]


def _as_called(entry: Entry, made: Importing) -> Entry:
    """Return an input with its sizes in the order in which callers have them."""
    sizes = entry.sizes or ()
    return replace(entry, sizes=tuple(sizes[axis] for axis in made.outside(len(sizes))))


def _grouped(symbols: list[Symbol]) -> Any:
    return symbols if len(symbols) > 1 else symbols[0]


def _accepted(op: str, entry: Entry, item: Any, lengths: dict[str, tuple[int, str]]) -> Array:
    """Return one input; `lengths` collects what each text among sizes stands for, since one text is one length."""
    array = np.asarray(item)
    if array.dtype != entry.dtype and (array.dtype.kind not in "biuf" or not np.can_cast(array.dtype, entry.dtype, "same_kind")):
        fact = f"the input {shown(entry.name)} must hold numbers of the type {entry.dtype}, not {array.dtype}"
        raise refusal(op, fact, {"x": array if array.dtype.kind in "biuf" else shown(item)}, kind=ArgumentTypeError)
    wanted = entry.sizes or ()
    if array.ndim != len(wanted) or any(isinstance(want, int) and want != have for want, have in zip(wanted, array.shape, strict=False)):
        raise refusal(op, f"the input {shown(entry.name)} must have the shape {_told(wanted)}, not {array.shape}", {"x": array})
    for want, have in zip(wanted, array.shape, strict=True):
        if isinstance(want, str) and lengths.setdefault(want, (have, entry.name))[0] != have:
            other, first = lengths[want]
            raise refusal(op, f"{shown(want)} is {other} in the input {shown(first)}, but {have} in {shown(entry.name)}", {"x": array})
    return array.astype(entry.dtype, copy=False)


def _told(sizes: Sequence[int | str]) -> str:
    words = [str(size) if isinstance(size, int) else shown(size)[1:-1] for size in sizes]
    return f"({', '.join(words)}{',' if len(sizes) == 1 else ''})"


def _parts(arrays: Sequence[Array], size: int) -> list[list[Array]]:
    return [[array[start : start + size] for array in arrays] for start in range(0, len(arrays[0]), size)]


def _word(name: str) -> str:
    return name.strip("/").replace("/", "_") or "onnx"
