"""Containers: order, names, indexing, and messages for what does not belong in them."""

import numpy as np
import pytest

from minitx.nn.activations import ReLU, relu
from minitx.nn.containers import ModuleList, Sequential
from minitx.nn.linear import Linear


@pytest.fixture
def model():
    return Sequential(Linear(4, 3), ReLU(), Linear(3, 2))


class TestSequential:
    def test_calls_one_after_the_other(self, model):
        x = np.random.default_rng(0).standard_normal((5, 4), np.float32)
        expected = model[2](relu(model[0](x)))
        np.testing.assert_array_equal(model(x).data, expected.data)

    def test_empty_is_the_identity(self):
        assert Sequential()(3.5) == 3.5

    def test_names_are_numbers(self, model):
        assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]

    def test_length_iteration_and_indexing(self, model):
        assert len(model) == 3
        assert list(model) == [model[0], model[1], model[2]]
        assert model[-1] is model[2]
        with pytest.raises(IndexError):
            model[3]

    def test_a_slice_is_a_sequential_of_the_same_modules(self, model):
        head = model[:2]
        assert type(head) is Sequential and list(head) == [model[0], model[1]]

    def test_append(self, model):
        assert model.append(ReLU()) is model
        assert len(model) == 4 and isinstance(model[3], ReLU)

    def test_the_same_module_twice_is_called_twice(self):
        layer = Linear(2, 2).astype(np.float64)
        layer.weight.writable()[...] = 2 * np.eye(2)
        layer.bias.writable()[...] = 0
        assert Sequential(layer, layer)(np.ones(2)).data.tolist() == [4, 4]

    @pytest.mark.parametrize(
        ("entry", "name"), [(relu, "a function"), (ReLU, "the class ReLU"), ([ReLU()], "a list"), (None, "a NoneType")]
    )
    def test_other_things_are_refused(self, entry, name):
        with pytest.raises(TypeError, match=f"Sequential: entry 1 is {name}, not a Module; write Sequential"):
            Sequential(Linear(2, 2), entry)


class TestModuleList:
    def test_parameters_are_found(self):
        layers = ModuleList(Linear(2, 2) for _ in range(3))
        assert layers.num_parameters() == 18
        assert [name for name, _ in layers.named_parameters()][::2] == ["0.weight", "1.weight", "2.weight"]

    def test_behaves_like_a_list(self):
        layers = ModuleList([Linear(2, 2), ReLU()])
        assert len(layers) == 2 and isinstance(layers[1], ReLU)
        assert type(layers[1:]) is ModuleList and list(layers[1:]) == [layers[1]]
        assert [type(layer) for layer in layers] == [Linear, ReLU]

    def test_cannot_be_called(self):
        with pytest.raises(TypeError, match=r"ModuleList: it cannot be called"):
            ModuleList([ReLU()])(1)

    def test_other_things_are_refused(self):
        with pytest.raises(TypeError, match="ModuleList: entry 0 is a int, not a Module"):
            ModuleList([3])
