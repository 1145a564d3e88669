"""Where numbers are drawn from can be chosen, for one block of one thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convstep.random import default_generator, drawing_from


def test_a_block_draws_from_its_own_generator() -> None:
    outside, inside, nested = default_generator(), np.random.default_rng(1), np.random.default_rng(2)
    with drawing_from(inside):
        assert default_generator() is inside
        with drawing_from(nested):
            assert default_generator() is nested
        assert default_generator() is inside
    assert default_generator() is outside


def test_it_ends_with_the_block_however_that_ends() -> None:
    outside = default_generator()
    with pytest.raises(KeyError), drawing_from(np.random.default_rng(1)):
        raise KeyError
    assert default_generator() is outside


def test_another_thread_draws_from_what_it_drew_from() -> None:
    with drawing_from(np.random.default_rng(1)), ThreadPoolExecutor(1) as pool:
        assert pool.submit(default_generator).result() is not default_generator()
