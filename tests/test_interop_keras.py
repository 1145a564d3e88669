"""Keras's networks here and ours there: live, as m.keras and as m.h5, with equal predictions and the same bits in every weight."""

import inspect
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.architectures import ARCHITECTURES, IMAGES, both, images
from tests.graphs import GRAPHS, given, inner_with_names, listed
from tests.test_layers import CASES, IDS

import convstep
from convstep import layers
from convstep.checks import Array
from convstep.interop import keras as interop

pytest.importorskip("h5py", reason="h5py is not installed (extra data)")
SUFFIXES = ("keras", "h5")
pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


def predicted(model: Any, x: Any) -> list[Array]:
    if isinstance(model, convstep.Model):
        return listed(model.predict(x, verbose=0))
    return [value.detach().numpy() for value in listed(model(x, training=False))]  # faster for a few samples than Keras's `predict`


def assert_equal(got: Any, want: Any, x: Any) -> None:
    """Same predictions within rounding, same bits in every weight."""
    for mine, theirs in zip(predicted(got, x), predicted(want, x), strict=True):
        assert mine.shape == theirs.shape
        assert np.abs(mine - theirs).max() <= 1e-5 * max(1.0, float(np.abs(theirs).max()))
    for mine, theirs in zip(got.get_weights(), want.get_weights(), strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.tobytes() == theirs.tobytes()


def fill(model: Any, seed: int = 0) -> Any:
    """Give a model of Keras's random weights, the variances among them positive."""
    rng = np.random.default_rng(seed)
    values = [rng.normal(0, 0.4, weight.shape).astype(weight.dtype) for weight in model.get_weights()]
    names = [variable.name for variable in model.weights]
    model.set_weights([np.abs(value) + 0.1 if "variance" in name else value for name, value in zip(names, values, strict=True)])
    return model


def assert_comes_in(theirs: Any, x: Any, folder: Path) -> Any:
    """Read a model of Keras's from both kinds of files and live; return ours."""
    for suffix in SUFFIXES:
        theirs.save(folder / f"theirs.{suffix}")
        assert_equal(interop.load(folder / f"theirs.{suffix}"), theirs, x)
    ours = interop.load(theirs)
    assert_equal(ours, theirs, x)
    return ours


def assert_goes_out(keras: Any, ours: Any, x: Any, folder: Path) -> None:
    """Let Keras open what we write, and read it again."""
    for suffix in SUFFIXES:
        path = folder / f"ours.{suffix}"
        interop.save(ours, path)
        assert_equal(keras.models.load_model(path), ours, x)
        again = interop.load(path)
        assert_equal(again, ours, x)
        assert again.get_config() == ours.get_config()
    live = interop.to_keras(ours, keras)
    assert_equal(live, ours, x)
    assert_equal(interop.load(live), ours, x)


# --- layers ---


def alone(k: Any, kind: str, arguments: dict[str, Any], shapes: Any) -> Any:
    """Return a model of one layer."""
    inputs = [k.Input(shape[1:], name=f"in{i}") for i, shape in enumerate(shapes)]
    layer = getattr(k.layers, kind)(**arguments, name="it")
    return k.Model(inputs, layer(inputs if getattr(layers, kind).several else inputs[0]))


@pytest.mark.parametrize(("kind", "arguments", "shapes"), CASES, ids=IDS)
def test_every_layer_goes_both_ways(keras: Any, tmp_path: Path, kind: str, arguments: dict[str, Any], shapes: Any) -> None:
    rng = np.random.default_rng(0)
    x = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    theirs = fill(alone(keras, kind, arguments, shapes))
    theirs.save(tmp_path / "theirs.keras")
    ours = interop.load(tmp_path / "theirs.keras")
    assert_equal(ours, theirs, x)
    assert type(ours.get_layer("it")).__name__ == kind
    assert ours.get_layer("it").trainable == theirs.get_layer("it").trainable
    assert_equal(interop.load(theirs), theirs, x)
    interop.save(ours, tmp_path / "ours.keras")
    assert_equal(keras.models.load_model(tmp_path / "ours.keras"), ours, x)
    assert interop.load(tmp_path / "ours.keras").get_config() == ours.get_config()
    assert_equal(interop.to_keras(ours, keras), ours, x)


@pytest.mark.parametrize("make", ARCHITECTURES, ids=lambda make: make.__name__)
def test_every_architecture_goes_both_ways(keras: Any, tmp_path: Path, make: Any) -> None:
    ours, theirs = both(keras, make)
    x = images(4, seed=3)[0]
    assert_comes_in(theirs, x, tmp_path)
    assert_goes_out(keras, ours, x, tmp_path)


ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "swish", "mish", "sigmoid", "hard_sigmoid", "hard_silu",
    "hard_swish", "tanh", "softplus", "softsign", "softmax", "log_softmax", "exponential", "linear", None,
)  # fmt: skip


def test_every_activation_goes_both_ways(keras: Any, tmp_path: Path) -> None:
    la, inputs = keras.layers, keras.Input((5,))
    outputs = [la.Dense(2, activation=name)(inputs) for name in ACTIVATIONS]
    outputs += [la.Activation(name)(inputs) for name in ACTIVATIONS if name]
    x = np.random.default_rng(1).standard_normal((3, 5)).astype("float32")
    assert_goes_out(keras, assert_comes_in(fill(keras.Model(inputs, outputs)), x, tmp_path), x, tmp_path)


def test_layers_as_activations_go_both_ways(keras: Any, tmp_path: Path) -> None:
    la, inputs = keras.layers, keras.Input((5,))
    options = [la.LeakyReLU(0.3), la.ReLU(2.0, negative_slope=0.1, threshold=0.2), la.ELU(0.4), la.Softmax(axis=1), la.Activation("tanh")]
    x = np.random.default_rng(1).standard_normal((3, 5)).astype("float32")
    theirs = fill(keras.Model(inputs, [la.Dense(2, activation=layer)(inputs) for layer in options]))
    assert_goes_out(keras, assert_comes_in(theirs, x, tmp_path), x, tmp_path)


def test_initializers_and_regularizers_go_both_ways(keras: Any, tmp_path: Path) -> None:
    made, costs = keras.initializers, keras.regularizers
    pairs = [
        (made.Orthogonal(2.0, seed=3), "l1"), (made.Constant(0.2), costs.L1L2(0.1, 0.2)), (made.HeNormal(), costs.L2(0.3)), ("zeros", None),
        (made.VarianceScaling(2.0, "fan_out", "untruncated_normal"), costs.L1(0.3)), (made.RandomUniform(-1, 2), None),
        (made.TruncatedNormal(1.0, 2.0), None), (made.RandomNormal(seed=keras.random.SeedGenerator(3)), None), (made.Identity(), "l2"),
    ]  # fmt: skip
    inputs = keras.Input((5,))
    outputs = [keras.layers.Dense(2, kernel_initializer=first, kernel_regularizer=cost)(inputs) for first, cost in pairs]
    x = np.ones((2, 5), "float32")
    ours = assert_comes_in(fill(keras.Model(inputs, outputs)), x, tmp_path)
    assert_goes_out(keras, ours, x, tmp_path)
    kinds = [type(ours.get_layer(layer.name).kernel_initializer).__name__ for layer in ours.layers[1:]]
    assert kinds == [type(layer.kernel_initializer).__name__ for layer in interop.to_keras(ours, keras).layers[1:]]
    assert ours.layers[2].kernel_regularizer.get_config() == {"l1": 0.1, "l2": 0.2}


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_types_go_both_ways(keras: Any, tmp_path: Path, dtype: str) -> None:
    la = keras.layers
    theirs = keras.Sequential([keras.Input((5,), dtype=dtype), la.Dense(3, dtype=dtype), la.BatchNormalization(dtype=dtype)])
    x = (np.arange(10).reshape(2, 5) / 16).astype(dtype)
    theirs.set_weights([(np.ones(w.shape) / 4).astype(dtype) for w in theirs.get_weights()])
    ours = assert_comes_in(theirs, x, tmp_path) if dtype == "float64" else interop.load(theirs)
    assert [item.value.dtype for item in ours.parameters] == [dtype] * 6
    interop.save(ours, tmp_path / "ours.keras")
    back = keras.models.load_model(tmp_path / "ours.keras")
    assert [w.tobytes() for w in back.get_weights()] == [w.tobytes() for w in theirs.get_weights()]
    assert back.layers[0].dtype == dtype


def test_whole_numbers_as_input_stay_whole_numbers(keras: Any, tmp_path: Path) -> None:
    la = keras.layers
    offset = np.array([1.0, 2.0])
    theirs = fill(keras.Sequential([keras.Input((4, 2), dtype="uint8"), la.Rescaling([0.5, 0.25], offset=offset), la.Dense(2)]))
    x = np.random.default_rng(0).integers(0, 255, (3, 4, 2)).astype("uint8")
    ours = assert_comes_in(theirs, x, tmp_path)
    assert ours.inputs[0].layer.dtype == "uint8"
    assert_goes_out(keras, ours, x, tmp_path)


# --- graphs ---


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_graphs_of_graphs_go_both_ways(keras: Any, tmp_path: Path, make: Any) -> None:
    theirs = fill(make(keras))
    x = given(theirs)
    loaded = assert_comes_in(theirs, x, tmp_path)
    ours = make(convstep)
    ours.set_weights(theirs.get_weights())
    assert_equal(ours, loaded, x)
    assert_goes_out(keras, ours, x, tmp_path)


def test_a_layer_that_two_models_share_is_shared_where_keras_says_so(keras: Any, tmp_path: Path) -> None:
    inner, conv = inner_with_names(keras)
    inputs = keras.Input(IMAGES)
    theirs = fill(keras.Model(inputs, conv(inner([inputs, inputs])["q"])))
    x = given(theirs)
    theirs.save(tmp_path / "theirs.keras")
    for source in (theirs, tmp_path / "theirs.keras"):
        ours = interop.load(source)
        assert_equal(ours, theirs, x)
        assert ours.get_layer("c") is ours.get_layer("inner").get_layer("c")
    for suffix in SUFFIXES:  # Keras cannot load such a layer as one: there it becomes two
        interop.save(ours, tmp_path / f"ours.{suffix}")
        got = keras.models.load_model(tmp_path / f"ours.{suffix}")
        np.testing.assert_allclose(predicted(got, x)[0], predicted(theirs, x)[0], atol=1e-5)


def test_a_model_that_begins_in_the_middle_of_another_one_goes_both_ways(keras: Any, tmp_path: Path) -> None:
    models = []
    for k in (keras, convstep):
        middle = k.layers.Conv2D(2, 1, name="before")(k.Input(IMAGES))
        models.append(k.Model(middle, k.layers.Conv2D(2, 1, name="after")(middle)))
    theirs, ours = fill(models[0]), models[1]
    x = np.random.default_rng(0).standard_normal((2, *IMAGES)).astype("float32")
    ours.set_weights(theirs.get_weights())
    assert_comes_in(theirs, x, tmp_path)
    for suffix in SUFFIXES:
        interop.save(ours, tmp_path / f"ours.{suffix}")
        assert_equal(keras.models.load_model(tmp_path / f"ours.{suffix}"), ours, x)
        assert_equal(interop.load(tmp_path / f"ours.{suffix}"), ours, x)


def test_operators_between_results_and_numbers_become_layers(keras: Any, tmp_path: Path) -> None:
    one, two = keras.Input((4,), name="one"), keras.Input((4,), name="two")
    x = keras.layers.Dense(4)(one) + two
    outputs = [x * two, 2.0 * x, x + 1, 3 - x, x - 0.5, keras.ops.maximum(x, two), keras.ops.subtract(x, keras.layers.Add()([one, two]))]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((3, 4)).astype("float32") for _ in range(2)]
    theirs = fill(keras.Model([one, two], outputs))
    assert_goes_out(keras, assert_comes_in(theirs, arrays, tmp_path), arrays, tmp_path)


def test_what_is_trained_and_what_is_not_stays_so(keras: Any, tmp_path: Path) -> None:
    la, inputs = keras.layers, keras.Input((3,))
    frozen = keras.Sequential([la.Dense(3, name="f"), la.BatchNormalization(name="g")], name="frozen")
    x = la.Dense(2, name="out")(la.BatchNormalization(name="bn", trainable=False)(frozen(la.Dense(3, trainable=False, name="d")(inputs))))
    theirs = fill(keras.Model(inputs, x))
    frozen.trainable = False
    flags = {"d": False, "frozen": False, "bn": False, "out": True}
    for source in ("keras", "h5", None):
        if source:
            theirs.save(tmp_path / f"m.{source}")
        ours = interop.load(tmp_path / f"m.{source}" if source else theirs)
        assert {name: ours.get_layer(name).trainable for name in flags} == flags
        assert [layer.trainable for layer in ours.get_layer("frozen").layers] == [False, False]
        assert len(ours.trainable_parameters) == len(theirs.trainable_weights) == 2
        assert_goes_out(keras, ours, np.ones((2, 3), "float32"), tmp_path)
        interop.save(ours, tmp_path / "again.keras")
        assert {
            name: keras.models.load_model(tmp_path / "again.keras").get_layer(name).trainable for name in flags if name != "frozen"
        } == {name: flag for name, flag in flags.items() if name != "frozen"}


# --- random architectures ---


def random_network(k: Any, seed: int) -> Any:
    """Return a network that grows by chance, the same for Keras and for convstep: branches, shared layers, models inside."""
    chance, la = random.Random(seed), k.layers  # noqa: S311 - the same network on every run
    inputs = k.Input(IMAGES, name="image")
    x, others = inputs, [inputs]
    for number in range(chance.randrange(3, 8)):
        kind = chance.randrange(9)
        name = f"n{number}"
        if kind == 0:
            x = la.Conv2D(
                chance.choice([2, 4]), chance.choice([1, 3]), padding="same", activation=chance.choice(["tanh", "elu", None]), name=name
            )(x)
        elif kind == 1:
            x = la.DepthwiseConv2D(3, padding="same", use_bias=chance.random() < 0.5, name=name)(x)
        elif kind == 2:
            x = la.BatchNormalization(epsilon=chance.choice([1e-3, 0.1]), scale=chance.random() < 0.5, name=name)(x)
        elif kind == 3:
            x = la.Concatenate(name=name)([x, chance.choice(others)])
        elif kind == 4:
            x = la.LeakyReLU(chance.choice([0.1, 0.3]), name=name)(x)
        elif kind == 5:
            shared = la.SeparableConv2D(x.shape[-1], 3, padding="same", name=name)
            x = la.Add(name=f"{name}_add")([shared(shared(x)), x])
        elif kind == 6:
            x = random_block(k, chance, x, name)
        elif kind == 7:
            x = la.MaxPooling2D(3, strides=1, padding="same", name=name)(x)
        else:
            x = la.Conv2DTranspose(2, 3, padding="same", activation="sigmoid", name=name)(x)
        others.append(x)
    features = la.GlobalAveragePooling2D(name="mean")(x)
    ends = [la.Dense(3, activation="softmax", name="kind")(features), la.Dense(1, name="size")(la.Dropout(0.3, name="drop")(features))]
    return k.Model(inputs, chance.choice([ends[0], ends, {"kind": ends[0], "size": ends[1]}]), name="network")


def random_block(k: Any, chance: random.Random, x: Any, name: str) -> Any:
    la, channels = k.layers, x.shape[-1]
    if chance.random() < 0.5:
        block = k.Sequential([k.Input((8, 8, channels)), la.Conv2D(channels, 3, padding="same"), la.PReLU(shared_axes=[1, 2])], name=name)
    else:
        part = k.Input((8, 8, channels), name="part")
        block = k.Model(part, la.Multiply(name="gate")([la.Conv2D(channels, 1, activation="sigmoid", name="c")(part), part]), name=name)
    return block(block(x)) if chance.random() < 0.5 else block(x)


@pytest.mark.parametrize("seed", range(50))
def test_random_architectures_go_both_ways(keras: Any, tmp_path: Path, seed: int) -> None:
    theirs = fill(random_network(keras, seed), seed)
    ours = random_network(convstep, seed)
    ours.set_weights(theirs.get_weights())
    x = images(3, seed)[0]
    suffix = SUFFIXES[seed % 2]
    theirs.save(tmp_path / f"theirs.{suffix}")
    assert_equal(interop.load(tmp_path / f"theirs.{suffix}"), theirs, x)
    interop.save(ours, tmp_path / f"ours.{suffix}")
    assert_equal(keras.models.load_model(tmp_path / f"ours.{suffix}"), theirs, x)
    again = interop.load(tmp_path / f"ours.{suffix}")
    assert again.get_config() == ours.get_config()
    assert [w.tobytes() for w in again.get_weights()] == [w.tobytes() for w in ours.get_weights()]


# --- weights alone, bytes, arguments ---


@pytest.mark.parametrize("make", [ARCHITECTURES[2], ARCHITECTURES[11], GRAPHS[7]], ids=lambda make: make.__name__)
def test_weights_go_alone(keras: Any, tmp_path: Path, make: Any) -> None:
    theirs = fill(make(keras), 5)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    theirs.save(tmp_path / "theirs.keras")
    theirs.save(tmp_path / "theirs.h5")
    for name in ("theirs.weights.h5", "theirs.keras", "theirs.h5"):
        ours = interop.load(make(keras)) if name == "theirs.h5" else make(convstep)
        if name == "theirs.h5":  # where names count
            ours = interop.load(tmp_path / name)
            ours.set_weights([np.zeros_like(w) for w in ours.get_weights()])
        interop.load_weights(ours, tmp_path / name)
        assert [w.tobytes() for w in ours.get_weights()] == [w.tobytes() for w in theirs.get_weights()]
    interop.save(ours, tmp_path / "ours.weights.h5")
    fresh = make(keras)
    fresh.load_weights(tmp_path / "ours.weights.h5")
    assert [w.tobytes() for w in fresh.get_weights()] == [w.tobytes() for w in theirs.get_weights()]


@pytest.mark.parametrize("suffix", ["keras", "h5", "weights.h5"])
def test_equal_models_are_equal_files(tmp_path: Path, suffix: str) -> None:
    model = ARCHITECTURES[11](convstep)
    for name in ("a", "b"):
        interop.save(model, tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("make", [*ARCHITECTURES, *GRAPHS], ids=lambda make: make.__name__)
def test_files_of_ours_come_back_without_keras(tmp_path: Path, make: Any) -> None:
    model = make(convstep)
    for suffix in SUFFIXES:
        interop.save(model, tmp_path / f"m.{suffix}")
        again = interop.load(tmp_path / f"m.{suffix}")
        assert again.get_config() == model.get_config()
        assert [w.tobytes() for w in again.get_weights()] == [w.tobytes() for w in model.get_weights()]
        assert type(again) is type(model)


def test_a_network_that_came_in_can_be_trained(keras: Any, tmp_path: Path) -> None:
    theirs = fill(ARCHITECTURES[2](keras))
    theirs.save(tmp_path / "m.keras")
    ours = interop.load(tmp_path / "m.keras")
    assert not ours.compiled
    ours.compile("sgd", "categorical_crossentropy")
    before = [w.tobytes() for w in ours.get_weights()]
    ours.fit(*images(8), verbose=0)
    assert [w.tobytes() for w in ours.get_weights()] != before


def test_what_a_model_was_compiled_with_is_left_in_the_file(keras: Any, tmp_path: Path) -> None:
    theirs = fill(ARCHITECTURES[2](keras))
    theirs.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    theirs.fit(*images(8), verbose=0)
    assert_comes_in(theirs, images(3)[0], tmp_path)


def test_a_chain_that_knows_no_shape_yet_stays_so(keras: Any, tmp_path: Path) -> None:
    theirs = keras.Sequential([keras.layers.Dense(3, name="d")])
    with pytest.warns(UserWarning, match="has not yet been built"):
        theirs.save(tmp_path / "m.keras")
    for source in (tmp_path / "m.keras", theirs):
        ours = interop.load(source)
        assert ours.graph is None
        assert ours.predict(np.ones((2, 4)), verbose=0).shape == (2, 3)


def test_what_the_calls_take_is_as_documented() -> None:
    assert (
        str(inspect.signature(interop.load))
        == "(source: Any, *, custom_objects: collections.abc.Mapping[str, typing.Any] | None = None) -> convstep.models.model.Model"
    )
    assert list(inspect.signature(interop.to_keras).parameters) == ["model", "keras"]
    assert list(inspect.signature(interop.save).parameters) == list(inspect.signature(interop.load_weights).parameters) == ["model", "path"]


@pytest.mark.parametrize("flag", [None, False, True])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("kind", ["BatchNormalization", "Dropout"])
def test_calls_in_training_are_what_predict_of_keras_makes_of_them(
    kind: str, flag: bool | None, inside: bool, keras: Any, tmp_path: Path
) -> None:
    make: Any = {"BatchNormalization": keras.layers.BatchNormalization, "Dropout": lambda: keras.layers.Dropout(0.5)}[kind]
    start, inner = keras.Input((4,)), keras.Input((4,))
    layer = keras.Model(inner, make()(inner)) if inside else make()
    theirs = fill(keras.Model(start, layer(start, training=flag)))
    x = np.random.default_rng(3).normal(2, 3, (8, 4)).astype(np.float32)
    wanted = theirs.predict(x, verbose=0)
    for suffix in SUFFIXES:
        theirs.save(tmp_path / f"m.{suffix}")
        np.testing.assert_allclose(interop.load(tmp_path / f"m.{suffix}").predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(interop.load(theirs).predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("notes", [{}, {"told": [1, {"two": None}], "größe": "5 €"}])
def test_notes_stay_beside_a_model_and_keras_passes_over_them(suffix: str, notes: dict[str, Any], keras: Any, tmp_path: Path) -> None:
    ours = convstep.Sequential([layers.Input((3,)), layers.Dense(2)])
    ours.notes = notes
    path = tmp_path / f"m.{suffix}"
    interop.save(ours, path)
    assert interop.load(path).notes == notes
    x = np.ones((2, 3), np.float32)
    assert_equal(keras.models.load_model(path), ours, x)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_notes_that_are_no_plain_data_or_too_long_are_refused(suffix: str, tmp_path: Path) -> None:
    ours = convstep.Sequential([layers.Input((3,)), layers.Dense(2)])
    path = tmp_path / f"m.{suffix}"
    for notes, fact in (
        ({"a": {1}}, "are no plain data: 'Object of type set is not JSON serializable'"),
        ({"a": "x" * 2**22}, r"take [0-9]* bytes, more than 4194304"),
    ):
        ours.notes = notes
        with pytest.raises(
            convstep.errors.DataError, match=rf"\Akeras\.save: the notes of the model {fact}\n  given {re.escape(str(path))}\Z"
        ):
            interop.save(ours, path)
    assert not path.exists()


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_notes_that_are_damaged_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    interop.save(convstep.Sequential([layers.Input((3,)), layers.Dense(2)]), path)
    with pytest.importorskip("h5py").File(path, "r+") as file:
        file.attrs["convstep_notes"] = text
    with pytest.raises(
        convstep.errors.DataError, match=rf"\Akeras\.load: the notes of the model are damaged: {re.escape(repr(text))}\n  given .*\Z"
    ):
        interop.load(path)
