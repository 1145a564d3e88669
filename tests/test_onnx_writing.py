"""Whole models as ONNX files: the numbers, the names, what the file says, and what is refused."""

import os
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.architectures import ARCHITECTURES
from tests.onnx_written import assert_same, chain, examples, joined, operators, random_model, randomised, session, turned, written

import convstep
from convstep import Input, Model, Sequential
from convstep import layers as la
from convstep.errors import ArgumentTypeError, DataError, MissingExtraError, ShapeError
from convstep.models.exporting import FORMATS

LAYOUTS = pytest.mark.parametrize("layout", ["NCHW", "NHWC"])


def weights(proto: Any) -> dict[str, Any]:
    onnx = pytest.importorskip("onnx")
    return {item.name: onnx.numpy_helper.to_array(item) for item in proto.graph.initializer}


def shapes(values: Any) -> dict[str, list[Any]]:
    return {item.name: [size.dim_param or size.dim_value for size in item.type.tensor_type.shape.dim] for item in values}


# ---- the same numbers


@LAYOUTS
@pytest.mark.parametrize("make", ARCHITECTURES, ids=lambda make: make.__name__)
def test_an_architecture_computes_the_same(make: Any, layout: str) -> None:
    assert_same(randomised(make(convstep)), layout)


@pytest.mark.parametrize("seed", range(64))
def test_a_random_model_computes_the_same(seed: int) -> None:
    model = random_model(seed)
    proto = assert_same(model, "NHWC" if seed % 3 == 0 else "NCHW", opset=17 + seed % 5, batch=1 + seed % 3)
    held = weights(proto)
    for path, item in model.named_parameters().items():
        stored = held[path]
        assert stored.dtype == item.value.dtype
        assert np.sort(stored.ravel()).tobytes() == np.sort(item.value.ravel()).tobytes()


@LAYOUTS
@pytest.mark.parametrize("make", [convstep.models.lenet5, convstep.models.resnet, convstep.models.signs, convstep.models.happy_house])
def test_the_courses_networks_need_one_transposition_at_most(make: Any, layout: str) -> None:
    kinds = operators(assert_same(randomised(make()), layout))
    assert kinds.count("Transpose") == (layout == "NHWC")


def test_a_gate_for_each_channel_needs_no_transposition() -> None:
    def gated(x: Any) -> Any:
        x = la.Conv2D(6, 3)(x)
        y = la.Reshape((1, 1, 6))(la.GlobalAveragePooling2D()(x))
        return la.Multiply()([x, la.Dense(6, activation="sigmoid")(la.Dense(2, activation="relu")(y))])

    assert "Transpose" not in operators(assert_same(joined(gated, (7, 6, 3))))


def test_one_transposition_serves_all_who_read_it() -> None:
    proto = assert_same(joined(lambda x: la.Add()([la.Conv2D(3, 2)(x), la.Conv2D(3, 2)(x)]), (5, 4, 3)), "NHWC")
    assert operators(proto) == ["Transpose", "Conv", "Conv", "Add", "Transpose"]


# ---- weights


def test_weights_lie_as_onnx_has_them() -> None:
    middle = [la.DepthwiseConv2D(2, depth_multiplier=3), la.Conv2DTranspose(3, 2), la.Flatten()]
    model = chain((6, 5, 2), la.Conv2D(4, 3, padding="same", groups=2), *middle, la.Dense(4))
    conv, depthwise, transposed, dense = (layer.parameters[0].value for layer in model.layers if layer.parameters)
    held = weights(written(model))
    assert held["conv2d/kernel"].tobytes() == conv.transpose(3, 2, 0, 1).tobytes()
    assert held["depthwise_conv2d/kernel"].tobytes() == depthwise.reshape(2, 2, 12).transpose(2, 0, 1).tobytes()
    assert held["conv2d_transpose/kernel"].tobytes() == transposed.transpose(3, 2, 0, 1).tobytes()
    assert held["dense/kernel"].tobytes() == dense.reshape(6, 5, 3, 4).transpose(2, 0, 1, 3).tobytes()
    assert held["dense/bias"].tobytes() == model.layers[-1].parameter("bias").tobytes()


def test_a_layer_that_is_used_twice_has_its_weights_once() -> None:
    twice = la.Dense(4, name="twice")
    proto = assert_same(joined(lambda x: la.Add()([twice(twice(x)), x]), (4,)))
    assert list(weights(proto)) == ["twice/kernel", "twice/bias"]
    assert [node.name for node in proto.graph.node] == ["twice/Gemm", "twice/Gemm_1", "add/Add"]


def test_a_dense_layer_that_meets_rows_in_two_orders_has_its_kernel_in_both() -> None:
    dense = la.Dense(3, name="both")
    proto = assert_same(joined(lambda a, b: la.Add()([dense(la.Flatten()(la.Conv2D(2, 2)(a))), dense(b)]), (4, 3, 2), (12,)))
    assert {"both/kernel", "both/kernel_1", "both/bias"} <= set(weights(proto))


# ---- names and shapes


def test_inputs_and_outputs_have_the_models_names_and_the_files_layout() -> None:
    image, vector = Input((8, 6, 3), name="image"), Input((4,), name="vector")
    x = la.Conv2D(4, 3)(image)
    model = Model({"image": image, "vector": vector}, {"map": la.Add()([x, vector]), "class": la.Dense(2)(la.Flatten()(x))})
    proto = assert_same(randomised(model))
    assert shapes(proto.graph.input) == {"image": ["batch", 3, 8, 6], "vector": ["batch", 4]}
    assert shapes(proto.graph.output) == {"class": ["batch", 2], "map": ["batch", 4, 6, 4]}
    proto = assert_same(model, "NHWC")
    assert shapes(proto.graph.input) == {"image": ["batch", 8, 6, 3], "vector": ["batch", 4]}
    assert shapes(proto.graph.output) == {"class": ["batch", 2], "map": ["batch", 6, 4, 4]}


def test_axes_of_any_length_have_names() -> None:
    proto = assert_same(chain((None, None, 3), la.Conv2D(2, 3, name="conv")))
    assert shapes(proto.graph.input) == {"input_layer": ["batch", 3, "height", "width"]}
    assert shapes(proto.graph.output) == {"conv": ["batch", 2, "conv_height", "conv_width"]}
    proto = assert_same(
        joined(lambda a, b: la.Concatenate(1)([a, b]), {"shape": (None, 3), "name": "a"}, {"shape": (None, 3), "name": "b"})
    )
    assert shapes(proto.graph.input) == {"a": ["batch", "a_axis_1", 3], "b": ["batch", "b_axis_1", 3]}


def test_a_batch_of_one_length_keeps_it() -> None:
    proto = assert_same(chain({"batch_shape": (3, 5)}, la.BatchNormalization(0), la.LayerNormalization(0), la.Dense(2)))
    assert shapes([*proto.graph.input, *proto.graph.output]) == {"input_layer": [3, 5], "dense": [3, 2]}


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_a_batch_of_any_size_is_computed(batch: int) -> None:
    assert_same(randomised(convstep.models.lenet5()), batch=batch)


def test_an_output_that_is_called_as_an_input_is_told_apart() -> None:
    x = Input((4,), name="x")
    model = randomised(Model({"x": x}, {"x": la.Dense(2)(x), "dense": la.Dense(3, name="other")(x), "y": la.Dropout(0.1)(x)}))
    proto = assert_same(model)
    assert [item.name for item in proto.graph.output] == ["dense", "x_output", "y"]


def test_one_result_can_be_several_outputs_and_an_input_one() -> None:
    x = Input((5, 4, 2))
    y = la.Conv2D(2, 3)(x)
    assert_same(randomised(Model(x, [y, y, la.Flatten()(y), x])))
    assert_same(Model(x, x))


def test_names_are_taken_once() -> None:
    x = Input((4,), name="a")
    first = la.Dense(3, name="b")(x)
    second = la.Dense(3, name="a/Gemm".replace("/", "-"))(first)
    proto = assert_same(randomised(Model(x, {"b": second, "b/Gemm": la.Activation("relu", name="c")(first)})))
    named = [name for node in proto.graph.node for name in node.output] + [
        item.name for item in (*proto.graph.initializer, *proto.graph.input)
    ]
    assert len(named) == len(set(named))


def test_models_inside_models_are_laid_open_under_their_paths() -> None:
    image, vector = Input((6, 5, 4), name="image"), Input((4,), name="vector")
    part, row = Input((6, 5, 4)), Input((4,))
    inner = Model(
        {"a": part, "b": row}, {"sum": la.Add()([la.Conv2D(4, 3, padding="same")(part), row]), "row": la.Dense(2)(row)}, name="inner"
    )
    once = inner({"a": image, "b": vector})
    twice = inner({"a": once["sum"], "b": vector})
    tail = Sequential([la.Flatten(), Sequential([la.Dense(3)], name="last")], name="tail")
    proto = assert_same(randomised(Model([image, vector], [tail(twice["sum"]), once["row"], twice["row"], once["sum"]])))
    assert {"inner/conv2d/kernel", "inner/dense/bias", "tail/last/dense/kernel"} <= set(weights(proto))
    assert {"inner/conv2d/Conv", "inner/conv2d/Conv_1", "tail/last/dense/Gemm"} <= {node.name for node in proto.graph.node}


def test_a_model_inside_takes_its_own_type() -> None:
    x = Input((4,))
    inner = Sequential([Input((4,), dtype="float64"), la.Dense(3, dtype="float64")])
    assert_same(randomised(Model(x, inner(x))))
    assert_same(randomised(Model(x, la.Dense(2)(inner(x)))))


def test_one_model_for_two_inputs_has_its_weights_once() -> None:
    coder = Sequential([Input((6, 5, 2)), la.Conv2D(3, 2), la.Flatten(), la.Dense(3)], name="coder")
    proto = assert_same(joined(lambda a, b: la.Subtract()([coder(a), coder(b)]), (6, 5, 2), (6, 5, 2)))
    assert list(weights(proto)) == ["coder/conv2d/kernel", "coder/conv2d/bias", "coder/dense/kernel", "coder/dense/bias"]


def test_a_part_of_a_model_is_written() -> None:
    model = randomised(convstep.models.lenet5())
    assert_same(Model(model.layers[1].output, model.layers[4].output))
    assert_same(Model(model.layers[0].input, [model.layers[2].output, model.layers[-3].output]))


def test_the_nodes_of_a_network_read_as_its_layers() -> None:
    proto = written(convstep.models.lenet5())
    told = [f"{node.op_type} {' '.join(node.input)} -> {' '.join(node.output)}" for node in proto.graph.node]
    assert told == [
        "Conv input_layer conv2d/kernel conv2d/bias -> conv2d/Conv",
        "Tanh conv2d/Conv -> conv2d",
        "AveragePool conv2d -> average_pooling2d",
        "Conv average_pooling2d conv2d_1/kernel conv2d_1/bias -> conv2d_1/Conv",
        "Tanh conv2d_1/Conv -> conv2d_1",
        "AveragePool conv2d_1 -> average_pooling2d_1",
        "Flatten average_pooling2d_1 -> flatten",
        "Gemm flatten dense/kernel dense/bias -> dense/Gemm",
        "Tanh dense/Gemm -> dense",
        "Gemm dense dense_1/kernel dense_1/bias -> dense_1/Gemm",
        "Tanh dense_1/Gemm -> dense_1",
        "Gemm dense_1 dense_2/kernel dense_2/bias -> dense_2/Gemm",
        "Softmax dense_2/Gemm -> dense_2",
    ]


# ---- the file


def test_export_and_save_write_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model = randomised(convstep.models.lenet5())
    model.export(tmp_path / "a.onnx")
    model.export(str(tmp_path / "b.ONNX"), format="onnx", layout="NCHW", opset=17)
    convstep.interop.onnx.save(model, tmp_path / "c.bin")
    model.export(tmp_path / "d", format="onnx")
    assert len({(tmp_path / name).read_bytes() for name in ("a.onnx", "b.ONNX", "c.bin", "d")}) == 1
    (x,) = examples(model)
    (y,) = session(str(tmp_path / "a.onnx")).run(None, {"input_layer": turned(x, "NCHW")})
    np.testing.assert_allclose(y, model(x), atol=1e-5)


@pytest.mark.parametrize(("opset", "version"), [(17, 8), (18, 8), (19, 9), (20, 9), (21, 10)])
@LAYOUTS
def test_the_file_says_what_it_is(layout: str, opset: int, version: int) -> None:
    model = convstep.models.lenet5()
    model.notes = {"classes": ["cat", "dog"]}
    proto = written(model, layout=layout, opset=opset)
    assert (proto.producer_name, proto.producer_version, proto.graph.name) == ("convstep", convstep.__version__, "lenet5")
    assert [(item.domain, item.version) for item in proto.opset_import] == [("", opset)]
    assert proto.ir_version == version
    assert {item.key: item.value for item in proto.metadata_props} == {
        "name": "lenet5",
        "class": "Sequential",
        "layout": layout,
        "notes": '{"classes": ["cat", "dog"]}',
    }
    axes = "(m, channels, height, width)" if layout == "NCHW" else "(m, height, width, channels)"
    assert proto.graph.doc_string == f"Inputs and outputs of four axes are {axes}."


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    path = tmp_path / "m.onnx"
    path.write_bytes(b"old")
    path.chmod(0o640)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            convstep.models.lenet5().export(path)
    assert path.read_bytes() == b"old"
    convstep.models.lenet5().export(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [item.name for item in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_is_written_by_its_suffix(suffix: str, tmp_path: Path) -> None:
    if suffix == ".onnx":
        pytest.importorskip("onnx")
    if suffix in {".keras", ".h5", ".hdf5"}:
        pytest.importorskip("h5py")
    convstep.models.signs().export(tmp_path / f"m{suffix}")
    assert (tmp_path / f"m{suffix}").stat().st_size > 5240  # 1,310 weights


# ---- what is refused


class Mine(la.Dense):
    """A layer of somebody's own."""


class Bent:
    """An activation of somebody's own."""

    def forward(self, x: Any) -> Any:
        return x, None

    def backward(self, dy: Any, _cache: Any) -> Any:
        return dy


def small(*layers: Any) -> Any:
    return Sequential([Input((4,)), *layers], name="small")


def trains(layer: Any) -> Any:
    x = Input((4,))
    return Model(x, layer(x, training=True))


REFUSED = [
    (
        lambda: small(Sequential([Mine(3, name="my")], name="in")),
        {},
        DataError,
        'export: the layer "in/my" is of the class Mine, which is not one of convstep\'s own: ONNX has no word for it\n  given in/my',
    ),
    (
        lambda: small(la.Dense(3, activation=Bent())),
        {},
        DataError,
        "export: dense has an activation of the class Bent, which is not one of convstep's own\n  given dense",
    ),
    (
        lambda: trains(la.Dropout(0.5)),
        {},
        DataError,
        'export: the layer "dropout" (Dropout) is called with training=True, and a file holds no training\n  given dropout',
    ),
    (
        lambda: trains(small(la.BatchNormalization(name="bn"))),
        {},
        DataError,
        'export: the layer "small/bn" (BatchNormalization) is called with training=True, and a file holds no training\n  given small/bn',
    ),
    (
        lambda: Sequential([la.Dense(3)], name="early"),
        {},
        ArgumentTypeError,
        "export: the model is not built yet: call it with data, or tell it the shape of its input\n  given model 'early'",
    ),
    (
        lambda: small(la.Dense(3)),
        {"layout": "nchw"},
        ShapeError,
        "export: layout must be \"NCHW\" or \"NHWC\", not 'nchw'\n  given layout 'nchw'",
    ),
    (lambda: small(la.Dense(3)), {"opset": 22}, ShapeError, "export: opset must be 17 to 21, not 22\n  given opset 22"),
    (lambda: small(la.Dense(3)), {"opset": 16}, ShapeError, "export: opset must be 17 to 21, not 16\n  given opset 16"),
    (
        lambda: small(la.Dense(3)),
        {"dtype": "float16"},
        ShapeError,
        'export: dtype must be "float32" or "float64", not \'float16\' (did you mean "float64"?)\n  given dtype \'float16\'',
    ),
]


@pytest.mark.parametrize(
    ("make", "options", "error", "message"), REFUSED, ids=lambda item: item.splitlines()[0] if isinstance(item, str) else ""
)
def test_what_cannot_be_written_is_said_in_one_sentence(make: Any, options: Any, error: Any, message: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(error) as caught:
        make().export(tmp_path / "m.onnx", **options)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_layers_that_would_learn_nothing_are_written_as_they_are() -> None:
    x = Input((4,))
    assert_same(randomised(Model(x, la.BatchNormalization(trainable=False)(la.Dropout(0.0)(x, training=True), training=True))))


def test_only_models_are_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        convstep.interop.onnx.save(la.Dense(3), tmp_path / "m.onnx")
    assert str(caught.value) == "export: there must be a model, not <Dense dense>\n  given model <Dense dense>"


def test_more_than_a_file_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    monkeypatch.setattr("convstep.interop.onnx.writing.protocol.MOST", 59)
    with pytest.raises(ShapeError) as caught:
        written(small(la.Dense(3)))
    assert str(caught.value) == "export: the weights take 60 bytes, and one ONNX file holds less than 2147483648\n  given model 'small'"


def test_a_format_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    model = small(la.Dense(3))
    known = ".onnx, .keras, .h5, .hdf5, .pth, .pt, .safetensors"
    facts = {"m.tflite": f'there is no format ".tflite" to write, only {known}', "m": f"the path must end in one of {known}"}
    for path, fact in facts.items():
        with pytest.raises(ShapeError) as caught:
            model.export(path)
        assert str(caught.value) == f"export: {fact}\n  given path '{path}'"
    with pytest.raises(ShapeError) as caught:
        model.export("m", format="tf_saved_model")
    words = " or ".join(f'"{suffix[1:]}"' for suffix in known.split(", "))
    assert str(caught.value) == f"export: format must be {words}, not 'tf_saved_model'\n  given format 'tf_saved_model'"
    with pytest.raises(ArgumentTypeError) as caught_type:
        model.export(3)
    assert str(caught_type.value) == "export: path must be a path\n  given path 3"


OPTIONS = {
    "m.onnx": 'there is no option "opsets" for .onnx, only layout, opset, dtype',
    "m.keras": 'there is no option "opsets" for .keras, and there is none',
    "m.pth": 'there is no option "opsets" for .pth, only names',
}


@pytest.mark.parametrize(("path", "fact"), OPTIONS.items())
def test_an_option_that_a_format_has_not_is_refused_with_those_that_it_has(path: str, fact: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        small(la.Dense(3)).export(path, opsets=17)
    assert str(caught.value) == f"export: {fact}\n  given opsets 17"


def test_a_model_that_was_read_is_written_with_its_axes_as_they_were(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    chain((6, 5, 3), la.Conv2D(4, 3)).export(tmp_path / "a.onnx")
    again = convstep.interop.onnx.load(tmp_path / "a.onnx")
    again.export(tmp_path / "b.onnx")
    proto = onnx.load(tmp_path / "b.onnx")
    assert [[item.dim_value for item in entry.type.tensor_type.shape.dim][1:] for entry in proto.graph.input] == [[3, 6, 5]]
    assert proto.graph.doc_string == "Inputs and outputs of four axes are as in the file that was read."
    assert {item.key: item.value for item in proto.metadata_props}["layout"] == "as read"
    x = np.random.default_rng(0).random((2, 3, 6, 5), dtype=np.float32)
    assert (convstep.interop.onnx.load(tmp_path / "b.onnx").predict(x) == again.predict(x)).all()


def test_without_the_extra_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError) as caught:
        small(la.Dense(3)).export(tmp_path / "m.onnx")
    assert str(caught.value) == 'export: onnx is not installed; this installs it: pip install "convstep[onnx]"'
