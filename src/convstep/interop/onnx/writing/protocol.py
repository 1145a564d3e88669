"""The file itself: names, types, and what it says about the model. One rule: what ONNX's own checker refuses is never written."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convstep.checks import one_of, refusal, shown, whole
from convstep.errors import ArgumentTypeError, DataError
from convstep.extras import require
from convstep.interop.onnx.model import LAYOUT_NOTE
from convstep.interop.onnx.writing.draft import Draft
from convstep.interop.onnx.writing.operators import opset_of
from convstep.interop.onnx.writing.values import Value, order_for
from convstep.interop.onnx.writing.walking import written
from convstep.models import Model

VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10}  # of the operators, and of the file that was current with them
LAYOUTS = ("NCHW", "NHWC")
AXES = {"NCHW": "(m, channels, height, width)", "NHWC": "(m, height, width, channels)", "as read": "as in the file that was read"}
TYPES = ("float16", "float32", "float64", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bool")
IMAGE = ("batch", "height", "width", "channels")
MOST = 2**31 - 2**20  # bytes of weights: a file is one message of less than 2 GiB, and the rest of it is small


def as_proto(model: Any, *, layout: str | None = None, opset: int | None = None, dtype: Any = None) -> Any:
    """Return a model as the ModelProto that `save` writes; the arguments and errors are those of `save`."""
    if not isinstance(model, Model):
        raise refusal("export", f"there must be a model, not {shown(model)}", {"model": model}, kind=ArgumentTypeError)
    if model.graph is None:
        fact = "the model is not built yet: call it with data, or tell it the shape of its input"
        raise refusal("export", fact, {"model": model.name}, kind=ArgumentTypeError)
    if layout is None:
        layout = "NHWC" if model.notes.get(LAYOUT_NOTE) else "NCHW"  # a model that was read keeps its axes as they are
    layout = one_of("export", "layout", layout, LAYOUTS)
    version = min(max(min(VERSIONS), opset_of(model)), max(VERSIONS)) if opset is None else whole("export", "opset", opset, 0)
    if version not in VERSIONS:
        raise refusal("export", f"opset must be {min(VERSIONS)} to {max(VERSIONS)}, not {version}", {"opset": opset})
    wide = dtype is not None and one_of("export", "dtype", dtype, ("float32", "float64")) == "float64"
    onnx, checker = (require(name, extra="onnx", op="export") for name in ("onnx", "onnx.checker"))
    draft = Draft(version, wide=wide)
    _fits(model, draft)
    proto = _Writer(onnx, draft, layout).proto(model)
    checker.check_model(proto, full_check=True)
    return proto


class _Writer:
    """What a model becomes in one layout."""

    def __init__(self, onnx: Any, draft: Draft, layout: str) -> None:
        self.onnx, self.draft, self.layout = onnx, draft, layout

    def proto(self, model: Any) -> Any:
        """Return the whole file."""
        called = list(model.input_names), [f"{name}_output" if name in model.input_names else name for name in model.output_names]
        starts = [_start(symbol, f"@{name}", self.layout) for symbol, name in zip(model.graph.inputs, called[0], strict=True)]
        made = written(self.draft, model, [self._taken(x, name) for x, name in zip(starts, called[0], strict=True)])
        ends: list[Value] = []
        for y, name in zip(made, called[1], strict=True):
            ends.append(self._given(y, name, [x.key for x in (*starts, *ends)]))
        needed = _needed(self.draft, ends)
        names = _names(self.draft, needed, {x.key: name for side, words in zip((starts, ends), called, strict=True)
                                            for x, name in zip(side, words, strict=True)})  # fmt: skip
        return self._filled(model, (starts, ends), needed, names)

    def _taken(self, x: Value, name: str) -> Value:
        """Return an input in the type that the file computes in."""
        self.draft.path = name
        stored = self.draft.stored(x.dtype)
        return x if stored == x.dtype else self.draft.then("Cast", x, to=stored)

    def _given(self, y: Value, name: str, taken: Sequence[str]) -> Value:
        """Return an output as the file hands it out: in the layout, in the model's type, and a value of its own."""
        self.draft.path = name
        y = self.draft.in_rows(y)
        y = self.draft.turned(y, order_for(y.rank, self.layout))
        if self.draft.stored(y.dtype) != y.dtype:
            return self.draft.then("Cast", y, to=y.dtype)
        return self.draft.then("Identity", y) if y.key in taken else y

    def _filled(self, model: Any, sides: tuple[list[Value], list[Value]], needed: set[str], names: Mapping[str, str]) -> Any:
        from convstep import __version__

        helper, draft = self.onnx.helper, self.draft
        nodes = [self._node(step, names) for step in draft.steps if needed.intersection(step.results)]
        weights = [self.onnx.numpy_helper.from_array(array, names[key]) for key, array in draft.constants.items() if key in needed]
        inputs = [self._info(x, names[x.key], alone=len(sides[0]) == 1) for x in sides[0]]
        outputs = [self._info(y, names[y.key], alone=False) for y in sides[1]]
        kept = self.layout == "NHWC" and bool(model.notes.get(LAYOUT_NOTE))
        layout = "as read" if kept else self.layout
        graph = helper.make_graph(
            nodes, model.name, inputs, outputs, weights, doc_string=f"Inputs and outputs of four axes are {AXES[layout]}."
        )
        proto = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", draft.opset)], ir_version=VERSIONS[draft.opset], producer_name="convstep",
            producer_version=__version__, doc_string=f"The model {model.name} of convstep.",
        )  # fmt: skip
        notes = {"notes": json.dumps(dict(model.notes))} if model.notes else {}
        helper.set_model_props(proto, {"name": model.name, "class": model.kind, "layout": layout, **notes})
        return proto

    def _node(self, step: Any, names: Mapping[str, str]) -> Any:
        attributes = {word: self._attribute(value) for word, value in step.attributes.items()}
        reads, makes = [names[key] if key else "" for key in step.reads], [names[key] for key in step.results]
        return self.onnx.helper.make_node(step.kind, reads, makes, names[f"={step.makes}"], **attributes)

    def _attribute(self, value: Any) -> Any:
        if isinstance(value, np.dtype):
            return self._type(value)
        return self.onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value

    def _info(self, x: Value, name: str, *, alone: bool) -> Any:
        """Return what the file says of an input or output: its type, and the lengths of its axes, with names for those that may differ."""
        words = IMAGE if x.rank == len(IMAGE) else ("batch", *(f"axis_{axis}" for axis in range(1, x.rank)))
        sizes = [self._length(x, axis, words[axis] if alone or axis == 0 else f"{name}_{words[axis]}") for axis in x.order]
        return self.onnx.helper.make_tensor_value_info(name, self._type(x.dtype), sizes)

    def _length(self, x: Value, axis: int, word: str) -> int | str:
        size = x.shape[axis]
        return word if size is None else size

    def _type(self, dtype: np.dtype[Any]) -> int:
        if dtype.name not in TYPES:
            raise DataError(f"export: a file cannot hold numbers of the type {dtype.name}\n  given {dtype.name}")
        number: int = self.onnx.helper.np_dtype_to_tensor_dtype(dtype)
        return number


def _start(symbol: Any, key: str, layout: str) -> Value:
    return Value(key, tuple(symbol.shape), symbol.layer.dtype, order_for(len(symbol.shape), layout))


def _needed(draft: Draft, ends: Sequence[Value]) -> set[str]:
    """Return the keys of all that the outputs follow from."""
    needed = {x.key for x in ends}
    for step in reversed(draft.steps):
        if needed.intersection(step.results):
            needed.update(step.reads)
    return needed


def _fits(model: Any, draft: Draft) -> None:
    values = {id(item): item.value for item in model.named_parameters().values()}.values()
    size = sum(array.size * draft.stored(array.dtype).itemsize for array in values)
    if size > MOST:
        fact = f"the weights take {size} bytes, and one ONNX file holds less than {2**31}"
        raise refusal("export", fact, {"model": model.name})


def _names(draft: Draft, needed: set[str], fixed: Mapping[str, str]) -> dict[str, str]:
    """Return a name for every key, each once, and behind a "=" for every step."""
    names, taken, steps = dict(fixed), set(fixed.values()), set[str]()
    for key in draft.constants:
        if key in needed:
            names[key] = _free(draft.labels[key], taken)
    for step in draft.steps:
        if needed.intersection(step.results):
            names[f"={step.makes}"] = _free(step.name, steps)
            for key in step.results:
                if key not in fixed:
                    names[key] = _free(draft.labels.get(key, step.name), taken)
    return names


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it if it is taken, and take it."""
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
