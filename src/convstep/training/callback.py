"""What a callback is: hooks that fit, evaluate and predict call, each with the logs so far. None of them does anything by itself."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from convstep.checks import Array, refusal
from convstep.errors import ArgumentTypeError
from convstep.extras import require
from convstep.training.configuration import Configured

if TYPE_CHECKING:
    from convstep.figures import Picture

Logs: TypeAlias = dict[str, Any] | None  # names of losses and metrics, "val_" before those of the validation


class Trained(Protocol):
    """What callbacks know of the model they watch."""

    optimizer: Any
    stop_training: bool

    def get_weights(self) -> list[Array]:
        """Return copies of all weights."""

    def set_weights(self, weights: list[Array]) -> None:
        """Replace all weights."""

    def save(self, path: str) -> Any:
        """Write the model to a file."""


class Callback(Configured):
    """A callback: derive a class, and write the hooks that you need. `self.model` and `self.params` are there in all of them.

    Epochs and batches count from 0. A hook may add to `logs`: the callbacks after it, and the history, see what it added.
    """

    _model: Any = None
    params: Any = None

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return self._model

    def set_model(self, model: Any) -> None:
        """Take note of the model."""
        self._model = model

    def set_params(self, params: Any) -> None:
        """Take note of the settings of the run: "epochs", "steps" and "verbose"."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Training begins."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Training has ended; logs are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """An epoch begins."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """An epoch has ended, its validation too."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """As on_train_batch_begin, under its older name."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """As on_train_batch_end, under its older name."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Begin a training step."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """End a training step; logs are the means of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Evaluation or validation begins."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Evaluation or validation has ended."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of an evaluation begins."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of an evaluation has ended."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Prediction begins."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Prediction has ended."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of predictions begins."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of predictions has ended; logs hold "outputs"."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class History(Callback):
    """What every epoch's logs said. `fit` returns one.

    Attributes
    ----------
    history : dict of str to list
        For each name in the logs, its value in every epoch.
    epoch : list of int
        The epochs.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Count epochs anew; the history goes on."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Append the epoch."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
        self.model.history = self

    def plot(self, *, title: str = "Training", theme: str | None = None) -> "Picture":
        """Draw the loss and the metrics of all epochs (extra `plot`).

        Parameters
        ----------
        title : str
        theme : {"light", "dark"}, optional
            The paper; by default what `convstep.figures.use_theme` chose.

        Returns
        -------
        Picture
            A Matplotlib figure, which a notebook shows and `savefig` writes.

        Raises
        ------
        MissingExtraError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from convstep.callbacks import History
        >>> history = History()
        >>> history.history = {"loss": [0.9, 0.5, 0.4], "accuracy": [0.7, 0.85, 0.88], "val_accuracy": [0.75, 0.84, 0.85]}
        >>> figure = history.plot(title="Three epochs")
        """
        require("matplotlib", extra="plot", op="plot")
        from convstep.figures import draw_curves  # noqa: PLC0415 - brings Matplotlib

        return draw_curves(self.history, title=title, theme=theme)


class LambdaCallback(Callback):
    """A callback made of functions, each under the name of its hook: `LambdaCallback(on_epoch_end=lambda epoch, logs: ...)`."""

    def __init__(self, **hooks: Any) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                fact = f'there is no hook "{name}"; there are {", ".join(HOOKS)}'
                raise refusal("LambdaCallback", fact, {name: function}, kind=ArgumentTypeError)
            if function is not None:
                setattr(self, name, function)


class CallbackList:
    """Several callbacks that are called one after the other, a `History` last.

    Parameters
    ----------
    callbacks : Callback or iterable of Callback, optional
    model : model
    params : dict
        "epochs", "steps" and "verbose".
    """

    def __init__(self, callbacks: Callback | Iterable[Callback] | None, model: Any, params: dict[str, Any]) -> None:
        given = [callbacks] if isinstance(callbacks, Callback) else [*(callbacks or ())]
        for item in given:
            if not isinstance(item, Callback):
                instance = f"; write {item.__name__}()" if isinstance(item, type) and issubclass(item, Callback) else ""
                fact = f"callbacks must be objects of classes derived from Callback{instance}"
                raise refusal("fit", fact, {"callbacks": item}, kind=ArgumentTypeError)
        known = [item for item in given if isinstance(item, History)]
        self.history = known[0] if known else History()
        self.callbacks = given if known else [*given, self.history]
        for item in self.callbacks:
            item.set_model(model)
            item.set_params(params)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of all callbacks: `call("on_epoch_end", epoch, logs)`. All of them share the same logs."""
        for item in self.callbacks:
            getattr(item, hook)(*arguments)
