"""Mistakes in three habits of writing: one vector of weights, two functions, a list of layers."""

from pathlib import Path

import pytest

from minigen.explain import closures, file, load, vector

STYLES = Path(__file__).parent / "styles"
EPS = """import numpy as np
def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def loss(W, V, x, t):
    return -np.sum(t * np.log(softmax(np.tanh(x @ W) @ V) + 1e-7)) / len(x)
def grad_loss(W, V, x, t):
    h = np.tanh(x @ W)
    d = (softmax(h @ V) - t) / len(x)
    dV = h.T @ d
    dW = x.T @ (d @ V.T * (1 - h**2))
    return dW, dV
def inputs(rng):
    n, d, h, k = (int(v) for v in rng.choice(range(3, 8), 4, replace=False))
    t = np.eye(k)[rng.integers(0, k, n)]
    return dict(W=rng.normal(size=(d, h)), V=rng.normal(size=(h, k)), x=rng.normal(size=(n, d)), t=t)
"""


def text(style):
    return (STYLES / f"{style}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("program", "right", "wrong", "after"),
    [
        (text("flat_theta_columns"), "delta2, axis=1) / m", "delta2, axis=1)", "mean"),
        (text("flat_theta_closures"), ' + dls @ p["Ws"].T', "", "dls @ p['Ws'].T"),
        (text("flat_theta_closures"), "(sd ** 2 - 1) / N", "(sd - 1) / N", "sd * sd"),
        (text("two_functions_gan"), "np.where(a > 0, 1.0, 0.2)", "np.where(a > 0, 1.0, 0.0)", "0.2"),
        (text("layer_list_functions_inside"), "1 - np.tanh(x) ** 2", "1 - x**2", "np.tanh(x)"),
        (text("layer_list_sequential"), "self.out * (1 - self.out)", "(1 - self.out)", "self.out"),
        (EPS, "(1 - h**2)", "(1 - h) ** 2", "1 - h ** 2"),
        (EPS, "- t) / len(x)\n    dV", "- t) / len(W)\n    dV", "x"),
    ],
)
def test_the_line_and_its_repair(tmp_path, program, right, wrong, after):
    path = tmp_path / "mine.py"
    assert program.count(right) == 1
    path.write_text(program.replace(right, wrong), encoding="utf-8")
    said = file.check(path, reveal=True)
    findings = next(e.findings for e in said.explanations if e.findings)  # of the outermost pair
    line = program[: program.index(right)].count("\n") + 1
    assert [f.line for f in findings] == [line]
    assert after in findings[0].after


def test_a_small_number_in_the_loss_is_no_mistake(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(EPS, encoding="utf-8")
    assert file.check(path).verdict == "ok"


@pytest.mark.parametrize("bias", ["theta[6:].reshape(3)", "theta[6:]"])
def test_how_long_a_vector_is(bias):
    program = f"W, b = theta[:6].reshape(2, 3), {bias}\nresult = x @ W + b"

    def run(theta):
        import numpy as np

        try:
            exec(program, {"theta": theta, "x": np.ones((4, 2))})
        except ValueError:
            return 0
        return 1

    assert vector.length(run, [2, 3, 5]) == 9


def test_a_function_that_makes_functions_is_a_class(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "def make(a, b=2):\n    def f(x):\n        return a * x\n    def df(x):\n        return a + b\n"
        "    return f, df\ndef other(a):\n    def f(x):\n        return a * x\n    return f, a\n"
    )
    program = load.load(path)
    assert list(closures.kinds(program)) == ["make"]
    made = program.makers["make"](3)
    assert (made.f(5), made.df(5)) == (15, 5)
