"""A model that was read from an ONNX file, as callers use it: what goes in and out, saving, training, weights that change."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import Shape, file, node, normal, onnx, same, theirs

import convstep
from convstep.checks import Array
from convstep.errors import ArgumentTypeError, ConvStepError, DataError, ShapeError
from convstep.interop import onnx as interop

RNG = np.random.default_rng(7)
CONV = normal(RNG, 4, 3, 3, 3)
DENSE = normal(RNG, 4 * 4 * 4, 5) / 8
BIAS = normal(RNG, 5)


def small(**options: Any) -> Any:
    """Return a small network on images (n, 3, 8, 8)."""
    nodes = [
        node("Conv", "x w", "a", pads=[1, 1, 1, 1]), node("Relu", "a", "r"), node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"), node("Gemm", "f d c", "y"),
    ]  # fmt: skip
    return file(nodes, {"x": ["n", 3, 8, 8]}, {"w": CONV, "d": DENSE, "c": BIAS}, **options)


def branched() -> Any:
    """Return a network with two inputs and three outputs."""
    nodes = [
        node("Conv", "left w", "a", pads=[1, 1, 1, 1]), node("Conv", "right w", "b", pads=[1, 1, 1, 1]), node("Add", "a b", "sum"),
        node("GlobalAveragePool", "sum", "mean"), node("Sub", "a b", "difference"),
    ]  # fmt: skip
    return file(nodes, {"left": ["n", 3, 6, 6], "right": ["n", 3, 6, 6]}, {"w": CONV}, ["sum", "mean", "difference"])


def pictures(count: int = 2, side: int = 8) -> Array:
    """Return images with channels first."""
    return normal(np.random.default_rng(count), count, 3, side, side)


# --- what goes in and out ---


def test_a_file_a_message_and_bytes_are_the_same_model(tmp_path: Path) -> None:
    proto, x = small(), pictures()
    path = tmp_path / "small.onnx"
    onnx.save(proto, path)
    wanted = interop.load(proto).predict(x)
    for source in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(interop.load(source).predict(x), wanted)


def test_a_model_is_named_for_its_graph_unless_it_is_told() -> None:
    assert interop.load(small()).name == "small"
    assert interop.load(small(), name="mine").name == "mine"


def test_a_single_output_is_an_array_and_several_are_a_dict_in_the_order_of_the_file() -> None:
    assert isinstance(interop.load(small()).predict(pictures()), np.ndarray)
    found = interop.load(branched()).predict([pictures(2, 6), pictures(3, 6)[:2]])
    assert list(found) == ["sum", "mean", "difference"]


def test_inputs_come_as_a_list_in_order_or_by_name() -> None:
    model, left, right = interop.load(branched()), pictures(2, 6), pictures(3, 6)[:2]
    listed, named = model.predict([left, right]), model.predict({"right": right, "left": left})
    for name in listed:
        np.testing.assert_array_equal(listed[name], named[name])
    same(branched(), {"left": left, "right": right})


def test_one_input_comes_as_an_array_a_list_of_one_or_by_name() -> None:
    model, x = interop.load(small()), pictures()
    for given in ([x], {"x": x}, x.astype(np.float64)):
        np.testing.assert_array_equal(model.predict(given), model.predict(x))


@pytest.mark.parametrize("batch_size", [None, 1, 3, 1000])
def test_the_size_of_batches_does_not_change_the_numbers(batch_size: int | None) -> None:
    model, x = interop.load(small()), pictures(70)
    np.testing.assert_allclose(model.predict(x, batch_size=batch_size), theirs(small(), {"x": x})[0], rtol=1e-4, atol=1e-5)


def test_an_empty_batch_has_empty_outputs() -> None:
    assert interop.load(small()).predict(pictures()[:0]).shape == (0, 5)


def test_images_of_any_size_are_taken_where_the_file_takes_them() -> None:
    nodes = [node("Conv", "x w", "a", pads=[1, 1, 1, 1]), node("AveragePool", "a", "y", kernel_shape=[2, 2], strides=[2, 2])]
    model = interop.load(file(nodes, {"x": ["n", 3, "h", "w"]}, {"w": CONV}))
    for batch, height, width in ((1, 8, 8), (2, 11, 6), (1, 30, 7), (1, 8, 8)):
        x = normal(RNG, batch, 3, height, width)
        np.testing.assert_allclose(
            model.predict(x), theirs(file(nodes, {"x": ["n", 3, "h", "w"]}, {"w": CONV}), {"x": x})[0], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8, np.bool_, np.float64, np.float16])
def test_inputs_of_every_type_are_taken(kind: type) -> None:
    x: Array = np.array([[0, 1, 1], [1, 0, 0]]).astype(kind)
    shape: Shape = ["n", 3]
    same(file([node("Cast", "x", "y", to=1)], {"x": (shape, kind)}), {"x": x})


def test_a_scalar_input_is_taken() -> None:
    shape: Shape = []
    for kind in (np.float32, np.int64):
        same(
            file([node("Add", "x k", "s"), node("Mul", "s x", "y")], {"x": (shape, kind)}, {"k": np.array(2, kind)}),
            {"x": np.array(3, kind)},
        )


def test_an_input_that_is_an_output_comes_back() -> None:
    proto = file([node("Relu", "x", "y")], {"x": ["n", 3]}, outputs={"y": ["n", 3], "x": ["n", 3]})
    same(proto, {"x": normal(RNG, 2, 3)})
    same(file([node("Identity", "x", "y")], {"x": ["n", 3]}), {"x": normal(RNG, 2, 3)})


def test_a_constant_that_is_an_output_comes_back() -> None:
    proto = file([node("Relu", "x", "y"), node("Add", "k k", "z")], {"x": ["n", 3]}, {"k": np.ones((2, 2), np.float32)}, ["y", "z"])
    same(proto, {"x": normal(RNG, 2, 3)})


def test_a_file_without_inputs_is_predicted_without_any() -> None:
    proto = file([node("Add", "k k", "y")], {}, {"k": np.ones(3, np.float32)})
    np.testing.assert_array_equal(interop.load(proto).predict(), np.full(3, 2, np.float32))


def test_inputs_that_nobody_reads_are_asked_for_and_left_alone() -> None:
    proto = file([node("Relu", "x", "y")], {"unused": ["n", 2], "x": ["n", 3]})
    same(proto, {"x": normal(RNG, 2, 3), "unused": normal(RNG, 2, 2)})


def test_weights_that_are_listed_among_the_inputs_are_weights() -> None:
    proto = small()
    proto.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, list(CONV.shape)))
    assert interop.load(proto).input_names == ["x"]
    same(proto, {"x": pictures()})


def test_weights_in_constants_are_weights() -> None:
    held = onnx.helper.make_node("Constant", [], ["w"], value=onnx.numpy_helper.from_array(CONV, "w"))
    proto = file([held, node("Conv", "x w", "a"), node("Relu", "a", "y")], {"x": ["n", 3, 8, 8]})
    model = same(proto, {"x": pictures()})
    assert not model.operators


def test_nodes_may_stand_in_any_order() -> None:
    proto = small()
    turned = list(reversed(proto.graph.node))
    del proto.graph.node[:]
    proto.graph.node.extend(turned)
    np.testing.assert_array_equal(interop.load(proto).predict(pictures()), interop.load(small()).predict(pictures()))


def test_a_node_that_nobody_needs_is_not_done() -> None:
    proto = file([node("Relu", "x", "y"), node("Loop", "x", "z")], {"x": ["n", 3]}, outputs={"y": ["n", 3]})
    assert len(interop.load(proto).layers) == 2


def test_functions_are_put_where_they_are_called() -> None:
    opsets = [onnx.helper.make_opsetid("", 17)]
    body = [node("Conv", "x w", "a", pads=[1, 1, 1, 1]), node("Relu", "a", "y")]
    function = onnx.helper.make_function("mine", "ConvRelu", ["x", "w"], ["y"], body, opsets)
    nodes = [node("ConvRelu", "x w", "a", domain="mine"), node("ConvRelu", "a v", "y", domain="mine")]
    proto = file(nodes, {"x": ["n", 3, 8, 8]}, {"w": CONV, "v": normal(RNG, 2, 4, 3, 3)}, functions=[function], domains=["mine"])
    model = same(proto, {"x": pictures()})
    assert not model.operators


def test_weights_in_files_beside_it_are_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "small.onnx"
    path.parent.mkdir()
    onnx.save(small(), path, save_as_external_data=True, size_threshold=0, location="weights.bin")
    np.testing.assert_array_equal(interop.load(path).predict(pictures()), interop.load(small()).predict(pictures()))
    onnx.save(small(), path, save_as_external_data=True, size_threshold=0, all_tensors_to_one_file=False)
    np.testing.assert_array_equal(interop.load(path).predict(pictures()), interop.load(small()).predict(pictures()))


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22])
def test_every_opset_gives_the_same_network(opset: int) -> None:
    same(small(opset=opset), {"x": pictures()})


# --- what is refused ---


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (np.zeros((2, 3, 8, 9), np.float32), ShapeError, "have the shape (n, 3, 8, 8), not (2, 3, 8, 9)\n  given x (2, 3, 8, 9)"),
        (np.zeros((3, 8, 8), np.float32), ShapeError, "have the shape (n, 3, 8, 8), not (3, 8, 8)\n  given x (3, 8, 8)"),
        (
            np.zeros((1, 3), np.complex64),
            ArgumentTypeError,
            "hold numbers of the type float32, not complex64\n  given x 'an array of shape (1, 3)'",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given: Array, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        interop.load(small()).predict(given)
    assert str(caught.value) == f"predict: the input 'x' must {message}"


def test_one_name_is_one_length() -> None:
    with pytest.raises(ShapeError) as caught:
        interop.load(branched()).predict([pictures(2, 6), pictures(3, 6)])
    assert str(caught.value) == "predict: 'n' is 2 in the input 'left', but 3 in 'right'\n  given x (3, 3, 6, 6)"


@pytest.mark.parametrize("given", [{"z": pictures()}, {}, [], [pictures(), pictures()], None, "text", object()])
def test_other_inputs_are_refused(given: Any) -> None:
    with pytest.raises(ConvStepError):
        interop.load(small()).predict(given)


# --- the model as a model ---


def test_a_model_of_our_layers_is_saved_and_loaded(tmp_path: Path) -> None:
    model, x = interop.load(small()), pictures()
    model.save(tmp_path / "small.convstep")
    loaded = convstep.load_model(tmp_path / "small.convstep")
    assert type(loaded) is convstep.Model
    np.testing.assert_allclose(loaded.predict(x.transpose(0, 1, 2, 3)), model.predict(x), rtol=1e-6, atol=1e-6)


def test_a_model_of_operators_is_not_saved(tmp_path: Path) -> None:
    proto = file(
        [node("Conv", "x w", "a"), node("CumSum", "a k", "b"), node("Sin", "b", "y")], {"x": ["n", 3, 8, 8]}, {"w": CONV, "k": np.array(1)}
    )
    with pytest.raises(DataError) as caught:
        interop.load(proto).save(tmp_path / "small.convstep")
    wanted = "save: small cannot be written: there are no layers for CumSum, Sin, so keep the ONNX file"
    assert str(caught.value) == f"{wanted}\n  given {tmp_path / 'small.convstep'}"
    assert not list(tmp_path.iterdir())


def test_a_summary_tells_the_layers() -> None:
    lines: list[str] = []
    interop.load(small()).summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert all(word in text for word in ("Conv2D", "MaxPooling2D", "Dense"))


def test_training_goes_on_from_the_weights_of_the_file() -> None:
    model, x = interop.load(small()), pictures(16)
    before = model.predict(x)
    model.compile(convstep.optimizers.SGD(1e-4), loss="mse")
    np.testing.assert_allclose(model.predict(x), before, rtol=1e-5, atol=1e-5)
    history = model.fit(x, np.zeros((16, 5), np.float32), epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    after = model.predict(x)
    assert np.abs(after).mean() < np.abs(before).mean()
    np.testing.assert_allclose(model.evaluate(x, np.zeros((16, 5), np.float32), verbose=0), np.mean(after**2), rtol=1e-4)


def test_a_model_with_operators_is_not_trained() -> None:
    model = interop.load(file([node("Conv", "x w", "a"), node("CumSum", "a k", "y")], {"x": ["n", 3, 8, 8]}, {"w": CONV, "k": np.array(1)}))
    with pytest.raises(ArgumentTypeError) as caught:
        model.compile("sgd", loss="mse")
    assert str(caught.value) == "compile: no gradient goes back through CumSum, which convstep has no layers for\n  given model 'small'"


def test_weights_that_are_set_are_used_at_once() -> None:
    model, x = interop.load(small()), pictures()
    before = model.predict(x)
    model.set_weights([np.zeros_like(array) for array in model.get_weights()])
    assert np.any(before)
    assert not np.any(model.predict(x))


def test_weights_cannot_be_changed_in_place_behind_a_frozen_copy() -> None:
    model = interop.load(small())
    model.predict(pictures())
    with pytest.raises(ValueError, match="read-only"):
        model.layers[2].parameters[0].value[:] = 0


def test_a_view_from_before_is_no_way_behind_a_frozen_copy_either() -> None:
    model, x = interop.load(small()), pictures()
    views = [item.value[:] for item in model.parameters]
    before = model.predict(x)
    for view in views:
        view[...] = 0
    np.testing.assert_array_equal(model.predict(x), before)
    assert all(np.any(item) for item in model.get_weights())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301 - made a moment ago
def test_weights_of_a_copy_may_be_written_to(copied: Callable[[Any], Any]) -> None:
    model, x = interop.load(small()), pictures()
    before = model.predict(x)
    twin = copied(model)
    for item in twin.parameters:
        item.value[...] = 0
    assert not np.any(twin.predict(x))
    np.testing.assert_array_equal(model.predict(x), before)


def test_the_settings_of_a_model_make_a_plain_one() -> None:
    model, x = interop.load(small()), pictures()
    for twin in (interop.OnnxModel.from_config(model.get_config()), convstep.models.clone_model(model)):
        assert type(twin) is convstep.Model
        twin.set_weights(model.get_weights())
        np.testing.assert_allclose(twin.predict(x, verbose=0), model.predict(x), rtol=0, atol=1e-5)


def test_a_copy_is_a_model_of_its_own() -> None:
    model, x = interop.load(small()), pictures()
    wanted = model.predict(x)
    twin = copy.deepcopy(model)
    twin.set_weights([np.zeros_like(array) for array in twin.get_weights()])
    np.testing.assert_array_equal(model.predict(x), wanted)


def test_a_message_that_was_read_is_not_changed() -> None:
    proto = file([node("Relu", "x", "y")], {"x": ["?", "?"]})
    before = proto.SerializeToString(deterministic=True)
    interop.load(proto)
    assert proto.SerializeToString(deterministic=True) == before


def test_a_length_called_by_a_question_mark_twice_is_two_lengths() -> None:
    same(file([node("Relu", "x", "y")], {"x": ["?", 3, "?", "?"]}), {"x": normal(RNG, 2, 3, 5, 4)})


def test_lengths_may_be_cast_and_stay_what_they_are() -> None:
    nodes = [
        node("Shape", "x", "s"), node("Cast", "s", "c", to=6), node("Gather", "c zero", "n"), node("Gather", "c one", "k"),
        node("Concat", "n k minus", "t", axis=0), node("Cast", "t", "l", to=7), node("Reshape", "x l", "y"),
    ]  # fmt: skip
    weights = {"zero": np.array([0]), "one": np.array([1]), "minus": np.array([-1], np.int32)}
    same(file(nodes, {"x": ["n", 3, "h", "w"]}, weights, ["y", "k"]), {"x": normal(RNG, 2, 3, 4, 5)})
