"""What a model is compiled for: a loss for each output, how much each counts, and the metrics that are kept.

One rule: the numbers and their names are Keras's; a loss is averaged over samples, however they were cut into batches.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from convstep.checks import Array, refusal
from convstep.errors import ArgumentTypeError
from convstep.training import losses
from convstep.training.configuration import real
from convstep.training.metric import Mean, Metric
from convstep.training.metrics import get as metric_for

Arrays: TypeAlias = list[Any]


class Objective:
    """Losses and metrics of a model with these outputs.

    Parameters
    ----------
    outputs : sequence of str
        What the outputs are called.
    loss, metrics, weighted_metrics, loss_weights
        As in `Model.compile`: one for all outputs, a list with one for each, or a dict by names.
    """

    def __init__(self, outputs: Sequence[str], *, loss: Any, metrics: Any, weighted_metrics: Any, loss_weights: Any) -> None:
        self.outputs = list(outputs)
        self.losses = [None if item is None else losses.get(item) for item in self._each("loss", loss, repeated=True)]
        weights = self._each("loss_weights", loss_weights, repeated=False)
        self.weights = [1.0 if item is None else real("compile", "loss_weights", item, least=-float("inf")) for item in weights]
        self._asked = {
            "metrics": self._each("metrics", metrics, repeated=False),
            "weighted_metrics": self._each("weighted_metrics", weighted_metrics, repeated=False),
        }
        self.total = Mean("loss")
        several = len([item for item in self.losses if item is not None]) > 1
        self.parts = [Mean(f"{name}_loss") if several and item else None for name, item in zip(outputs, self.losses, strict=True)]
        self._kept: list[tuple[str, Metric, int, bool]] | None = None

    @property
    def metrics(self) -> list[Any]:
        """Every metric there is, that of the loss first."""
        return [self.total, *(item[1] for item in self._kept or ()), *(item for item in self.parts if item)]

    def losses_of(self, truths: Arrays, predictions: Arrays, weights: Arrays, *, op: str) -> tuple[float, Arrays]:
        """Return the loss of a batch, each output's loss times its weight, and its gradient by each output (None where no loss is)."""
        gradients: Arrays = []
        total, m = 0.0, len(predictions[0])
        for i, loss in enumerate(self.losses):
            if loss is None:
                gradients.append(None)
                continue
            self._given(op, i, truths[i])
            value, gradient = loss.value_and_gradient(truths[i], predictions[i], weights[i])
            part = self.parts[i]
            if part is not None:
                part.update_state([value], [m])
            total += self.weights[i] * value
            gradients.append(gradient if self.weights[i] == 1 else gradient * gradient.dtype.type(self.weights[i]))
        return total, gradients

    def loss_of(self, truths: Arrays, predictions: Arrays, weights: Arrays, *, op: str) -> float:
        """Return the loss of a batch alone."""
        total, m = 0.0, len(predictions[0])
        for i, loss in enumerate(self.losses):
            if loss is None:
                continue
            self._given(op, i, truths[i])
            value = loss(truths[i], predictions[i], weights[i])
            part = self.parts[i]
            if part is not None:
                part.update_state([value], [m])
            total += self.weights[i] * value
        return total

    def take_in(self, loss: float, truths: Arrays, predictions: Arrays, weights: Arrays) -> None:
        """Add a batch to the means and the metrics."""
        self.total.update_state([loss], [len(predictions[0])])
        if self._kept is None:
            self._kept = self._make_metrics(truths, predictions)
        for _, metric, i, weighted in self._kept:
            if weighted:
                metric.update_state(truths[i], predictions[i], weights[i])
            else:
                metric.update_state(truths[i], predictions[i])

    def logs(self) -> dict[str, Any]:
        """Return the results so far: the loss, the losses of the outputs, the metrics, under Keras's names."""
        found = {item.name: item.result() for item in [self.total, *self.parts] if item is not None}
        for name, metric, _, _ in self._kept or ():
            found[name] = metric.result()
        return found

    def in_order(self, logs: Mapping[str, Any]) -> list[Any]:
        """Return the results in the order of Keras's `evaluate`: the loss, what bears its own name, the rest by name."""
        own = dict.fromkeys(["loss", *(metric.name for _, metric, _, _ in self._kept or ()), *(item.name for item in self.parts if item)])
        first = [name for name in own if name in logs]
        return [logs[name] for name in [*first, *sorted(name for name in logs if name not in own)]]

    def reset(self) -> None:
        """Forget all batches."""
        for item in self.metrics:
            item.reset_state()

    # --- parts ---

    def _each(self, what: str, value: Any, *, repeated: bool) -> list[Any]:
        """Return one entry for each output."""
        count = len(self.outputs)
        if isinstance(value, Mapping) and "class_name" not in value:
            unknown = [key for key in value if key not in self.outputs]
            if unknown:
                fact = f'{what} has the key "{unknown[0]}", but the outputs are {", ".join(self.outputs)}'
                raise refusal("compile", fact, {what: dict(value)})
            return [value.get(name) for name in self.outputs]
        if count == 1 and what.endswith("metrics"):
            return [_leaves(value)]
        if isinstance(value, list | tuple):
            if len(value) != count:
                raise refusal("compile", f"{what} has {len(value)} entries, but the model has {count} outputs", {what: value})
            return list(value)
        if value is None or repeated or count == 1:
            return [value] * count
        fact = f"{what} must be a list or a dict with an entry for each of the {count} outputs"
        raise refusal("compile", fact, {what: value}, kind=ArgumentTypeError)

    def _given(self, op: str, i: int, truth: Any) -> None:
        if truth is None:
            name = "" if len(self.outputs) == 1 else f' for the output "{self.outputs[i]}"'
            raise refusal(op, f"the loss needs targets{name}, but y was not given", {"y": None}, kind=ArgumentTypeError)

    def _make_metrics(self, truths: Arrays, predictions: Arrays) -> list[tuple[str, Metric, int, bool]]:
        made: list[tuple[str, Metric, int, bool]] = []
        for word, asked in self._asked.items():
            for i, identifiers in enumerate(asked):
                listed = identifiers if isinstance(identifiers, list | tuple) else [] if identifiers is None else [identifiers]
                for identifier in listed:
                    self._given("compile", i, truths[i])
                    metric = metric_for(identifier, self.losses[i], _shape(truths[i]), _shape(predictions[i]))
                    name = metric.name if len(self.outputs) == 1 else f"{self.outputs[i]}_{metric.name}"
                    made.append((self._free_name(name, made, weighted=word == "weighted_metrics"), metric, i, word == "weighted_metrics"))
        return made

    def _free_name(self, name: str, made: list[Any], *, weighted: bool) -> str:
        taken = {item[0] for item in made}
        if name in taken and weighted:
            name = f"weighted_{name}"
        free, number = name, 0
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        return free


def _leaves(value: Any) -> list[Any]:
    """Return what lists of lists hold."""
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None else [value]


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(array.shape)
