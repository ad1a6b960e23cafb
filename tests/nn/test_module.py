"""Modules: what counts as a parameter, in which order and under which name, and how it is
saved, loaded and moved.
"""

import re

import numpy as np
import pytest

import minigen
from minigen import StaleGraphError, Tensor, nn, optim


def rng():
    return np.random.default_rng(0)


class Model(nn.Module):
    """Parts and parameters in an order that is neither alphabetical nor parameters first."""

    def __init__(self):
        self.output = nn.Dense(3, 2, rng=rng())
        self.scale = Tensor(np.ones(2, np.float32), requires_grad=True)
        self.constant = Tensor(np.ones(2, np.float32))
        self.body = nn.Sequential(nn.Dense(5, 3, bias=False, rng=rng()), nn.Tanh())
        self.buffer("count", np.zeros(2, np.float32))
        self.bias = Tensor(np.zeros(2, np.float32), requires_grad=True)

    def forward(self, x):
        return self.output(self.body(x)) * self.scale + self.bias


NAMES = ["output.weight", "output.bias", "scale", "body.0.weight", "bias"]


def test_parameters_come_in_definition_order_and_are_given_their_path():
    model = Model()
    assert [path for path, _ in model.named_parameters()] == NAMES
    assert [p.name for p in model.parameters()] == NAMES
    assert model.body[0].weight is model.parameters()[3]
    assert [path for path, _ in model.body.named_parameters()] == ["0.weight"]
    assert model.body[0].weight.name == "body.0.weight"  # the first name stays


def test_a_parameter_in_two_places_counts_once():
    model = nn.Sequential(nn.Dense(3, 3, rng=rng()), nn.Dense(3, 3, rng=rng()))
    model[1].weight = model[0].weight
    assert [path for path, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert "15 parameters" in repr(model)


def test_parameters_in_a_list_would_not_be_found_and_are_refused():
    model = Model()
    for parts in ([nn.Tanh()], (nn.Tanh(),), {"a": nn.Tanh()}, [Tensor(np.ones(2), requires_grad=True)]):
        with pytest.raises(
            TypeError, match=r"Model\.parts: parameters inside a .*nn\.Sequential\(\*modules\)"
        ):
            model.parts = parts
    model.sizes = [3, 2]
    assert model.sizes == [3, 2]


def test_a_typing_error_offers_the_near_names():
    model = Model()
    with pytest.raises(AttributeError, match="Model has no attribute 'ouput'; did you mean 'output'"):
        _ = model.ouput
    assert not hasattr(model, "encoder")


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Empty: write forward\(self, x\)"):
        type("Empty", (nn.Module,), {})()(1)


# ----- saving and loading -----------------------------------------------------------------------------------


def test_a_state_goes_into_another_model_and_is_a_copy():
    model, other = Model(), Model()
    for p in model.parameters():
        p.data += 1
    model.count += 7
    state = model.state_dict()
    assert list(state) == [*NAMES, "count"]
    other.load_state_dict(state)
    for name, array in other.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
        assert not np.shares_memory(array, state[name])
    state["scale"][:] = 99
    assert model.scale.data[0] == other.scale.data[0] == 2


def test_loading_writes_into_the_arrays_that_an_optimizer_holds():
    model = Model()
    opt = optim.SGD(model, lr=1.0)
    arrays = [p.data for p in model.parameters()]
    x = Tensor(np.ones((4, 5), np.float32))
    loss = (model(x) ** 2).sum()
    model.load_state_dict({name: array * 0 + 2 for name, array in model.state_dict().items()})
    assert all(
        p.data is array and (array == 2).all() for p, array in zip(model.parameters(), arrays, strict=True)
    )
    with pytest.raises(StaleGraphError):
        loss.backward()
    (model(x) ** 2).sum().backward()
    opt.step()
    assert not (model.bias.data == 2).any()


def test_loading_keeps_the_memory_order_and_dtype_of_the_model():
    model = nn.Conv2d(3, 2, (5, 7), rng=rng())
    state = {name: array.astype(np.float64) for name, array in model.state_dict().items()}
    model.load_state_dict(state)
    assert model.weight.dtype == np.float32
    assert model.weight.data.transpose(2, 3, 1, 0).flags.c_contiguous


def test_loading_lists_every_problem_and_changes_nothing():
    model = Model()
    before = model.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    state["output.wieght"] = state.pop("output.weight")
    state["bias"] = np.zeros(3)
    state["scale"] = np.array(["a", "b"])
    with pytest.raises(ValueError) as error:
        model.load_state_dict(state)
    for line in (
        "missing: output.weight (3, 2)",
        "unexpected: output.wieght (3, 2); did you mean 'output.weight'",
        "shape: bias is (2,) in the model, (3,) in the state",
        "dtype: scale holds <U1, not real numbers",
    ):
        assert line in str(error.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


# ----- the whole model at once ------------------------------------------------------------------------------


def test_train_and_eval_reach_every_part():
    model = Model()
    assert all(module.training for _, module in model.modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.modules())
    assert model.train().body[0].training


def test_astype_converts_parameters_and_buffers_and_keeps_the_order():
    model = nn.Sequential(nn.Conv2d(3, 2, (5, 7), rng=rng()), nn.BatchNorm(2))
    loss = (model(np.ones((2, 3, 7, 7), np.float32)) ** 2).sum()
    assert model.astype(np.float64) is model
    assert {a.dtype for a in model.state_dict().values()} == {np.dtype(np.float64)}
    assert model[0].weight.data.transpose(2, 3, 1, 0).flags.c_contiguous
    with pytest.raises(StaleGraphError):  # its gradients would have the old dtype
        loss.backward()
    with pytest.raises(TypeError, match="np.float32 or np.float64, got int32"):
        model.astype(np.int32)


def test_a_model_moves_to_a_device_and_back_with_its_memory_order(device):
    model = nn.Sequential(nn.Conv2d(3, 2, (5, 7), rng=rng()), nn.BatchNorm(2))
    before = model.state_dict()
    model.to(device.where)
    assert type(model[1].running_mean) is type(model[0].weight.data) is type(device.array([0.0]))
    assert model[0].weight.data.transpose(2, 3, 1, 0).flags.c_contiguous
    for name, array in model.state_dict().items():
        assert type(array) is np.ndarray
        np.testing.assert_array_equal(array, before[name])
    model.load_state_dict(before)
    model.to("cpu")
    assert type(model[0].weight.data) is np.ndarray


def test_zero_grad_forgets_every_gradient():
    model = Model()
    (model(np.ones((4, 5), np.float32)) ** 2).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


# ----- Sequential and print ---------------------------------------------------------------------------------


def test_sequential_applies_its_parts_in_order_and_can_be_cut():
    first, second = nn.Dense(5, 3, rng=rng()), nn.ELU()
    model = nn.Sequential(first, second)
    x = rng().normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_array_equal(model(x).data, second(first(x)).data)
    assert len(model) == 2 and model[-1] is second and len(model[:1]) == 1
    with pytest.raises(TypeError, match="part 1 is a Op, not a Module"):
        nn.Sequential(first, minigen.tanh)
    with pytest.raises(TypeError, match=r"part 0 is a list.*Sequential\(\*modules\)"):
        nn.Sequential([first, second])


def test_repr_shows_layers_shapes_and_counts():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, rng=rng()), nn.LeakyReLU(0.2), nn.Dense(72, 10, rng=rng())
    )
    lines = [re.sub(" +", " ", line.strip()) for line in repr(model).splitlines()]
    assert lines == [
        "Sequential",
        "0: Conv2d(1, 8, 3x3, stride=2) weight (8, 1, 3, 3) bias (8,) 80",
        "1: LeakyReLU(0.2)",
        "2: Dense(72, 10) weight (72, 10) bias (10,) 730",
        "810 parameters",
    ]
    assert repr(nn.Dense(3, 4, rng=rng())) == "Dense(3, 4)  weight (3, 4)  bias (4,)  16 parameters"
