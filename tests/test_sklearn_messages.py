"""What the classifier for scikit-learn cannot take, and what it says."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn comes with the extra sklearn")

from sklearn.exceptions import ConvergenceWarning, NotFittedError
from tests.classifiers import scores, single, small, unbuilt_of

from convstep.checks import Array
from convstep.data import load_digits
from convstep.errors import ArgumentTypeError, ShapeError
from convstep.models import Model
from convstep.sklearn import ConvNetClassifier


def quick(**parameters: Any) -> ConvNetClassifier:
    return ConvNetClassifier(**{"epochs": 3, "random_state": 0, **parameters})


X, Y = small()
REFUSED: list[tuple[dict[str, Any], Any, type[Exception], str]] = [
    (
        {"network": "lenet"}, X, ShapeError,
        ('ConvNetClassifier: network must be "auto" or "lenet5" or "signs" or "signs_tf1" or "happy_house" or "vgg" or "resnet", '
        "not 'lenet' (did you mean \"lenet5\"?)\n  given network 'lenet'"),
    ),
    (
        {"network": scores((8, 8, 1), 3)}, X, ArgumentTypeError,
        ("ConvNetClassifier: network must be a name or a function that returns a new model for every fit, not a model"
        "\n  given network 'sequential'"),
    ),
    (
        {"network": lambda _shape, _classes: None}, X, ArgumentTypeError,
        "ConvNetClassifier: network must return a model, not None\n  given network '<lambda>'",
    ),
    (
        {"network": single}, X, ShapeError,
        ("ConvNetClassifier: network must return a model whose output is (None, 3), a number for each class, not (None, 1)"
        "\n  given network 'single'"),
    ),
    (
        {"network": "happy_house"}, X, ShapeError,
        ("ConvNetClassifier: network must return a model whose output is (None, 3), a number for each class, not (None, 1)"
        "\n  given network 'happy_house'"),
    ),
    (
        {"network": lambda *_: unbuilt_of((9, 8, 1), 3)}, X, ShapeError,
        ('sequential: the input "input_layer" must have the shape (None, 9, 8, 1), None for any length, not (None, 8, 8, 1)'
        "\n  given model 'sequential', input (None, 8, 8, 1)"),
    ),
    (
        {"optimizer": "adamm"}, X, ShapeError,
        ('ConvNetClassifier: optimizer must be "sgd" or "rmsprop" or "adam" or "adamw", not \'adamm\' (did you mean "adam"?)'
        "\n  given optimizer 'adamm'"),
    ),
    ({"epochs": 0}, X, ShapeError, "ConvNetClassifier: epochs must be a whole number >= 1, not 0\n  given epochs 0"),
    ({"epochs": 2.0}, X, ArgumentTypeError, "ConvNetClassifier: epochs must be a whole number >= 1, not 2.0\n  given epochs 2.0"),
    ({"batch_size": 0}, X, ShapeError, "ConvNetClassifier: batch_size must be a whole number >= 1, not 0\n  given batch_size 0"),
    (
        {"validation_fraction": 0}, X, ShapeError,
        "ConvNetClassifier: validation_fraction must be more than 0 and less than 1, not 0\n  given validation_fraction 0.0",
    ),
    (
        {"validation_fraction": 1.0}, X, ShapeError,
        "ConvNetClassifier: validation_fraction must be more than 0 and less than 1, not 1\n  given validation_fraction 1.0",
    ),
    (
        {"validation_fraction": 1.5}, X, ShapeError,
        "ConvNetClassifier: validation_fraction must be a number from 0 to 1, not 1.5\n  given validation_fraction 1.5",
    ),
    (
        {"n_iter_no_change": 0}, X, ShapeError,
        "ConvNetClassifier: n_iter_no_change must be a whole number >= 1, not 0\n  given n_iter_no_change 0",
    ),
    ({"verbose": "loud"}, X, ArgumentTypeError, "fit: verbose must be 0, 1, 2 or \"auto\"\n  given verbose 'loud'"),
    (
        {"image_shape": (8, 9)}, X, ShapeError,
        "ConvNetClassifier: image_shape = (8, 9) has 72 numbers, but a sample of X has 64\n  given image_shape (8, 9), X (8, 8)",
    ),
    (
        {"image_shape": (4, 16)}, X, ShapeError,
        "ConvNetClassifier: X holds images of the shape (8, 8), but the network takes (4, 16, 1)\n  given X (60, 8, 8)",
    ),
    (
        {"image_shape": (64,)}, X, ShapeError,
        "ConvNetClassifier: image_shape must be (height, width) or (height, width, channels), not 1 size\n  given image_shape (64,)",
    ),
    (
        {"image_shape": 8}, X, ArgumentTypeError,
        "ConvNetClassifier: image_shape must be a tuple or list, not 8\n  given image_shape 8",
    ),
    (
        {"image_shape": (8, -8)}, X, ShapeError,
        "ConvNetClassifier: each size in image_shape must be a whole number >= 1, not -8\n  given each size in image_shape -8",
    ),
    (
        {}, np.zeros((60, 3, 8, 8)), ShapeError,
        ("ConvNetClassifier: X looks like images with their channels first, (3, 8, 8); here channels come last"
        "\n  given X (3, 8, 8); try np.moveaxis(X, 1, -1), or say image_shape = (3, 8, 8) if these are rows, columns and channels"),
    ),
    (
        {}, np.zeros((60, 2, 2, 2, 2)), ShapeError,
        ("ConvNetClassifier: X must have the axes (n, features), (n, height, width) or (n, height, width, channels), not 5 axes"
        "\n  given X (2, 2, 2, 2)"),
    ),
    (
        {"class_weight": {0: -1.0}}, X, ShapeError,
        "ConvNetClassifier: the weight of a sample must be >= 0, not -1\n  given sample_weight (60,)",
    ),
    (
        {"class_weight": {0: 0.0, 1: 0.0, 2: 0.0}}, X, ShapeError,
        "ConvNetClassifier: the weights of all samples are zero: there is nothing to learn from\n  given sample_weight (60,)",
    ),
    (
        {"optimizer": "sgd", "learning_rate": 1e30}, X, ShapeError,
        ("ConvNetClassifier: training diverged: the network has weights that are not finite"
        "\n  given largest number in X 0.9999; try a smaller learning_rate, or numbers from 0 to 1 in X"),
    ),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow|invalid:RuntimeWarning")
@pytest.mark.parametrize(("parameters", "x", "kind", "message"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_what_does_not_fit_is_refused(parameters: dict[str, Any], x: Array, kind: type[Exception], message: str) -> None:
    classifier = quick(**parameters)
    with pytest.raises(kind) as caught:
        classifier.fit(x, Y)
    assert str(caught.value) == message


def test_a_compiled_network_is_refused() -> None:
    def compiled(shape: tuple[int, ...], classes: int) -> Model:
        model = scores(shape, classes)
        model.compile("sgd", "mse")
        return model

    with pytest.raises(ShapeError) as caught:
        quick(network=compiled).fit(X, Y)
    assert str(caught.value) == (
        "ConvNetClassifier: network must return a model that is not compiled: optimizer and learning_rate are parameters of the classifier"
        "\n  given network 'compiled'"
    )


def test_a_refused_fit_leaves_the_old_network() -> None:
    classifier = quick().fit(X, Y)
    expected = classifier.predict_proba(X)
    for change in ({"epochs": 0}, {"network": "none"}, {"optimizer": "none"}, {"class_weight": {0: -1.0}}, {"batch_size": -1}):
        kept = classifier.get_params()
        with pytest.raises(ShapeError):
            classifier.set_params(**change).fit(X, np.array([0, 1, 2, 7])[Y + (np.arange(60) == 5)])
        assert np.array_equal(classifier.set_params(**kept).predict_proba(X), expected)
        assert classifier.classes_.tolist() == [0, 1, 2]


def test_images_of_another_layout_are_refused_though_their_numbers_fit() -> None:
    classifier = quick().fit(X, Y)
    with pytest.raises(ShapeError) as caught:
        classifier.predict(X[:, None])
    assert str(caught.value) == (
        "ConvNetClassifier: X holds images of the shape (1, 8, 8), but the network takes (8, 8, 1)\n  given X (60, 1, 8, 8)"
    )
    with pytest.raises(ValueError, match=r"^X has 63 features, but ConvNetClassifier is expecting 64 features as input"):
        classifier.predict(X.reshape(60, 64)[:, :63])


def test_whoever_forgets_to_scale_bytes_hears_of_it() -> None:
    (x, y), _ = load_digits()
    with pytest.warns(ConvergenceWarning) as caught:
        classifier = quick().fit(x[:200], y[:200])
    loss = classifier.history_["loss"][-1]
    assert [str(item.message) for item in caught] == [
        (
            f"ConvNetClassifier: the network learnt nothing: its loss is {loss:.3g}, and guessing one of 10 classes gives 2.3; "
            "numbers from 0 to 1 are learnt from best, but the largest in X is 255"
        )
    ]
    assert caught[0].filename == __file__


def test_a_rate_that_is_too_large_is_told_too() -> None:
    with pytest.warns(ConvergenceWarning) as caught:
        classifier = quick(learning_rate=0.5).fit(X, Y)
    assert str(caught[0].message) == (
        f"ConvNetClassifier: the network learnt nothing: its loss is {classifier.history_['loss'][-1]:.3g}, "
        "and guessing one of 3 classes gives 1.1; more epochs may help, or a smaller learning_rate"
    )


def test_masked_cells_are_no_numbers() -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        quick().fit(np.ma.masked_greater(X, 0.99), Y)
    count = int((X > 0.99).sum())
    assert str(caught.value) == (
        f"ConvNetClassifier: X has {count} masked cells to fill first\n  given X (60, 8, 8); try np.ma.filled(X, 0)"
    )
    assert quick().fit(np.ma.array(X), Y).image_shape_ == (8, 8, 1)


def test_nothing_is_predicted_before_fit() -> None:
    with pytest.raises(NotFittedError, match=r"^This ConvNetClassifier instance is not fitted yet"):
        quick().predict(X)


@pytest.mark.parametrize(
    ("parameters", "before", "classes", "y", "message"),
    [
        (
            {}, False, None, Y,
            "ConvNetClassifier: the first call of partial_fit needs classes, all labels that there will be\n  given classes None",
        ),
        ({}, False, [0, 1], Y, "ConvNetClassifier: y holds 2, which is not among the classes\n  given classes [0, 1]"),
        ({}, True, None, Y + 7, "ConvNetClassifier: y holds 8, which is not among the classes\n  given classes [0, 1, 2]"),
        (
            {}, True, [0, 1], Y,
            "ConvNetClassifier: classes must be those of the first call, [0, 1, 2], not [0, 1]\n  given classes [0, 1]",
        ),
        (
            {"class_weight": "balanced"}, False, [0, 1, 2], Y,
            ("ConvNetClassifier: class_weight = 'balanced' needs all labels at once, which partial_fit never sees: give a dict"
            "\n  given class_weight 'balanced'"),
        ),
    ],
)  # fmt: skip
def test_partial_fit_refuses_what_it_cannot_know(parameters: dict[str, Any], before: bool, classes: Any, y: Array, message: str) -> None:
    classifier = quick(**parameters)
    if before:
        classifier.fit(X, Y)
    with pytest.raises(ShapeError) as caught:
        classifier.partial_fit(X, y, classes)
    assert str(caught.value) == message


def test_without_scikit_learn_one_sentence_says_what_installs_it() -> None:
    code = "import sys; sys.modules['sklearn'] = None\nimport convstep.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "convstep.errors.MissingExtraError: convstep.sklearn: scikit-learn is not installed; "
        'this installs it: pip install "convstep[sklearn]"'
    )
