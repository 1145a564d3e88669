"""A model is a layer: it keeps the contract, nothing stays in it, its names are the same on every run, it refuses in sentences."""

import os
import re
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.architectures import ARCHITECTURES, CLASSES, IMAGES, images

import convstep
from convstep import callbacks, layers, models
from convstep.checks import Array
from convstep.models import Model, Sequential
from convstep.testing import gradient_check
from convstep.utils import set_random_seed, to_categorical


def double(make: Any) -> Any:
    """Return a model whose layers work in float64, with random weights."""
    model = make(convstep)
    rng = np.random.default_rng(5)
    for name, item in model.named_parameters().items():
        values = rng.normal(0, 0.4, item.value.shape)
        item.value = np.abs(values) + 0.1 if "variance" in name else values
    for symbol in model.inputs:
        symbol.layer.dtype = np.dtype(np.float64)
    for inner in (layer for layer in model.layers if isinstance(layer, Model)):
        for symbol in inner.inputs:
            symbol.layer.dtype = np.dtype(np.float64)
    return model


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("make", ARCHITECTURES, ids=lambda make: make.__name__)
def test_gradients_are_the_numeric_slopes(make: Any, *, training: bool) -> None:
    model = double(make)
    trained = {name: item for name, item in model.named_parameters().items() if item.trainable}

    def forward(x: Array, *values: Array) -> tuple[Array, Any]:
        for item, value in zip(trained.values(), values, strict=True):
            item.value = value
        y, cache = model.forward(x, training=training)
        return y, cache

    def backward(dy: Array, cache: Any) -> tuple[Array, ...]:
        dx, gradients = model.backward(dy, cache)
        return (dx, *(gradients[name] for name in trained))

    x = np.random.default_rng(7).standard_normal((3, *IMAGES))
    arguments = {"x": x, **{name: item.value.copy() for name, item in trained.items()}}
    assert gradient_check(forward, backward, arguments).error < 2e-6


def two_ends() -> Model:
    image, number = layers.Input(IMAGES, name="image"), layers.Input((4,), name="number")
    x = layers.Concatenate()([layers.Flatten()(layers.Conv2D(3, 3, activation="tanh")(image)), layers.Dense(5)(number)])
    return Model({"image": image, "number": number}, {"kind": layers.Dense(CLASSES)(x), "size": layers.Dense(1)(x)})


def test_gradients_flow_from_several_outputs_to_several_inputs() -> None:
    inner = double(lambda _: two_ends())
    image, number = layers.Input(IMAGES, dtype="float64"), layers.Input((4,), dtype="float64")
    first = inner({"image": image, "number": number})
    second = inner({"number": layers.ReLU(negative_slope=0.5)(number), "image": image})
    outer = Model([image, number], [layers.Add()([first["kind"], second["kind"]]), second["size"]])

    def forward(a: Array, b: Array) -> tuple[Array, Any]:
        (kind, size), cache = outer.forward([a, b])
        return np.concatenate([kind, size], axis=1), cache

    def backward(dy: Array, cache: Any) -> tuple[Array, Array]:
        (da, db), _ = outer.backward([dy[:, :CLASSES], dy[:, CLASSES:]], cache)
        return da, db

    rng = np.random.default_rng(0)
    assert gradient_check(forward, backward, {"a": rng.standard_normal((2, *IMAGES)), "b": rng.standard_normal((2, 4))}).error < 1e-7


def test_an_output_without_a_gradient_sends_nothing_back() -> None:
    model = two_ends()
    x, numbers = images(3)[0], np.ones((3, 4), np.float32)
    y, cache = model.forward({"image": x, "number": numbers})
    _, gradients = model.backward({"size": np.ones_like(y["size"])}, cache)
    assert set(gradients) == {"conv2d/kernel", "conv2d/bias", "dense/kernel", "dense/bias", "dense_2/kernel", "dense_2/bias"}


@pytest.mark.parametrize("make", ARCHITECTURES, ids=lambda make: make.__name__)
def test_nothing_stays_in_a_model(make: Any) -> None:
    model = make(convstep)
    x, other = images(3)[0], images(4, seed=9)[0]
    y, cache = model.forward(x, training=True)
    before = [model.backward(y, cache) for _ in range(2)]
    weights = model.get_weights()
    model.forward(other, training=True)
    after = model.backward(y, cache)
    for dx, gradients in [*before, after]:
        assert np.array_equal(dx, before[0][0])
        assert all(np.array_equal(gradients[name], value) for name, value in before[0][1].items())
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_the_memory_of_a_forward_pass_is_let_go_layer_by_layer() -> None:
    size = 2**18
    model = Sequential([layers.Input((size,)), *(layers.ReLU() for _ in range(40))])
    import tracemalloc

    tracemalloc.start()
    model.predict(np.ones((1, size), np.float32), verbose=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 4 * size


def test_a_layer_that_trains_nothing_and_leads_to_none_that_does_is_left_out_of_the_way_back() -> None:
    class Proud(layers.Activation):
        def backward(self, dy: Array, cache: Any) -> Any:
            raise AssertionError(dy, cache)

    frozen = layers.Conv2D(2, 3, trainable=False)
    model = Sequential([layers.Input(IMAGES), Proud("relu"), frozen, Proud("relu"), layers.Flatten(), layers.Dense(CLASSES)])
    model.compile("sgd", "mse")
    before = frozen.get_weights()
    model.train_on_batch(*images(4))
    assert all(np.array_equal(a, b) for a, b in zip(before, frozen.get_weights(), strict=True))


# --- names ---


def test_layers_are_numbered_in_each_model_and_so_the_same_in_every_run() -> None:
    for _ in range(2):
        inputs = layers.Input(IMAGES)
        x = layers.Conv2D(2, 3, padding="same")(inputs)
        y = layers.Conv2D(2, 3, padding="same")(x)
        model = Model(inputs, layers.Add()([y, layers.Conv2D(2, 1, name="shortcut")(inputs), x]))
        assert [layer.name for layer in model.layers] == ["input_layer", "conv2d", "conv2d_1", "shortcut", "add"]
        assert model.name == "functional"


def test_names_given_by_hand_are_kept_and_others_step_aside() -> None:
    model = Sequential([layers.Dense(2), layers.Dense(2, name="dense"), layers.Dense(2, name="dense_2"), layers.Dense(2)])
    assert [layer.name for layer in model.layers] == ["dense_1", "dense", "dense_2", "dense_3"]


def test_a_model_of_layers_of_another_model_leaves_their_names_alone() -> None:
    whole = Sequential([layers.Input((3,)), layers.Dense(2), layers.Dense(2), layers.Dense(2)])
    inputs = layers.Input((2,))
    part = Model(inputs, layers.Dense(5)(whole.layers[1](inputs)))
    assert [layer.name for layer in whole.layers] == ["dense", "dense_1", "dense_2"]
    assert [layer.name for layer in part.layers] == ["input_layer", "dense_1", "dense"]


def test_layers_know_their_output_so_that_a_model_can_end_in_the_middle() -> None:
    model = models.lenet5()
    x = np.random.default_rng(0).random((2, 28, 28, 1))
    parts = Model(model.inputs, [model.get_layer("conv2d_1").output, model.get_layer("flatten").output, model.outputs[0]])
    maps, row, y = parts.predict(x, verbose=0)
    assert (maps.shape, row.shape) == ((2, 10, 10, 16), (2, 400))
    assert np.array_equal(y, model.predict(x, verbose=0))
    tail = Model(model.get_layer("flatten").output, model.outputs[0])
    assert np.array_equal(tail.predict(row, verbose=0), y)
    again = Model.from_config(tail.get_config())
    again.set_weights(tail.get_weights())
    assert np.array_equal(again.predict(row, verbose=0), y)


# --- Sequential ---


def test_a_sequential_is_built_when_it_first_meets_data() -> None:
    model = Sequential([layers.Conv2D(2, 3), layers.Flatten()])
    model.add(layers.Dense(CLASSES))
    assert not model.built
    assert model.get_weights() == []
    model.compile("adam", "mse")
    model.fit(*images(4), verbose=0)
    assert model.built
    assert model.count_params() == 2 * 9 * 2 + 2 + 72 * CLASSES + CLASSES


def test_a_sequential_grows_and_shrinks() -> None:
    model = Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2)])
    assert model.output_shape == (None, 2)
    last = model.pop()
    assert (last.name, model.output_shape) == ("dense_1", (None, 4))
    model.add(layers.Dense(7))
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert model.output_shape == (None, 7)


def test_a_sequential_may_begin_with_a_model() -> None:
    base = Sequential([layers.Input(IMAGES), layers.Flatten()])
    model = Sequential([base, layers.Dense(2)])
    assert model.built
    assert [layer.name for layer in model.layers] == ["sequential", "dense"]
    assert list(model.named_parameters()) == ["dense/kernel", "dense/bias"]


def test_an_axis_of_one_channel_may_be_left_out_as_in_keras() -> None:
    model = models.lenet5()
    x = np.random.default_rng(0).random((3, 28, 28))
    assert np.array_equal(model.predict(x, verbose=0), model.predict(x[..., None], verbose=0))


def test_a_clone_has_the_same_layers_and_other_weights() -> None:
    model = models.happy_house()
    clone = models.clone_model(model)
    assert clone.get_config() == model.get_config()
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])


# --- training ---


def test_runs_with_one_seed_are_equal_bit_by_bit() -> None:
    found = []
    for _ in range(2):
        set_random_seed(3)
        model = Sequential([layers.Conv2D(4, 3), layers.Dropout(0.5), layers.BatchNormalization(), layers.Flatten(), layers.Dense(CLASSES)])
        model.compile("adam", "mse")
        history = model.fit(*images(20), batch_size=6, epochs=2, verbose=0)
        found.append((history.history, [item.tobytes() for item in model.get_weights()]))
    assert found[0] == found[1]


def test_dropout_leaves_out_other_numbers_in_every_step_and_none_in_inference() -> None:
    model = Sequential([layers.Input((50,)), layers.Dropout(0.5)])
    x = np.ones((1, 50), np.float32)
    assert not np.array_equal(model(x, training=True), model(x, training=True))
    assert np.array_equal(model.predict(x, verbose=0), x)


class Batches:
    """Keras's PyDataset, as far as fit knows it."""

    def __init__(self, x: Array, y: Array, size: int) -> None:
        self.x, self.y, self.size, self.passes = x, y, size, 0

    def __len__(self) -> int:
        return (len(self.x) + self.size - 1) // self.size

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        return self.x[i * self.size : (i + 1) * self.size], self.y[i * self.size : (i + 1) * self.size]

    def on_epoch_end(self) -> None:
        self.passes += 1


class Stream:
    """Batches by iteration alone."""

    def __init__(self, x: Array, y: Array, size: int) -> None:
        self.x, self.y, self.size = x, y, size

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        for start in range(0, len(self.x), self.size):
            yield self.x[start : start + self.size], self.y[start : start + self.size]


@pytest.mark.parametrize("kind", ["indexed", "iterated", "generator"])
def test_batches_of_ones_own_train_as_arrays_do(kind: str) -> None:
    x, y = images(20)
    epochs = 1 if kind == "generator" else 3
    histories = []
    for own in (False, True):
        set_random_seed(1)
        model = Sequential([layers.Input(IMAGES), layers.Flatten(), layers.Dense(CLASSES)])
        model.compile("adam", "mse")
        if not own:
            history = model.fit(x, y, 6, epochs, verbose=0, shuffle=False)
        elif kind == "indexed":
            data = Batches(x, y, 6)
            history = model.fit(data, epochs=epochs, verbose=0)
            assert data.passes == epochs
        else:
            stream = Stream(x, y, 6)
            history = model.fit(iter(stream) if kind == "generator" else stream, epochs=epochs, verbose=0)
        histories.append(history.history)
    assert histories[0] == histories[1]


def test_callbacks_are_called_as_keras_calls_them() -> None:
    called: list[str] = []

    class Witness(callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_") and "batch" not in name:
                called.append(name)
            return super().__getattribute__(name)

    model = Sequential([layers.Input(IMAGES), layers.Flatten(), layers.Dense(CLASSES)])
    model.compile("sgd", "mse")
    model.fit(*images(8), epochs=1, validation_split=0.5, verbose=0, callbacks=[Witness()])
    assert called == ["on_train_begin", "on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end", "on_train_end"]
    called.clear()
    model.predict(images(3)[0], verbose=0, callbacks=[Witness()])
    assert called == ["on_predict_begin", "on_predict_end"]


def test_a_callback_can_stop_a_training_after_any_batch() -> None:
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1
            assert set(logs) == {"loss"}

    model = Sequential([layers.Input(IMAGES), layers.Flatten(), layers.Dense(CLASSES)])
    model.compile("sgd", "mse")
    history = model.fit(*images(12), batch_size=2, epochs=5, verbose=0, callbacks=Stop())
    assert model.optimizer is not None
    assert (model.optimizer.iterations, history.epoch) == (2, [0])


def bits(model: Model) -> tuple[bytes, ...]:
    return tuple(item.tobytes() for item in model.get_weights())


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send this signal to itself")
def test_ctrl_c_leaves_a_model_as_it_is_between_two_steps() -> None:
    x, y = images(40)

    def fresh() -> Sequential:
        set_random_seed(0)
        model = Sequential(
            [layers.Input(IMAGES), layers.Conv2D(8, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(CLASSES)]
        )
        model.compile("adam", "mse")
        return model

    reference = fresh()
    states = [bits(reference)]
    for _ in range(40):
        for start in range(0, 40, 8):
            reference.train_on_batch(x[start : start + 8], y[start : start + 8])
            states.append(bits(reference))
    seen = set()
    for attempt in range(15):
        model = fresh()
        timer = threading.Timer(0.002 + 0.0041 * attempt, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, batch_size=8, epochs=10**6, shuffle=False, verbose=0)
        timer.join()
        assert model.optimizer is not None
        steps = model.optimizer.iterations
        seen.add(steps)
        if steps < len(states):
            assert bits(model) == states[steps]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(seen) > 1


# --- what is printed ---

SECONDS = re.compile(r"\d+s - \d+[mu]?s/step")


def small() -> Sequential:
    set_random_seed(0)
    model = Sequential([layers.Input(IMAGES), layers.Flatten(), layers.Dense(CLASSES, kernel_initializer="zeros")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_in_a_pipe_each_epoch_is_two_lines(capsys: pytest.CaptureFixture[str], verbose: Any) -> None:
    model = small()
    x = np.zeros((5, *IMAGES))
    model.fit(x, np.ones((5, CLASSES)), batch_size=2, epochs=2, verbose=verbose, validation_data=(x, np.zeros((5, CLASSES))))
    lines = SECONDS.sub("TIME", capsys.readouterr().out).splitlines()
    assert lines[0] == "Epoch 1/2"
    assert lines[1].startswith("3/3 - TIME - loss: 0.98")
    assert [part.partition(":")[0] for part in lines[1].split(" - ")[2:]] == ["loss", "mae", "val_loss", "val_mae"]
    assert len(lines) == 4


def test_evaluate_and_predict_print_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    model = small()
    x = np.zeros((5, *IMAGES))
    model.evaluate(x, np.full((5, CLASSES), 0.01), 2)
    model.predict(x)
    assert SECONDS.sub("TIME", capsys.readouterr().out) == "3/3 - TIME - loss: 1.0000e-04 - mae: 0.0100\n1/1 - TIME\n"


def test_verbose_0_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    model = small()
    model.fit(*images(4), verbose=0)
    model.evaluate(*images(4), verbose=0)
    model.predict(images(4)[0], verbose=0)
    assert capsys.readouterr().out == ""


def test_on_a_terminal_there_is_a_bar_and_then_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    model = small()
    model.fit(*images(6), batch_size=2, verbose=1)
    out = capsys.readouterr().out
    assert "━" in out
    assert SECONDS.sub("TIME", out).splitlines()[-1].split("3/3 - ")[1].startswith("TIME - loss: ")


def test_an_error_in_a_run_leaves_the_terminal_as_it_was(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")

    class Fail(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt(batch, logs)

    with pytest.raises(KeyboardInterrupt):
        small().fit(*images(6), batch_size=2, verbose=1, callbacks=[Fail()])
    out = capsys.readouterr().out
    assert out.count("\x1b[?25l") == out.count("\x1b[?25h") == 1


# --- numbers of classes as rows ---


@given(st.lists(st.integers(0, 6), min_size=1), st.booleans())
def test_to_categorical_marks_the_class(labels: list[int], column: bool) -> None:
    given_labels = np.array(labels)[:, None] if column else np.array(labels)
    rows = to_categorical(given_labels, 7)
    assert rows.shape == (len(labels), 7)
    assert rows.argmax(axis=1).tolist() == labels
    assert rows.sum(axis=1).tolist() == [1.0] * len(labels)


def test_to_categorical_is_that_of_keras(keras: Any) -> None:
    for x in ([0, 2, 1], [[0], [3]], np.array([[1, 2], [0, 1]]), 2):
        ours, theirs = to_categorical(x), keras.utils.to_categorical(x)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)


# --- what is refused ---


def model_of(**compiled: Any) -> Sequential:
    model = Sequential([layers.Input((2,)), layers.Dense(1)], name="m")
    if compiled:
        model.compile(**compiled)
    return model


def ends(**compiled: Any) -> Model:
    inputs = layers.Input((2,), name="x")
    model = Model(inputs, [layers.Dense(1, name="a")(inputs), layers.Dense(1, name="b")(inputs)], name="m")
    if compiled:
        model.compile("sgd", **compiled)
    return model


TWO = np.ones((3, 2))
ONE = np.ones((3, 1))
NAMED = layers.Dense(1, name="d")
NO_SYMBOL = "inputs must be what Input and layers return when they are called with it; a model cannot be written as a call method"
NO_FIT = 'the input "input_layer" must have the shape (None, 2), None for any length, not (3, 5)'
REFUSED: list[tuple[Any, str]] = [
    (
        lambda: model_of().fit(TWO, ONE),
        "fit: the model is not compiled: call compile(optimizer, loss) before fit\n  given model 'm'",
    ),
    (
        lambda: model_of(optimizer="sgd").fit(TWO, ONE),
        "fit: there is no loss to train for: give one to compile\n  given loss None",
    ),
    (lambda: model_of(loss="mse").fit(TWO, verbose=0), "fit: the loss needs targets, but y was not given\n  given y None"),
    (
        lambda: ends(loss=["mse", "mse"]).fit(TWO, verbose=0),
        'fit: the loss needs targets for the output "a", but y was not given\n  given y None',
    ),
    (lambda: model_of(loss="mse").fit(TWO, ONE, verbose=3), 'fit: verbose must be 0, 1, 2 or "auto"\n  given verbose 3'),
    (
        lambda: model_of().predict(np.ones((3, 5)), verbose=0),
        f"predict: {NO_FIT}\n  given model 'm', input (3, 5)",
    ),
    (
        lambda: ends().predict([TWO, TWO], verbose=0),
        'predict: x is a list of 2, but the model has 1: "x"\n  given x ((3, 2), (3, 2))',
    ),
    (lambda: ends().accept("predict", {}), 'predict: x has no keys, but the model has "x"\n  given x {}'),
    (
        lambda: ends().predict({"y": TWO}, verbose=0),
        'predict: x has the keys "y", but the model has "x"\n  given x {\'y\': (3, 2)}',
    ),
    (
        lambda: ends(loss="mse").fit(TWO, ONE, verbose=0),
        'fit: y is one array, but the model has 2: "a", "b"\n  given y ((3, 1),)',
    ),
    (
        lambda: ends(loss=["mse"]),
        "compile: loss has 1 entries, but the model has 2 outputs\n  given loss ['mse']",
    ),
    (
        lambda: ends(loss={"c": "mse"}),
        "compile: loss has the key \"c\", but the outputs are a, b\n  given loss {'c': 'mse'}",
    ),
    (
        lambda: ends(loss="mse", metrics="mae"),
        "compile: metrics must be a list or a dict with an entry for each of the 2 outputs\n  given metrics 'mae'",
    ),
    (
        lambda: Model(None, None),
        f"Model: {NO_SYMBOL}\n  given inputs None",
    ),
    (
        lambda: Model(layers.Input((2,)), layers.Dense(1)(layers.Input((2,), name="lost"))),
        "Model: the outputs need the input \"lost\", which is not among the inputs\n  given inputs ('input_layer',)",
    ),
    (
        lambda: Model([(symbol := layers.Input((2,), name="x")), symbol], symbol),
        "Model: inputs must be different, and none of them one of several outputs of another model\n  given inputs ('x', 'x')",
    ),
    (
        lambda: Sequential([NAMED, layers.Dense(1, name="d")]),
        "Model: two layers have the name \"d\": names must be unique in a model\n  given name 'd'",
    ),
    (
        lambda: Sequential([layers.Dense(1, name="a/b")]),
        "Model: the name \"a/b\" holds a slash, which separates names in paths\n  given name 'a/b'",
    ),
    (lambda: Sequential([NAMED, NAMED]), "Sequential: the layer \"d\" is in the model already\n  given layer 'd'"),
    (lambda: Sequential(["relu"]), "Sequential: only layers can be added\n  given layer 'relu'"),
    (
        lambda: Sequential([layers.Dense(1), layers.Input((2,))]),
        "Sequential: an input can only come first\n  given input (None, 2)",
    ),
    (
        lambda: Sequential([layers.Input((2,)), ends()]),
        "Sequential: the layer \"m\" has several outputs\n  given layer 'm'",
    ),
    (lambda: Sequential(name="m").pop(), "pop: there is no layer left\n  given model 'm'"),
    (lambda: Sequential(name="m").predict(TWO), "m: the model has no layers: add some\n  given model 'm'"),
    (
        lambda: Sequential([layers.Dense(1)], name="m").predict([TWO, TWO]),
        "m: the model takes one input, not 2\n  given x ((3, 2), (3, 2))",
    ),
    (
        lambda: Sequential([layers.Dense(1)], name="m").count_params(),
        "count_params: the model is not built yet: call it with data, or tell it the shape of its input\n  given model 'm'",
    ),
    (lambda: model_of().get_layer("x"), "get_layer: there is no layer \"x\"; there are dense\n  given name 'x'"),
    (lambda: model_of().get_layer(index=3), "get_layer: there are 1 layers, none at 3\n  given index 3"),
    (lambda: model_of().summary(line_length=6), "summary: 6 characters are too narrow\n  given line_length 6"),
    (
        lambda: model_of(loss="mse").fit(Batches(TWO, ONE, 2), validation_split=0.5),
        "fit: validation_split needs arrays, but x yields batches\n  given validation_split 0.5",
    ),
    (
        lambda: model_of(loss="mse").fit(Batches(TWO, ONE, 2), class_weight={0: 2}),
        "fit: class_weight needs arrays, but x yields batches: let it yield sample weights\n  given class_weight {0: 2}",
    ),
    (lambda: model_of(loss="mse").fit(iter(())), "fit: x yields no batches\n  given x <tuple_iterator object>"),
    (
        lambda: model_of(loss="mse").fit(iter([(TWO, ONE, ONE, ONE)])),
        "fit: a batch must be (x, y) or (x, y, sample_weight), not 4 things\n  given x <list_iterator object>",
    ),
    (lambda: to_categorical([0.5]), "to_categorical: x must hold whole numbers >= 0\n  given x (1,)"),
    (
        lambda: to_categorical([3, 1], 3),
        "to_categorical: x holds the class 3, but there are 3, counted from 0\n  given x (2,), num_classes 3",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_what_is_refused_is_said_in_these_words(call: Any, message: str) -> None:
    with pytest.raises(convstep.ConvStepError) as caught:
        call()
    assert str(caught.value) == message


def test_symbols_cannot_be_mixed_with_arrays_or_come_in_the_wrong_number() -> None:
    inner = two_ends()
    with pytest.raises(convstep.ShapeError, match=r'^functional: inputs is a list of 1, but the model has 2: "image", "number"'):
        inner([layers.Input(IMAGES)])


@pytest.mark.parametrize("bad", ["text", [[1, 2], [3]], np.array([1j, 2j]), None])
def test_data_that_are_no_numbers_are_refused(bad: Any) -> None:
    with pytest.raises(convstep.ConvStepError):
        model_of().predict(bad, verbose=0)
    with pytest.raises(convstep.ConvStepError):
        model_of()(bad)


def test_data_are_never_changed() -> None:
    x, y = images(6)
    before = x.copy(), y.copy()
    model = Sequential([layers.Input(IMAGES), layers.Dropout(0.5), layers.ReLU(), layers.Flatten(), layers.Dense(CLASSES)])
    model.compile("adam", "mse")
    model.fit(x, y, epochs=2, verbose=0)
    assert np.array_equal(before[0], x)
    assert np.array_equal(before[1], y)


def test_operators_between_symbols_are_layers() -> None:
    one, other = layers.Input((3,)), layers.Input((3,))
    model = Model([one, other], ((one + other) * 2.0 - one) * other + 1)
    x, y = np.array([[1.0, 2.0, 3.0]], np.float32), np.array([[4.0, 5.0, 6.0]], np.float32)
    np.testing.assert_allclose(model.predict([x, y], verbose=0), (2 * (x + y) - x) * y + 1)
    with pytest.raises(TypeError, match="unsupported operand"):
        one + "text"


def test_metrics_may_be_the_third_argument_of_compile() -> None:
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", ["mae"])
    assert set(model.test_on_batch(np.ones((4, 2)), np.ones((4, 1)), return_dict=True)) == {"loss", "mae"}
