"""The example as a program: the distances hold to the printed digits, and only after 500 steps."""

import numpy as np
import pytest
from programs import load, run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("dirac_gan", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for name in ("dirac_gan.png", "radii.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_shorter_run_misses_and_says_so(tmp_path):
    done = run("dirac_gan", tmp_path, "--quick", "--steps", "100")
    assert done.returncode == 1, done.stderr
    assert "missed: minimax, at once" in done.stdout


@pytest.fixture(scope="module")
def dirac():
    return load("dirac_gan")


def test_consensus_follows_the_gradient_of_half_the_squared_speed(dirac):
    """Against v(theta, psi) of the paper and differences of 1/2 ||v||^2, far from the equilibrium."""
    theta, psi = 0.7, -1.1
    game = dirac.Consensus(dirac.Shift(theta), dirac.Slope(psi), kind="minimax")
    zero = np.zeros((1, 1))

    def energy(theta, psi):  # D sees the samples at theta: L = log 2 + softplus(theta psi)
        return 0.5 * (theta**2 + psi**2) / (1 + np.exp(-theta * psi)) ** 2

    h = 1e-5
    pull = 1 / (1 + np.exp(-theta * psi))
    of_theta = -pull * psi + (energy(theta + h, psi) - energy(theta - h, psi)) / (2 * h)
    of_psi = pull * theta + (energy(theta, psi + h) - energy(theta, psi - h)) / (2 * h)
    for loss, player, expected in (
        (game.generator_loss(zero), game.generator.theta, of_theta),
        (game.adversary_loss(zero, zero), game.discriminator.psi, of_psi),
    ):
        (found,) = dirac.grad(loss, [player])
        assert found.item() == pytest.approx(expected, rel=1e-8)


def test_the_spectral_radii_are_the_closed_forms(dirac):
    """R1, at once: |1 + h (-gamma/2 + i sqrt(1/4 - gamma^2/4))|; consensus: |1 + h (-1/4 + i/2)|."""
    r1 = abs(1 + 0.2 * complex(-0.15, np.sqrt(0.25 - 0.0225)))
    assert dirac.spectral_radius("R1, gamma 0.3", "at once") == pytest.approx(r1, rel=1e-12)
    consensus = abs(1 + 0.2 * complex(-0.25, 0.5))
    assert dirac.spectral_radius("consensus, gamma 1", "at once") == pytest.approx(consensus, rel=1e-12)
    # in turn the determinant is the product of the one-sided factors, and the eigenvalues are complex
    assert dirac.spectral_radius("consensus, gamma 1", "in turn") == pytest.approx(0.95, rel=1e-12)
    assert dirac.spectral_radius("R1, gamma 0.3", "1 : 5") == pytest.approx(0.94**2.5, rel=1e-12)
