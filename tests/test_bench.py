"""`convstep bench`: all sides compute the same, the numbers add up, and the command says what it measured. No test looks at a time."""

import json
import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import MAIN, environment, in_process

import convstep
from convstep.bench import NETWORKS, PARTS, Plan, measure
from convstep.bench.clock import Spread, geometric_mean, in_turn, ratios, rounded
from convstep.bench.convolutions import convolution
from convstep.bench.layers import histogram
from convstep.bench.networks import network, resnet18, walk
from convstep.bench.processes import output_of
from convstep.bench.report import report
from convstep.bench.rivals import LAYOUTS, OURS, load_keras, missing
from convstep.bench.shapes import SHAPES, Shape, random_shapes
from convstep.bench.sides import predictor, seeded, training_step
from convstep.bench.startup import PROGRAMS
from convstep.cli.terminal import console
from convstep.errors import ConvStepError
from convstep.steps import conv_forward

ALONE = "import sys; sys.modules |= dict.fromkeys(['torch', 'keras', 'onnx', 'onnxruntime']); "
CLOSE = 1e-4  # of the largest number
WARNS = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def command(*arguments: str, before: str = "import sys; ") -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", before + MAIN, *arguments]
    return subprocess.run(run, capture_output=True, text=True, env=environment(COLUMNS="80"), check=False)


def array(value: Any) -> np.ndarray:
    return value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)


def installed(side: str) -> None:
    for module in {"onnxruntime": ("onnxruntime", "onnx"), "keras": ("keras", "torch")}.get(side, ("torch",)):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


# ---- all sides compute the same


@pytest.mark.parametrize("side", LAYOUTS)
@pytest.mark.parametrize("shape", [*SHAPES[1:4], *SHAPES[-2:], *random_shapes(12)], ids=lambda item: item.name)
def test_pytorchs_convolution_and_its_gradients_are_ours(shape: Shape, side: str) -> None:
    installed(side)
    ours, theirs = convolution(shape, OURS), convolution(shape, side)
    dx, dw, db = (array(item) for item in theirs.backward())
    found = [array(theirs.forward()).transpose(0, 2, 3, 1), dx.transpose(0, 2, 3, 1), dw.transpose(2, 3, 1, 0), db]
    for one, other in zip([ours.forward(), *ours.backward()], found, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= CLOSE * np.abs(one).max()


@WARNS
@pytest.mark.parametrize("side", [*LAYOUTS, "keras", "onnxruntime"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_side_predicts_the_same(name: str, side: str) -> None:
    installed(side)
    given = network(name, quick=True)
    ours, theirs = (array(predictor(given, who, 3, 1)()) for who in (OURS, side))
    assert ours.shape == theirs.shape == (3, given.classes)
    assert np.abs(ours - theirs).max() <= CLOSE
    assert ours.std() > 0


@WARNS
@pytest.mark.parametrize("side", [*LAYOUTS, "keras"])
@pytest.mark.parametrize("name", NETWORKS[:3])
def test_every_side_has_the_same_losses_as_it_trains(name: str, side: str) -> None:
    installed(side)
    given = network(name, quick=True)
    ours, theirs = (training_step(given, who, 4) for who in (OURS, side))
    losses = [(float(array(ours())), float(array(theirs()))) for _ in range(2)]
    for one, other in losses:
        assert one == pytest.approx(other, rel=1e-3)
    assert losses[0][0] != losses[1][0]


def test_resnet_18_has_the_parameters_of_the_paper() -> None:
    model = resnet18()
    trained = sum(item.value.size for item in model.trainable_parameters)
    assert trained == 11_689_512  # as torchvision counts them
    assert model.output_shape == (None, 1000)


def test_zeros_around_images_become_padding_of_what_reads_them() -> None:
    model = seeded(network("lenet5"))
    assert [step.kind for step in walk(model, fold=False)][:2] == ["ZeroPadding2D", "Conv2D"]
    first, *_, last = walk(model)
    assert (first.kind, first.padding, first.reads) == ("Conv2D", ((2, 2), (2, 2)), (0,))
    assert (last.kind, last.activation) == ("Dense", "softmax")


@WARNS
@pytest.mark.parametrize("side", ["convstep", "torch", "keras"])
def test_the_programs_that_start_up_train_the_same_network(side: str) -> None:
    if side != OURS:
        installed(side)
    if side == "keras":
        load_keras()
    names: dict[str, Any] = {}
    exec(PROGRAMS[side], names)  # noqa: S102 - the program itself is what is tested
    model = names["model"]
    assert (sum(item.numel() for item in model.parameters()) if side == "torch" else model.count_params()) == 61_706


# ---- shapes


def test_there_are_two_dozen_layers_and_more() -> None:
    assert len(SHAPES) == len({shape.name for shape in SHAPES}) >= 24
    assert [shape.name for shape in SHAPES if shape.kind == "course"] == ["LeNet-5 1", "LeNet-5 2", "SIGNS 1", "SIGNS 2", "Happy House"]


@pytest.mark.parametrize("shape", [SHAPES[3], *random_shapes(3)], ids=lambda item: item.name)
def test_operations_are_counted_as_the_loops_do_them(shape: Shape) -> None:
    m, rows, columns, filters = shape.y
    counted = sum(2 * shape.w[0] * shape.w[1] * shape.w[2] for _ in range(m * rows * columns * filters))
    assert shape.operations == counted


def test_an_output_has_the_size_that_the_steps_give_it() -> None:
    shape = Shape(name="", kind="odd", batch=2, size=(9, 7), channels=3, filters=4, kernel=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)))
    Z, _ = conv_forward(np.zeros(shape.x), np.zeros(shape.w), np.zeros((1, 1, 1, 4)), {"stride": 2, "pad": 1})
    assert Z.shape == shape.y


def test_random_layers_are_the_same_each_time_and_within_their_bounds() -> None:
    shapes = random_shapes(200)
    assert shapes == random_shapes(200)
    assert shapes[:50] == random_shapes(50)
    assert random_shapes(5, seed=1) != shapes[:5]
    for shape in shapes:
        assert 1 <= min(shape.kernel) <= max(shape.kernel) <= 7
        assert 1 <= min(shape.stride) <= max(shape.stride) <= 3
        assert 1 <= min(shape.channels, shape.filters) <= max(shape.channels, shape.filters) <= 128
        assert shape.channels % shape.groups == shape.filters % shape.groups == 0
        assert min(shape.y) > 0
    assert {shape.dilation for shape in shapes} == {1, 2}
    assert len({shape.groups for shape in shapes}) > 2


# ---- numbers


def test_a_spread_is_the_median_and_what_lies_between_10_and_90_percent() -> None:
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0)
    assert Spread.of(range(21)) == Spread(10, 2, 18)


def test_a_ratio_is_theirs_over_ours_round_by_round() -> None:
    assert ratios([2.0, 9.0, 8.0], [1.0, 3.0, 2.0]) == Spread(3.0, 2.0, 4.0)


def test_means_of_ratios_are_geometric() -> None:
    assert geometric_mean([0.5, 8.0]) == 2.0
    assert geometric_mean([]) is None


def test_numbers_are_rounded_to_digits_that_count() -> None:
    assert [rounded(value) for value in (123456.0, 0.00123456, 0.0)] == [123500.0, 0.001235, 0.0]


def test_every_side_works_in_every_round_and_every_other_round_goes_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convstep.bench.clock.BLOCK", 0.0)  # one call is enough
    order: list[str] = []
    calls = {name: (lambda name=name: order.append(name)) for name in "abc"}
    seconds = in_turn(calls, 3)
    warm, rounds = order[:9], order[9:]
    assert warm == [*"aaabbbccc"]
    assert rounds == [*"aabbcc", *"ccbbaa", *"aabbcc"]
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_histogram_counts_every_value_once() -> None:
    classes = histogram([0.1, 0.5, 0.74, 1.0, 99.0])
    assert [(item["from"], item["to"], item["count"]) for item in classes if item["count"]] == [
        (0.0, 0.5, 1),
        (0.5, 0.75, 2),
        (1.0, 1.25, 1),
        (10.0, None, 1),
    ]


def test_a_process_that_fails_is_one_error() -> None:
    with pytest.raises(ConvStepError) as caught:
        output_of(["-c", "raise ValueError('no')"])
    first, second = str(caught.value).splitlines()
    assert first == "bench: a measured process failed with exit code 1: ValueError: no"
    assert second.startswith("  given ['-c', ")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system does not tell how much was resident at most")
def test_memory_grows_with_the_batch_and_not_with_the_parent() -> None:
    held = np.ones(200 << 20, np.uint8)  # a child would inherit this peak in ru_maxrss
    small, large = (
        json.loads(output_of(["-m", "convstep.bench.alone", "signs", OURS, str(batch), "1"]))["megabytes"] for batch in (1, 128)
    )
    assert held.any()
    assert small < 150
    assert large > small + 5  # megabytes; the images alone take six


# ---- the command


@pytest.fixture(scope="module")
def measured() -> tuple[dict[str, Any], str]:
    """Return what the command prints for programs, and its messages, for all parts; without Keras, which takes long to begin."""
    hidden = "import sys; sys.modules['keras'] = None; "
    run = command("bench", "--quick", "--json", "--random", "3", "--networks", "lenet5", "--threads", "1", before=hidden)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout), run.stderr


def test_everything_is_measured_and_told_part_by_part(measured: tuple[dict[str, Any], str]) -> None:
    found, messages = measured
    assert set(found) == {"machine", "settings", "not_installed", *PARTS, "others"}
    lines = [line for line in messages.splitlines() if "measuring" in line]
    assert lines == [f"convstep bench: measuring {part}" for part in PARTS]
    assert found["settings"] == {"rounds": 1, "threads": 1, "quick": True}
    assert found["machine"]["versions"]["convstep"] == convstep.__version__


def test_layers_are_told_with_both_halves_and_their_ratio(measured: tuple[dict[str, Any], str]) -> None:
    layers = measured[0]["layers"]
    sides = {OURS, *LAYOUTS} if find_spec("torch") else {OURS}
    for row in [*layers["rows"], *layers["random"]["rows"]]:
        assert set(row) == {"name", "kind", "shape", "gigaflop", "intensity", "sides", "ratio"}
        assert set(row["sides"]) == sides
        for side in row["sides"].values():
            assert side["ms"] == pytest.approx(side["forward_ms"] + side["backward_ms"], rel=1e-2)
            assert side["gflops"] == pytest.approx(row["gigaflop"] / side["ms"] * 1e3, rel=1e-2)
        if len(sides) > 1:
            best = min(row["sides"][side]["ms"] for side in LAYOUTS)
            assert row["ratio"]["median"] == pytest.approx(best / row["sides"][OURS]["ms"], rel=1e-2)
    assert sum(item["count"] for item in layers["random"]["histogram"]) == (3 if len(sides) > 1 else 0)


@pytest.mark.parametrize(("part", "rivals"), [("training", ("torch",)), ("inference", ("onnxruntime", "torch"))])
def test_networks_are_told_side_by_side(measured: tuple[dict[str, Any], str], part: str, rivals: tuple[str, ...]) -> None:
    rows = measured[0][part]["rows"]
    assert {row["network"] for row in rows} == {"lenet5"}
    for row in rows:
        ours, *theirs = row["sides"].items()
        assert ours[0] == OURS
        assert set(ours[1]) == {"ms"}
        assert {name.split()[0] for name, _ in theirs} <= set(rivals)
        assert all(side["ratio"]["low"] <= side["ratio"]["median"] <= side["ratio"]["high"] for _, side in theirs)


def test_the_other_parts_are_told(measured: tuple[dict[str, Any], str]) -> None:
    found, _ = measured
    assert set(found["startup"]["sides"]) >= {OURS}
    assert found["epochs"]["engines"]["numpy"]["seconds"]["median"] > 0
    assert found["ceiling"]["ceiling"] >= max(speed["high"] for speed in found["ceiling"]["matmul"].values()) * 0.99
    assert [row["name"] for row in found["ceiling"]["direct"]] == ["1x1, 256 to 256", "3x3, 64 to 64, 56x56"]
    if found["memory"]["rows"]:
        assert found["memory"]["rows"][0]["sides"][OURS]["megabytes"] > 0


def test_the_tables_fit_into_80_columns_and_cut_nothing(measured: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]) -> None:
    screen = console()
    with screen.capture() as capture:
        screen.print(report(measured[0]))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in capture.get()
    for title in (
        "Layers, ",
        "3 random layers",
        "Training steps ",
        "Inference, ",
        "Start of a process ",
        "An epoch ",
        "Direct convolution, ",
    ):
        assert any(line.startswith(title) for line in lines)
    assert capsys.readouterr().out == ""


def test_without_rivals_we_are_measured_alone_and_a_word_says_so() -> None:
    run = command("bench", "layers", "training", "--quick", "--json", "--random", "1", before=ALONE)
    assert run.returncode == 0
    assert "convstep bench: not installed, so left out: torch, keras, onnxruntime, onnx\n" in run.stderr
    found = json.loads(run.stdout)
    assert found["not_installed"] == ["torch", "keras", "onnxruntime", "onnx"]
    assert all(set(row["sides"]) == {OURS} and row["ratio"] is None for row in found["layers"]["rows"])
    assert found["layers"]["geometric_mean"] is found["layers"]["worst"] is None
    assert [set(row["sides"]) for row in found["training"]["rows"]] == [{OURS}, {OURS}]


def test_tables_without_rivals_say_what_is_missing() -> None:
    run = command("bench", "layers", "ceiling", "--quick", "--threads", "1", before=ALONE)
    assert run.returncode == 0
    assert "no ratios: PyTorch is not installed\n" in run.stdout
    assert re.search(r"^matrix product, numpy +\d+ *$", run.stdout, flags=re.MULTILINE)
    assert "matrix product, torch" not in run.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["training", "speed"], f"argument PART: there is no speed; there are {', '.join(PARTS)}"),
        (["--networks", "lenet4"], f"argument --networks: there is no lenet4; there are {', '.join(NETWORKS)}"),
        (["--rounds", "0"], "argument --rounds: must be a whole number >= 1, not 0"),
        (["--threads", "-1"], "argument --threads: must be a whole number >= 1, not -1"),
        (["--random", "-1"], "argument --random: must be a whole number >= 0, not -1"),
        (["--rounds", "few"], "argument --rounds: invalid int value: 'few'"),
        (["training", "--random", "3"], "argument --random: needs the part layers"),
        (["memory", "--figure", "roof.svg"], "argument --figure: needs the part layers"),
        (["--figure", "roof.gif"], "argument --figure: roof.gif must end in .png, .svg or .pdf"),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else "",
)
def test_wrong_usage_is_one_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    if "--figure" in arguments:
        pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra plot)")
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = in_process(capsys, "bench", *arguments)
    assert (code, out) == (2, "")
    assert err == f"usage: convstep bench [...]; --help lists the options\nconvstep bench: error: {message}\n"


def test_help_names_every_part_and_every_network(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = in_process(capsys, "bench", "--help")
    assert code == 0
    for name in (*PARTS, *NETWORKS):
        assert re.search(rf"\b{name}\b", out)


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_ctrl_c_ends_it_with_code_130() -> None:
    arguments = [sys.executable, "-c", "import sys; " + MAIN, "bench", "layers", "--rounds", "1000"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        while "measuring layers" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
        assert process.stderr.read().splitlines()[-1] == "convstep: interrupted"
    assert process.returncode == 130


def test_only_what_is_asked_for_is_measured() -> None:
    told: list[str] = []
    found = measure(Plan(parts=["inference"], rounds=1, threads=1, networks=["signs"], quick=True, rivals=()), told.append)
    assert set(found) - {"machine", "settings", "not_installed", "others"} == {"inference"}
    assert told == ["inference: signs, batch 1", "inference: signs, batch 2"]
    assert found["not_installed"] == list(missing())


# ---- the figure


def test_the_figure_shows_each_layer_where_it_is() -> None:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra plot)")
    from convstep.figures import draw_roofline

    layers = [
        {"name": "one", "kind": "course", "intensity": 10.0, "speeds": {"convstep": 40.0, "PyTorch": 20.0}},
        {"name": "two", "kind": "known", "intensity": 80.0, "speeds": {"convstep": 150.0}},
    ]
    figure = draw_roofline(layers, ceiling=200.0, bandwidth=40.0, title="a machine")
    (axes,) = figure.axes
    roof, *others = [np.column_stack([np.asarray(item, float) for item in line.get_data()]).tolist() for line in axes.lines]
    assert roof[1:] == [[5.0, 200.0], [120.0, 200.0]]
    assert roof[0] == [2.5, 100.0]
    assert [item for item in others if item] == [[[10.0, 20.0], [10.0, 40.0]], [[10.0, 20.0]], [[10.0, 40.0]], [[80.0, 150.0]]]
    assert [text.get_text() for text in axes.texts] == ["measured ceiling 200 GFLOP/s, memory 40 GB/s"]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]
    assert legend == ["ConvStep", "PyTorch, the faster layout", "layers of the course", "of VGG and ResNet"]
    assert figure.texts[0].get_text() == "a machine"


def test_the_command_writes_the_figure_and_measures_the_roof_for_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra plot)")
    run = command("bench", "layers", "--quick", "--json", "--figure", str(tmp_path / "roof.png"), before=ALONE)
    assert run.returncode == 0, run.stderr
    assert set(json.loads(run.stdout)) >= {"layers", "ceiling"}
    assert run.stderr.splitlines()[-1] == f"convstep bench: wrote {tmp_path / 'roof.png'}"
    assert (tmp_path / "roof.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_figure_without_matplotlib_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['matplotlib'] = None; "
    run = command("bench", "layers", "--quick", "--figure", str(tmp_path / "roof.png"), before=hidden)
    expected = 'convstep bench: figures: matplotlib is not installed; this installs it: pip install "convstep[plot]"\n'
    assert (run.returncode, run.stdout, run.stderr) == (3, "", expected)
    assert list(tmp_path.iterdir()) == []
