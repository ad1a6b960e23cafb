"""Initialisation: the spread each formula promises, from the generator given, and nothing else."""

import numpy as np
import pytest

from minigen import nn


def spread(layer):
    return layer.weight.data.std()


@pytest.mark.parametrize(
    "init, layer, std",
    [
        ("he", lambda **k: nn.Dense(300, 200, **k), np.sqrt(2 / 300)),
        ("xavier", lambda **k: nn.Dense(300, 200, **k), np.sqrt(2 / 500)),
        ("normal", lambda **k: nn.Dense(300, 200, **k), 0.02),
        (nn.normal(0.5), lambda **k: nn.Dense(300, 200, **k), 0.5),
        ("he", lambda **k: nn.Conv2d(20, 50, (3, 5), stride=(2, 1), **k), np.sqrt(2 / (20 * 15))),
        (
            "xavier",
            lambda **k: nn.Conv2d(20, 50, (3, 5), stride=(2, 1), **k),
            np.sqrt(2 / (20 * 15 + 50 * 15 / 2)),
        ),
        (
            "he",
            lambda **k: nn.ConvTranspose2d(20, 50, (3, 5), stride=(2, 1), **k),
            np.sqrt(2 / (20 * 15 / 2)),
        ),
    ],
)
def test_the_spread_is_that_of_the_formula(init, layer, std):
    made = layer(init=init, rng=np.random.default_rng(0))
    # the deviation of 15 000 normal numbers is off by 1 / sqrt(2 n) = 0.6 %; three times that is below 2 %
    assert spread(made) == pytest.approx(std, rel=0.02)
    assert abs(made.weight.data.mean()) < 0.03 * std
    assert not made.bias.data.any()


def test_he_keeps_the_size_of_a_signal_through_ten_relu_layers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 400)).astype(np.float32)
    for init, low, high in (("he", 0.5, 2.0), ("xavier", 0.0, 0.1)):
        model = nn.Sequential(
            *(m for _ in range(10) for m in (nn.Dense(400, 400, init=init, rng=rng), nn.ReLU()))
        )
        # a ReLU halves the mean square of what follows
        ratio = np.sqrt((model(x).data ** 2).mean() / (x**2).mean() * 2)
        assert low < ratio < high, init


def test_a_seed_fixes_the_weights_and_the_dtype_only_rounds_them():
    def draw(seed, **options):
        return nn.Conv2d(3, 4, 3, rng=np.random.default_rng(seed), **options).weight.data

    np.testing.assert_array_equal(draw(0), draw(0))
    np.testing.assert_array_equal(draw(0), draw(0, dtype=np.float64).astype(np.float32))
    assert (draw(0) != draw(1)).all()


def test_what_cannot_initialise():
    for options, error, message in (
        (
            {},
            TypeError,
            r"Dense: rng must be a NumPy generator, got NoneType.*numpy\.random\.default_rng\(0\)",
        ),
        ({"rng": 0}, TypeError, "got int"),
        (
            {"rng": np.random.default_rng(0), "init": "kaiming"},
            ValueError,
            "one of 'he', 'xavier', 'normal', got 'kaiming'",
        ),
        (
            {"rng": np.random.default_rng(0), "init": lambda rng, shape, fan_in, fan_out: np.zeros(3)},
            ValueError,
            r"init must return an array of shape \(2, 3\), got \(3,\)",
        ),
    ):
        with pytest.raises(error, match=message):
            nn.Dense(2, 3, **options)
    with pytest.raises(ValueError, match="std must be positive"):
        nn.normal(0)
