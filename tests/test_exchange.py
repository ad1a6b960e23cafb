"""Weights to and from PyTorch: the same outputs on both sides, by state_dict and by .safetensors."""

import ast
import re
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from minigen import Random, Tensor, exchange, nn, optim, pad


class Net(nn.Module):
    """Every layer with a state. The square Dense would load without a word if it were not turned."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.conv = nn.Conv2d(2, 3, (3, 2), rng=rng)
        self.norm = nn.BatchNorm(3)
        self.up = nn.ConvTranspose2d(3, 2, (2, 3), bias=False, rng=rng)
        self.square = nn.Dense(50, 50, rng=rng)
        self.scale = nn.LayerNorm(50)
        self.output = nn.Dense(50, 7, rng=rng)

    def forward(self, x):
        h = self.up(self.norm(self.conv(x)))  # (N, 2, 5, 5) -> (N, 3, 3, 4) -> (N, 2, 4, 6)
        h = h.reshape(len(x), 48)
        return self.output(self.scale(self.square(pad(h, [(0, 0), (1, 1)]))))


X = np.random.default_rng(5).normal(size=(4, 2, 5, 5)).astype(np.float32)


def theirs(torch, seed):
    """The same network in PyTorch, after a few batches: the running statistics are not the first ones."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(2, 3, (3, 2))
            self.norm = torch.nn.BatchNorm2d(3)
            self.up = torch.nn.ConvTranspose2d(3, 2, (2, 3), bias=False)
            self.square = torch.nn.Linear(50, 50)
            self.scale = torch.nn.LayerNorm(50)
            self.output = torch.nn.Linear(50, 7)

        def forward(self, x):
            h = torch.nn.functional.pad(self.up(self.norm(self.conv(x))).reshape(len(x), 48), (1, 1))
            return self.output(self.scale(self.square(h)))

    torch.manual_seed(seed)
    net = Net()
    with torch.no_grad():
        for p in net.parameters():
            p += 0.1 * torch.randn_like(p)
        for _ in range(3):
            net(torch.randn(9, 2, 5, 5))
    return net


def agree(torch, model, net):
    with torch.no_grad():
        for mine, other in ((model.eval(), net.eval()), (model.train(), net.train())):
            np.testing.assert_allclose(
                mine(Tensor(X)).data, other(torch.from_numpy(X)).numpy(), rtol=1e-4, atol=1e-5
            )


def test_a_state_dict_of_pytorch_gives_the_same_outputs():
    torch = pytest.importorskip("torch")
    net, model = theirs(torch, 1), Net()
    optimizer = optim.Adam(model)
    exchange.load_pytorch(model, net.state_dict())
    agree(torch, model, net)
    assert optimizer.parameters[0].data is model.conv.weight.data


def test_pytorch_takes_what_as_pytorch_gives():
    torch = pytest.importorskip("torch")
    net, model = theirs(torch, 1), Net(seed=3)
    model(Tensor(X))
    state = exchange.as_pytorch(model)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    agree(torch, model, net)
    assert not np.shares_memory(state["output.weight"], model.output.weight.data)


def test_bfloat16_tensors_and_tensors_with_history_are_taken():
    torch = pytest.importorskip("torch")
    net, model = theirs(torch, 1).to(torch.bfloat16), Net()
    exchange.load_pytorch(model, dict(net.named_parameters()) | dict(net.named_buffers()))
    np.testing.assert_array_equal(model.output.weight.data.T, net.output.weight.detach().float().numpy())


def test_safetensors_cross_over_both_ways(tmp_path):
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    path, net, model = tmp_path / "a.safetensors", theirs(torch, 1), Net()
    safetensors.save_file(net.state_dict(), path)
    assert model.load(path) is None
    agree(torch, model, net)
    model = Net(seed=3)
    model.save(path, overwrite=True)  # the other library wrote it
    net.load_state_dict(safetensors.load_file(path))
    agree(torch, model, net)


def test_safetensors_come_back_and_bad_ones_are_refused(tmp_path):
    pytest.importorskip("safetensors")
    path, model, other = tmp_path / "a.safetensors", Net(), Net(seed=3)
    model.save(path)
    other.load(path)
    state = other.state_dict()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    with pytest.raises(ValueError, match=r"a\.safetensors: PyTorch's state dict does not fit Dense"):
        nn.Dense(2, 3, rng=np.random.default_rng(0)).load(path)
    for wrong in ({"optimizer": optim.SGD(other)}, {"random": Random(0)}):
        with pytest.raises(ValueError, match="holds weights only"):
            other.load(path, **wrong)
    with pytest.raises(ValueError, match="holds weights only"):
        other.save(path, step=0)
    whole = path.read_bytes()
    for data in (b"", whole[:7], whole[:300], whole[:-1], b"\x80\x04N."):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"is no \.safetensors file, or is damaged"):
            other.load(path)
    header = b'{"weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(12))
    with pytest.raises(ValueError, match="holds BF16 numbers, which NumPy does not have"):
        other.load(path)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(RuntimeError, match=r"from the checkout, pip install '\.\[exchange\]'"):
        Net().save(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").touch()
    with pytest.raises(RuntimeError, match=r"from the checkout, pip install '\.\[exchange\]'"):
        Net().load(tmp_path / "a.safetensors")


def test_every_difference_is_listed_with_both_sides_and_nothing_changes():
    model = Net()
    before, state = model.state_dict(), exchange.as_pytorch(Net(seed=1))
    state["output.weight"] = state["output.weight"].T
    state["conv.weight"] = state["conv.weight"][:, :1]
    state["sqare.weight"] = state.pop("square.weight")
    state["num_batches_tracked"] = np.array(3)
    with pytest.raises(ValueError) as error:
        exchange.load_pytorch(model, state)
    assert str(error.value).splitlines() == [
        "load_pytorch: PyTorch's state dict does not fit Net:",
        "  missing in PyTorch's: square.weight (50, 50)",
        "  shape: conv.weight is (3, 2, 3, 2) here; PyTorch's is (3, 1, 3, 2)",
        "  shape: output.weight is (50, 7) here, which PyTorch keeps as (7, 50); PyTorch's is (50, 7)",
        "  not in the model: sqare.weight (50, 50); is it square.weight (50, 50)?",
        "  not in the model: num_batches_tracked ()",
        "By shape and order, this may be it: load_pytorch(model, state, rename={'sqare': 'square'})",
    ]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def renamed(state, **fronts):
    """`state` under the names of another architecture: its parts, in order, get the given names."""
    return {
        ".".join([fronts[name.partition(".")[0]], name.partition(".")[2]]): a for name, a in state.items()
    }


OTHER = {
    "conv": "net.0",
    "norm": "net.1",
    "up": "net.2",
    "square": "head.0",
    "scale": "head.1",
    "output": "fc",
}
BACK = {other: name for name, other in OTHER.items()}


def same(model, other):
    theirs = other.state_dict()
    return all(np.array_equal(array, theirs[name]) for name, array in model.state_dict().items())


def test_rename_takes_names_and_prefixes_to_those_of_the_model():
    source = Net(seed=1)
    state = exchange.as_pytorch(source)
    whole = {f"module.{name}": array for name, array in state.items()}
    one = dict(state)
    one["w"] = one.pop("square.weight")
    nested = renamed(state, **OTHER | {"square": "net.0.extra"})  # the longer prefix counts
    for given, rename in (
        (renamed(state, **OTHER), BACK),
        (renamed(state, **OTHER), {f"{other}.": f"{name}." for other, name in BACK.items()}),
        (whole, {"module": ""}),
        (one, {"w": "square.weight"}),
        (nested, {other: name for name, other in (OTHER | {"square": "net.0.extra"}).items()}),
    ):
        model = Net()
        exchange.load_pytorch(model, given, rename=rename)
        assert same(model, source)
    inner = {name.removeprefix("square."): a for name, a in state.items() if name.startswith("square.")}
    model, container = Net(), nn.Sequential(source.square)
    exchange.load_pytorch(container, inner, rename={"": "0"})
    assert not same(model, source)


def test_a_rename_is_suggested_by_shape_and_what_is_suggested_works():
    source = Net(seed=1)
    state = exchange.as_pytorch(source)
    state["norm.num_batches_tracked"] = np.array(3)
    whole = {f"module.{name}": array for name, array in state.items()}
    for given, expected in (
        (renamed(state, **OTHER), BACK),
        (whole, {"module": ""}),
    ):
        with pytest.raises(ValueError, match="does not fit Net") as error:
            exchange.load_pytorch(Net(), given)
        told = str(error.value).splitlines()[-1]
        rename = ast.literal_eval(told.partition("rename=")[2].removesuffix(")"))
        assert rename == expected
        model = Net()
        exchange.load_pytorch(model, given, rename=rename)
        assert same(model, source)


def test_shape_decides_where_spelling_would_mislead():
    class Two(nn.Module):
        def __init__(self):
            rng = np.random.default_rng(0)
            self.wide = nn.Dense(5, 9, rng=rng)
            self.narrow = nn.Dense(9, 5, rng=rng)

    state = {"narrow_.weight": np.ones((9, 5)), "narrow_.bias": np.ones(9)}
    state |= {"last.weight": np.ones((5, 9)), "last.bias": np.ones(5)}
    with pytest.raises(ValueError) as error:
        exchange.load_pytorch(Two(), state)
    assert "narrow_.weight (9, 5); is it wide.weight (9, 5)?" in str(error.value)
    assert "rename={'narrow_': 'wide', 'last': 'narrow'}" in str(error.value)


def test_a_suggestion_keeps_what_was_renamed_and_never_touches_names_that_fit():
    state = exchange.as_pytorch(Net(seed=1))
    state = {name.replace("square", "conv.x").replace("up", "net.2"): a for name, a in state.items()}
    with pytest.raises(ValueError) as error:
        exchange.load_pytorch(Net(), state, rename={"net.2": "up"})
    assert str(error.value).endswith("rename={'net.2': 'up', 'conv.x': 'square'})")


def test_a_prefix_is_not_suggested_where_it_would_take_a_fitting_name_along():
    class Shift(nn.Module):
        def __init__(self):
            self.bias = Tensor(np.zeros(4, np.float32), requires_grad=True)

    class Split(nn.Module):
        def __init__(self):
            self.a = nn.Dense(3, 4, bias=False, rng=np.random.default_rng(0))
            self.b = Shift()

    state = {"a.weight": np.ones((4, 3)), "a.bias": np.arange(4.0)}
    with pytest.raises(ValueError, match=r"rename=\{'a\.bias': 'b\.bias'\}"):
        exchange.load_pytorch(Split(), state)
    model = Split()
    exchange.load_pytorch(model, state, rename={"a.bias": "b.bias"})
    assert model.b.bias.data.tolist() == [0, 1, 2, 3]


def test_a_bad_rename_is_named():
    model, state = Net(), exchange.as_pytorch(Net(seed=1))
    before = model.state_dict()
    for rename, words in (
        ({"convv": "conv"}, "none of PyTorch's names is or begins with 'convv'; is it 'conv'?"),
        ({"con": "conv"}, "none of PyTorch's names is or begins with 'con'"),
        ({"square.weight": "scale.weight"}, "square.weight and scale.weight would both be scale.weight"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"load_pytorch: rename: {words}")):
            exchange.load_pytorch(model, state, rename=rename)
    for rename in ([("conv", "up")], {"conv": None}):
        with pytest.raises(
            TypeError, match="rename takes PyTorch's names to the model's, a dict of str, got"
        ):
            exchange.load_pytorch(model, state, rename=rename)
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_refused_as_in_npz(bad, tmp_path):
    model, source = Net(), Net(seed=1)
    before = model.state_dict()
    state = exchange.as_pytorch(source)
    state["output.weight"][2, 3] = bad
    words = "output.weight has 1 number that is NaN or infinite"
    with pytest.raises(ValueError, match=f"load_pytorch: {words}"):
        exchange.load_pytorch(model, state)
    if find_spec("safetensors"):
        from safetensors.numpy import save_file

        save_file(
            {name: np.ascontiguousarray(array) for name, array in state.items()}, tmp_path / "a.safetensors"
        )
        with pytest.raises(ValueError, match=rf"load: .*a\.safetensors: {words}"):
            model.load(tmp_path / "a.safetensors")
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())
    state["output.weight"][2, 3] = 0
    state["norm.running_var"][0] = bad  # statistics are not parameters: save writes them and load takes them
    exchange.load_pytorch(model, state)


def test_a_number_that_the_model_cannot_hold_is_refused_in_the_name_of_the_call():
    state = exchange.as_pytorch(Net(seed=1))
    state["fc"] = np.full_like(state.pop("output.bias"), 1e300, dtype=np.float64)
    with pytest.raises(ValueError, match=r"(?s)^load_pytorch: .*output\.bias reaches 1e\+300"):
        exchange.load_pytorch(Net(), state, rename={"fc": "output.bias"})


def test_what_is_no_state_dict_is_named():
    with pytest.raises(ValueError, match="state_dict is a dict, .* lies under a key such as 'state_dict'"):
        exchange.load_pytorch(Net(), {"state_dict": {}, "epoch": 3})
    with pytest.raises(TypeError, match=r"got Dense: give net\.state_dict\(\)"):
        exchange.load_pytorch(Net(), nn.Dense(2, 3, rng=np.random.default_rng(0)))


def test_data_without_history_is_handed_over_without_a_copy():
    tensor = Tensor(np.arange(6.0).reshape(2, 3))
    assert np.shares_memory(np.from_dlpack(tensor), tensor.data)
    with pytest.raises(BufferError, match=r"hand over tensor\.detach\(\)"):
        np.from_dlpack(Tensor(np.ones(3), requires_grad=True))


def test_a_tensor_of_pytorch_is_refused_with_the_cure_in_both_orders():
    torch = pytest.importorskip("torch")
    mine, other = Tensor(np.ones(3), requires_grad=True), torch.ones(3)
    assert torch.from_dlpack(mine.detach()).tolist() == [1.0, 1.0, 1.0]
    for meet in (lambda: mine * other, lambda: other * mine, lambda: mine @ other, lambda: torch.exp(mine)):
        with pytest.raises(TypeError, match=r"each has a tape of its own: take x\.detach\(\)\.numpy\(\)"):
            meet()
