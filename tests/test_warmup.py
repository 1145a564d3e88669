"""`convstep warmup`: afterwards nothing that the ready-made networks need has to be compiled."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.commands import MAIN, environment

from convstep.runs import NETWORKS

TRAIN = """
import sys
sys.modules["numba"] = None  # whoever compiles now, fails
from convstep.models import lenet5
import numpy as np
from convstep.engines.compiled import ENGINE
from convstep import engines
engines._current.set(ENGINE)
model = lenet5()
model.compile("adam", "sparse_categorical_crossentropy")
print(model.train_on_batch(np.zeros((64, 28, 28, 1), np.float32), np.zeros(64, int)))
"""

AFTERWARDS = """
import numpy as np
from convstep import Predictor, use_engine
from convstep.engines.compiled.native import kernel
from convstep.models import lenet5, resnet
from convstep.runs.warming import warm_up
list(warm_up())
known = kernel.cache_info().currsize
use_engine("compiled")
for model in (lenet5(), resnet()):
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.zeros((16, *model.input_shape[1:]), np.float32)
    for _ in range(4):
        model.train_on_batch(x, np.zeros(16, int))
    Predictor(model)(x[:1])
print(known, kernel.cache_info().currsize - known)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment(), check=False)


def test_every_network_is_told_and_then_nothing_is_left_to_compile() -> None:
    pytest.importorskip("numba", reason="Numba is not installed (extra fast)")
    done = run("import sys; " + MAIN, "warmup")
    assert (done.returncode, done.stdout) == (0, "")
    lines = [line for line in done.stderr.splitlines() if line.startswith("convstep warmup: ")]
    assert [line.split()[2].rstrip(",") for line in lines[:-1]] == list(NETWORKS)
    assert lines[-1].endswith(" keeps the kernels")
    assert Path(lines[-1].removeprefix("convstep warmup: ").removesuffix(" keeps the kernels")).is_dir()
    trained = run(TRAIN)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert float(trained.stdout) > 0


def test_training_and_predicting_ask_for_no_kernel_that_was_not_warmed_up() -> None:
    pytest.importorskip("numba", reason="Numba is not installed (extra fast)")
    done = run(AFTERWARDS)
    assert done.returncode == 0, done.stderr
    known, new = map(int, done.stdout.split())
    assert known > 30
    assert new == 0


def test_without_numba_one_sentence_says_how_to_install_it() -> None:
    done = run("import sys; sys.modules['numba'] = None; " + MAIN, "warmup")
    expected = 'convstep warmup: numba is not installed; this installs it: pip install "convstep[fast]"\n'
    assert (done.returncode, done.stdout, done.stderr) == (3, "", expected)
