"""Outputs that threads share: those of the model, whatever the number of threads, and no trace left behind."""

import threading

import numpy as np
import pytest

from minitx.autograd.randomness import generator, manual_seed
from minitx.autograd.tensor import is_grad_enabled, no_grad
from minitx.models.vit import VisionTransformer
from minitx.nn.linear import Linear
from minitx.nn.module import Module
from minitx.training.prediction import parallel_outputs

IMAGES = np.random.default_rng(0).standard_normal((33, 3, 32, 32), dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    manual_seed(0)
    return VisionTransformer(32, 4, 3, 10, embed_dim=128, depth=2, num_heads=4, mlp_dim=512).eval()


class Watched(Module):
    """The same model, which notes how many images each thread got."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.seen = []

    def forward(self, images):
        self.seen.append((threading.get_ident(), len(images), is_grad_enabled()))
        return self.model(images)


def test_outputs_are_those_of_the_model_in_order(model):
    with no_grad():
        expected = model(IMAGES).numpy()
    for workers in (1, 2, 3):
        np.testing.assert_allclose(parallel_outputs(model, IMAGES, workers=workers), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recording", [True, False])
def test_threads_share_and_record_nothing(model, recording):
    watched = Watched(model).eval()
    if recording:
        parallel_outputs(watched, IMAGES, workers=2)
    else:
        with no_grad():
            parallel_outputs(watched, IMAGES, workers=2)
            assert not is_grad_enabled()
    shared = [(thread, examples) for thread, examples, recorded in watched.seen if not recorded]
    assert sorted(examples for _, examples in shared) == [16, 17] and len({thread for thread, _ in shared}) == 2
    assert [examples for _, examples, recorded in watched.seen if recorded] == [1]  # what the plan was made from


def test_the_default_generator_stays_where_it_was(model):
    before = generator().bit_generator.state
    parallel_outputs(model, IMAGES, workers=2)
    assert generator().bit_generator.state == before


def test_one_example_and_small_models_are_not_shared(model):
    watched = Watched(model).eval()
    assert parallel_outputs(watched, IMAGES[:1]).shape == (1, 10)
    small = Watched(Linear(3, 2)).eval()
    assert parallel_outputs(small, np.ones((5, 3), np.float32)).shape == (5, 2)
    assert len(watched.seen) == 1 and [examples for _, examples, _ in small.seen] == [5]


def test_a_model_in_training_is_refused(model):
    with pytest.raises(RuntimeError, match=r"VisionTransformer is in training; call model.eval\(\) first"):
        parallel_outputs(VisionTransformer(8, 2, 1, 10, 16, 1, 4, 32), np.ones((2, 1, 8, 8), np.float32))


def test_two_outputs_are_refused():
    class Both(Linear):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(TypeError, match="Both returned a tuple, and only a single Tensor"):
        parallel_outputs(Both(3, 2).eval(), np.ones((5, 3), np.float32))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_output_that_is_not_one_entry_an_example_is_refused(model, workers):
    class Mean(Watched):
        def forward(self, images):
            return super().forward(images).mean(axis=0, keepdims=True)

    with pytest.raises(ValueError, match=r"Mean returned an output of shape \(1, 10\) for (16|33) examples"):
        parallel_outputs(Mean(model).eval(), IMAGES, workers=workers)


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ((IMAGES, IMAGES[:8]), ValueError, "parallel_outputs: the parts of the batch differ in length"),
        ((), ValueError, "no array at all"),
        ((IMAGES.tolist(),), TypeError, "parallel_outputs: part 0 of the batch is a list"),
    ],
)
def test_what_is_no_batch_is_refused(model, batch, error, message):
    with pytest.raises(error, match=message):
        parallel_outputs(model, *batch, workers=2)


def test_errors_of_a_shard_come_through(model):
    with pytest.raises(ValueError, match="PatchEmbedding: images have shape"):
        parallel_outputs(model, IMAGES[:, :, :16, :16], workers=2)
