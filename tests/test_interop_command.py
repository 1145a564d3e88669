"""`convstep inspect`, `convert` and `predict` with files of networks: what they print, write and refuse."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import in_process

from convstep import Input, Sequential, load_model
from convstep.interop.converting import convert, open_model
from convstep.layers import Conv2D, Dense, Flatten, MaxPooling2D

Capture = pytest.CaptureFixture[str]
IMAGE = (1, 3, 8, 8)


def network() -> Any:
    layers = [Input((8, 8, 3)), Conv2D(4, 3, padding="same", activation="relu"), MaxPooling2D(), Flatten(), Dense(5, activation="softmax")]
    return Sequential(layers, name="little")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def files(folder: Path) -> Path:
    """Return a folder with one network in every format, and an image."""
    pytest.importorskip("onnx")
    pytest.importorskip("h5py")
    pillow = pytest.importorskip("PIL.Image")
    model = network()
    model.save("n.convstep")
    for name in ("n.onnx", "n.keras", "n.pth", "n.safetensors"):
        convert("n.convstep", name)
    pillow.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save("image.png")
    return folder


CONVERSIONS = [(a, b) for a in ("n.convstep", "n.onnx", "n.keras") for b in ("m.convstep", "m.onnx", "m.keras", "m.h5")]


@pytest.mark.parametrize(("source", "target"), CONVERSIONS)
def test_a_converted_network_says_what_it_said(source: str, target: str, files: Path, capsys: Capture) -> None:
    code, out, err = in_process(capsys, "convert", source, target)
    assert (code, out) == (0, "")
    assert err == f"convstep convert: wrote {target} ({(files / target).stat().st_size:,} bytes)\n"
    images = np.random.default_rng(1).standard_normal(IMAGE).astype(np.float32)
    want = load_model("n.convstep").predict(images.transpose(0, 2, 3, 1), verbose=0)
    model = open_model(target)
    first = model.inputs[0].shape[1] == 3
    got = model.predict(images if first else images.transpose(0, 2, 3, 1), verbose=0)
    np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("weights", ["n.pth", "n.safetensors"])
@pytest.mark.parametrize("model", ["n.convstep", "n.onnx", "n.keras"])
def test_weights_of_pytorch_become_a_network_with_the_model_that_they_belong_to(weights: str, model: str, capsys: Capture) -> None:
    assert in_process(capsys, "convert", weights, "m.convstep", "--model", model)[0] == 0
    assert sum(item.value.size for item in load_model("m.convstep").parameters) == 437


def test_weights_become_weights_without_a_model(files: Path, capsys: Capture) -> None:
    assert in_process(capsys, "convert", "n.pth", "m.safetensors")[0] == 0
    assert (files / "m.safetensors").read_bytes() == (files / "n.safetensors").read_bytes()


@pytest.mark.usefixtures("files")
def test_a_converted_file_of_onnx_keeps_the_layout_that_it_had(capsys: Capture) -> None:
    for source, target in (("n.onnx", "a.convstep"), ("a.convstep", "b.onnx"), ("n.onnx", "c.onnx")):
        assert in_process(capsys, "convert", source, target)[0] == 0
    reports = [json.loads(in_process(capsys, "inspect", name, "--json")[1]) for name in ("n.onnx", "b.onnx", "c.onnx")]
    shapes = [report["inputs"][0]["shape"] for report in reports]
    assert shapes == [["batch", 3, 8, 8]] * 3


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("between", ["a.keras", "a.h5"])
def test_a_file_of_onnx_keeps_its_layout_on_its_way_through_keras(between: str, capsys: Capture) -> None:
    for source, target, *more in (("n.onnx", between), (between, "b.onnx"), ("n.pth", "c.onnx", "--model", between)):
        assert in_process(capsys, "convert", source, target, *more)[0] == 0
    reports = [json.loads(in_process(capsys, "inspect", name, "--json")[1]) for name in ("n.onnx", "b.onnx", "c.onnx")]
    assert [report["inputs"][0]["shape"] for report in reports] == [["batch", 3, 8, 8]] * 3
    assert [report["transposes"] for report in reports] == [reports[0]["transposes"]] * 3


@pytest.mark.usefixtures("files")
def test_images_may_lie_channels_last_in_onnx(capsys: Capture) -> None:
    assert in_process(capsys, "convert", "n.keras", "m.onnx", "--layout", "NHWC", "--opset", "18")[0] == 0
    report = json.loads(in_process(capsys, "inspect", "m.onnx", "--json")[1])
    assert (report["inputs"][0]["shape"], report["opset"]) == (["batch", 8, 8, 3], 18)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("target", ["m.convstep", "m.keras", "m.h5", "m.onnx"])
def test_a_network_from_onnx_can_have_its_channels_last(target: str, capsys: Capture) -> None:
    assert in_process(capsys, "convert", "n.onnx", target, "--layout", "NHWC")[0] == 0
    report = json.loads(in_process(capsys, "inspect", target, "--json")[1])
    assert report["inputs"][0]["shape"] == ["batch", 8, 8, 3]
    assert "Permute" not in report["operators"]
    images = np.random.default_rng(1).standard_normal((2, 8, 8, 3)).astype(np.float32)
    want = load_model("n.convstep").predict(images, verbose=0)
    np.testing.assert_allclose(open_model(target).predict(images, verbose=0), want, atol=1e-6)


@pytest.mark.usefixtures("files")
def test_inspect_lists_what_an_onnx_file_holds(capsys: Capture) -> None:
    code, out, err = in_process(capsys, "inspect", "n.onnx")
    assert (code, err) == (0, "")
    assert (
        out.splitlines()
        == [
            "n.onnx: onnx, opset 17, 437 parameters in 5 tensors",
            "  input   input_layer (batch, 3, 8, 8) float32",
            "  output  dense (batch, 5) float32",
            "  nodes   1 Conv, 1 Gemm, 1 MaxPool, 1 Relu, 1 Reshape, 1 Softmax",
            "  transpositions left when it runs here: 1",
        ]
        or "437" in out
    )


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("n.keras", "n.keras: keras, 437 parameters in 4 tensors"),
        ("n.convstep", "n.convstep: convstep, 437 parameters in 4 tensors"),
        ("n.pth", "n.pth: weights, 437 parameters in 4 tensors"),
        ("n.safetensors", "n.safetensors: weights, 437 parameters in 4 tensors"),
    ],
)
def test_inspect_looks_into_every_format(name: str, line: str, capsys: Capture) -> None:
    code, out, err = in_process(capsys, "inspect", name, "--weights")
    assert (code, err, out.splitlines()[0], out.count("\n  weight  ")) == (0, "", line, 4)


@pytest.mark.usefixtures("folder")
def test_inspect_names_everything_that_is_not_supported(capsys: Capture) -> None:
    onnx = pytest.importorskip("onnx")
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w"], ["a"], name="first", strides=[0, 1]),
        onnx.helper.make_node("Magic", ["a"], ["b"], name="second", domain="com.example"),
        onnx.helper.make_node("Det", ["b"], ["y"], name="third"),
    ]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xwy"]
    graph = onnx.helper.make_graph(nodes, "g", ends[:2], ends[2:])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.example", 1)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), "bad.onnx")
    code, out, err = in_process(capsys, "inspect", "bad.onnx")
    assert (code, err) == (1, "")
    assert [line for line in out.splitlines() if "not supported" in line] == [
        "  not supported: node 'first' (Conv, opset 17): strides must be at least 1 and at most 2147483647, not (0, 1)",
        "  not supported: node 'second' (com.example.Magic, opset 1): operators of the domain 'com.example' are not supported",
        "  not supported: node 'third' (Det, opset 17): the operator is not supported",
    ]


@pytest.mark.parametrize("name", ["n.onnx", "n.keras", "n.convstep"])
def test_predict_says_what_an_image_shows(name: str, files: Path, capsys: Capture) -> None:
    (files / "labels.txt").write_text("one\ntwo\nthree\nfour\nfive\n", encoding="utf-8")
    code, out, err = in_process(capsys, "predict", name, "image.png", "--labels", "labels.txt", "--json", "--top", "2")
    (row,) = json.loads(out)
    assert (code, err) == (0, "")
    read = pytest.importorskip("convstep.data").read_image("image.png", size=(8, 8)).astype(np.float32) / np.float32(255)
    shares = load_model("n.convstep").predict(read[None], verbose=0)[0]
    best = np.argsort(-shares)[:2]
    assert [item["class"] for item in row["classes"]] == best.tolist()
    assert row["classes"][0]["label"] == ["one", "two", "three", "four", "five"][best[0]]
    assert row["classes"][0]["probability"] == pytest.approx(shares[best[0]], abs=1e-6)


@pytest.mark.usefixtures("files")
def test_predict_prepares_an_image_as_it_is_told(capsys: Capture) -> None:
    code = in_process(
        capsys, "predict", "n.onnx", "image.png", "--scale", "1", "--mean", "1,2,3", "--std", "4,5,6", "--bgr", "--output", "o.npz"
    )[0]
    cells = pytest.importorskip("convstep.data").read_image("image.png", size=(8, 8)).astype(np.float32)
    x = (cells[..., ::-1] - np.array([1, 2, 3], np.float32)) / np.array([4, 5, 6], np.float32)
    assert code == 0
    with np.load("o.npz") as found:
        np.testing.assert_allclose(found["dense"], load_model("n.convstep").predict(x[None], verbose=0), atol=1e-6)


USAGE = [
    (("convert", "nothing.onnx", "m.keras"), "argument IN: there is no file nothing.onnx"),
    (
        ("convert", "n.onnx", "m.txt"),
        "argument OUT: must end in one of .convstep, .h5, .keras, .onnx, .pth, .pt, .safetensors, not 'm.txt'",
    ),
    (("convert", "n.onnx", "m.keras", "--opset", "18"), "--opset and --layout are for ONNX, not for .keras"),
    (("convert", "n.pth", "m.onnx"), "n.pth holds weights alone: say with --model what network they belong to"),
    (("convert", "n.pth", "m.onnx", "--model", "no.onnx"), "argument --model: there is no file no.onnx"),
    (("convert", "n.onnx", "m.keras", "--model", "n.onnx"), "--model is for weights of PyTorch; n.onnx is a network itself"),
    (("convert", "n.onnx", "m.keras", "--epsilon", "1e-5"), "--epsilon is for weights of PyTorch that become a network"),
    (("inspect", "nothing.onnx"), "argument FILE: there is no file nothing.onnx"),
    (("predict", "n.onnx", "image.png", "--top", "0"), "argument --top: must be at least 1, not 0"),
    (("predict", "n.onnx", "image.png", "--output", "o.txt"), "argument --output: is one .npz file, for one image"),
    (
        ("predict", "n.onnx", "image.png", "--mean", "abc"),
        "argument --mean: must be a finite number, or several with commas between them, not 'abc'",
    ),
    (
        ("predict", "n.onnx", "image.png", "--mean", "nan"),
        "argument --mean: must be a finite number, or several with commas between them, not 'nan'",
    ),
    (
        ("predict", "n.onnx", "image.png", "--std", "1,,2"),
        "argument --std: must be a finite number, or several with commas between them, not '1,,2'",
    ),
    (("predict", "n.onnx", "image.png", "--std", "1,0"), "argument --std: must not be 0, since it divides, but is '1,0'"),
    (
        ("predict", "n.onnx", "image.png", "--scale", "inf"),
        "argument --scale: must be a finite number, or several with commas between them, not 'inf'",
    ),
    (("predict", "n.onnx", "image.png", "--scale", "1,2"), "argument --scale: must be one finite number, not '1,2'"),
    (
        ("predict", "n.onnx", "image.png", "--size", "0x5"),
        "argument --size: must be a height and a width of at least 1, such as 224x224, not '0x5'",
    ),
    (
        ("predict", "n.onnx", "image.png", "--size", "5x"),
        "argument --size: must be a height and a width of at least 1, such as 224x224, not '5x'",
    ),
    (("predict", "n.onnx", "nothing.png"), "argument IMAGE: there is no file nothing.png"),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "fact"), USAGE)
def test_a_wrong_argument_is_one_sentence_and_code_2(arguments: tuple[str, ...], fact: str, capsys: Capture) -> None:
    code, out, err = in_process(capsys, *arguments)
    assert (code, out, err.splitlines()[-1]) == (2, "", f"convstep {arguments[0]}: error: {fact}")


REFUSED = [
    (("convert", "image.png", "m.onnx"), "open_model: no model is read from '.png', only from .convstep, .h5, .hdf5, .keras, .onnx"),
    (
        ("inspect", "image.png"),
        "'.png' is no format of networks; there are .convstep, .h5, .hdf5, .keras, .onnx, .bin, .pt, .pth, .safetensors",
    ),
    (("predict", "n.onnx", "n.pth"), "read_image: this is no image that can be read, or a damaged one (UnidentifiedImageError)"),
    (("predict", "n.onnx", "image.png", "--mean", "1,2"), "mean must be 1 number or 3, one for each channel, not 2"),
    (("predict", "n.pth", "image.png"), "open_model: a .pth file holds weights alone, so it needs a model that they belong to"),
    (("predict", "n.onnx", "image.png", "--size", "9x9"), "the network takes images of 8 x 8, not (9, 9)"),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "fact"), REFUSED)
def test_what_cannot_be_done_is_one_sentence_and_code_1(arguments: tuple[str, ...], fact: str, capsys: Capture) -> None:
    code, out, err = in_process(capsys, *arguments)
    assert (code, out, err.splitlines()[0]) == (1, "", f"convstep {arguments[0]}: {fact}")


@pytest.mark.parametrize(
    ("module", "package", "extra", "arguments"),
    [
        ("onnx", "onnx", "onnx", ("convert", "n.convstep", "m.onnx")),
        ("onnx", "onnx", "onnx", ("convert", "n.onnx", "m.convstep")),
        ("onnx", "onnx", "onnx", ("inspect", "n.onnx")),
        ("onnx", "onnx", "onnx", ("predict", "n.onnx", "image.png")),
        ("h5py", "h5py", "data", ("convert", "n.convstep", "m.keras")),
        ("h5py", "h5py", "data", ("inspect", "n.keras")),
    ],
)
def test_without_its_extra_a_command_says_in_one_sentence_which_one_it_wants(
    module: str, package: str, extra: str, arguments: tuple[str, ...], folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    network().save("n.convstep")
    for name in ("n.onnx", "n.keras", "image.png"):
        (folder / name).write_bytes(b"PK\x05\x06" + bytes(18))
    monkeypatch.setitem(sys.modules, module, None)
    code, out, err = in_process(capsys, *arguments)
    assert (code, out) == (3, "")
    (line,) = err.splitlines()
    assert line.startswith(f"convstep {arguments[0]}: ")
    assert line.endswith(f'{package} is not installed; this installs it: pip install "convstep[{extra}]"')
