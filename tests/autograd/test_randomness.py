"""The default generator, and generators that threads have for themselves."""

import threading

import numpy as np
import pytest

from minitx.autograd.randomness import generator, has_own_generator, manual_seed, own_generator
from minitx.nn.dropout import dropout


def test_inside_a_thread_draws_from_its_own_and_outside_from_the_default():
    default = manual_seed(3)
    state = default.bit_generator.state
    with own_generator(np.random.default_rng(7)):
        assert has_own_generator()
        inside = dropout(np.ones(100), 0.5)
        with own_generator(np.random.default_rng(7)):
            np.testing.assert_array_equal(dropout(np.ones(100), 0.5), inside)
        assert not np.array_equal(dropout(np.ones(100), 0.5), inside)
    assert generator() is default and default.bit_generator.state == state and not has_own_generator()


def test_other_threads_do_not_notice():
    seen = []
    with own_generator(np.random.default_rng(7)):
        thread = threading.Thread(target=lambda: seen.append((generator(), has_own_generator())))
        thread.start()
        thread.join()
    assert seen == [(generator(), False)]


def test_it_is_put_back_after_an_error():
    with pytest.raises(ZeroDivisionError), own_generator(np.random.default_rng(7)):
        raise ZeroDivisionError
    assert not has_own_generator()


def test_a_seed_set_inside_stays_inside():
    state = manual_seed(3).bit_generator.state
    with own_generator(np.random.default_rng(7)):
        assert manual_seed(5).random() == np.random.default_rng(5).random()
    assert generator().bit_generator.state == state
