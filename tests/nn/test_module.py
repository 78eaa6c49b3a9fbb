"""Modules: names, sharing, copying, saving and loading, dtypes, the picture in `repr`, and messages that teach."""

import copy
import threading

import numpy as np
import pytest

from minitx.autograd.backward import GraphError
from minitx.autograd.checking import check_gradients
from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor
from minitx.nn.containers import ModuleList, Sequential
from minitx.nn.initialization import normal, ones, zeros
from minitx.nn.linear import Linear
from minitx.nn.module import Module, Parameter, is_shapes_only, shapes_only, watch_calls
from minitx.nn.normalization import LayerNorm


class Counter(Module):
    """Counts its calls in a buffer and scales by a learned factor."""

    def __init__(self, width):
        super().__init__()
        self.scale = Parameter(ones(width))
        self.register_buffer("calls", np.array(0))
        self.register_buffer("mean", zeros(width))

    def forward(self, x):
        self.calls = self.calls + 1
        return x * self.scale + self.mean


class Model(Module):
    def __init__(self):
        super().__init__()
        self.first = Linear(4, 3)
        self.counter = Counter(3)
        self.layers = ModuleList([Linear(3, 3, bias=False), LayerNorm(3)])

    def forward(self, x):
        x = self.counter(self.first(x))
        for layer in self.layers:
            x = layer(x)
        return x


class Tied(Module):
    def __init__(self):
        super().__init__()
        self.table = Linear(2, 5, bias=False)
        self.head = Linear(2, 5)
        self.head.weight = self.table.weight

    def forward(self, x):
        return self.head(x) + self.table(x)


NAMES = [
    "first.weight",
    "first.bias",
    "counter.scale",
    "counter.calls",
    "counter.mean",
    "layers.0.weight",
    "layers.1.weight",
    "layers.1.bias",
]


def values(model):
    return {name: array.tolist() for name, array in model.state_dict().items()}


class TestNames:
    def test_parameters_have_dotted_names_in_order(self):
        names = [name for name, _ in Model().named_parameters()]
        assert names == [name for name in NAMES if name not in ("counter.calls", "counter.mean")]

    def test_buffers_and_modules_too(self):
        model = Model()
        assert [name for name, _ in model.named_buffers()] == ["counter.calls", "counter.mean"]
        assert [name for name, _ in model.named_modules()] == ["", "first", "counter", "layers", "layers.0", "layers.1"]
        assert list(model.children()) == [model.first, model.counter, model.layers]

    def test_state_dict_holds_parameters_and_buffers(self):
        assert list(Model().state_dict()) == NAMES

    def test_parameters_and_parameters_of_names_agree(self):
        model = Model()
        assert [id(p) for p in model.parameters()] == [id(p) for _, p in model.named_parameters()]
        assert model.num_parameters() == 15 + 3 + 9 + 6

    def test_an_absent_parameter_has_no_name(self):
        assert list(Linear(2, 2, bias=False).state_dict()) == ["weight"]


class TestSharing:
    def test_a_shared_parameter_counts_and_comes_once(self):
        model = Tied()
        assert [name for name, _ in model.named_parameters()] == ["table.weight", "head.bias"]
        assert model.num_parameters() == 15

    def test_its_gradient_is_the_sum_over_its_uses(self):
        check_gradients(Tied().astype(np.float64), np.random.default_rng(0).standard_normal((3, 2)))

    def test_it_is_saved_under_both_names_and_loaded_back(self):
        saved = Tied().state_dict()
        assert list(saved) == ["table.weight", "head.weight", "head.bias"]
        other = Tied()
        other.load_state_dict(saved)
        assert values(other) == {name: array.tolist() for name, array in saved.items()}
        assert other.head.weight is other.table.weight

    def test_two_different_arrays_for_it_are_refused(self):
        model = Tied()
        saved = model.state_dict()
        saved["head.weight"] += 1
        with pytest.raises(ValueError, match=r"table\.weight and head\.weight: one Parameter here"):
            model.load_state_dict(saved)

    def test_a_shared_module_comes_once_but_is_saved_under_both_names(self):
        layer = Linear(2, 2)
        model = Sequential(layer, layer)
        assert len(list(model.modules())) == 2
        assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]

    def test_a_deep_copy_shares_within_itself_only(self):
        model = Tied()
        twin = copy.deepcopy(model)
        assert twin.head.weight is twin.table.weight
        twin.head.weight.writable()[...] = 0
        assert model.head.weight.data.any()


class TestLoading:
    def test_state_dict_copies(self):
        model = Model()
        model.state_dict()["first.weight"][...] = 9
        assert not (model.first.weight.data == 9).any()

    def test_round_trip(self):
        model, other = Model(), Model()
        model(np.ones((2, 4), np.float32))
        assert other.load_state_dict(model.state_dict()) == ([], [])
        assert values(other) == values(model)
        assert other.counter.calls == 1

    def test_all_misfits_are_named_at_once_and_nothing_changes(self):
        model = Model()
        before = values(model)
        arrays = {name: array + 1 for name, array in model.state_dict().items()}
        del arrays["first.bias"], arrays["counter.mean"]
        arrays["extra"] = arrays["more.extra"] = np.ones(2)
        arrays["layers.0.weight"] = np.ones((3, 4))
        arrays["layers.1.bias"] = np.array(["a", "b", "c"])
        with pytest.raises(ValueError, match="do not fit Model, so nothing was changed") as caught:
            model.load_state_dict(arrays)
        message = str(caught.value)
        assert "missing: first.bias, counter.mean" in message
        assert "unexpected: extra, more.extra" in message
        assert "layers.0.weight: expected float32 (3, 3), found float64 (3, 4)" in message
        assert "layers.1.bias: expected float32 (3,), found <U1 (3,)" in message
        assert values(model) == before

    def test_not_strict_skips_and_names_them(self):
        model = Model()
        arrays = {"first.bias": np.full(3, 7.0), "extra": np.ones(1)}
        missing, unexpected = model.load_state_dict(arrays, strict=False)
        assert missing == [name for name in NAMES if name != "first.bias"]
        assert unexpected == ["extra"]
        assert model.first.bias.data.tolist() == [7, 7, 7]

    def test_not_strict_still_refuses_wrong_shapes(self):
        with pytest.raises(ValueError, match=r"first\.bias: expected float32 \(3,\), found float64 \(4,\)"):
            Model().load_state_dict({"first.bias": np.ones(4)}, strict=False)

    def test_values_take_the_dtype_of_the_module(self):
        model = Model()
        model.load_state_dict({name: array.astype(np.float64) for name, array in model.state_dict().items()})
        assert {parameter.dtype for parameter in model.parameters()} == {np.dtype(np.float32)}
        assert model.counter.calls.dtype == np.int64

    def test_parameters_and_tensors_are_taken_too(self):
        model, other = Linear(2, 2), Linear(2, 2)
        other.load_state_dict(dict(model.named_parameters()))
        assert values(other) == values(model)

    def test_what_is_loaded_is_not_shared_with_the_source(self):
        arrays = Model().state_dict()
        model = Model()
        model.load_state_dict(arrays)
        arrays["counter.mean"] += 1
        arrays["first.weight"] += 1
        assert not model.counter.mean.any()
        assert not (model.first.weight.data == arrays["first.weight"]).any()

    def test_a_graph_recorded_before_loading_is_stale(self):
        model = Linear(2, 2)
        loss = model(np.ones((1, 2), np.float32)).sum()
        model.load_state_dict(model.state_dict())
        with pytest.raises(GraphError, match="changed"):
            loss.backward()


class TestDtypes:
    def test_astype_converts_in_place_and_returns_the_module(self):
        model = Model()
        weight = model.first.weight
        model(np.ones((2, 4), np.float32)).sum().backward()
        assert model.astype(np.float64) is model
        assert model.first.weight is weight
        assert {parameter.dtype for parameter in model.parameters()} == {np.dtype(np.float64)}
        assert weight.grad.dtype == np.float64
        assert model.counter.mean.dtype == np.float64
        assert model.counter.calls.dtype == np.int64

    def test_a_graph_recorded_before_astype_is_stale(self):
        model = Linear(2, 2)
        loss = model(np.ones((1, 2), np.float32)).sum()
        model.astype(np.float64)
        with pytest.raises(GraphError, match="changed"):
            loss.backward()

    def test_integers_are_refused(self):
        with pytest.raises(TypeError, match=r"astype: parameters cannot be int64; choose np\.float32"):
            Linear(2, 2).astype(int)

    @pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["array", "Tensor"])
    def test_float64_input_to_float32_parameters_names_argument_and_cure(self, wrap):
        with pytest.raises(TypeError, match=r"Linear: x is float64, but the module is float32; .*\.astype\(np\."):
            Model()(wrap(np.ones((2, 4))))

    def test_keyword_arguments_are_looked_at_too(self):
        with pytest.raises(TypeError, match="Linear: x is float64"):
            Linear(2, 2)(x=np.ones((1, 2)))

    def test_integers_and_masks_are_no_business_of_the_check(self):
        class Masked(Counter):
            def forward(self, x, mask):
                return x * self.scale * mask

        assert Masked(2)(np.ones(2, np.float32), np.array([True, False])).data.tolist() == [1, 0]


class TestAttributes:
    def test_forgetting_to_initialise_the_base_class(self):
        class Forgetful(Module):
            def __init__(self):
                self.layer = Linear(2, 2)

        with pytest.raises(RuntimeError, match=r"Forgetful: .*'layer'.*make super\(\).__init__\(\) the first line"):
            Forgetful()

    def test_forgetting_it_before_a_buffer(self):
        class Forgetful(Module):
            def __init__(self):
                self.register_buffer("table", np.ones(2))

        with pytest.raises(RuntimeError, match=r"Forgetful: .*'table'.*super\(\).__init__\(\)"):
            Forgetful()

    @pytest.mark.parametrize("container", [lambda m: [m], lambda m: (m,), lambda m: {"a": m}])
    def test_modules_in_plain_containers_would_be_lost(self, container):
        module = Module()
        with pytest.raises(TypeError, match="'layers' would not be found.*ModuleList"):
            module.layers = container(Linear(2, 2))

    def test_plain_containers_of_other_things_are_fine(self):
        module = Module()
        module.sizes, module.names = [1, 2], {"a": 1}
        assert module.sizes == [1, 2]

    @pytest.mark.parametrize("value", [np.ones((2, 2)), Tensor(np.ones((2, 2)))], ids=["array", "Tensor"])
    def test_a_parameter_is_not_replaced_by_accident(self, value):
        layer = Linear(2, 2)
        with pytest.raises(TypeError, match="'weight' is a Parameter and would be lost.*writable"):
            layer.weight = value

    def test_a_parameter_may_be_replaced_by_another_or_by_none(self):
        layer = Linear(2, 2)
        layer.weight = Parameter(ones((3, 2)))
        layer.bias = None
        assert [name for name, _ in layer.named_parameters()] == ["weight"]
        assert layer(np.ones((1, 2), np.float32)).data.tolist() == [[2, 2, 2]]

    def test_buffers_stay_arrays(self):
        counter = Counter(2)
        counter(np.ones(2, np.float32))
        assert type(counter.calls) is np.ndarray and counter.calls == 1
        counter.mean = Tensor([1.0, 2.0])
        assert type(counter.mean) is np.ndarray and counter.mean.tolist() == [1, 2]

    def test_a_buffer_never_keeps_a_graph(self):
        counter = Counter(2)
        with pytest.raises(TypeError, match="part of a graph"):
            counter.mean = counter(np.ones(2, np.float32))

    def test_a_module_without_forward(self):
        class Empty(Module):
            pass

        with pytest.raises(TypeError, match=r"Empty: it cannot be called.*define Empty\.forward"):
            Empty()(1)


class TestParameter:
    def test_takes_the_array_over(self):
        array = np.ones(3, np.float32)
        parameter = Parameter(array)
        parameter.writable()[0] = 5
        assert array[0] == 5
        assert parameter.requires_grad

    def test_copies_what_must_not_be_written_to(self):
        array = np.ones(3, np.float32)
        array.flags.writeable = False
        Parameter(array).writable()[0] = 5
        assert array[0] == 1

    def test_numbers_become_float32(self):
        assert Parameter([1.0, 2.0]).dtype == np.float32
        assert Parameter(Tensor([1.0, 2.0])).dtype == np.float32
        assert Parameter(np.ones(2)).dtype == np.float64

    def test_integers_cannot_be_learned(self):
        with pytest.raises(TypeError, match="Parameter: only floating-point values.*int64.*astype"):
            Parameter(np.arange(3))


class TestModes:
    def test_train_and_eval_reach_everything(self):
        model = Model()
        assert model.eval() is model
        assert not any(module.training for module in model.modules())
        assert model.train() is model
        assert all(module.training for module in model.modules())

    def test_zero_grad(self):
        model = Model()
        model(np.ones((2, 4), np.float32)).sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        model.zero_grad()
        assert all(parameter.grad is None for parameter in model.parameters())


class TestDeepCopy:
    def test_the_copy_is_equal_and_independent(self):
        model = Model()
        twin = copy.deepcopy(model)
        assert values(twin) == values(model)
        twin.first.weight.writable()[...] = 0
        twin.counter.mean[...] = 9
        assert model.first.weight.data.any() and not model.counter.mean.any()
        assert all(isinstance(parameter, Parameter) for parameter in twin.parameters())

    def test_gradients_of_all_parameters(self):
        model = Model()
        before = values(model)
        check_gradients(model, np.random.default_rng(0).standard_normal((2, 4)))
        assert values(model) == before


class TestWatchCalls:
    def test_reports_inner_modules_first(self):
        model = Model()
        calls = []
        with watch_calls(lambda module, inputs, output: calls.append((module, inputs[0].shape, output.shape))):
            model(np.ones((2, 4), np.float32))
        model(np.ones((2, 4), np.float32))
        assert [module for module, _, _ in calls] == [model.first, model.counter, *model.layers, model]
        assert calls[0][1:] == ((2, 4), (2, 3))

    def test_nests_and_ends_with_an_error(self):
        layer, seen = Linear(2, 2), []
        x = np.ones((1, 2), np.float32)
        with pytest.raises(KeyError), watch_calls(lambda *_: seen.append("outer")):
            with watch_calls(lambda *_: seen.append("inner")):
                layer(x)
            layer(x)
            raise KeyError
        layer(x)
        assert seen == ["outer", "inner", "outer"]

    def test_other_threads_are_not_watched(self):
        seen = []
        with watch_calls(lambda *_: seen.append(1)):
            thread = threading.Thread(target=Linear(2, 2), args=(np.ones((1, 2), np.float32),))
            thread.start()
            thread.join()
        assert not seen


class TestShapesOnly:
    def test_counts_without_memory_or_random_numbers(self):
        before = generator().bit_generator.state
        with shapes_only():
            model = Sequential(Linear(10**6, 10**6), LayerNorm(10**6))
        assert model.num_parameters() == 10**12 + 3 * 10**6
        assert model[0].weight.dtype == np.float32
        assert generator().bit_generator.state == before
        assert "1,000,003,000,000" in repr(model)

    def test_ends_with_the_block_and_with_an_error(self):
        with pytest.raises(KeyError), shapes_only():
            raise KeyError
        assert not is_shapes_only()
        assert normal((2, 2)).flags.writeable

    def test_other_threads_build_real_weights(self):
        built = []
        with shapes_only():
            thread = threading.Thread(target=lambda: built.append(Linear(2, 2)))
            thread.start()
            thread.join()
        assert built[0].weight.data.any()

    def test_nothing_can_be_loaded_into_it(self):
        with shapes_only():
            hollow = Linear(2, 3)
        with pytest.raises(ValueError, match=r"weight: it was built inside shapes_only\(\) and has no memory"):
            hollow.load_state_dict(Linear(2, 3).state_dict())


class TestRepr:
    def test_tree_with_counts(self):
        assert repr(Model()).splitlines() == [
            "Model()                                                     33",
            "├─ first: Linear(in_features=4, out_features=3)             15",
            "├─ counter: Counter()                                        3",
            "└─ layers: ModuleList()                                     15",
            "   ├─ 0: Linear(in_features=3, out_features=3, bias=False)   9",
            "   └─ 1: LayerNorm((3,), eps=1e-05)                          6",
        ]

    def test_own_parameters_stand_beside_children_and_equal_neighbours_are_drawn_once(self):
        class Tower(Module):
            def __init__(self):
                super().__init__()
                self.token = Parameter(zeros((1, 4)))
                self.layers = ModuleList(Sequential(Linear(4, 4), LayerNorm(4)) for _ in range(3))
                self.last = LayerNorm(4)

        lines = [line.split("  ")[0] for line in repr(Tower()).splitlines()]
        assert lines[1] == "├─ token: Parameter(1, 4)"
        assert "0-2: Sequential()" in repr(Tower()) and "3 x 28" in repr(Tower())
        assert repr(Tower()).count("LayerNorm") == 2

    def test_shared_parameters_count_where_they_first_appear(self):
        counts = [line.split()[-1] for line in repr(Tied()).splitlines()]
        assert counts == ["15", "10", "5"]
