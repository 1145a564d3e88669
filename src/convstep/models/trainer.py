"""compile, fit, evaluate and predict: what a model does with data, under Keras's names and with its numbers.

One rule: nothing of a model changes but in `_commit`, which no interrupt can cut in two.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from convstep.checks import Array, refusal, whole
from convstep.errors import ArgumentTypeError
from convstep.layers import Layer, Parameter
from convstep.models.feeding import Batches, Flat, batches_for
from convstep.models.interrupts import interrupts_wait
from convstep.models.objective import Objective
from convstep.models.progress import ProgressLines, progress_for
from convstep.models.structure import Structure
from convstep.random import default_generator
from convstep.training import optimizers
from convstep.training.batches import Arrays, Samples
from convstep.training.callback import Callback, CallbackList, History
from convstep.training.metric import Metric


class Trainer(Layer):
    """What every model can do with data. A subclass says what its inputs and outputs are, and walks forwards and backwards.

    Attributes
    ----------
    optimizer : Optimizer or None
        None before `compile`.
    stop_training : bool
        Callbacks set it to end `fit` after the batch.
    history : History
        Of the last `fit`.
    """

    input_structure: Structure
    output_structure: Structure
    input_names: list[str]
    output_names: list[str]
    optimizer: optimizers.Optimizer | None = None
    objective: Objective | None = None
    compiled_with: Mapping[str, Any]
    stop_training: bool = False
    history: History | None = None

    # --- what a subclass writes ---

    def prepare(self, x: Any) -> None:
        """Build the model for these inputs, if it is not built yet."""

    def accept(self, op: str, x: Any) -> list[Array]:
        """Return inputs as a flat list of arrays of the right types and shapes."""
        raise NotImplementedError

    def walk(
        self, arrays: list[Array], *, training: bool, rng: np.random.Generator | None = None, remember: bool = True
    ) -> tuple[list[Array], list[Any]]:
        """Return the outputs as a flat list, and the memory of the walk, empty if nothing is to be remembered."""
        raise NotImplementedError

    def train_walk(self, arrays: list[Array], rng: np.random.Generator) -> tuple[list[Array], list[Any]]:
        """Return what `walk` returns in training; the next such walk may overwrite what this one remembers."""
        return self.walk(arrays, training=True, rng=rng)

    def train_back(self, gradients: Sequence[Array | None], memory: list[Any]) -> list[tuple[Parameter, Array]]:
        """Return what `walk_back` returns after `train_walk`."""
        return self.walk_back(gradients, memory)

    def walk_back(self, gradients: Sequence[Array | None], memory: list[Any]) -> list[tuple[Parameter, Array]]:
        """Return the trainable parameters with their gradients, and use up the memory."""
        raise NotImplementedError

    def noting(self, memory: Any) -> list[tuple[Layer, Any]]:
        """Return, with their caches, the layers that take note of a training pass."""
        raise NotImplementedError

    # --- compile ---

    def compile(  # noqa: PLR0917 - Keras's arguments
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        run_eagerly: bool = False,
        jit_compile: bool | str = "auto",
    ) -> None:
        """Say what to train for, and how.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str or Loss
            For a model with several outputs one for all, or a list or a dict with one for each; None where none is wanted.
        loss_weights : list or dict of float, optional
            How much the loss of each output counts. Metrics in the third place, `compile("adam", "mse", ["accuracy"])`, are metrics.
        metrics, weighted_metrics : list of str or Metric, optional
            For several outputs a list or a dict of such lists. Only weighted metrics look at sample weights.
        run_eagerly, jit_compile : any
            Accepted for Keras's sake: there is one way to run.
        """
        del run_eagerly, jit_compile
        if metrics is None and _are_metrics(loss_weights):
            loss_weights, metrics = None, loss_weights
        settings = {"loss": loss, "metrics": metrics, "weighted_metrics": weighted_metrics, "loss_weights": loss_weights}
        self.optimizer = optimizers.get(optimizer)
        self.compiled_with = settings
        self.objective = None
        if self.built:
            self._objective("compile")

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self.optimizer is not None

    @property
    def loss(self) -> Any:
        """The loss that `compile` was given."""
        return self.compiled_with["loss"] if self.compiled else None

    @property
    def metrics(self) -> list[Any]:
        """The metrics, that of the loss first."""
        return self.objective.metrics if self.objective else []

    @property
    def metrics_names(self) -> list[str]:
        """The names under which the results are reported."""
        return list(self.objective.logs()) if self.objective else []

    def reset_metrics(self) -> None:
        """Forget the batches so far."""
        if self.objective:
            self.objective.reset()

    # --- fit, evaluate, predict ---

    def fit(  # noqa: PLR0913, PLR0917 - Keras's arguments
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,  # noqa: FBT001, FBT002 - Keras's
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Arrays = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train.

        Parameters
        ----------
        x, y : array, list of arrays or dict of arrays
            Inputs and targets, sample by sample. Or x is something that yields batches (x, y) or (x, y, sample_weight), anew in each
            epoch, and y is left out: a list-like object with a length, such as Keras's PyDataset, or any other iterable.
        batch_size : int, optional
            32, if not given.
        epochs, initial_epoch : int
            Train up to this epoch, from that one on.
        verbose : 0, 1, 2 or "auto"
            Nothing; a bar on a terminal (in a pipe as 2); plain lines; as 1.
        callbacks : Callback or list of Callback, optional
        validation_split : float
            Which share of the samples, from the end, is not trained on but validated with.
        validation_data : (x, y) or (x, y, sample_weight), optional
            Or batches. Validated after each epoch; takes the place of validation_split.
        shuffle : bool
            Whether the samples are dealt out in a new order in each epoch, drawn from the generator of `convstep.random`.
        class_weight : mapping of int to float, optional
            How much samples of each class count in the loss.
        sample_weight : array, optional
            How much each sample counts in the loss.
        validation_batch_size, validation_freq : int
            Size of the batches of a validation; after how many epochs there is one.

        Returns
        -------
        History
            `history.history` holds the results of each epoch by name: "loss", "accuracy", "val_loss" and so on.
        """
        first, last = whole("fit", "initial_epoch", initial_epoch, 0), whole("fit", "epochs", epochs, 0)
        every = whole("fit", "validation_freq", validation_freq, 1)
        data = batches_for("fit", x, y, sample_weight, batch_size=batch_size, shuffle=bool(shuffle))
        if validation_data is not None:
            given = validation_data if isinstance(validation_data, tuple | list) else (validation_data,)
            held_out: Batches | None = batches_for("fit", *given, batch_size=validation_batch_size or batch_size)
        else:
            data, held_out = data.split(validation_split) if validation_split else (data, None)
        data = data.weighted_by_class(class_weight) if class_weight else data
        objective = self._ready("fit", data)
        params = {"epochs": last, "steps": data.count, "verbose": verbose}
        with self._watched("fit", callbacks, verbose, params) as hooks:
            self.stop_training = False
            hooks.call("on_train_begin", None)
            logs: dict[str, Any] = {}
            for epoch in range(first, last):
                hooks.call("on_epoch_begin", epoch, None)
                logs = self._epoch(data, objective, hooks)
                if held_out is not None and (epoch + 1) % every == 0:
                    found = self._test(held_out, objective, hooks)
                    logs |= {f"val_{name}": value for name, value in found.items()}
                logs = _sorted(logs)
                hooks.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            hooks.call("on_train_end", logs)
            return hooks.history

    def evaluate(  # noqa: PLR0917 - Keras's arguments
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Arrays = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        return_dict: bool = False,  # noqa: FBT001, FBT002 - Keras's
    ) -> Any:
        """Return the loss and the metrics on data: a list, the loss alone if there are no metrics, or with return_dict a dict.

        The parameters are those of `fit`.
        """
        data = batches_for("evaluate", x, y, sample_weight, batch_size=batch_size)
        objective = self._ready("evaluate", data)
        with self._watched("evaluate", callbacks, verbose, {"epochs": 1, "steps": data.count, "verbose": verbose}) as hooks:
            logs = self._test(data, objective, hooks)
        return self._reported(logs, return_dict=return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", callbacks: Callback | Iterable[Callback] | None = None
    ) -> Any:
        """Return the outputs for all samples of x, computed batch by batch."""
        data = batches_for("predict", x, None, None, batch_size=batch_size)
        self.prepare(data.first())
        found: list[list[Array]] = []
        with self._watched("predict", callbacks, verbose, {"epochs": 1, "steps": data.count, "verbose": verbose}) as hooks:
            hooks.call("on_predict_begin", None)
            for step, (inputs, _, _) in enumerate(data):
                hooks.call("on_predict_batch_begin", step, None)
                outputs, _ = self.walk(self.accept("predict", inputs), training=False, remember=False)
                found.append(outputs)
                hooks.call("on_predict_batch_end", step, {"outputs": self.output_structure.pack(outputs)})
            hooks.call("on_predict_end", None)
        return self.output_structure.pack([np.concatenate(parts) for parts in zip(*found, strict=True)])

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Arrays = None,
        class_weight: Mapping[int, float] | None = None,
        *,
        return_dict: bool = False,
    ) -> Any:
        """Take one step on one batch, and return the loss and the metrics that it had before."""
        data = batches_for("train_on_batch", x, y, sample_weight, batch_size=None, whole=True)
        data = data.weighted_by_class(class_weight) if class_weight else data
        objective = self._ready("train_on_batch", data)
        objective.reset()
        self._train_step("train_on_batch", objective, data.first_batch())
        return self._reported(objective.logs(), return_dict=return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Arrays = None, *, return_dict: bool = False) -> Any:
        """Return the loss and the metrics of one batch."""
        data = batches_for("test_on_batch", x, y, sample_weight, batch_size=None, whole=True)
        objective = self._ready("test_on_batch", data)
        objective.reset()
        self._test_step("test_on_batch", objective, data.first_batch())
        return self._reported(objective.logs(), return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch."""
        given = Samples.of(x, op="predict_on_batch").x
        self.prepare(given)
        return self.output_structure.pack(self.walk(self.accept("predict_on_batch", given), training=False, remember=False)[0])

    # --- parts ---

    def _ready(self, op: str, data: Batches) -> Objective:
        """Build the model if need be; it must be compiled."""
        if not self.compiled:
            fact = f"the model is not compiled: call compile(optimizer, loss) before {op}"
            raise refusal(op, fact, {"model": self.name}, kind=ArgumentTypeError)
        self.prepare(data.first())
        return self._objective(op)

    def _objective(self, op: str) -> Objective:
        if self.objective is None:
            self.objective = Objective(self.output_names, **self.compiled_with)
        if op != "compile" and not any(self.objective.losses) and not self._regularized():
            fact = "there is no loss to train for: give one to compile"
            raise refusal(op, fact, {"loss": self.compiled_with["loss"]}, kind=ArgumentTypeError)
        return self.objective

    @contextmanager
    def _watched(
        self, op: str, callbacks: Callback | Iterable[Callback] | None, verbose: Any, params: dict[str, Any]
    ) -> Iterator[CallbackList]:
        """Set the callbacks up; whatever happens, the terminal is left as it was."""
        given = [callbacks] if isinstance(callbacks, Callback) else [*(callbacks or ())]
        lines = progress_for(op, verbose)
        try:
            yield CallbackList([*given, *lines], self, params)
        finally:
            for item in lines:
                if isinstance(item, ProgressLines):
                    item.close()

    def _epoch(self, data: Batches, objective: Objective, hooks: CallbackList) -> dict[str, Any]:
        objective.reset()
        for step, batch in enumerate(data):
            hooks.call("on_train_batch_begin", step, None)
            self._train_step("fit", objective, batch)
            hooks.call("on_train_batch_end", step, _sorted(objective.logs()))
            if self.stop_training:
                break
        return _sorted(objective.logs())

    def _test(self, data: Batches, objective: Objective, hooks: CallbackList) -> dict[str, Any]:
        hooks.call("on_test_begin", None)
        objective.reset()
        for step, batch in enumerate(data):
            hooks.call("on_test_batch_begin", step, None)
            self._test_step("evaluate", objective, batch)
            hooks.call("on_test_batch_end", step, _sorted(objective.logs()))
        logs = _sorted(objective.logs())
        hooks.call("on_test_end", logs)
        return logs

    def _train_step(self, op: str, objective: Objective, batch: Flat) -> None:
        x, y, sample_weight = batch
        arrays, truths, weights = self.accept(op, x), self._targets(op, "y", y), self._targets(op, "sample_weight", sample_weight)
        outputs, memory = self.train_walk(arrays, default_generator())
        loss, gradients = objective.losses_of(truths, outputs, weights, op=op)
        loss += self._regularization()
        noting = self.noting(memory)
        pairs = self.train_back(gradients, memory)
        self._commit(pairs, noting)
        objective.take_in(loss, truths, outputs, weights)

    def _test_step(self, op: str, objective: Objective, batch: Flat) -> None:
        x, y, sample_weight = batch
        truths, weights = self._targets(op, "y", y), self._targets(op, "sample_weight", sample_weight)
        outputs, _ = self.walk(self.accept(op, x), training=False, remember=False)
        objective.take_in(objective.loss_of(truths, outputs, weights, op=op) + self._regularization(), truths, outputs, weights)

    def _commit(self, pairs: list[tuple[Parameter, Array]], noting: list[tuple[Layer, Any]]) -> None:
        """Change the model: take the optimizer's step, and note the statistics of the batch."""
        parameters = [item for item, _ in pairs]
        gradients = [gradient if item.regularizer is None else gradient + item.regularizer.gradient(item.value) for item, gradient in pairs]
        with interrupts_wait():
            if self.optimizer is not None:
                self.optimizer.apply(parameters, gradients)
            for layer, cache in noting:
                layer.update(cache)

    def _targets(self, op: str, what: str, value: Any) -> list[Any]:
        """Return targets or weights as a flat list, one for each output."""
        if value is None:
            return [None] * len(self.output_names)
        return self.output_structure.flat(op, what, value, self.output_names)

    def _regularized(self) -> list[Parameter]:
        return [item for item in self.trainable_parameters if item.regularizer is not None]

    def _regularization(self) -> float:
        return sum((float(item.regularizer(item.value)) for item in self._regularized()), 0.0)

    def _reported(self, logs: dict[str, Any], *, return_dict: bool) -> Any:
        if return_dict or self.objective is None:
            return logs
        values = self.objective.in_order(logs)
        return values[0] if len(values) == 1 else values


def _sorted(logs: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(logs.items()))


def _are_metrics(value: Any) -> bool:
    """Say whether these are names of metrics or metrics, alone or in a list."""
    items = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(item, str | Metric) for item in items)
