"""The classifier is one of scikit-learn's: it passes its checks, works in its pipelines, searches and ensembles, and is pickled."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn comes with the extra sklearn")

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from tests.classifiers import single, small, weights_of

from convstep import layers, optimizers
from convstep.checks import Array
from convstep.errors import DataError
from convstep.models import Model, Sequential
from convstep.sklearn import EXPECTED_FAILED_CHECKS, ConvNetClassifier
from convstep.sklearn.classifier import WITHOUT_NUMBA

joblib: Any = pytest.importorskip("joblib")
CHECKS = list(estimator_checks_generator(ConvNetClassifier(), legacy=True))


def quick(**parameters: Any) -> ConvNetClassifier:
    return ConvNetClassifier(**{"epochs": 3, "random_state": 0, **parameters})


# --- scikit-learn's own checks, with the parameters that a user has who gives none ---


def name_of(check: Any) -> str:
    return str(getattr(check, "func", check).__name__)


@pytest.mark.filterwarnings("ignore")  # checks provoke warnings, and look at those that matter themselves
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=[f"{i}-{name_of(check)}" for i, (_, check) in enumerate(CHECKS)])
def test_scikit_learns_checks_pass_but_for_those_that_are_declared(estimator: Any, check: Any) -> None:
    if name_of(check) in WITHOUT_NUMBA and name_of(check) in EXPECTED_FAILED_CHECKS:
        pytest.skip("whether it passes depends on NumPy's build and on the processor")
    if name_of(check) in EXPECTED_FAILED_CHECKS:
        with pytest.raises(AssertionError, match="not equivalent to fitting with removed"):
            check(estimator)
        return
    try:
        check(estimator)
    except Exception as error:
        if type(error).__name__ == "SkipTest":  # pandas or another array library is missing
            pytest.skip(str(error))
        raise


def test_every_declared_failure_is_a_check_of_scikit_learns() -> None:
    assert set(EXPECTED_FAILED_CHECKS) <= {name_of(check) for _, check in CHECKS}
    assert set(WITHOUT_NUMBA) <= {name_of(check) for _, check in CHECKS}
    assert len(CHECKS) > 50


# --- among scikit-learn's own ---


def test_in_a_pipeline() -> None:
    x, y = small()
    rows = make_pipeline(MinMaxScaler(), quick(image_shape=(8, 8), epochs=12)).fit(255 * x.reshape(60, 64), y)
    assert rows.score(255 * x.reshape(60, 64), y) == 1
    images = make_pipeline(FunctionTransformer(np.negative), quick(epochs=12)).fit(x, y)
    assert images.score(x, y) == 1
    assert images[-1].image_shape_ == (8, 8, 1)


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_in_a_search(backend: str) -> None:
    x, y = small()
    grid = {"learning_rate": [1e-6, 0.01], "optimizer": [optimizers.Adam(), "rmsprop"]}
    with joblib.parallel_backend(backend, n_jobs=2):
        search = GridSearchCV(quick(epochs=12), grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_["learning_rate"] == 0.01
    assert search.score(x, y) > 0.9
    alone = clone(search.best_estimator_).fit(x, y)
    assert weights_of(alone) == weights_of(search.best_estimator_)


@pytest.mark.parametrize("form", [lambda x: x, lambda x: x[..., None], lambda x: x.reshape(60, 64)], ids=["images", "channels", "rows"])
def test_validated_across_folds(form: Callable[[Array], Array]) -> None:
    x, y = small()
    assert cross_val_score(quick(epochs=12), form(x), y, cv=3, n_jobs=2).mean() > 0.9
    found = cross_val_predict(quick(epochs=12), form(x), y, cv=3, method="predict_proba")
    assert found.shape == (60, 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda one: CalibratedClassifierCV(one, cv=2),
        OneVsRestClassifier,
        lambda one: VotingClassifier([("a", one), ("b", clone(one).set_params(random_state=1))], voting="soft"),
        lambda one: BaggingClassifier(one, n_estimators=2, random_state=0),
        lambda one: AdaBoostClassifier(one, n_estimators=2, random_state=0),
    ],
    ids=["calibrated", "one-vs-rest", "voting", "bagging", "boosting"],
)
def test_inside_scikit_learns_own_estimators(make: Callable[[Any], Any]) -> None:
    x, y = small()
    rows = x.reshape(60, 64)
    assert make(quick(epochs=12)).fit(rows, y).score(rows, y) > 0.9


# --- pickles ---


def again_from(content: bytes) -> Any:
    return pickle.loads(content)  # noqa: S301 - written by the test


@pytest.mark.parametrize("network", ["auto", "lenet5", "signs_tf1", "happy_house", single])
def test_a_pickle_gives_the_same_classifier(tmp_path: Path, network: Any) -> None:
    x, y = small(classes=2, shape=(16, 16, 3))
    classifier = quick(network=network, epochs=1).fit(x[:8], y[:8])
    joblib.dump(classifier, tmp_path / "classifier.joblib")
    for again in (joblib.load(tmp_path / "classifier.joblib"), again_from(pickle.dumps(classifier))):
        assert again.get_params() == classifier.get_params()
        assert again.classes_.tolist() == [0, 1]
        assert again.history_ == classifier.history_
        assert np.array_equal(again.predict_proba(x), classifier.predict_proba(x))
        assert weights_of(again.partial_fit(x, y)) == weights_of(again_from(pickle.dumps(classifier)).partial_fit(x, y))


def test_training_goes_on_after_a_pickle_as_if_there_were_none() -> None:
    x, y = small()
    classifier = quick().fit(x, y)
    again = again_from(pickle.dumps(classifier))
    assert weights_of(again.partial_fit(x, y)) == weights_of(classifier.partial_fit(x, y))


def test_what_is_pickled_is_a_file_of_ours(tmp_path: Path) -> None:
    x, y = small()
    classifier = quick().fit(x, y)
    content = classifier.__getstate__()["model_"]
    classifier.model_.save(tmp_path / "digits.convstep")
    assert content == (tmp_path / "digits.convstep").read_bytes()
    names = pickled_names(pickle.dumps(classifier))
    assert {name for name in names if name.startswith("convstep")} == {"convstep.sklearn.classifier ConvNetClassifier"}


def pickled_names(content: bytes) -> set[str]:
    """Return every class and function that a pickle names."""

    class Listing(pickle.Unpickler):  # noqa: S301 - written by the test
        def find_class(self, module: str, name: str) -> Any:
            found.add(f"{module} {name}")
            return super().find_class(module, name)

    found: set[str] = set()
    Listing(io.BytesIO(content)).load()
    return found


def test_a_damaged_pickle_is_refused() -> None:
    x, y = small()
    state = quick().fit(x, y).__getstate__()
    content = bytearray(state["model_"])
    content[len(content) // 2] ^= 1
    with pytest.raises(DataError, match=r"^load_model: the file is damaged: .*\n  given \d+ bytes$"):
        ConvNetClassifier().__setstate__({**state, "model_": bytes(content)})


class Doubling(layers.Layer):
    def forward(self, x: Array, *, training: bool = False, rng: Any = None) -> tuple[Array, Any]:
        del training, rng
        return 2 * x, None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, dict[str, Array]]:
        return 2 * dy, dict(cache or {})

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def doubled(input_shape: tuple[int, ...], classes: int) -> Model:
    inner = Sequential([layers.Input(input_shape), Doubling()])
    return Sequential([layers.Input(input_shape), inner, layers.Flatten(), layers.Dense(classes)])


def test_a_layer_of_your_own_is_pickled_by_its_name() -> None:
    x, y = small()
    classifier = quick(network=doubled).fit(x, y)
    again = again_from(pickle.dumps(classifier))
    assert np.array_equal(again.predict_proba(x), classifier.predict_proba(x))
