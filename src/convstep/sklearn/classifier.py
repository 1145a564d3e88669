"""The classifier: a network under scikit-learn's names.

One rule: a parameter is looked at when `fit` is called, and never changed; what is pickled is a .convstep file.
"""

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from convstep.checks import Array, refusal, shown, whole
from convstep.models import load_model
from convstep.models.heads import cross_entropy_for, gives_probabilities
from convstep.models.saving import model_bytes
from convstep.random import drawing_from
from convstep.sklearn.networks import NAME, Network, Shape, build, optimizer_for, own_layers
from convstep.sklearn.samples import as_images, as_rows, counting_only, places_of, shape_of_images
from convstep.training.callbacks import EarlyStopping
from convstep.training.configuration import real

LARGE = 10.0  # what is larger is hardly scaled
WORSE = 2  # times the loss of guessing: a network that has begun to learn is far below
WITHOUT_NUMBA = {
    "check_methods_subset_invariance": (
        "NumPy's products add in another order in batches of another size: probabilities in float32 differ by 2e-7, and 1e-7 is asked for"
    ),
}
EXPECTED_FAILED_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "check_sample_weight_equivalence_on_dense_data": (
            "a weight counts like so many copies of a row on average only: copies are dealt out into other batches"
        ),
        **({} if find_spec("numba") else WITHOUT_NUMBA),
    }
)


class ConvNetClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A convolutional network that is trained by `fit`, for scikit-learn's pipelines, searches and validations.

    X holds images, (n, height, width) or (n, height, width, channels), or rows of numbers, (n, features), row by row and channels last.
    Numbers are used as they are: bring bytes to 0 ... 1 (`X / 255`, or a scaler of scikit-learn in a pipeline of rows).

    Parameters
    ----------
    network : str or callable
        A name in `NETWORKS`: "auto", "lenet5", "vgg", "resnet", "signs", "signs_tf1", "happy_house" (two classes). Or a function of
        `(input_shape, classes)` that returns a model, not compiled, which ends in a softmax, in scores (logits), or for two classes in a
        single number. It is called in every `fit`.
    image_shape : (height, width) or (height, width, channels), optional
        What the rows of X are. Without it X says it itself; a row of 64, 81, 100, ... numbers is a square image in grey, and any other row
        an image that is one pixel high, (1, features, 1).
    epochs : int
        How often `fit` goes through all samples.
    batch_size : int
        Samples in one step.
    optimizer : str or Optimizer
        "adam", "sgd", "rmsprop", "adamw", or one of `convstep.optimizers`, which is copied.
    learning_rate : float or schedule, optional
        Without it the optimizer's own.
    early_stopping : bool
        Whether samples are held out, and the training ends when the loss on them has not become less for a while. The weights are those of
        the best epoch.
    validation_fraction : float
        Which share of each class is held out for that: more than 0, less than 1.
    n_iter_no_change : int
        For how many epochs nothing better is borne.
    class_weight : dict or "balanced", optional
        How much samples of each class count in the loss.
    random_state : int, RandomState or None
        Where first weights, order and dropout come from. An int gives the same network on every run.
    verbose : int
        0 for nothing, 1 for a bar, 2 for lines.

    Attributes
    ----------
    classes_ : (classes,)
        The labels, sorted.
    model_ : Model
        The network. `model_.save("digits.convstep")` writes it alone.
    image_shape_ : (height, width, channels)
        What every sample is taken for.
    n_features_in_ : int
        Numbers in one sample.
    feature_names_in_ : (features,)
        Names of the columns, if X was a table with names.
    n_iter_ : int
        Epochs that were trained.
    history_ : dict of str to list of float
        Loss and accuracy after each epoch of `fit`, of what was held out as "val_loss" and "val_accuracy".

    Notes
    -----
    What is pickled is no graph of objects but the bytes of a .convstep file, and reading it runs its checks.

    Examples
    --------
    >>> from convstep.data import load_digits
    >>> from convstep.sklearn import ConvNetClassifier
    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> classifier = ConvNetClassifier(epochs=3, random_state=0).fit(x_train[:1000] / 255, y_train[:1000])
    >>> classifier.score(x_test / 255, y_test) > 0.8
    True
    """

    classes_: Array
    model_: Any
    image_shape_: Shape
    n_features_in_: int
    n_iter_: int
    history_: dict[str, list[float]]

    def __init__(  # noqa: PLR0913 - scikit-learn wants every setting to be an argument
        self,
        *,
        network: str | Network = "auto",
        image_shape: Sequence[int] | None = None,
        epochs: int = 20,
        batch_size: int = 32,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        class_weight: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803 - scikit-learn's
        """Train a new network.

        Parameters
        ----------
        X : (n, features), (n, height, width) or (n, height, width, channels)
        y : (n,)
            Labels of any kind that can be sorted.
        sample_weight : (n,), optional
            How much each sample counts in the loss; one that weighs 0 is left out.

        Raises
        ------
        ShapeError, ArgumentTypeError
            If a parameter or a shape does not fit. What scikit-learn checks itself (missing values, lengths) is its ValueError.

        Warns
        -----
        ConvergenceWarning
            If guessing would have been better, as after training on bytes from 0 to 255.
        """
        settings = self._settings()
        images, labels = self._samples(X, y, first=True)
        classes, codes = np.unique(labels, return_inverse=True)
        weights = self._sample_weights(images, codes, classes, sample_weight)
        self._begin(images.shape[1:], classes)
        self._train(*counting_only(images, codes, weights), **settings)
        if weights is None:
            _warn_if_guessing_is_better(self.history_["loss"][-1], images, len(classes))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803 - scikit-learn's
        """Train on once through these samples: a new network in the first call, or the one there is.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : (classes,), optional
            All labels that there will be; the first call needs them.

        Raises
        ------
        ShapeError, ArgumentTypeError
            As in `fit`, and if labels are missing among the classes.
        """
        first = not hasattr(self, "model_")
        known = self._all_classes(classes, first=first)
        images, labels = self._samples(X, y, first=first)
        codes = places_of(labels, known)
        if isinstance(self.class_weight, str):
            fact = f"class_weight = {shown(self.class_weight)} needs all labels at once, which partial_fit never sees: give a dict"
            raise refusal(NAME, fact, {"class_weight": self.class_weight})
        weights = self._sample_weights(images, codes, known, sample_weight)
        if first:
            self._begin(images.shape[1:], known)
        self._step(*counting_only(images, codes, weights))
        self.n_iter_ += 1
        return self

    def predict(self, X: Any) -> Array:  # noqa: N803 - scikit-learn's
        """Return the most probable label of each sample, (n,)."""
        probabilities = self.predict_proba(X)
        found: Array = self.classes_[probabilities.argmax(axis=1)]
        return found

    def predict_proba(self, X: Any) -> Array:  # noqa: N803 - scikit-learn's
        """Return the probability of each class, (n, classes), in the order of `classes_`."""
        check_is_fitted(self)
        rows, given = as_rows(X)
        images = as_images(validate_data(self, rows, reset=False, dtype=np.float32), self.image_shape_, given)
        outputs = self.model_.predict(images, batch_size=whole(NAME, "batch_size", self.batch_size, 1), verbose=0)
        return _probabilities(outputs.astype(np.float64), len(self.classes_), certain=gives_probabilities(self.model_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = model_bytes(self.model_)
            state["_own_layers"] = own_layers(self.model_)
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        rest = dict(state)
        content, own = rest.pop("model_", None), rest.pop("_own_layers", None)
        super().__setstate__(rest)
        if content is not None:
            self.model_ = load_model(content, custom_objects=own)

    # --- what comes in ---

    def _samples(self, X: Any, y: Any, *, first: bool) -> tuple[Array, Array]:  # noqa: N803 - scikit-learn's
        """Return images and labels, checked by scikit-learn as rows, and by their shape here."""
        rows, given = as_rows(X)
        array, labels = validate_data(self, rows, y, reset=first, dtype=np.float32)
        check_classification_targets(labels)
        shape = shape_of_images(self.image_shape, array.shape[1], given) if first else self.image_shape_
        return as_images(array, shape, given), labels

    def _sample_weights(self, images: Array, codes: Array, classes: Array, given: Any) -> Array | None:
        """Return how much each sample counts, None if all count the same."""
        if given is None and self.class_weight is None:
            return None
        weights = _check_sample_weight(given, images, dtype=np.float64)
        if self.class_weight is not None:
            weights = weights * compute_class_weight(self.class_weight, classes=classes, y=classes[codes])[codes]
        if (weights < 0).any():
            raise refusal(NAME, f"the weight of a sample must be >= 0, not {weights.min():g}", {"sample_weight": weights})
        if not weights.any():
            raise refusal(NAME, "the weights of all samples are zero: there is nothing to learn from", {"sample_weight": weights})
        result: Array = weights.astype(np.float32)
        return result

    def _all_classes(self, classes: Any, *, first: bool) -> Array:
        if classes is None:
            if first:
                raise refusal(NAME, "the first call of partial_fit needs classes, all labels that there will be", {"classes": None})
            return self.classes_
        known = np.unique(np.asarray(classes))
        if not first and not np.array_equal(known, self.classes_):
            fact = f"classes must be those of the first call, {shown(self.classes_.tolist())}, not {shown(known.tolist())}"
            raise refusal(NAME, fact, {"classes": classes})
        return known

    # --- the network ---

    def _begin(self, shape: Shape, classes: Array) -> None:
        """Make a new network; the old one stays if there cannot be one."""
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        with drawing_from(rng):
            model = build(self.network, shape, len(classes))
        loss = cross_entropy_for(model) if len(classes) > 1 else "sparse_categorical_crossentropy"
        model.compile(optimizer_for(self.optimizer, self.learning_rate), loss=loss, metrics=["accuracy"])
        self.model_, self.classes_, self.image_shape_, self.n_iter_, self._rng = model, classes, shape, 0, rng
        self.history_ = {}

    def _settings(self) -> dict[str, Any]:
        """Return what `fit` goes by, checked before anything is changed."""
        whole(NAME, "batch_size", self.batch_size, 1)
        fraction = real(NAME, "validation_fraction", self.validation_fraction, most=1)
        if fraction in {0, 1}:
            fact = f"validation_fraction must be more than 0 and less than 1, not {fraction:g}"
            raise refusal(NAME, fact, {"validation_fraction": fraction})
        return {
            "epochs": whole(NAME, "epochs", self.epochs, 1),
            "fraction": fraction,
            "patience": whole(NAME, "n_iter_no_change", self.n_iter_no_change, 1),
        }

    def _train(self, images: Array, codes: Array, weights: Array | None, *, epochs: int, fraction: float, patience: int) -> None:
        """Train for all epochs, or until it gets no better."""
        if not self.early_stopping:
            self.history_ = self._step(images, codes, weights, epochs=epochs)
        else:
            samples = [item for item in (images, codes, weights) if item is not None]
            seed = int(self._rng.integers(2**31 - 1))
            parts = train_test_split(*samples, test_size=fraction, stratify=codes, random_state=seed)
            stopping = EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
            self.history_ = self._step(*parts[::2], epochs=epochs, callbacks=[stopping], validation_data=tuple(parts[1::2]))
        self.n_iter_ = len(self.history_["loss"])

    def _step(self, images: Array, codes: Array, weights: Array | None = None, **options: Any) -> dict[str, list[float]]:
        """Train and return what came of each epoch."""
        size = whole(NAME, "batch_size", self.batch_size, 1)
        with drawing_from(self._rng):
            history = self.model_.fit(images, codes, size, sample_weight=weights, verbose=self.verbose, **options).history
        if not all(np.isfinite(weight).all() for weight in self.model_.get_weights()):
            fact = "training diverged: the network has weights that are not finite"
            largest = {"largest number in X": float(f"{np.abs(images).max():.4g}")}
            raise refusal(NAME, fact, largest, "a smaller learning_rate, or numbers from 0 to 1 in X")
        return {name: [float(value) for value in values] for name, values in history.items()}


def _warn_if_guessing_is_better(loss: float, images: Array, classes: int) -> None:
    guessing = float(np.log(classes))
    if loss > WORSE * guessing:
        fact = f"{NAME}: the network learnt nothing: its loss is {loss:.3g}, and guessing one of {classes} classes gives {guessing:.3g}"
        largest = float(np.abs(images).max())
        scale = f"numbers from 0 to 1 are learnt from best, but the largest in X is {largest:.4g}"
        reason = scale if largest > LARGE else "more epochs may help, or a smaller learning_rate"
        warnings.warn(f"{fact}; {reason}", ConvergenceWarning, stacklevel=3)


def _probabilities(outputs: Array, classes: int, *, certain: bool) -> Array:
    """Return probabilities in float64 whose sum is 1, for probabilities in float32, or for scores."""
    if classes == 1:
        return np.ones((len(outputs), 1))
    if outputs.shape[1] == 1:
        yes = outputs if certain else (1 + np.tanh(outputs / 2)) / 2  # the sigmoid, without an overflow
        return np.concatenate([1 - yes, yes], axis=1)
    if not certain:
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    result: Array = outputs / outputs.sum(axis=1, keepdims=True)
    return result
