"""`convstep bench --onnx`: networks from files, ours beside onnxruntime, and what they say beside their times."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import MAIN, environment, in_process

pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
import onnx
from onnx import helper, numpy_helper

from convstep.bench import Plan, measure
from convstep.bench.report import report
from convstep.bench.rivals import exists

RIVALS = ("onnxruntime",) if exists("onnxruntime") else ()
needs_rival = pytest.mark.skipif(not RIVALS, reason="onnxruntime is not installed")


def command(*arguments: str, before: str = "import sys; ") -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", before + MAIN, *arguments]
    return subprocess.run(run, capture_output=True, text=True, env=environment(COLUMNS="80"), check=False)


def file(folder: Path, *, constant: bool = False) -> str:
    """A small network with an axis of any length; its filters are numbers, or a node fills them with one."""
    w = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("GlobalAveragePool", ["y"], ["z"])]
    weights = [numpy_helper.from_array(w, "w")]
    if constant:
        nodes.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["w"], value=numpy_helper.from_array(np.full(1, 0.5, np.float32))))
        weights = [numpy_helper.from_array(np.array(w.shape), "shape")]
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["m", 3, 8, 9])]
    outputs = [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["m", 4, 1, 1])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, weights)
    path = folder / ("light_constant.onnx" if constant else "small.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return str(path)


def measured(files: list[str], rivals: tuple[str, ...] = RIVALS) -> dict[str, Any]:
    told: list[str] = []
    found = measure(Plan(parts=[], rounds=2, threads=1, rivals=rivals, onnx=files), told.append)
    assert told == [f"onnx: {Path(name).stem}" for name in files]
    part: dict[str, Any] = found["onnx"]
    return part


@needs_rival
def test_both_sides_say_the_same_and_their_times_stand_side_by_side(tmp_path: Path) -> None:
    part = measured([file(tmp_path), file(tmp_path, constant=True)])
    assert [row["network"] for row in part["rows"]] == ["small", "constant"]
    for row in part["rows"]:
        assert set(row["sides"]) == {"convstep", "onnxruntime"}
        assert all(side["ms"] > 0 for side in row["sides"].values())
        assert 0 <= row["difference"] < 1e-5
        assert row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]
    medians = [row["ratio"]["median"] for row in part["rows"]]
    assert part["geometric_mean"] == pytest.approx(np.sqrt(np.prod(medians)), rel=1e-3)


def test_without_onnxruntime_we_are_measured_alone(tmp_path: Path) -> None:
    part = measured([file(tmp_path)], rivals=())
    assert set(part["rows"][0]["sides"]) == {"convstep"}
    assert part["rows"][0]["ratio"] is part["rows"][0]["difference"] is part["geometric_mean"] is None
    assert "no ratios: onnxruntime is not installed" in text_of({"onnx": part})


def text_of(found: dict[str, Any]) -> str:
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(report(found))
    return console.export_text()


@needs_rival
def test_the_table_has_a_line_for_each_network(tmp_path: Path) -> None:
    part = measured([file(tmp_path)])
    lines = text_of({"onnx": part}).splitlines()
    assert lines[0].strip() == "Networks from ONNX files, ms (ratio: theirs / ours; difference: of largest)"
    assert lines[1].split() == ["network", "ours", "onnxruntime", "ratio", "10", "to", "90", "%", "difference"]
    assert lines[3].split()[0] == "small"
    assert lines[-1].strip() == f"geometric mean of the ratios {part['geometric_mean']:.2f}"


def test_the_light_models_are_those_of_the_package_and_get_numbers_that_differ() -> None:
    from convstep.bench.light import light_models, seeded

    names = [Path(name).stem for name in light_models()]
    assert names == [
        "light_bvlc_alexnet", "light_densenet121", "light_inception_v1", "light_inception_v2", "light_resnet50", "light_shufflenet",
        "light_squeezenet", "light_vgg19", "light_zfnet512",
    ]  # fmt: skip
    content = seeded(Path(light_models()[names.index("light_shufflenet")]))
    assert isinstance(content, bytes)
    assert seeded(Path(light_models()[names.index("light_shufflenet")])) == content
    model = onnx.load_from_string(content)
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    assert not any(node.op_type == "ConstantOfShape" for node in model.graph.node)
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            assert (weights[node.input[4]] > 0).all()
        if node.op_type == "Conv":
            filters = weights[node.input[1]]
            assert filters.std() == pytest.approx(np.sqrt(2 / np.prod(filters.shape[1:])), rel=0.15)


def test_the_command_measures_files_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = in_process(capsys, "bench", "--onnx", file(tmp_path), "--repeats", "1", "--threads", "1", "--json")
    assert f"convstep bench: measuring onnx: {Path(file(tmp_path)).stem}" in err.splitlines()
    assert code == 0
    found = json.loads(out)
    assert found["settings"]["rounds"] == 1
    assert set(found) == {"machine", "settings", "not_installed", "others", "onnx"}


def test_a_number_of_repeats_below_one_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = in_process(capsys, "bench", "--onnx", "--repeats", "0")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "convstep bench: error: argument --repeats: must be a whole number >= 1, not 0"


def test_a_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    for name in ("no.onnx", "missing.onnx"):
        run = command("bench", "--onnx", str(tmp_path / name), "--quick")
        assert run.returncode != 0
        assert "Traceback" not in run.stderr
        assert name in run.stderr


def test_without_the_extra_one_sentence_says_which_it_is() -> None:
    run = command("bench", "--onnx", "--quick", before="import sys; sys.modules['onnx'] = None; ")
    assert run.returncode == 3
    assert run.stderr.splitlines()[-1] == 'convstep bench: onnx is not installed; this installs it: pip install "convstep[onnx]"'
