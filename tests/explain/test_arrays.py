"""Functions of PyTorch tensors and CuPy arrays are judged where these are installed; else this is said."""

import importlib.util

import numpy as np
import pytest

from minigen import explain
from minigen.explain import edits, file

FILE = """
import torch
def forward(x, W):
    return torch.tanh(x @ W)
def backward(g, x, W):
    h = torch.tanh(x @ W)
    ga = g * (1 - h**2)
    return ga @ W.T, x.T @ ga
def inputs(rng):
    n = int(rng.integers(3, 6))
    return {"x": torch.tensor(rng.normal(size=(n, 4))), "W": torch.tensor(rng.normal(size=(4, 3)))}
"""


def checked(tmp_path, text, seconds=0):
    path = tmp_path / "mine.py"
    path.write_text(text)
    return file.check(path, seconds=seconds)


@pytest.mark.parametrize("library", ["torch", "cupy"])
def test_a_library_that_is_not_installed_is_a_sentence(tmp_path, library):
    if importlib.util.find_spec(library):
        pytest.skip(f"{library} is installed")
    said = checked(tmp_path, FILE.replace("torch", library))
    assert said.verdict == "error"
    assert f"{library} is not installed here" in said.problem


def test_tensors_in_a_file(tmp_path):
    pytest.importorskip("torch")
    assert checked(tmp_path, FILE).verdict == "ok"
    assert checked(tmp_path, FILE.split("def inputs")[0]).verdict == "ok"
    said = checked(tmp_path, FILE.replace("(1 - h**2)", "(1 - h)"), seconds=15).to_dict()
    assert [(f["line"], f["kind"]) for f in said["findings"]] == [(7, "factor")]


def test_tensors_as_inputs():
    torch = pytest.importorskip("torch")

    def forward(x, w):
        return torch.sum(torch.tanh(x * w))

    def backward(g, x, w):
        return {"x": g * w * (1 - torch.tanh(x * w) ** 2), "w": 2 * g * x * (1 - torch.tanh(x * w) ** 2)}

    rng = np.random.default_rng(0)
    inputs = {"x": torch.tensor(rng.normal(size=(4, 3))), "w": torch.tensor(rng.normal(size=(4, 3)))}
    said = explain(forward, backward, inputs, seconds=15)
    assert {g["name"]: g["verdict"] for g in said.gradients} == {"x": "ok", "w": "wrong"}
    assert said.findings


def test_a_gradient_at_whole_numbers_is_not_dropped():
    def forward(x, n):
        return np.sum(x**n)

    def backward(g, x, n):
        return {"x": g * n * x ** (n - 1), "n": 5.0}

    said = explain(forward, backward, {"x": np.array([1.0, 1.5]), "n": 2}, seconds=3)
    assert said.verdict == "inconclusive" and not said.ok
    assert "the gradient of n was not compared" in str(said)


def test_modules_that_are_local_names_are_not_looked_through():
    import numpy as numbers

    arrays, found = edits.atoms({"numbers": numbers, "x": np.ones(3), "k": 2}, {})
    assert [a.text for a in arrays] == ["x"]
    assert [a.text for a in found] == ["k"]
