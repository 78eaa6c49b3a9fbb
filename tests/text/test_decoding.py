"""Decoding: against brute force over every sequence, against each other, and messages for wrong use."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor, is_grad_enabled
from minitx.text.decoding import (
    Hypothesis,
    beam_search,
    greedy_search,
    next_token_probabilities,
    sample_sequences,
    select_rows,
)


def log_softmax(scores):
    scores = scores - scores.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


class Tree:
    """A model whose next token depends on the whole prefix; the prefix is its state. Row 0 of its table: no prefix."""

    def __init__(self, count, depth, seed, forbidden=0.0):
        rng = np.random.default_rng(seed)
        self.count, self.depth = count, depth
        scores = 2 * rng.standard_normal((sum(count**length for length in range(depth + 1)), count))
        scores[rng.random(scores.shape) < forbidden] = -np.inf
        scores[np.isinf(scores).all(axis=1), 0] = 0
        self.table = log_softmax(scores)

    def place(self, prefix):
        place = 0
        for token in prefix:
            place = place * self.count + token + 1
        return place

    def step(self, tokens, state):
        place, begun = state
        place = np.where(begun, place * self.count + tokens + 1, place)
        return self.table[place], (place, np.ones_like(begun))

    def state(self, batch=1):
        return np.zeros(batch, int), np.zeros(batch, bool)

    def sequences(self, end, max_length):
        """All sequences with their log-probability, length and whether they ended."""
        alphabet = [token for token in range(self.count) if token != end]
        for length in range(max_length + 1):
            for tokens in itertools.product(alphabet, repeat=length):
                total = sum(self.table[self.place(tokens[:i]), token] for i, token in enumerate(tokens))
                if length == max_length:
                    yield list(tokens), total, length, False
                elif end is not None:
                    yield list(tokens), total + self.table[self.place(tokens), end], length + 1, True

    def best(self, end, max_length, length_penalty=0.0):
        found = [
            Hypothesis(tokens, total, total / ((5 + length) / 6) ** length_penalty, finished)
            for tokens, total, length, finished in self.sequences(end, max_length)
            if total > -np.inf
        ]
        return sorted(found, key=lambda hypothesis: -hypothesis.score)


def assert_same_hypotheses(found, expected):
    assert [(h.tokens, h.finished) for h in found] == [(h.tokens, h.finished) for h in expected]
    np.testing.assert_allclose([h[1:3] for h in found], [h[1:3] for h in expected], rtol=1e-12)


TREES = {
    "count": st.integers(2, 4),
    "max_length": st.integers(1, 4),
    "seed": st.integers(0, 10**6),
    "forbidden": st.sampled_from([0.0, 0.4]),
}


class TestBeamSearch:
    @given(
        **TREES,
        ends=st.booleans(),
        length_penalty=st.sampled_from([0.0, 0.7, 2.0, -1.0]),
        n_best=st.integers(1, 5),
    )
    def test_full_width_is_exhaustive_search(self, count, max_length, seed, forbidden, ends, length_penalty, n_best):
        tree = Tree(count, max_length, seed, forbidden)
        end = seed % count if ends else None
        expected = tree.best(end, max_length, length_penalty)[:n_best]
        (found,) = beam_search(tree.step, tree.state(), [0], end, max_length, None, length_penalty, n_best)
        assert_same_hypotheses(found, expected)

    @given(**TREES, width=st.integers(1, 4))
    def test_narrow_beams_find_sequences_with_their_true_scores(self, count, max_length, seed, forbidden, width):
        tree = Tree(count, max_length, seed, forbidden)
        width = min(width, count)
        known = {(tuple(h.tokens), h.finished): h for h in tree.best(0, max_length, 0.6)}
        (found,) = beam_search(tree.step, tree.state(), [0], 0, max_length, width, 0.6, n_best=width)
        assert 1 <= len(found) <= width
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        assert len({(tuple(h.tokens), h.finished) for h in found}) == len(found)
        assert_same_hypotheses(found, [known[tuple(h.tokens), h.finished] for h in found])

    @given(**TREES, ends=st.booleans(), length_penalty=st.sampled_from([0.0, 1.0]))
    def test_width_one_is_greedy_search(self, count, max_length, seed, forbidden, ends, length_penalty):
        tree = Tree(count, max_length, seed, forbidden)
        end = 0 if ends else None
        (greedy,) = greedy_search(tree.step, tree.state(), [0], end, max_length)
        ((found,),) = beam_search(tree.step, tree.state(), [0], end, max_length, 1, length_penalty)
        assert found[:2] == greedy[:2] and found.finished == greedy.finished

    def test_a_tree_where_the_likeliest_first_step_leads_astray(self):
        # token 0 ends; "a" (1) is likelier than "b" (2), but after "b" the end is nearly certain
        table = np.log([[0.02, 0.58, 0.40], [0.36, 0.32, 0.32], [0.90, 0.05, 0.05]])

        def step(tokens, state):
            return table[tokens], state

        (greedy,) = greedy_search(step, None, [0], end=0, max_length=2)
        assert greedy.tokens == [1] and math.isclose(math.exp(greedy.log_probability), 0.58 * 0.36)
        ((best, second),) = beam_search(step, None, [0], end=0, max_length=2, beam_width=2, n_best=2)
        assert best.tokens == [2] and math.isclose(math.exp(best.log_probability), 0.40 * 0.90)
        assert second.tokens == [1] and second.finished

    def test_what_ended_early_stays_in_competition(self):
        # to end at once costs 1.5; to go on costs 0.3, then 0.4 at every step, and to end later costs 5
        table = np.full((4, 3), -5.0)
        table[0, :2] = -1.5, -0.3
        table[1:, 1] = -0.4

        def step(tokens, state):
            return table[np.minimum(state, 3)], state + 1

        def best(max_length, length_penalty=0.0):
            return beam_search(step, np.zeros(1, int), [1], 0, max_length, 2, length_penalty)[0][0]

        assert best(3) == Hypothesis([1, 1, 1], pytest.approx(-1.1), pytest.approx(-1.1), False)
        assert best(6) == Hypothesis([], -1.5, -1.5, True)
        # six tokens: -2.3 / (11/6)^2 = -0.68 beats -1.5, which ended with one token and keeps its score
        assert best(6, 2.0) == Hypothesis([1] * 6, pytest.approx(-2.3), pytest.approx(-2.3 / (11 / 6) ** 2), False)

    def test_what_goes_on_may_still_overtake_by_its_length(self):
        # to end at once costs 0.7; to go on costs 0.8 once and nothing later: -0.8 / (10/6)^2 = -0.29 after five steps
        table = np.array([[-0.7, -0.8], [-9.0, 0.0]])

        def step(tokens, state):
            return table[tokens], state

        for length_penalty, expected in ((0.0, []), (2.0, [1] * 5)):
            ((found,),) = beam_search(step, None, [0], 0, 5, 2, length_penalty)
            assert found.tokens == expected

    def test_what_ended_keeps_its_place_in_the_beam(self):
        rows = []

        def step(tokens, state):
            rows.append(len(tokens))
            return np.log(np.tile([0.3, 0.4, 0.2, 0.1], (len(tokens), 1))), state

        (found,) = beam_search(step, None, [1], 0, 3, 3, n_best=3)
        assert rows == [1, 2, 1]
        assert [h.tokens for h in found] == [[], [1], [1, 1, 1]]

    def test_of_equals_the_first_and_no_more_than_the_width(self):
        rows = []

        def step(tokens, state):
            rows.append(len(tokens))
            return np.full((len(tokens), 4), np.log(0.25)), state

        (found,) = beam_search(step, None, [0], None, 3, 2, n_best=2)
        assert rows == [1, 2, 2]
        assert [h.tokens for h in found] == [[0, 0, 0], [0, 0, 1]]

    def test_length_penalty_counts_the_end(self):
        table = np.log([[0.1, 0.9], [0.7, 0.3]])
        ((found,),) = beam_search(lambda tokens, state: (table[tokens], state), None, [0], 0, 9, 1, length_penalty=0.9)
        assert found.tokens == [1]
        assert math.isclose(found.score, math.log(0.9 * 0.7) / (7 / 6) ** 0.9)

    def test_no_more_sequences_than_there_are(self):
        tree = Tree(2, 2, seed=0)
        (found,) = beam_search(tree.step, tree.state(), [0], 0, 2, None, n_best=50)
        assert sorted((h.tokens, h.finished) for h in found) == [([], True), ([1], True), ([1, 1], False)]

    def test_it_stops_when_nothing_can_improve_any_more(self):
        lengths = []

        def step(tokens, state):
            lengths.append(len(tokens))
            return np.log(np.tile([0.8, 0.15, 0.05], (len(tokens), 1))), state

        beam_search(step, None, [1], 0, 50, 3)
        assert lengths == [1]
        assert [h.tokens for h in beam_search(step, None, [1], 0, 50, 3, n_best=2)[0]] == [[], [1]]
        assert len(lengths) == 3

    @pytest.mark.parametrize("width", [0, -1])
    def test_no_width(self, width):
        with pytest.raises(ValueError, match=f"beam_width={width} keeps nothing"):
            beam_search(None, None, [0], 0, 5, width)

    def test_wider_than_the_vocabulary(self):
        tree = Tree(3, 4, seed=0)
        assert beam_search(tree.step, tree.state(), [0], 0, 4, 3)
        with pytest.raises(ValueError, match=r"beam_width=4 is wider than the vocabulary of 3 tokens.\n.*None"):
            beam_search(tree.step, tree.state(), [0], 0, 4, 4)

    @pytest.mark.parametrize("length_penalty", [math.nan, math.inf])
    def test_no_exponent(self, length_penalty):
        with pytest.raises(ValueError, match=f"length_penalty={length_penalty} is no exponent"):
            beam_search(None, None, [0], 0, 5, 2, length_penalty)

    @pytest.mark.parametrize("n_best", [0, 3])
    def test_more_results_than_the_beam_holds(self, n_best):
        with pytest.raises(ValueError, match=f"n_best={n_best} of a beam of width 2"):
            beam_search(None, None, [0], 0, 5, 2, n_best=n_best)


SEARCHES = [
    lambda *arguments: greedy_search(*arguments),
    lambda *arguments: sample_sequences(*arguments),
    lambda *arguments: [found for (found,) in beam_search(*arguments, 2)],
]


class TestEverySearch:
    @given(**TREES, starts=st.lists(st.integers(0, 40), min_size=1, max_size=5))
    def test_a_batch_gives_what_its_items_give_alone(self, count, max_length, seed, forbidden, starts):
        tree = Tree(count, max_length, seed, forbidden)
        tables = tree.table[np.random.default_rng(1).permuted(np.tile(np.arange(len(tree.table)), (41, 1)), axis=1)]

        def step(tokens, state):  # each item of the batch has a tree of its own
            item, rest = state["item"], state["rest"]
            _, rest = tree.step(tokens, rest)
            return tables[item, rest[0]], {"item": item, "rest": rest}

        def state(items):
            return {"item": np.array(items), "rest": tree.state(len(items))}

        for width in range(1, count + 1):
            arguments = (0, max_length, width, 0.5, min(2, width))
            batch = beam_search(step, state(starts), [0] * len(starts), *arguments)
            assert batch == [beam_search(step, state([item]), [0], *arguments)[0] for item in starts]
        batch = greedy_search(step, state(starts), [0] * len(starts), 0, max_length)
        assert batch == [greedy_search(step, state([item]), [0], 0, max_length)[0] for item in starts]

    @pytest.mark.parametrize("search", SEARCHES)
    def test_empty_batch(self, search):
        assert search(None, None, [], 0, 5) == []

    @pytest.mark.parametrize("search", SEARCHES)
    def test_maximum_length(self, search):
        never = log_softmax(np.array([[-np.inf, 1.0, 0.5]]))

        def step(tokens, state):
            return never.repeat(len(tokens), axis=0), state

        for end in (0, None):
            for found in search(step, None, [0, 1], end, 4):
                assert len(found.tokens) == 4 and not found.finished

    @pytest.mark.parametrize("search", SEARCHES)
    def test_end_in_the_last_step_counts(self, search):
        ended = np.array([[0.0, -np.inf]])
        (found,) = search(lambda tokens, state: (ended, state), None, [1], 0, 1)
        assert found == Hypothesis([], 0.0, 0.0, True)

    @pytest.mark.parametrize("search", SEARCHES)
    def test_nothing_is_recorded_and_tensors_are_fine(self, search):
        weight = Tensor(np.zeros((2, 3)), requires_grad=True)

        def step(tokens, state):
            assert not is_grad_enabled()
            return weight[:1][[0] * len(tokens)] - math.log(3), [state[0] + weight[:1], (None,)]

        assert len(search(step, [Tensor(np.zeros((2, 3))), (None,)], [0, 0], 0, 6)) == 2

    @pytest.mark.parametrize("search", SEARCHES)
    @pytest.mark.parametrize(
        ("returned", "complaint"),
        [
            ([[-np.inf, -np.inf]], r"forbids every token \(-inf\) for hypothesis 0"),
            ([[np.nan, -1.0]], "returned nan, which is no log-probability.*\n.*first NaN"),
            ([[2.5, -1.0]], "returned 2.5, which is no log-probability.*\n.*log_softmax"),
            ([[np.inf, -1.0]], "returned inf"),
            ([[-0.1, -0.2]], "add up to 1.724, which is more than 1.\nPass logits through log_softmax"),
            ([0.0, -1.0], r"shape \(2,\) for 1 hypotheses.\n.*\(1, V\)"),
            ([[-1.0, -1.0]] * 2, r"shape \(2, 2\) for 1 hypotheses"),
            (np.zeros((1, 0)), r"shape \(1, 0\) for 1 hypotheses"),
        ],
    )
    def test_no_distribution(self, search, returned, complaint):
        with pytest.raises(ValueError, match=complaint):
            search(lambda tokens, state: (np.array(returned), state), None, [0], 0, 5)

    @pytest.mark.parametrize("search", SEARCHES)
    def test_no_pair(self, search):
        with pytest.raises(TypeError, match="step returned a ndarray, not a pair.\n.*the state may be None"):
            search(lambda tokens, state: np.log([[0.5, 0.5]]), None, [0], 0, 5)

    @pytest.mark.parametrize("search", SEARCHES)
    @pytest.mark.parametrize("end", [2, -1, "a"])
    def test_an_end_that_is_no_token(self, search, end):
        with pytest.raises(ValueError, match=f"end={end!r} is none of the 2 tokens.*\n.*0 to 1, or None"):
            search(lambda tokens, state: (np.log([[0.5, 0.5]]), state), None, [0], end, 5)

    @pytest.mark.parametrize("search", SEARCHES)
    def test_the_state_may_be_a_named_tuple(self, search):
        class Pair(NamedTuple):
            one: np.ndarray
            two: np.ndarray

        def step(tokens, state):
            return np.where(state.one[:, None] < state.two[:, None], [[0.0, -np.inf]], [[-np.inf, 0.0]]), state

        found = search(step, Pair(np.array([0, 3]), np.array([1, 1])), [1, 1], 0, 3)
        assert [h.tokens for h in found] == [[], [1, 1, 1]]

    @pytest.mark.parametrize("search", SEARCHES)
    def test_state_with_layers_first(self, search):
        with pytest.raises(ValueError, match=r"array of shape \(2, 3, 4\), but there are 3 hypotheses.\n.*swap axes"):
            search(None, (np.zeros((3, 2, 4)), [np.zeros((2, 3, 4))]), [0, 0, 0], 0, 5)

    @pytest.mark.parametrize("search", SEARCHES)
    @pytest.mark.parametrize("start", [0, [[0]], [0.5], ["a"]])
    def test_start_is_no_row_of_tokens(self, search, start):
        with pytest.raises(ValueError, match="start has shape .* integers"):
            search(None, None, start, 0, 5)

    @pytest.mark.parametrize("search", SEARCHES)
    def test_no_room(self, search):
        with pytest.raises(ValueError, match="max_length=0 leaves no room"):
            search(None, None, [0], 0, 0)


def test_select_rows_of_other_things():
    with pytest.raises(TypeError, match="must not hold a int"):
        select_rows((np.zeros(2), 3), [0])


ROWS = st.integers(0, 10**6).map(lambda seed: log_softmax(2 * np.random.default_rng(seed).standard_normal((3, 6))))


class TestSampling:
    @given(**TREES)
    def test_top_1_is_greedy(self, count, max_length, seed, forbidden):
        tree = Tree(count, max_length, seed, forbidden)
        (greedy,) = greedy_search(tree.step, tree.state(), [0], 0, max_length)
        for options in ({"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-9}):
            assert sample_sequences(tree.step, tree.state(), [0], 0, max_length, **options) == [greedy]

    @given(rows=ROWS, temperature=st.floats(0.1, 10.0))
    def test_temperature(self, rows, temperature):
        expected = np.exp(log_softmax(rows / temperature))
        np.testing.assert_allclose(next_token_probabilities(rows, temperature), expected, rtol=1e-9)

    @given(rows=ROWS, top_k=st.integers(1, 6))
    def test_top_k(self, rows, top_k):
        for row, found in zip(np.exp(rows), next_token_probabilities(rows, top_k=top_k)):
            kept = np.flatnonzero(found)
            assert set(kept) == set(np.argsort(row)[-top_k:])
            np.testing.assert_allclose(found[kept], row[kept] / row[kept].sum())

    @given(rows=ROWS, top_p=st.floats(0.01, 0.99))
    def test_nucleus_is_the_smallest_set(self, rows, top_p):
        for row, found in zip(np.exp(rows), next_token_probabilities(rows, top_p=top_p)):
            kept = np.flatnonzero(found)
            assert row[kept].sum() >= top_p
            assert np.sort(row)[::-1][: len(kept) - 1].sum() < top_p
            assert row[kept].min() >= np.delete(row, kept).max(initial=0)
            np.testing.assert_allclose(found[kept], row[kept] / row[kept].sum())

    def test_nucleus_of_what_top_k_and_temperature_leave(self):
        rows = np.log([[0.4, 0.3, 0.2, 0.1]])
        np.testing.assert_allclose(
            next_token_probabilities(rows, top_k=3, top_p=0.7), [[4 / 7, 3 / 7, 0, 0]]
        )  # 0.7 of 0.9
        assert (next_token_probabilities(rows, temperature=0.01, top_p=0.9) > 0).sum() == 1
        np.testing.assert_allclose(next_token_probabilities(rows, top_p=1.0), np.exp(rows))

    def test_equal_probabilities_keep_the_lowest_numbers(self):
        rows = np.log(np.full((1, 4), 0.25))
        assert next_token_probabilities(rows, top_k=2).tolist() == [[0.5, 0.5, 0, 0]]
        assert next_token_probabilities(rows, top_p=0.5).tolist() == [[0.5, 0.5, 0, 0]]

    def test_forbidden_tokens_are_never_drawn(self):
        rows = np.array([[-np.inf, 0.0, -np.inf]])
        for options in ({}, {"temperature": 50.0}, {"top_k": 3}, {"top_p": 1.0}):
            assert next_token_probabilities(rows, **options).tolist() == [[0, 1, 0]]

    def test_the_lowest_random_number_draws_no_forbidden_token_either(self):
        class Lowest:
            def random(self, shape):
                return np.zeros(shape)

        def step(tokens, state):
            return np.array([[-np.inf, np.log(0.5), np.log(0.5)]]), state

        (found,) = sample_sequences(step, None, [0], None, 2, rng=Lowest())
        assert found.tokens == [1, 1]

    def test_frequencies_are_the_probabilities(self):
        p, draws = np.array([0.5, 0.05, 0.3, 0.15]), 20_000
        rows = np.log(p)[None]

        def step(tokens, state):
            return rows.repeat(len(tokens), axis=0), state

        for options, expected in (({}, p), ({"temperature": 2.0}, np.sqrt(p) / np.sqrt(p).sum())):
            found = sample_sequences(step, None, np.zeros(draws, int), None, 1, **options)
            counts = np.bincount([h.tokens[0] for h in found], minlength=4)
            assert (
                (counts - draws * expected) ** 2 / (draws * expected)
            ).sum() < 16.3  # 0.1 % of chi-square, 3 degrees
        assert math.isclose(found[0].log_probability, math.log(p[found[0].tokens[0]]))  # the model's own

    def test_same_seed_same_samples(self):
        tree = Tree(4, 6, seed=3)

        def sample(**options):
            return sample_sequences(tree.step, tree.state(5), [0] * 5, None, 6, **options)

        manual_seed(7)
        first, second = sample(), sample()
        manual_seed(7)
        assert sample() == first != second
        assert sample(rng=np.random.default_rng(7)) == first

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"temperature": 0.0}, "temperature=0.0 is not positive and finite.\n.*greedy"),
            ({"temperature": math.inf}, "temperature=inf is not positive and finite"),
            ({"temperature": math.nan}, "temperature=nan"),
            ({"top_k": 0}, "top_k=0 of a vocabulary of 4 tokens"),
            ({"top_k": 5}, "top_k=5 of a vocabulary of 4 tokens"),
            ({"top_p": 0.0}, "top_p=0.0 is no share"),
            ({"top_p": 90}, "top_p=90 is no share"),
        ],
    )
    def test_impossible_options(self, options, complaint):
        with pytest.raises(ValueError, match=complaint):
            next_token_probabilities(np.log(np.full((1, 4), 0.25)), **options)

    @pytest.mark.parametrize("rows", [np.log([0.5, 0.5]), [[0.0, np.nan]], [[-np.inf, -np.inf]], np.zeros((1, 0))])
    def test_no_rows_to_draw_from(self, rows):
        with pytest.raises(ValueError, match=r"are no rows to draw from.\n.*log_p\[None\]"):
            next_token_probabilities(rows)
