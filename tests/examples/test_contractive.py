"""The example as a program, the slopes that are known on the circle, and how directions are counted."""

import numpy as np
import pytest
from programs import load, run, verdict

from minigen import Tensor, check_gradients
from minigen.nn import Tanh


@pytest.fixture(scope="module")
def example():
    return load("contractive")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("contractive", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for figure in ("contractive.png", "spectrum.png"):
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("contractive", tmp_path, "--steps", "20")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: slope along over slope across, contractive > 5" in done.stdout


def test_the_slopes_on_the_circle_solve_the_euler_equation(example):
    """r(x) = f(|x|) x / |x| has slopes f' across and f / rho along; its loss, p the density of rho, is

    integral p (1/2 (f - rho)^2 + lam (f'^2 + f^2 / rho^2)),    a quadratic function of f on a grid.
    """
    rho = np.linspace(0.5, 1.5, 1001)
    step, s = rho[1] - rho[0], example.ACROSS
    p = rho * np.exp(-(rho**2 + 1) / (2 * s**2)) * np.i0(rho / s**2)  # of a circle with noise, up to a factor
    p, between = p / p.max(), np.sqrt(p[1:] * p[:-1]) / p.max()
    slope = np.diff(np.eye(len(rho)), axis=0) / step  # (G - 1, G): f -> f'
    quadratic = np.diag(p * (1 + 2 * example.PRICE / rho**2)) + 2 * example.PRICE * slope.T * between @ slope
    f = np.linalg.solve(quadratic, p * rho)
    middle = len(rho) // 2
    assert f[middle] == pytest.approx(0.929, abs=5e-4)  # as the docstring has it; rho is 1 there
    assert np.gradient(f, step)[middle] == pytest.approx(0.126, abs=5e-4)


def test_directions_are_counted_whatever_the_unit(example):
    rng = np.random.default_rng(0)
    turned = np.linalg.qr(rng.standard_normal((7, 7)))[0]
    for count in (1, 2, 5):
        jacobian = 3.0 * turned[:, :5] * (np.arange(5) < count)
        assert example.directions(np.stack([jacobian, 0.1 * jacobian])) == pytest.approx(count)
    # (4 + 1)^2 / (16 + 1), averaged with that of a single direction
    two = np.diag([2.0, 1.0])
    assert example.directions(np.stack([two, np.diag([1.0, 0.0])])) == pytest.approx((25 / 17 + 1) / 2)


def test_the_price_by_formula_and_by_tape_is_the_size_of_the_jacobian(example):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 3))
    deep = example.mlp((3, 7, 3), Tanh(), rng=rng, dtype="float64")
    for model in (deep, example.Tied(3, 7, rng=rng, dtype="float64")):
        rows = np.stack([row.data for row in example.rows(model, x)], axis=1)  # (N, H, D)
        assert example.contraction(model, x).item() == pytest.approx((rows**2).sum() / 5, rel=1e-12)
        encode = model.encode if isinstance(model, example.Tied) else model
        step = 1e-6 * np.eye(3)
        differences = [(encode(Tensor(x + e)).data - encode(Tensor(x - e)).data) / 2e-6 for e in step]
        np.testing.assert_allclose(rows, np.stack(differences, axis=2), atol=1e-8)

    def price(weight):
        deep[0].weight = weight
        return example.contraction(deep, x)

    check_gradients(price, [deep[0].weight.data.copy()]).assert_ok()
