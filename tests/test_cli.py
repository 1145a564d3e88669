"""The command line, run as its readers run it: what it prints and where, its exit codes, and every one of its messages."""

import argparse
import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.commands import MAIN, environment, in_process

import convstep
from convstep import cli, demo
from convstep.data import load_digits

Array = NDArray[Any]

DEMO_USAGE = "usage: convstep demo [-h] [--digit INDEX] [--figure FILE.png] [--json]\n"
# Run before the command: what is named here cannot be imported.
WITHOUT_MATPLOTLIB = "import sys; sys.modules['matplotlib'] = None; "


@pytest.fixture(scope="module")
def account() -> demo.Account:
    (images, _), _ = load_digits()
    return demo.walk(images[[0]])


def convstep_command(*arguments: str, before: str = "import sys; ", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own, in an environment with no settings for the terminal."""
    command = [sys.executable, "-c", before + MAIN, *arguments]
    return subprocess.run(command, capture_output=True, env=environment(**variables), check=False)


# ---- what it prints


def test_the_demo_prints_its_account_and_no_message() -> None:
    run = convstep_command("demo")
    text = run.stdout.decode("utf-8")
    assert (run.returncode, run.stderr) == (0, b"")
    assert text.startswith("One walk through the eight functions: training image 0, a handwritten 5\n")
    assert re.search(r"^zero_pad +X_pad +\(1, 30, 30, 1\) +0\.00 +1\.00 +107\.94$", text, flags=re.MULTILINE)
    assert re.search(r"^pool_forward, max +A_max +\(1, 14, 14, 3\) +-3\.44 +3\.97 +185\.63$", text, flags=re.MULTILINE)
    assert re.search(r"^pool_backward, average +dZ_average +\(1, 28, 28, 3\) +0\.25 +0\.25 +588\.00$", text, flags=re.MULTILINE)
    assert " ".join(text.split()).endswith("each of them gets all of it: 1,627 arrive.")


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_account_is_the_same_80_columns_in_every_pipe(columns: str) -> None:
    run = convstep_command("demo", COLUMNS=columns)
    text = run.stdout.decode("utf-8")
    assert run.stdout == convstep_command("demo").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text


def test_colours_come_only_when_asked_for_and_never_with_no_color() -> None:
    assert b"\x1b[" not in convstep_command("demo").stdout
    assert b"\x1b[36m" in convstep_command("demo", FORCE_COLOR="1", TERM="xterm").stdout
    assert b"\x1b[36m" not in convstep_command("demo", FORCE_COLOR="1", TERM="xterm", NO_COLOR="1").stdout


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
    ],
    ids=["C", "C-uncoerced", "ascii", "cp1252"],
)
def test_output_is_utf_8_in_every_locale(locale: dict[str, str]) -> None:
    run = convstep_command("demo", **locale)
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout == convstep_command("demo").stdout
    assert "▄▄" in run.stdout.decode("utf-8")


def test_json_is_the_summary_and_nothing_else(account: demo.Account) -> None:
    run = convstep_command("demo", "--json", "--digit", "0")
    found = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (0, b"")
    assert found == {"digit": 0, "label": 5, **demo.summary(account)}


def test_json_names_every_array_with_its_shape(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = in_process(capsys, "demo", "--json", "--digit", "4999")
    found = json.loads(out)
    assert (code, err, found["digit"]) == (0, "", 4999)
    assert {array["name"]: array["shape"] for array in found["arrays"]} == {
        "X": [1, 28, 28, 1],
        "X_pad": [1, 30, 30, 1],
        "Z": [1, 28, 28, 3],
        "A_max": [1, 14, 14, 3],
        "A_average": [1, 14, 14, 3],
        "dA": [1, 14, 14, 3],
        "dZ_max": [1, 28, 28, 3],
        "dZ_average": [1, 28, 28, 3],
        "dX": [1, 28, 28, 1],
        "dW": [3, 3, 1, 3],
        "db": [1, 1, 1, 3],
    }
    assert set(found["arrays"][0]) == {"name", "function", "shape", "smallest", "largest", "sum"}


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)])
def test_help_lists_the_commands(arguments: tuple[str, ...]) -> None:
    run = convstep_command(*arguments, COLUMNS="120")
    text = run.stdout.decode()
    assert (run.returncode, run.stderr) == (0, b"")
    assert text.startswith(
        "usage: convstep [-h] [--version] COMMAND ...\n\nConvolutional networks that can be read, checked, seen and run.\n"
    )
    assert "    demo      pad, convolve and pool a real handwritten digit, forward and backward\n" in text


def test_help_of_the_demo_explains_every_option() -> None:
    run = convstep_command("demo", "--help", COLUMNS="120")
    text = run.stdout.decode()
    assert run.returncode == 0
    assert text.startswith(DEMO_USAGE)
    assert "  --digit INDEX      which of the shipped training images (default: 0)\n" in text
    assert '  --figure FILE.png  also draw it, as .png, .svg or .pdf (extra "plot")\n' in text
    assert "  --json             print a summary for programs instead of the account for readers\n" in text


def test_the_version_is_that_of_the_package() -> None:
    run = convstep_command("--version")
    assert (run.returncode, run.stdout.decode().rstrip(), run.stderr) == (0, f"convstep {convstep.__version__}", b"")


def test_python_m_convstep_is_the_same_command() -> None:
    command = [sys.executable, "-m", "convstep", "demo", "--json"]
    run = subprocess.run(command, capture_output=True, env=environment(), check=False)
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout == convstep_command("demo", "--json").stdout


def test_help_imports_neither_numpy_nor_rich() -> None:
    code = "import sys; from convstep import cli; cli.argument_parser().format_help(); print([m in sys.modules for m in ('numpy', 'rich')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert run.stdout.strip() == "[False, False]"


# ---- what it refuses


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--digit", "5000"), "argument --digit: there are images 0 to 4999, not 5000"),
        (("--digit", "-1"), "argument --digit: there are images 0 to 4999, not -1"),
        (("--digit", "9" * 30), f"argument --digit: there are images 0 to 4999, not {'9' * 30}"),
        (("--digit", "2.5"), "argument --digit: invalid int value: '2.5'"),
        (("--figure", "digit.txt"), "argument --figure: digit.txt must end in .png, .svg or .pdf"),
        (("--figure", "digit"), "argument --figure: digit must end in .png, .svg or .pdf"),
        (("--figure", ""), "argument --figure: . must end in .png, .svg or .pdf"),
    ],
)
def test_a_wrong_argument_is_named(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    assert in_process(capsys, "demo", *arguments) == (2, "", f"{DEMO_USAGE}convstep demo: error: {message}\n")


def test_an_abbreviated_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = in_process(capsys, "demo", "--js")
    assert (code, out) == (2, "")
    assert err == "usage: convstep [-h] [--version] COMMAND ...\nconvstep: error: unrecognized arguments: --js\n"


def test_no_command_is_refused() -> None:
    run = convstep_command()
    assert (run.returncode, run.stdout) == (2, b"")
    expected = "usage: convstep [-h] [--version] COMMAND ...\nconvstep: error: the following arguments are required: COMMAND\n"
    assert run.stderr.decode().replace("\r\n", "\n") == expected


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_figure_without_matplotlib_names_the_extra(tmp_path: Path, suffix: str) -> None:
    run = convstep_command("demo", "--figure", str(tmp_path / f"digit{suffix}"), before=WITHOUT_MATPLOTLIB)
    expected = 'convstep demo: figures: matplotlib is not installed; this installs it: pip install "convstep[plot]"'
    assert (run.returncode, run.stdout, run.stderr.decode().rstrip()) == (3, b"", expected)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_itself_runs_without_matplotlib() -> None:
    run = convstep_command("demo", before=WITHOUT_MATPLOTLIB)
    assert (run.returncode, run.stdout, run.stderr) == (0, convstep_command("demo").stdout, b"")


def test_a_missing_module_that_no_extra_brings_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "convstep.demo", None)
    with pytest.raises(ModuleNotFoundError, match=r"^import of convstep\.demo halted; None in sys\.modules$"):
        cli.main(["demo"])


def test_damaged_digits_fail_with_the_loaders_own_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("convstep.data.embedded.DIGITS_SHA256", "0" * 64)
    code, out, err = in_process(capsys, "demo")
    assert (code, out) == (1, "")
    assert re.fullmatch(
        r"convstep demo: load_digits: digits\.npz has sha256 [0-9a-f]{12}\.\.\., expected 0{12}\.\.\.\n"
        r"  given \S.*digits\.npz; installing convstep again restores it\n",
        err,
    )


# ---- how it ends


@pytest.mark.parametrize("arguments", ["demo", "demo --json", "--help"])
def test_a_reader_who_closes_the_pipe_hears_nothing(arguments: str) -> None:
    code = "import sys; sys.stdin.read(); " + MAIN  # starts when the reader is gone
    command = [sys.executable, "-c", code, *arguments.split()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), **pipes) as process:  # type: ignore[call-overload]
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", ["demo", "demo --json"])
def test_a_full_disk_is_one_sentence(arguments: str) -> None:
    command = [sys.executable, "-m", "convstep", *arguments.split()]
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment(), check=False)
    assert (run.returncode, run.stderr.decode()) == (1, f"convstep: {os.strerror(errno.ENOSPC)}\n")


@pytest.mark.skipif(os.name == "nt", reason="closes a stream with the shell's own syntax")
def test_a_stream_closed_beforehand_does_not_matter() -> None:
    command = f'"{sys.executable}" -m convstep demo'
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        run = subprocess.run(["/bin/sh", "-c", f"{command} {closed}"], capture_output=True, env=environment(), check=False)
        assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT, which Windows lacks")
def test_ctrl_c_ends_with_130_and_no_traceback() -> None:
    wait = "import sys, time, convstep.data as d; d.load_digits = lambda: (print('ready', flush=True), time.sleep(60)); "
    command = [sys.executable, "-c", wait + MAIN, "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"convstep: interrupted\n")


def test_every_command_has_a_function_and_a_line_of_help() -> None:
    parser = cli.argument_parser()
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    assert {choice.dest for choice in commands._choices_actions if choice.help} == set(commands.choices)
    assert all(command.get_default("command") and command.get_default("parser") is command for command in commands.choices.values())


# ---- whether its numbers are right, by sums of shifted images


def shifted(padded: Array, row: int, column: int) -> Array:
    return padded[:, row : row + 28, column : column + 28]


def test_padding_is_a_frame_of_zeros(account: demo.Account) -> None:
    assert account.X_pad.shape == (1, 30, 30, 1)
    assert np.array_equal(account.X_pad[:, 1:-1, 1:-1], account.X)
    assert account.X_pad.sum() == account.X_pad[:, 1:-1, 1:-1].sum()


def test_the_image_is_the_shipped_one_between_0_and_1(account: demo.Account) -> None:
    (images, _), _ = load_digits()
    assert np.array_equal(np.round(account.X[0, :, :, 0] * 255), images[0])


@pytest.mark.parametrize(("c", "sum_of_weights"), [(0, 0), (1, 0), (2, 1)])
def test_feature_maps_are_sums_of_shifted_images(account: demo.Account, c: int, sum_of_weights: float) -> None:
    padded, kernel = account.X_pad[..., 0], account.W[:, :, 0, c]
    expected = sum(kernel[i, j] * shifted(padded, i, j) for i in range(3) for j in range(3))
    assert np.allclose(account.Z[..., c], expected, rtol=0, atol=1e-13)
    assert kernel.sum() == sum_of_weights


def test_pooled_values_are_those_of_the_four_interleaved_images(account: demo.Account) -> None:
    quarters = np.stack([account.Z[:, i::2, j::2] for i in range(2) for j in range(2)])
    assert np.array_equal(account.A_max, quarters.max(axis=0))
    assert np.allclose(account.A_average, quarters.sum(axis=0) / 4, rtol=0, atol=1e-14)


def test_the_mask_and_its_gradient_mark_every_largest_value(account: demo.Account) -> None:
    expected = account.A_max.repeat(2, axis=1).repeat(2, axis=2) == account.Z
    assert np.array_equal(account.mask, expected)
    assert np.array_equal(account.dZ_max, expected * 1.0)


def test_average_pooling_loses_no_gradient(account: demo.Account) -> None:
    assert (account.dZ_average == 0.25).all()
    assert account.dZ_average.sum() == account.dA.sum() == 588


def test_max_pooling_adds_gradient_only_where_values_are_equal(account: demo.Account) -> None:
    quarters = np.stack([account.mask[:, i::2, j::2] for i in range(2) for j in range(2)]).sum(axis=0)
    found = demo.summary(account)["gradient"]
    assert found == {
        "sent": 588,
        "received_max": quarters.sum(),
        "received_average": 588,
        "tied_windows": (quarters > 1).sum(),
    }


def test_the_gradient_of_the_image_is_a_sum_of_shifted_gradients(account: demo.Account) -> None:
    around = np.pad(account.dZ_max, ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = sum(shifted(around, 2 - i, 2 - j) @ account.W[i, j, 0] for i in range(3) for j in range(3))
    assert np.allclose(account.dX[..., 0], expected, rtol=0, atol=1e-12)


def test_the_gradient_of_a_weight_is_a_sum_over_the_cells_that_it_met(account: demo.Account) -> None:
    padded = account.X_pad
    expected = [[(shifted(padded, i, j) * account.dZ_max).sum(axis=(0, 1, 2)) for j in range(3)] for i in range(3)]
    assert np.allclose(account.dW[:, :, 0], expected, rtol=0, atol=1e-12)
    assert np.array_equal(account.db[0, 0, 0], account.dZ_max.sum(axis=(0, 1, 2)))


def test_the_strongest_step_is_the_largest_value_of_the_first_map(account: demo.Account) -> None:
    step = account.strongest
    i, h, w, c = step.cell
    assert account.Z[..., 0].max() == step.value == account.Z[i, h, w, c]
    assert np.array_equal(step.a_slice, account.X_pad[i, h : h + 3, w : w + 3, 0])
    assert np.array_equal(step.products, step.a_slice * step.W)
    assert step.value == pytest.approx(step.products.sum() + step.bias, abs=1e-14)


def test_several_images_are_walked_together() -> None:
    (images, _), _ = load_digits()
    together, alone = demo.walk(images[:3]), [demo.walk(images[[i]]) for i in range(3)]
    for name in ("X_pad", "Z", "A_max", "A_average", "mask", "dZ_max", "dZ_average", "dX"):
        assert np.array_equal(getattr(together, name), np.concatenate([getattr(one, name) for one in alone])), name
    assert np.allclose(together.dW, sum(one.dW for one in alone))


# ---- pictures of characters


def test_half_blocks_show_two_rows_in_one() -> None:
    assert demo.half_blocks(np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0.5, 0.51]])) == " ▀▄█\n▀  ▀"


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ([[0, 1, 2, 3, 4]], "  ░░▒▒▓▓██"),
        ([[-4, 4], [0.01, 3.99]], "  ██\n░░██"),
        ([[0, 0]], "    "),
        ([[-1, -2]], "    "),
    ],
)
def test_shades_grow_with_the_value_and_are_blank_from_0_down(image: list[list[float]], text: str) -> None:
    assert demo.shades(np.array(image)) == text
