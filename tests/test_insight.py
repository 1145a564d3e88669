"""What a model says about one image: the outputs of its layers, and the gradient of a class score, against slopes and against PyTorch."""

from typing import Any

import numpy as np
import pytest

from convstep import ArgumentTypeError, Input, Model, Sequential, ShapeError, layers
from convstep.models import lenet5

STEP = 1e-6


def small(end: Any = None, **options: Any) -> Sequential:
    """Return a small network in float64 with every kind of layer that matters; `end` comes last."""
    rng = np.random.default_rng(5)
    model = Sequential(
        [
            Input((6, 6, 2), dtype="float64"),
            layers.Conv2D(3, 3, padding="same", activation="tanh", dtype="float64"),
            layers.BatchNormalization(dtype="float64"),
            layers.MaxPooling2D(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(4, dtype="float64", **options),
            *([] if end is None else [end]),
        ]
    )
    model.set_weights([rng.uniform(0.2, 1, item.shape) * rng.choice([-1, 1], item.shape) for item in model.get_weights()[:4]]
                      + [np.array([0.1, -0.2, 0.3]), np.array([0.5, 1.5, 2.0])]
                      + [rng.normal(size=item.shape) for item in model.get_weights()[6:]])  # fmt: skip
    return model


def images(count: int = 3) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(count, 6, 6, 2)) * np.arange(1, count + 1)[:, None, None, None]


def slope(function: Any, x: np.ndarray) -> np.ndarray:
    """Return the gradient of a function of an image, entry by entry."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = STEP
        found[place] = (function(x + step) - function(x - step)) / (2 * STEP)
    return found


ENDS = [
    pytest.param({"activation": "softmax"}, None, id="inside a layer"),
    pytest.param({}, layers.Softmax, id="a layer"),
    pytest.param({}, lambda: layers.Activation("softmax"), id="an activation"),
    pytest.param({"activation": "log_softmax"}, None, id="log_softmax"),
    pytest.param({"activation": "sigmoid"}, None, id="sigmoid"),
    pytest.param({}, None, id="none"),
]


class TestSaliency:
    @pytest.mark.parametrize(("options", "end"), ENDS)
    def test_is_the_slope_of_the_number_before_the_final_softmax(self, options: Any, end: Any) -> None:
        model, plain, x = small(end and end(), **options), small(), images(1)[0]
        wanted = slope(lambda image: plain.predict(image[None], verbose=0)[0, 2], x)
        np.testing.assert_allclose(model.saliency(x, 2), wanted, rtol=1e-7, atol=1e-8)
        assert np.abs(wanted).max() > 0.1

    @pytest.mark.parametrize(("options", "end"), ENDS)
    def test_is_the_slope_of_the_output_if_that_is_asked_for(self, options: Any, end: Any) -> None:
        model, x = small(end and end(), **options), images(1)[0]
        wanted = slope(lambda image: model.predict(image[None], verbose=0)[0, 2], x)
        np.testing.assert_allclose(model.saliency(x, 2, score="output"), wanted, rtol=1e-6, atol=1e-8)

    def test_is_of_the_predicted_class_if_none_is_named(self) -> None:
        model, x = small(activation="softmax"), images()
        predicted = model.predict(x, verbose=0).argmax(axis=1)
        assert len(set(predicted)) > 1
        np.testing.assert_array_equal(model.saliency(x), model.saliency(x, predicted))
        np.testing.assert_array_equal(model.saliency(x[0]), model.saliency(x[0], int(predicted[0])))

    def test_of_a_batch_is_that_of_each_image_with_a_class_for_each(self) -> None:
        model, x = small(activation="softmax"), images()
        found = model.saliency(x, [3, 0, 1])
        for image, gradient, number in zip(x, found, [3, 0, 1], strict=True):
            np.testing.assert_allclose(gradient, model.saliency(image, number), rtol=1e-12)
        np.testing.assert_array_equal(model.saliency(x, 1), model.saliency(x, [1, 1, 1]))

    @pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (28, 28, 28), (2, 28, 28, 1)])
    def test_has_the_shape_of_what_was_given(self, shape: tuple[int, ...]) -> None:
        model, x = lenet5(), np.random.default_rng(0).random(shape)
        found = model.saliency(x, 7)
        assert found.shape == shape
        if shape[-1] == 1 or len(shape) == 2:
            whole = model.saliency(x.reshape(-1, 28, 28, 1), 7)
            np.testing.assert_allclose(found.reshape(-1, 28, 28, 1), whole, rtol=1e-5, atol=1e-8)

    def test_takes_images_of_any_size_where_the_model_does(self) -> None:
        size: Any = (None, None, 3)
        start = Input(size)
        model = Model(start, layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(start))))
        for shape in ((5, 7, 3), (9, 4, 3)):
            assert model.saliency(np.ones(shape), 1).shape == shape

    def test_of_a_network_with_branches_agrees_with_pytorch(self) -> None:
        torch = pytest.importorskip("torch", reason="an oracle: PyTorch")
        start = Input((5, 5, 2), dtype="float64")
        one = layers.Conv2D(3, 3, padding="same", activation="relu", dtype="float64")(start)
        two = layers.Conv2D(3, 3, padding="same", dtype="float64")(one)
        ends = layers.Flatten()(layers.Add()([one, two]))
        model = Model(start, layers.Dense(4, "softmax", dtype="float64")(ends))
        x = np.random.default_rng(1).normal(size=(5, 5, 2))
        w1, b1, w2, b2, w3, b3 = (torch.tensor(item) for item in model.get_weights())
        image = torch.tensor(x, requires_grad=True)
        first = torch.relu(torch.conv2d(image.permute(2, 0, 1)[None], w1.permute(3, 2, 0, 1), b1, padding=1))
        first.retain_grad()
        second = torch.conv2d(first, w2.permute(3, 2, 0, 1), b2, padding=1)
        second.retain_grad()
        logits = (first + second).permute(0, 2, 3, 1).reshape(1, -1) @ w3 + b3
        logits[0, 3].backward()
        found = model.score_gradients(x, 3)
        np.testing.assert_allclose(model.saliency(x, 3), image.grad.numpy(), rtol=1e-10, atol=1e-13)
        for name, layer in (("conv2d", first), ("conv2d_1", second)):
            np.testing.assert_allclose(found[name], layer.grad[0].permute(1, 2, 0).numpy(), rtol=1e-10, atol=1e-13)
        np.testing.assert_array_equal(found["dense"], [0, 0, 0, 1])

    def test_goes_into_a_model_at_the_end_of_a_model(self) -> None:
        inner, x = small(activation="softmax"), images(1)[0]
        outer = Sequential([Input((6, 6, 2), dtype="float64"), inner])
        np.testing.assert_allclose(outer.saliency(x, 2), inner.saliency(x, 2), rtol=1e-12)
        assert list(outer.score_gradients(x, 2)) == ["input_layer", inner.name]

    def test_changes_nothing_of_the_model(self) -> None:
        model, x = small(activation="softmax"), images()
        before, weights, output = model.get_config(), model.get_weights(), model.predict(x, verbose=0)
        model.saliency(x)
        model.score_gradients(x[0], 1)
        model.layer_outputs(x)
        assert model.get_config() == before
        for old, new in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        np.testing.assert_array_equal(model.predict(x, verbose=0), output)

    def test_of_a_sure_model_vanishes_in_its_output_but_not_in_its_logit(self) -> None:
        model = Sequential([Input((2,)), layers.Dense(2, "softmax")])
        model.set_weights([[[1000, 0], [0, 1000]], [0, 0]])
        assert model.saliency([1.0, 0.0], score="output").tolist() == [0, 0]
        assert model.saliency([1.0, 0.0]).tolist() == [1000, 0]

    def test_is_zero_where_the_score_does_not_see_the_image(self) -> None:
        model = small(activation="softmax")
        model.set_weights([np.zeros_like(item) for item in model.get_weights()])
        assert not model.saliency(images(1)[0], 0).any()

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_of_an_image_that_is_no_number_comes_without_a_warning(self, value: float) -> None:
        assert small().saliency(np.full((6, 6, 2), value), 0).shape == (6, 6, 2)


class TestScoreGradients:
    def test_are_the_slopes_of_the_rest_of_the_network(self) -> None:
        model, x = small(activation="softmax"), images(1)[0]
        outputs, found = model.layer_outputs(x), model.score_gradients(x, 1)
        assert list(found) == ["input_layer", *outputs]
        chain = small().layers
        for place, name in enumerate(outputs):
            assert found[name].shape == outputs[name].shape

            def rest(value: np.ndarray, place: int = place) -> float:
                y = value[None]
                for layer in chain[place + 1 :]:
                    y, _ = layer.forward(y, training=False)
                return float(y[0, 1])

            start = outputs[name] if place < len(chain) - 1 else np.array([0.1, 0.2, 0.3, 0.4])
            np.testing.assert_allclose(found[name], slope(rest, start), rtol=1e-6, atol=1e-7, err_msg=name)

    def test_of_a_layer_that_is_used_twice_are_those_of_its_last_output(self) -> None:
        start, shared = Input((2,)), layers.Dense(2, use_bias=False, name="shared")
        model = Model(start, shared(shared(start)))
        model.set_weights([[[1, 2], [3, 4]]])
        assert model.score_gradients([1, 1], 0)["shared"].tolist() == [1, 0]
        assert model.layer_outputs([1, 1])["shared"].tolist() == [22, 32]
        assert model.saliency([1, 1], 0).tolist() == [7, 15]

    def test_leave_out_layers_that_the_score_does_not_depend_on(self) -> None:
        model, x = small(layers.Softmax(name="shares")), images(1)[0]
        assert "shares" not in model.score_gradients(x, 0)
        assert "shares" in model.score_gradients(x, 0, score="output")

    def test_of_a_chain_reach_every_layer_in_order(self) -> None:
        model = lenet5()
        found = model.score_gradients(np.ones((28, 28)), 3)
        assert list(found)[1:] == [layer.name for layer in model.layers]


class TestLayerOutputs:
    def test_are_those_of_the_layers_one_after_the_other(self) -> None:
        model, x = small(activation="softmax"), images()
        y: Any = x
        for (name, value), layer in zip(model.layer_outputs(x).items(), model.layers, strict=True):
            y, _ = layer.forward(y, training=False)
            assert name == layer.name
            np.testing.assert_allclose(value, y, rtol=1e-10)
        np.testing.assert_array_equal(y, model.predict(x, verbose=0))

    def test_of_one_image_have_no_batch(self) -> None:
        model = small()
        shapes = {name: value.shape for name, value in model.layer_outputs(images(1)[0]).items()}
        assert shapes == {
            "conv2d": (6, 6, 3),
            "batch_normalization": (6, 6, 3),
            "max_pooling2d": (3, 3, 3),
            "dropout": (3, 3, 3),
            "flatten": (27,),
            "dense": (4,),
        }

    def test_are_nobody_elses_memory(self) -> None:
        model, x = small(), images(1)[0]
        before = model.layer_outputs(x)
        for value in model.layer_outputs(x).values():
            value[...] = np.nan
        for name, value in model.layer_outputs(x).items():
            np.testing.assert_array_equal(value, before[name])

    def test_of_a_model_inside_with_several_outputs_come_as_it_returns_them(self) -> None:
        start = Input((3,))
        inner = Model(start, {"a": layers.Dense(2)(start), "b": layers.Dense(1)(start)}, name="inner")
        again = Input((3,))
        parts = inner(again)
        model = Model(again, layers.Concatenate()([parts["a"], parts["b"]]))
        found = model.layer_outputs([1, 2, 3])
        assert {key: value.shape for key, value in found["inner"].items()} == {"a": (2,), "b": (1,)}
        gradients = model.score_gradients([1, 2, 3], 2)
        assert gradients["inner"]["a"].tolist() == [0, 0]
        assert gradients["inner"]["b"].tolist() == [1]


def two_inputs() -> Model:
    one, two = Input((2,), name="one"), Input((2,), name="two")
    return Model([one, two], layers.Add()([one, two]), name="both")


def two_outputs() -> Model:
    start = Input((2,))
    return Model(start, [layers.Dense(2)(start), layers.Dense(3)(start)], name="both")


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: lenet5().saliency(np.ones((28, 28)), 10),
            ShapeError,
            "saliency: there is no class 10: they count from 0 to 9\n  given class_index 10",
        ),
        (
            lambda: lenet5().saliency(np.ones((28, 28)), -1),
            ShapeError,
            "saliency: class_index must be a whole number >= 0, not -1\n  given class_index -1",
        ),
        (
            lambda: lenet5().saliency(np.ones((28, 28)), "seven"),
            ArgumentTypeError,
            "saliency: class_index must be a whole number >= 0, not 'seven'\n  given class_index 'seven'",
        ),
        (
            lambda: lenet5().saliency(np.ones((2, 28, 28, 1)), [1, 2, 3]),
            ArgumentTypeError,
            ("saliency: class_index must be one whole number, or one for each of 2 images, not an array of shape (3,) of int64\n"
            "  given class_index [1, 2, 3]"),
        ),
        (
            lambda: lenet5().saliency(np.ones((28, 28)), 1, score="loss"),
            ShapeError,
            'saliency: score must be "logit" or "output", not \'loss\' (did you mean "logit"?)\n  given score \'loss\'',
        ),
        (
            lambda: lenet5().score_gradients(np.ones((20, 20)), 1),
            ShapeError,
            ('score_gradients: the input "input_layer" must have the shape (None, 28, 28, 1), None for any length, not (20, 20)\n'
            "  given model 'lenet5', input (20, 20)"),
        ),
        (
            lambda: lenet5().layer_outputs("digit"),
            ArgumentTypeError,
            "layer_outputs: x must hold real numbers, not text\n  given x 'digit'",
        ),
        (
            lambda: Sequential([layers.Dense(2)]).saliency([1.0]),
            ArgumentTypeError,
            "saliency: the model is not built yet: call it with data, or tell it the shape of its input\n  given model 'sequential'",
        ),
        (
            lambda: two_inputs().layer_outputs([1, 2]),
            ShapeError,
            "layer_outputs: the model has 2 inputs, not one image\n  given model 'both'",
        ),
        (
            lambda: two_outputs().saliency([1, 2]),
            ShapeError,
            ("saliency: the model has 2 outputs, and a score is one number of one of them\n"
            "  given model 'both'; try Model(model.inputs, model.outputs[0])"),
        ),
        (
            lambda: Sequential([Input((4, 4, 1)), layers.Conv2D(2, 3)]).saliency(np.ones((4, 4, 1)), 0),
            ShapeError,
            ("saliency: the model must return one row of scores for each image, but its output has the shape (None, 2, 2, 2)\n"
            "  given output (1, 2, 2, 2)"),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message
