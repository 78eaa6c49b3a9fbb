"""The optimizers against PyTorch's: the same gradients give the same parameters, step after step."""

import numpy as np
import pytest

from minitx.nn.module import Parameter
from minitx.training.clipping import clip_grad_norm
from minitx.training.optimizers import SGD, Adam, AdamW

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

SHAPES = [(7, 5), (5,), (), (2, 3, 4, 5), (0, 3)]


@pytest.mark.parametrize(
    ("ours", "settings"),
    [
        (SGD, {}),
        (SGD, {"lr": 0.1, "weight_decay": 0.1}),
        (SGD, {"lr": 0.1, "momentum": 0.9}),
        (SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
        (Adam, {}),
        (Adam, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
        (AdamW, {}),
        (AdamW, {"lr": 0.05, "betas": (0.0, 0.5), "eps": 1e-4, "weight_decay": 0.3}),
    ],
)
def test_hundred_steps_equal_those_of_pytorch(ours, settings):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape) for shape in SHAPES]
    mine = [Parameter(value.copy()) for value in values]
    theirs = [torch.nn.Parameter(torch.tensor(value)) for value in values]
    optimizer = ours(mine, **settings)
    reference = getattr(torch.optim, ours.__name__)(theirs, **settings)
    for step in range(1, 101):
        for index, (p, q) in enumerate(zip(mine, theirs)):
            gradient = rng.normal(size=p.shape) * 10.0 ** rng.integers(-6, 3)
            skipped = index == 1 and step % 3 == 0
            p.grad = None if skipped else gradient
            q.grad = None if skipped else torch.tensor(gradient)
        if step == 50:
            optimizer.lr = 0.02
            reference.param_groups[0]["lr"] = 0.02
        optimizer.step()
        reference.step()
        for p, q in zip(mine, theirs):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ours", [SGD, Adam, AdamW])
def test_the_defaults_are_those_of_pytorch(ours):
    reference = getattr(torch.optim, ours.__name__)([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    settings = ours([Parameter(np.zeros(1))]).state_dict()["settings"]
    assert settings == {name: reference[name] for name in settings}


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 1e9])
def test_clipping_equals_that_of_pytorch(max_norm):
    rng = np.random.default_rng(1)
    mine = [Parameter(np.zeros(shape)) for shape in SHAPES]
    theirs = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in SHAPES]
    for p, q in zip(mine[1:], theirs[1:]):
        p.grad = rng.normal(size=p.shape)
        q.grad = torch.tensor(p.grad)
    norm = clip_grad_norm(mine, max_norm)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm).item(), rel=1e-13)
    for p, q in zip(mine[1:], theirs[1:]):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-13)
