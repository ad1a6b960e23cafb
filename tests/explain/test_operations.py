"""Engines of a person's own: classes whose operations keep how they go back."""

import pytest
from judged import assert_right, checked, is_told

# numbers: each object holds one
NUMBERS = """import math
class Value:
    def __init__(self, data, children=()):
        self.data, self.grad, self.prev = data, 0, set(children)
        self._backward = lambda: None
    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))
        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out
    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out
    def __pow__(self, power):
        out = Value(self.data**power, (self,))
        def _backward():
            self.grad += power * self.data**(power - 1) * out.grad
        out._backward = _backward
        return out
    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,))
        def _backward():
            self.grad += (1 - t**2) * out.grad
        out._backward = _backward
        return out
    def backward(self):
        order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                for child in v.prev:
                    visit(child)
                order.append(v)
        visit(self)
        self.grad = 1
        for v in reversed(order):
            v._backward()
"""
# arrays, with a sum where one was broadcast
ARRAYS = """import numpy as np
def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g
class Tensor:
    def __init__(self, data, parents=()):
        self.data = np.asarray(data, float)
        self.grad = np.zeros_like(self.data)
        self.parents, self.back = parents, lambda: None
    def __add__(self, other):
        out = Tensor(self.data + other.data, (self, other))
        def back():
            self.grad += unbroadcast(out.grad, self.data.shape)
            other.grad += unbroadcast(out.grad, other.data.shape)
        out.back = back
        return out
    def __mul__(self, other):
        out = Tensor(self.data * other.data, (self, other))
        def back():
            self.grad += unbroadcast(other.data * out.grad, self.data.shape)
            other.grad += unbroadcast(self.data * out.grad, other.data.shape)
        out.back = back
        return out
    def __matmul__(self, other):
        out = Tensor(self.data @ other.data, (self, other))
        def back():
            self.grad += out.grad @ other.data.T
            other.grad += self.data.T @ out.grad
        out.back = back
        return out
    def sum(self, axis):
        out = Tensor(self.data.sum(axis=axis), (self,))
        def back():
            self.grad += np.expand_dims(out.grad, axis) * np.ones_like(self.data)
        out.back = back
        return out
"""
MISTAKES = [
    (NUMBERS, "other.grad += self.data * out.grad", "other.grad = self.data * out.grad"),
    (NUMBERS, "(1 - t**2)", "(1 - t)"),
    (NUMBERS, "self.data**(power - 1)", "self.data**power"),
    (ARRAYS, "self.grad += out.grad @ other.data.T", "self.grad += 2 * out.grad @ other.data.T"),
    (ARRAYS, "unbroadcast(out.grad, other.data.shape)", "unbroadcast(out.grad, self.data.shape)"),
]


@pytest.mark.parametrize("text", [NUMBERS, ARRAYS])
def test_the_operations_are_right_one_by_one(tmp_path, text):
    assert_right(tmp_path, text)
    judged = {e.title.rpartition("_")[2] for e in checked(tmp_path, text).explanations}
    assert judged >= ({"tanh", "pow", "gradients"} if text is NUMBERS else {"matmul", "row", "sum"})


@pytest.mark.parametrize(("text", "before", "after"), MISTAKES)
def test_a_mistake_is_found_in_its_operation(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


def test_the_walk_back_is_not_judged_where_an_operation_is_wrong(tmp_path):
    said = checked(
        tmp_path, NUMBERS.replace("other.grad += self.data * out.grad", "other.grad = self.data * out.grad")
    )
    assert [e.title for e in said.explanations if e.verdict == "wrong"] == ["Value_mul"]
    assert any("Value_loss_and_gradients was not judged" in note for note in said.notes)


def test_an_engine_leaves_the_lines_of_the_file_as_they_are(tmp_path):
    from minigen.explain import load, source

    path = tmp_path / "engine.py"
    path.write_text(NUMBERS)
    program = load.load(path)
    last = NUMBERS.count("\n")
    assert program.text == NUMBERS and all(f.lineno > last for f in program.operations)
    changed = source.functions_of([program.names[f.name] for f in program.operations])
    assert changed == []  # nothing in them is ever changed


def test_what_is_wrong_elsewhere_in_the_file_leaves_the_walk_back_judged(tmp_path):
    other = "import numpy as np\n\ndef f(x):\n    return np.tanh(x)\n\n"
    other += "def f_prime(x):\n    return 1 - np.tanh(x)\n"
    said = checked(tmp_path, NUMBERS + other)
    verdicts = {e.title: e.verdict for e in said.explanations}
    assert verdicts["Value_loss_and_gradients"] == "ok" and "wrong" in verdicts.values()


def test_the_line_at_which_an_operation_stops_is_told(tmp_path):
    """Sizes that are tried may be to blame, so that the verdict is left open."""
    before, after = "other.grad += self.data.T @ out.grad", "other.grad += self.data @ out.grad.T"
    said = checked(tmp_path, ARRAYS.replace(before, after), seconds=3)
    line = ARRAYS[: ARRAYS.index(before)].count("\n") + 1
    assert said.verdict != "ok" and line in {f.line for e in said.explanations for f in e.findings}
