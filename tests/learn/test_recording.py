"""What is written down for the test of a copy: small differences of rounding pass, and others do not."""

import numpy as np

from minitx.autograd.randomness import generator, manual_seed
from minitx.learn.recording import recorded_digests, value_digest


def test_rounding_is_passed_over_and_nothing_else_is():
    given = {"kept": np.array([2, 0, 1]), "score": 0.123456789, "name": "a box"}
    assert value_digest(given) == value_digest(given | {"score": 0.1234567890001})
    for change in (
        {"kept": np.array([2, 1, 0])},
        {"kept": np.array([2, 0, 1], np.int32)},
        {"kept": [2, 0, 1]},
        {"score": 0.12346789},
        {"score": -0.123456789},
        {"name": "abox"},
    ):
        assert value_digest(given) != value_digest(given | change), change


def test_every_entry_of_a_large_array_counts():
    large = np.zeros((50, 60))
    other = large.copy()
    other[25, 30] = 1
    assert value_digest(large) != value_digest(other)


def test_recording_leaves_the_random_numbers_of_others_alone():
    def try_drawing():
        manual_seed(5)
        yield "drawn", lambda: generator().standard_normal(3), ()
        yield "differentiated", lambda x: x, (np.ones(2),)

    expected = manual_seed(1).standard_normal(4)
    manual_seed(1)
    assert list(recorded_digests(try_drawing)) == ["drawn", "differentiated"]
    assert recorded_digests(try_drawing)["differentiated"] is None
    assert np.array_equal(generator().standard_normal(4), expected)
