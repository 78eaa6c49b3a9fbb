"""Mistakes around a training loop, and what one is told: nothing may train in silence on what was not meant."""

import numpy as np
import pytest

from minitx.data.loader import DataLoader
from minitx.nn.linear import Linear
from minitx.nn.losses import cross_entropy
from minitx.training.optimizers import SGD
from minitx.training.trainer import Trainer, classification_loss


def trainer(loss_function=classification_loss, inputs=None, labels=None):
    model = Linear(3, 2)
    inputs = np.ones((8, 3), np.float32) if inputs is None else inputs
    labels = np.zeros(len(inputs), np.int64) if labels is None else labels
    loader = DataLoader(inputs, labels, batch_size=4)
    return Trainer(model, SGD(model.parameters(), lr=0.1), loss_function, loader, quiet=True)


def test_an_optimizer_of_another_model_is_refused():
    here = trainer()
    with pytest.raises(ValueError, match="holds no parameter of this model.*model.parameters"):
        Trainer(Linear(3, 2), here.optimizer, classification_loss, here.loader)


def test_an_optimizer_of_part_of_the_model_is_welcome():
    model = Linear(3, 2)
    part = SGD([model.weight], lr=0.1)
    Trainer(model, part, classification_loss, trainer().loader, quiet=True).fit(1)
    assert model.bias.grad is not None


def test_a_model_in_place_of_its_parameters_is_refused():
    with pytest.raises(TypeError, match=r"SGD: parameters is a Linear.*pass model\.parameters\(\)"):
        SGD(Linear(3, 2), lr=0.1)


def test_a_loss_for_each_example_is_refused():
    def losses(model, inputs, labels):
        return cross_entropy(model(inputs), labels, reduction="none")

    with pytest.raises(ValueError, match=r"loss_function returned a Tensor of shape \(4,\).*mean over the batch"):
        trainer(losses).fit(1)


@pytest.mark.parametrize("labels", [np.eye(2)[[0] * 8], np.zeros((8, 1), np.int64)])
def test_labels_that_are_no_class_indices_are_refused(labels):
    with pytest.raises(ValueError, match=r"labels have shape \(4, .\), but logits of shape \(4, 2\) need \(4,\)"):
        trainer(labels=labels).fit(1)


def test_bad_data_are_not_blamed_on_the_learning_rate():
    with pytest.raises(FloatingPointError, match=r"array 0 of the batch holds NaN") as caught:
        trainer(inputs=np.full((8, 3), np.nan, np.float32)).fit(1)
    assert "np.isfinite" in str(caught.value) and "learning rate" not in str(caught.value)
