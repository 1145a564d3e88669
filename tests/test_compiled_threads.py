"""Results do not depend on who else computes: threads of ours, of the user, of PyTorch, and the children of a process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.convolutions import Draw, Results, assert_same_bits, needs_numba, of

import convstep
from convstep import layers, models, set_threads, use_engine
from convstep.checks import Array
from convstep.errors import ArgumentTypeError, ShapeError

pytestmark = needs_numba
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    with use_engine("compiled"):
        yield
    set_threads(None)


CASES = [
    Draw(seed, "float32").convolution(images, (size, size + 1), kernel, channels, padding=1, strides=stride)
    for seed, (images, size, kernel, channels, stride) in enumerate(
        [
            (4, 28, (5, 5), (1, 6), 1),
            (8, 17, (3, 3), (24, 40), 1),
            (2, 33, (3, 3), (16, 33), 2),
            (64, 3, (1, 1), (70, 10), 1),
            (1, 60, (5, 5), (2, 16), 1),
            (2, 90, (7, 7), (3, 32), 2),
            (1, 70, (11, 11), (1, 7), 9),
        ]
    )
]


# --- how many ---


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("exact", [True, False])
def test_results_are_the_same_bits_for_every_number_of_threads(case: Any, exact: bool) -> None:
    set_threads(1)
    alone = of("compiled", case, exact=exact)
    for count in (2, 3, 7, 1000):
        set_threads(count)
        assert_same_bits(of("compiled", case, exact=exact), alone)


@pytest.mark.parametrize(("count", "kind"), [(0, ShapeError), (-3, ShapeError), (2.0, ArgumentTypeError), (True, ArgumentTypeError)])
def test_a_number_of_threads_is_a_whole_number(count: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as error:
        set_threads(count)
    assert str(error.value) == f"set_threads: count must be a whole number >= 1, not {count!r}\n  given count {count!r}"


def test_a_number_of_threads_holds_until_the_next() -> None:
    from convstep.engines.compiled import threads

    at_first = threads.threads()
    set_threads(3)
    assert threads.threads() == 3
    set_threads(10**9)
    assert threads.threads() == threads.MOST
    set_threads(None)
    assert threads.threads() == at_first


@pytest.mark.parametrize(
    ("value", "count"), [("3", 3), ("1", 1), ("99999", None), ("0", 0), ("-2", 0), ("many", 0), ("2.5", 0), ("", 0), (" ", 0), ("²", 0)]
)
def test_the_variable_of_numba_counts_where_it_is_a_number(value: str, count: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled.threads import MOST, _available

    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    processors = _available.__wrapped__()
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    assert _available.__wrapped__() == (MOST if count is None else count or processors)


def test_no_call_gets_more_threads_than_its_buffers_were_laid_out_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled import threads

    given = []

    class Pool:
        def run(self, _code: Any, _jobs: int, workers: int, _arguments: bytes) -> None:
            given.append(workers)

    monkeypatch.setattr(threads, "_pool", Pool())
    set_threads(2)
    assert threads.threads() == 2
    in_a_thread(lambda: set_threads(8))
    threads.run(None, 100, b"")  # type: ignore[arg-type]
    assert threads.threads() == 8
    threads.run(None, 100, b"")  # type: ignore[arg-type]
    in_a_thread(lambda: set_threads(1))
    threads.run(None, 100, b"")  # type: ignore[arg-type]
    assert given == [2, 8, 1]


def in_a_thread(call: Any) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_a_system_without_threads_left_computes_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled import threads

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    alone = of("compiled", CASES[1])
    monkeypatch.setattr(threads, "_pool", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    set_threads(4)
    assert_same_bits(of("compiled", CASES[1]), alone)


# --- threads of the user ---


def test_eight_threads_at_once_get_right_numbers() -> None:
    alone = [of("compiled", case, exact=False) for case in CASES]
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            for count in (1, 4, 2, 8):
                set_threads(count)
                time.sleep(0.0005)

    def work(me: int) -> list[Results]:
        return [of("compiled", CASES[(me + turn) % len(CASES)], exact=False) for turn in range(12)]

    changing = threading.Thread(target=change)
    changing.start()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    over.set()
    changing.join()
    for me, every in enumerate(found):
        for turn, results in enumerate(every):
            assert_same_bits(results, alone[(me + turn) % len(CASES)])


def trained(seed: int) -> list[Array]:
    """The weights of a small network after some steps; everything random comes from the seed."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((48, 9, 9, 2), np.float32), rng.integers(0, 3, 48)
    start = [layers.Conv2D(6, 3, padding="same", activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3)]
    model = models.Sequential([layers.Input((9, 9, 2)), *start])
    model.set_weights([np.asarray(rng.standard_normal(w.shape) / 4, np.float32) for w in model.get_weights()])
    model.compile("adam", convstep.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    return model.get_weights()


def test_eight_threads_train_at_once_as_they_train_alone() -> None:
    alone = [trained(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for want, got in zip(alone, pool.map(trained, range(8)), strict=True):
            for one, other in zip(want, got, strict=True):
                np.testing.assert_array_equal(one, other)


def test_pytorch_in_the_same_process_changes_nothing() -> None:
    torch = pytest.importorskip("torch")
    case = CASES[1]
    alone = of("compiled", case)
    x, w, b = (
        torch.from_numpy(a) for a in (case.x.transpose(0, 3, 1, 2).copy(), case.w.transpose(3, 2, 0, 1).copy(), np.zeros(40, np.float32))
    )
    with ThreadPoolExecutor(2) as pool:
        theirs = [pool.submit(torch.nn.functional.conv2d, x, w, b, padding=1) for _ in range(20)]
        for _ in range(20):
            assert_same_bits(of("compiled", case), alone)
        for result in theirs:
            plain = alone["y"] - (0 if case.b is None else case.b)
            np.testing.assert_allclose(result.result().numpy().transpose(0, 2, 3, 1), plain, rtol=1e-3, atol=1e-3)


# --- processes ---

USED = """
import multiprocessing, os, signal, sys, threading, time
import numpy as np
from convstep import ops, set_threads
rng = np.random.default_rng(0)
x, w = rng.standard_normal((16, 20, 20, 8), np.float32), rng.standard_normal((3, 3, 8, 16), np.float32)
set_threads(3)
def work(_=None):
    y = ops.conv2d(x, w, padding=1)
    return sum(float(part.sum(dtype=np.float64)) for part in (y, *ops.conv2d_backward(y, x, w, padding=1)))
"""
FORK = """
want = work()
for _ in range(5):
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        same = all(work() == want for _ in range(10))
        if grandchild:
            same = same and os.waitpid(grandchild, 0)[1] == 0
        os._exit(0 if same else 1)
    assert work() == want
    assert os.waitpid(child, 0)[1] == 0
"""
BUSY_FORK = """
want, over = work(), []
def forever():
    while not over:
        assert work() == want
busy = [threading.Thread(target=forever) for _ in range(3)]
for thread in busy: thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0 if work() == want else 1)
    assert os.waitpid(child, 0)[1] == 0
over.append(True)
for thread in busy: thread.join()
"""
POOL = """
if __name__ == "__main__":
    want = work()
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(work, range(6)) == [want] * 6
    assert work() == want
"""
DAEMON = """
def forever():
    while True:
        work()
for _ in range(2):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.1)
"""
INTERRUPT = """
print("begun", flush=True)
try:
    while True:
        work()
except KeyboardInterrupt:
    want = work()
    print("interrupted", want == work(), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
@pytest.mark.parametrize(
    "script",
    [FORK, BUSY_FORK, POOL.format(method="fork"), POOL.format(method="spawn"), DAEMON * 1],
    ids=["fork", "fork while others compute", "pool of forks", "pool of new processes", "daemons at the end"],
)
def test_other_processes_compute_as_this_one(script: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(USED + script, encoding="utf-8")
    for _ in range(3 if "daemon" in script else 1):
        command = [sys.executable, "-W", "ignore::DeprecationWarning", str(program)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C goes to a whole console on Windows")
def test_ctrl_c_ends_a_computation_and_the_next_one_is_right() -> None:
    with subprocess.Popen([sys.executable, "-c", USED + INTERRUPT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "interrupted True\n"
        assert process.returncode == 0
