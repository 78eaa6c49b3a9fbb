"""Steps shared by threads: the plain step's gradients to rounding, the same bits every time, errors, ctrl-C."""

import functools
import gc
import signal
import sys
import threading
import time
import tracemalloc

import numpy as np
import pytest
import threadpoolctl

import minitx.training.threads
from minitx.autograd.arithmetic import maximum
from minitx.autograd.backward import GraphError
from minitx.autograd.randomness import generator, has_own_generator, manual_seed
from minitx.autograd.tensor import Tensor, no_grad
from minitx.data.loader import DataLoader
from minitx.nn.batch_norm import BatchNorm2d, batch_norm
from minitx.nn.containers import Sequential
from minitx.nn.dropout import Dropout
from minitx.nn.linear import Linear
from minitx.nn.losses import cross_entropy
from minitx.nn.module import Module
from minitx.training.optimizers import AdamW
from minitx.training.threads import parallel_scores, parallel_step
from minitx.training.trainer import Trainer, classification_loss

WIDTH = 256
EXAMPLES = 32


class Network(Module):
    """Two layers that share a weight, dropout between them, and one that few inputs reach."""

    def __init__(self, dropout=0.0, between=None):
        super().__init__()
        self.first = Linear(WIDTH, WIDTH)
        self.second = Linear(WIDTH, WIDTH)
        self.second.weight = self.first.weight
        self.sometimes = Linear(WIDTH, 10)
        self.between = between
        self.head = Linear(WIDTH, 10)
        self.dropout = Dropout(dropout)
        self.never = Linear(2, 2)

    def forward(self, x):
        h = maximum(self.first(x), 0)
        if self.between is not None:
            h = self.between(h)
        h = maximum(self.second(self.dropout(h)), 0)
        y = self.head(h)
        large = x[:, :1] > 5
        return y + self.sometimes(h) * large.astype(np.float32) if large.any() else y


@pytest.fixture(autouse=True)
def share_what_is_small(monkeypatch):
    monkeypatch.setattr(minitx.training.threads, "_LEAST_OF_OP", 8192)
    monkeypatch.setattr(minitx.training.threads, "_LEAST_OF_SHARD", 1)


def network(**options):
    manual_seed(0)
    return Network(**options)


def batch_of(examples=EXAMPLES, large=False):
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (examples, WIDTH)).astype(np.float32)
    if large:
        inputs[-1, 0] = 6
    return inputs, rng.integers(10, size=examples)


def mean_loss(model, inputs, labels):
    return cross_entropy(model(inputs), labels)


class Watched:
    """A loss function that notes how many examples it was given, and in which threads."""

    def __init__(self, function=mean_loss):
        self.function = function
        self.examples, self.threads = [], set()

    def __call__(self, model, *batch):
        if len(batch[0]) > 1:  # one alone is sent ahead to see how large its activations are
            self.examples.append(len(batch[0]))
            self.threads.add(threading.get_ident())
        return self.function(model, *batch)

    @property
    def shared(self):
        return len(self.threads) > 1


def gradients_of_model(model):
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def plain_step(model, function, *batch):
    model.zero_grad()
    loss = function(model, *batch)
    loss.backward()
    return loss.item(), gradients_of_model(model)


def shared_step(model, function, *batch, **options):
    model.zero_grad()
    loss = parallel_step(model, function, *batch, **options)
    return loss, gradients_of_model(model)


def assert_same(ours, theirs, **tolerance):
    (loss, gradients), (other_loss, other_gradients) = ours, theirs
    np.testing.assert_allclose(loss, other_loss, rtol=1e-5)
    for name, gradient in gradients.items():
        if other_gradients[name] is None:
            assert gradient is None, name
        else:
            assert gradient.dtype == np.float32
            np.testing.assert_allclose(gradient, other_gradients[name], rtol=1e-4, atol=1e-6, err_msg=name)


def bits_of(result):
    loss, gradients = result
    return loss, {name: None if array is None else array.tobytes() for name, array in gradients.items()}


@pytest.mark.parametrize("examples", [2, 3, 31, 32, 33, 50])
@pytest.mark.parametrize("workers", [2, 3, 5])
def test_it_is_the_plain_step_to_rounding(examples, workers, monkeypatch):
    monkeypatch.setattr(minitx.training.threads, "_LEAST_OF_OP", 1)
    model, batch = network(), batch_of(examples, large=True)
    watched = Watched()
    shared = shared_step(model, watched, *batch, workers=workers)
    assert_same(shared, plain_step(model, mean_loss, *batch))
    if examples > 2 * workers:
        assert len(watched.examples) == workers and sum(watched.examples) == examples and watched.shared


@pytest.mark.parametrize("most", [1, 40_000])
def test_pieces_of_a_share_add_up(most, monkeypatch):
    monkeypatch.setattr(minitx.training.threads, "_MOST_OF_PIECE", most)
    monkeypatch.setattr(minitx.training.threads, "_LEAST_OF_OP", 1)
    model, batch = network(), batch_of(33, large=True)
    sizes = []

    def noting(model, inputs, labels):
        sizes.append(len(inputs))
        return mean_loss(model, inputs, labels)

    shared = shared_step(model, noting, *batch, workers=2)
    assert sum(sizes[1:]) == 33 and len(sizes) > 3
    assert_same(shared, plain_step(model, mean_loss, *batch))


def test_a_sum_is_left_as_it_is():
    model, (inputs, labels) = network(), batch_of(33)
    weights = np.full(33, 1 / 33, np.float32)

    def summed(model, inputs, labels, weights):
        return (cross_entropy(model(inputs), labels, reduction="none") * weights).sum()

    shared = shared_step(model, summed, inputs, labels, weights, reduction="sum", workers=2)
    assert_same(shared, plain_step(model, mean_loss, inputs, labels))


def test_gradients_add_up_on_what_is_there():
    model, batch = network(), batch_of()
    _, once = shared_step(model, mean_loss, *batch, workers=2)
    once = {name: array for name, array in once.items() if array is not None}
    parallel_step(model, mean_loss, *batch, workers=2)
    for name, parameter in model.named_parameters():
        if name in once:
            np.testing.assert_array_equal(parameter.grad, 2 * once[name])


def test_leaves_outside_the_model_get_their_gradients():
    model, batch = network(), batch_of()
    scale = Tensor(np.float32(2.0), requires_grad=True)
    loss = parallel_step(model, lambda *batch: mean_loss(*batch) * scale, *batch, workers=2)
    np.testing.assert_allclose(scale.grad, loss / 2, rtol=1e-5)


def test_a_loss_that_goes_back_to_earlier_ops_stays_whole():
    def scaled(model, inputs, labels, square):
        return mean_loss(model, inputs, labels) * square

    model, batch = network(), batch_of()
    slopes = []
    for function in (parallel_step, lambda model, function, *batch, workers: function(model, *batch).backward()):
        scale = Tensor(np.float32(2.0), requires_grad=True)
        watched = Watched(functools.partial(scaled, square=scale * scale))
        function(model, watched, *batch, workers=2)
        assert not watched.shared
        slopes.append(scale.grad.tobytes())
    assert slopes[0] == slopes[1]


@pytest.mark.parametrize("workers", [2, 3])
def test_the_same_bits_every_time_whatever_the_timing(workers):
    interval = sys.getswitchinterval()
    results = []
    model = network(dropout=0.3)
    try:
        for repetition in range(12):
            sys.setswitchinterval([1e-6, 5e-3, 1e-4][repetition % 3])
            manual_seed(5)
            results.append(
                (bits_of(shared_step(model, mean_loss, *batch_of(33), workers=workers)), generator().random())
            )
    finally:
        sys.setswitchinterval(interval)
    assert all(result == results[0] for result in results)


def test_dropout_draws_something_new_in_each_step_and_shard():
    drawn = []

    def noting(model, inputs, labels):
        if len(inputs) > 1:
            drawn.append(generator().random())
        return mean_loss(model, inputs, labels)

    model = network()
    for _ in range(2):
        parallel_step(model, noting, *batch_of(), workers=2)
    assert len(set(drawn)) == 4


def test_the_plain_step_is_taken_where_sharing_does_not_pay():
    for model, batch, workers in [
        (network(), batch_of(), 1),
        (network(), batch_of(1), 2),
        (network(), batch_of(2), 2),
        (Linear(4, 4), (np.ones((8, 4), np.float32), np.zeros(8, int)), 2),
    ]:
        watched = Watched()
        result = shared_step(model, watched, *batch, workers=workers)
        assert not watched.shared
        assert bits_of(result) == bits_of(plain_step(model, mean_loss, *batch))


@pytest.mark.parametrize(
    ("of_op", "of_all", "examples", "expected"),
    [
        (1.0, 1.0, 4, (4, 1)),
        (0.99, 1.0, 4, (3, 1)),
        (1.0, 0.99, 4, (3, 1)),
        (0.5, 1.0, 4, (2, 1)),
        (0.49, 1.0, 4, (1, 1)),
        (9.0, 9.0, 3, (3, 1)),
        (9.0, 9.0, 8, (4, 2)),
    ],
)
def test_each_shard_has_to_be_large_enough(of_op, of_all, examples, expected, monkeypatch):
    for name, size in {"_LEAST_OF_OP": 100, "_LEAST_OF_SHARD": 1000, "_MOST_OF_PIECE": 10_000}.items():
        monkeypatch.setattr(minitx.training.threads, name, size)
    monkeypatch.setattr(minitx.training.threads, "_size_up", lambda *_: (100 * of_op, 1000 * of_all))
    model = Linear(2000, 10)
    assert minitx.training.threads._plan(model, mean_loss, [np.ones((examples, 2000))], 4) == expected


class Normalised(Module):
    """Batch norm of small images."""

    def __init__(self, **options):
        super().__init__()
        self.norm = BatchNorm2d(WIDTH // 16, **options)

    def forward(self, x):
        return self.norm(x.reshape(len(x), WIDTH // 16, 4, 4)).reshape(x.shape)


class OwnNorm(Module):
    """What a student may write: a running mean, changed in place."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", np.zeros(WIDTH, np.float32))

    def forward(self, x):
        if self.training:
            self.mean *= 0.9
            self.mean += 0.1 * x.numpy().mean(axis=0)
        return x - self.mean


@pytest.mark.parametrize("norm", [Normalised, lambda: Normalised(track_running_stats=False), OwnNorm])
def test_batch_norm_sees_the_whole_batch(norm):
    model, other = network(between=norm()), network(between=norm())
    watched = Watched()
    result = shared_step(model, watched, *batch_of(), workers=2)
    assert not watched.shared
    assert bits_of(result) == bits_of(plain_step(other, mean_loss, *batch_of()))
    for name, array in model.named_buffers():
        np.testing.assert_array_equal(array, dict(other.named_buffers())[name])


def test_batch_norm_without_running_averages_sees_the_whole_batch_in_evaluation_too():
    model = network(between=Normalised(track_running_stats=False)).eval()
    watched = Watched()
    result = shared_step(model, watched, *batch_of(), workers=2)
    assert not watched.shared
    assert bits_of(result) == bits_of(plain_step(model, mean_loss, *batch_of()))


@pytest.mark.parametrize("norm", [Normalised, OwnNorm])
def test_batch_norm_in_evaluation_is_shared(norm):
    model = network(between=norm()).eval()
    watched = Watched()
    shared = shared_step(model, watched, *batch_of(), workers=2)
    assert watched.shared
    assert_same(shared, plain_step(model, mean_loss, *batch_of()))


class Remembers(Module):
    """Leaves behind what a loss function asks for later: an attribute that all threads would write to."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        self.size = (x * x).mean()
        return x


def test_a_model_that_leaves_something_behind_stays_whole():
    def penalised(model, inputs, labels):
        return mean_loss(model, inputs, labels) + model.between.size

    model, other = network(between=Remembers()), network(between=Remembers())
    watched = Watched(penalised)
    result = shared_step(model, watched, *batch_of(), workers=2)
    assert not watched.shared and model.between.calls == 1
    assert bits_of(result) == bits_of(plain_step(other, penalised, *batch_of()))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_outside_the_model_sees_the_whole_batch(training):
    def normalising(model, inputs, labels):
        logits = batch_norm(model(inputs), np.zeros(10, np.float32), np.ones(10, np.float32), training=training)
        return cross_entropy(logits * 1, labels)

    def of_images(model, inputs, labels):  # whose statistics a single one has, too
        images = maximum(model.first(inputs), 0).reshape(-1, WIDTH // 16, 4, 4)
        images = batch_norm(images, *np.ones((2, WIDTH // 16), np.float32), training=training)
        return cross_entropy(model.head(images.reshape(-1, WIDTH)), labels)

    for function in (normalising, of_images):
        model, watched = network(), Watched(function)
        shared = shared_step(model, watched, *batch_of(), workers=2)
        assert watched.shared == (not training)
        assert_same(shared, plain_step(model, function, *batch_of()))


def test_a_loss_that_writes_to_its_arrays_meets_each_of_them_once():
    def doubling(model, inputs, labels):
        inputs *= 2
        return mean_loss(model, inputs, labels)

    inputs, labels = batch_of()
    twice = 2 * inputs
    parallel_step(network(), doubling, inputs, labels, workers=2)
    np.testing.assert_array_equal(inputs, twice)


def test_scores_are_averaged_over_examples_or_added_up():
    model, batch = network(), batch_of(33)

    def scored(model, inputs, labels):
        return mean_loss(model, inputs, labels), {"first": float(inputs[:, 0].mean()), "examples": len(inputs)}

    scores = parallel_scores(model, scored, batch, workers=2)
    np.testing.assert_allclose(scores["first"], batch[0][:, 0].mean(), rtol=1e-5)
    assert list(scores) == ["loss", "first", "examples"]
    assert parallel_scores(model, scored, batch, "sum", workers=2)["examples"] == 33


class Mistake(Exception):
    pass


def failing_in(shards, error=Mistake):
    """Return a loss function that fails in the shards (0, 1, ...) of a batch whose first column counts examples."""

    def function(model, inputs, labels):
        shard = int(inputs[0, 0]) // 16
        if len(inputs) > 1 and shard in shards:
            raise error(f"shard {shard}")
        return mean_loss(model, inputs, labels)

    return function


@pytest.mark.parametrize("error", [Mistake, KeyboardInterrupt])
@pytest.mark.parametrize(("shards", "first"), [((0,), 0), ((1,), 1), ((2,), 2), ((0, 1, 2), 0), ((2, 1), 1)])
def test_the_error_of_the_first_shard_that_fails_is_raised(error, shards, first):
    model = network()
    inputs, labels = batch_of(48)
    inputs[:, 0] = np.arange(48)
    inputs /= 10
    inputs[:, 0] *= 10
    threads = threading.active_count()
    with pytest.raises(error, match=f"shard {first}"):
        parallel_step(model, failing_in(shards, error), inputs, labels, workers=3)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert threading.active_count() == threads
    assert not has_own_generator()


def test_ctrl_c_stops_all_threads_before_their_share_is_done(monkeypatch):
    monkeypatch.setattr(minitx.training.threads, "_MOST_OF_PIECE", 1)  # every example is a piece
    model, batch = network(), batch_of()
    calls = []

    def function(model, inputs, labels):
        calls.append(threading.current_thread())
        if calls.count(threading.main_thread()) == 4:  # the first is the one sent ahead
            signal.raise_signal(signal.SIGINT)
        return mean_loss(model, inputs, labels)

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        parallel_step(model, function, *batch, workers=2)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert threading.active_count() == threads
    assert calls.count(threading.main_thread()) == 4


def test_ctrl_c_while_threads_begin_leaves_none_behind(monkeypatch):
    working, done = threading.Event(), []

    def work(number, cancelled):
        if number:
            working.wait(5)
            done.append(number)

    def press(main):
        begun.wait()
        time.sleep(0.02)
        signal.pthread_kill(main, signal.SIGINT)
        working.set()

    begun = threading.Event()
    pressing = threading.Thread(target=press, args=(threading.main_thread().ident,))
    pressing.start()
    set_ident = threading.Thread._set_ident

    def slowly(thread):
        begun.set()
        time.sleep(0.1)
        set_ident(thread)

    monkeypatch.setattr(threading.Thread, "_set_ident", slowly)
    with pytest.raises(KeyboardInterrupt):
        minitx.training.threads._in_threads(work, 3)
    assert sorted(done) == [1, 2]
    pressing.join()


def test_ctrl_c_twice_waits_for_the_threads_all_the_same():
    told, done = threading.Event(), []

    def work(number, cancelled):
        if number:
            end = time.monotonic() + 30
            while not cancelled() and time.monotonic() < end:
                time.sleep(0.001)
            told.set()
            pressing.join()
            done.append(cancelled())

    def press_twice(main):
        time.sleep(0.05)
        signal.pthread_kill(main, signal.SIGINT)
        told.wait()
        time.sleep(0.05)
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.05)

    pressing = threading.Thread(target=press_twice, args=(threading.main_thread().ident,))
    with pytest.raises(KeyboardInterrupt):
        pressing.start()
        minitx.training.threads._in_threads(work, 2)
    assert done == [True]


def test_ctrl_c_while_gradients_are_added_comes_after_all_of_them(monkeypatch):
    model, batch = network(), batch_of()
    _, expected = bits_of(shared_step(model, mean_loss, *batch, workers=2))
    add = minitx.training.threads.add_to_leaves

    def pressed(sums):
        signal.raise_signal(signal.SIGINT)
        add(sums)

    monkeypatch.setattr(minitx.training.threads, "add_to_leaves", pressed)
    with pytest.raises(KeyboardInterrupt):
        shared_step(model, mean_loss, *batch, workers=2)
    assert bits_of((0, gradients_of_model(model)))[1] == expected


def test_an_error_cancels_the_later_shards_and_no_earlier_one():
    noticed = []

    def work(number, cancelled):
        if number == 1:
            raise Mistake
        end = time.monotonic() + (30 if number == 2 else 0.1)
        while not cancelled() and time.monotonic() < end:
            time.sleep(0.001)
        noticed.append((number, cancelled()))

    with pytest.raises(Mistake):
        minitx.training.threads._in_threads(work, 3)
    assert sorted(noticed) == [(0, False), (2, True)]


def test_a_cancelled_shard_goes_no_further(monkeypatch):
    monkeypatch.setattr(minitx.training.threads, "_MOST_OF_PIECE", 1)
    answers = iter([False, False, True, True])
    monkeypatch.setattr(
        minitx.training.threads, "_in_threads", lambda work, count: work(0, lambda: next(answers, True))
    )
    watched = Watched(lambda model, inputs, labels: sizes.append(len(inputs)) or mean_loss(model, inputs, labels))
    sizes = []
    parallel_step(network(), watched, *batch_of(), workers=2)
    assert sizes == [1, 1, 1]  # the first is the one sent ahead


def test_a_loss_that_takes_no_single_example_stays_whole():
    def picky(model, inputs, labels):
        return mean_loss(model, inputs.reshape(EXAMPLES, WIDTH), labels)

    model = network()
    assert bits_of(shared_step(model, picky, *batch_of(), workers=2)) == bits_of(
        plain_step(model, mean_loss, *batch_of())
    )


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((Tensor(np.ones((4, 3), np.float32)), np.zeros(4, int)), "part 0 of the batch is a Tensor"),
        ((np.ones((4, 3)), [0, 1, 2, 3]), "part 1 of the batch is a list.*functools.partial"),
        ((np.ones((4, 3)), np.float32(2)), "part 1 of the batch is a float32"),
        ((np.ones((4, 3)), np.array(2)), "part 1 of the batch is an array without axes"),
    ],
)
def test_what_cannot_be_cut_is_refused(batch, message):
    with pytest.raises(TypeError, match=message):
        parallel_step(network(), mean_loss, *batch)


@pytest.mark.parametrize(
    ("batch", "options", "message"),
    [
        ((np.ones((4, 3)), np.zeros(5)), {}, r"differ in length, got \(4, 3\), \(5,\)"),
        ((), {}, "no array at all"),
        ((np.ones((4, 3)),), {"reduction": "none"}, "reduction='none' is unknown; choose 'mean'"),
        ((np.ones((4, 3)),), {"workers": 0}, "workers=0 is no number of threads"),
        ((np.ones((4, 3)),), {"workers": 1.5}, "workers=1.5 is no number of threads"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(batch, options, message):
    with pytest.raises(ValueError, match=message):
        parallel_step(network(), mean_loss, *batch, **options)


def test_blas_and_switching_are_as_before():
    interval = sys.getswitchinterval()
    seen = []

    def noting(model, inputs, labels):
        seen.append((blas_threads(), sys.getswitchinterval() < interval))
        return mean_loss(model, inputs, labels)

    before = blas_threads()
    with pytest.raises(Mistake):
        parallel_step(network(), failing_in([0, 1]), *batch_of(), workers=2)
    parallel_step(network(), noting, *batch_of(), workers=2)
    assert seen[1:] == 2 * [([1] * len(before), True)]
    assert (blas_threads(), sys.getswitchinterval()) == (before, interval)


def test_steps_of_two_threads_take_turns():
    interval, before = sys.getswitchinterval(), blas_threads()
    both = threading.Event()
    models, inside = [network(), network()], set()

    def meeting(model, inputs, labels):
        if len(inputs) > 1:
            inside.add(id(model))
            both.set() if len(inside) == 2 else both.wait(0.3)
            begun.append(len(inside))
        return mean_loss(model, inputs, labels)

    begun = []
    threads = [
        threading.Thread(target=parallel_step, args=(model, meeting, *batch_of()), kwargs={"workers": 2})
        for model in models
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert begun == [1, 1, 2, 2]  # the second began when both shards of the first were done
    assert (blas_threads(), sys.getswitchinterval()) == (before, interval)


def blas_threads():
    return [library["num_threads"] for library in threadpoolctl.threadpool_info()]


def test_it_works_where_blas_cannot_be_limited(monkeypatch):
    model = network()
    limited = bits_of(shared_step(model, mean_loss, *batch_of(), workers=2))
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # importing it fails
    minitx.training.threads._blas.cache_clear()
    try:
        watched = Watched()
        shared = shared_step(model, watched, *batch_of(), workers=2)
        assert watched.shared
        assert_same(shared, plain_step(model, mean_loss, *batch_of()))
        if set(blas_threads()) == {1}:
            assert bits_of(shared) == limited
    finally:
        minitx.training.threads._blas.cache_clear()


def test_a_step_within_a_shard_is_plain():
    model, inner, batch = network(), network(), batch_of()
    sizes = []

    def inner_loss(model, inputs, labels):
        sizes.append(len(inputs))
        return mean_loss(model, inputs, labels)

    def outer(model, inputs, labels):
        if len(inputs) > 1:
            parallel_step(inner, inner_loss, inputs, labels, workers=2)
        return mean_loss(model, inputs, labels)

    shared = shared_step(model, outer, *batch, workers=2)
    assert sizes == [16, 16]
    assert_same(shared, plain_step(model, mean_loss, *batch))


def test_error_handling_of_numpy_holds_in_all_threads():
    model, batch = network(), batch_of()

    def dividing(model, inputs, labels):
        if threading.current_thread() is not threading.main_thread():
            np.ones(3) / np.zeros(3)
        return mean_loss(model, inputs, labels)

    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        parallel_step(model, dividing, *batch, workers=2)
    with np.errstate(divide="ignore"):
        parallel_step(model, dividing, *batch, workers=2)


def test_from_another_thread():
    model, results = network(), []
    plain = plain_step(model, mean_loss, *batch_of())
    thread = threading.Thread(target=lambda: results.append(shared_step(model, mean_loss, *batch_of(), workers=2)))
    thread.start()
    thread.join()
    assert_same(results[0], plain)


def test_nothing_to_differentiate_is_an_error_as_in_the_plain_step():
    model = network()
    parallel_step(model, mean_loss, *batch_of(), workers=2)  # from here on it is known how to share it
    with no_grad(), pytest.raises(GraphError, match="nothing was recorded"):
        parallel_step(model, mean_loss, *batch_of(), workers=2)
    with pytest.raises(GraphError, match="nothing was recorded"):
        parallel_step(model, lambda *batch: mean_loss(*batch).detach(), *batch_of(), workers=2)

    def cut_in_shards(model, inputs, labels):
        loss = mean_loss(model, inputs, labels)
        return loss.detach() if len(inputs) > 1 else loss

    with pytest.raises(GraphError, match="parallel_step: nothing was recorded.*cut the graph"):
        parallel_step(model, cut_in_shards, *batch_of(), workers=2)
    with pytest.raises(TypeError, match="loss_function returned a float"):
        parallel_step(model, lambda *batch: mean_loss(*batch).item(), *batch_of(), workers=2)


def trainer_of(model, function=classification_loss, dropout_seed=3, **options):
    manual_seed(dropout_seed)
    rng = np.random.default_rng(2)
    inputs, labels = rng.uniform(-1, 1, (84, WIDTH)).astype(np.float32), rng.integers(10, size=84)
    loader = DataLoader(inputs, labels, batch_size=32, shuffle=True)  # the last batch has 20 examples
    return Trainer(model, AdamW(model.parameters(), lr=1e-3), function, loader, quiet=True, **options)


def bits_of_trainer(trainer):
    arrays = {**trainer.model.state_dict(), **trainer.optimizer.state_dict()}
    arrays = {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in arrays.items()}
    return arrays, generator().bit_generator.state, trainer.history


def test_the_trainer_shares_what_the_loss_says_can_be_shared():
    losses = {}
    for name, options in {"shared": {"workers": 2}, "again": {"workers": 2}, "whole": {"workers": 1}}.items():
        watched = Watched(classification_loss)
        trainer = trainer_of(network(), watched, reduction="mean", **options)
        losses[name] = trainer.fit(2)
        assert watched.shared == (name != "whole")
    assert losses["again"] == losses["shared"]
    for key in ("loss", "accuracy"):
        np.testing.assert_allclose(losses["shared"][key], losses["whole"][key], rtol=1e-3)
    assert losses["shared"] == trainer_of(network(), workers=2).fit(2)  # classification_loss says so itself


def test_a_loss_that_says_nothing_stays_whole():
    watched = Watched(classification_loss)
    history = trainer_of(network(), watched, workers=2).fit(1)
    assert not watched.shared
    assert history == trainer_of(network(), workers=1).fit(1)


def test_shared_training_goes_on_bit_for_bit(tmp_path):
    whole = trainer_of(network(dropout=0.2), workers=2)
    whole.fit(3)
    expected = bits_of_trainer(whole)
    first = trainer_of(network(dropout=0.2), workers=2)
    first.fit(2)
    first.save(tmp_path / "run.npz")
    second = trainer_of(Network(dropout=0.2), dropout_seed=9, workers=2)
    second.load(tmp_path / "run.npz")
    second.fit(3)
    assert bits_of_trainer(second) == expected


class BreaksOnce(Module):
    """Gives infinity where dropout, just before, happened to drop the first unit of the first example it was given."""

    def forward(self, x):
        dropped = x.numpy()[0, 0] == 0
        return x * np.float32(np.inf) if dropped else x


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_culprit_is_found_though_dropout_decides_about_it():
    culprits = set()
    for seed in range(6):
        model = network()
        model.between = Sequential(Dropout(0.5), BreaksOnce())
        model.first.bias.writable()[...] = 5  # no unit is 0 by itself
        trainer = trainer_of(model, dropout_seed=seed, workers=2)
        before = generator().bit_generator.state
        with pytest.raises(FloatingPointError) as caught:
            trainer.fit(20)
        assert "the first layer whose output is not finite is 'between.1' (BreaksOnce)" in str(caught.value)
        culprits.add(str(caught.value).partition(";")[0])
        assert all(np.isfinite(parameter.data).all() for parameter in model.parameters())
        assert trainer.step > 0 or generator().bit_generator.state == before
    assert len(culprits) > 1


def test_ctrl_c_lets_the_trainer_finish_a_shared_step(capsys):
    calls = []

    def pressing(model, inputs, labels):
        calls.append(len(inputs))
        if len(calls) == 3:  # one ahead, two shards
            signal.raise_signal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else pressed()
        return classification_loss(model, inputs, labels)

    def pressed():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    trainer = trainer_of(network(), pressing, reduction="mean", workers=2)
    trainer.fit(1)
    assert trainer.stopped and trainer.step == 1
    assert "Stopped by ctrl-C after step 1" in capsys.readouterr().out
    watched = Watched(classification_loss)
    whole = trainer_of(network(), watched, reduction="mean", workers=2)
    whole.fit(1)
    trainer.loss_function = classification_loss
    trainer.fit(1)
    assert bits_of_trainer(trainer)[0] == bits_of_trainer(whole)[0]


def test_an_error_leaves_nothing_behind():
    model, batch = network(), batch_of()
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        for repetition in range(6):
            with pytest.raises(Mistake):
                parallel_step(model, after_forward, *batch, workers=2)
            if repetition == 1:
                early = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] < early + 30_000
    finally:
        tracemalloc.stop()
        gc.enable()


def after_forward(model, inputs, labels):
    loss = mean_loss(model, inputs, labels)
    if len(inputs) > 1:
        raise Mistake(f"loss {loss.item()}")
    return loss
