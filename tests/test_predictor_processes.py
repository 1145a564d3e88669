"""A frozen model in other processes, and on other numbers of threads."""

import os
import pickle
import threading

import numpy as np
import pytest

import convstep
from convstep.models import lenet5

pytest.importorskip("numba")
X = np.random.default_rng(0).standard_normal((8, 28, 28, 1)).astype(np.float32)


def test_a_predictor_that_has_worked_can_be_pickled() -> None:
    predict = convstep.Predictor(lenet5())
    want = predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(predict))(X), want)  # noqa: S301 - our own


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_predicts_though_a_thread_of_its_parent_was_predicting() -> None:
    predict, ended = convstep.Predictor(lenet5()), threading.Event()
    want = predict(X)

    def work() -> None:
        while not ended.is_set():
            predict(X)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if np.array_equal(predict(X), want) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        ended.set()
        thread.join()


def test_more_threads_are_used_once_they_are_set() -> None:
    predict = convstep.Predictor(lenet5())
    try:
        convstep.set_threads(1)
        want = predict(X)
        convstep.set_threads(2)
        np.testing.assert_array_equal(predict(X), want)
    finally:
        convstep.set_threads(None)
    workers = {key[3] for key in predict._programs}
    assert workers == {1, 2}
