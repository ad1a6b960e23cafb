"""Networks for points of the plane: layer by layer what they say, and the sizes of the published pair."""

import numpy as np
import pytest

from minigen import Tensor, grad
from minigen.models import GAN
from minigen.models.plane import Maxout, mlp, pacgan_networks
from minigen.nn import Tanh

rng = np.random.default_rng(0)


def test_an_mlp_bends_between_its_layers_and_not_after_the_last():
    net = mlp((3, 5, 2), Tanh(), rng=rng, dtype="float64")
    x = rng.standard_normal((7, 3))
    first, last = net[0:1][0], net[2:3][0]
    by_hand = np.tanh(x @ first.weight.data + first.bias.data) @ last.weight.data + last.bias.data
    np.testing.assert_allclose(net(Tensor(x)).data, by_hand, rtol=1e-14)


def test_the_default_of_an_mlp_is_leaky_with_slope_a_fifth():
    net = mlp((1, 1, 1), rng=rng, dtype="float64")
    for p, value in zip(net.parameters(), (1.0, 0.0, 1.0, 0.0), strict=True):
        p.data[...] = value
    np.testing.assert_allclose(net(Tensor(np.array([[-5.0], [5.0]]))).data, [[-1], [5]])


def test_an_mlp_without_layers_is_refused():
    with pytest.raises(ValueError, match="what goes in and what comes out, got"):
        mlp((2,), rng=rng)


def test_maxout_is_the_largest_of_its_planes_and_only_that_one_learns():
    layer = Maxout(3, 4, 5, rng=rng, dtype="float64")
    x = rng.standard_normal((7, 3))
    heights = np.stack([x @ layer.planes.weight.data[:, p::5] for p in range(5)])  # (P, N, out)
    y = layer(Tensor(x))
    np.testing.assert_allclose(y.data, heights.max(axis=0), rtol=1e-12)
    g = rng.standard_normal((7, 4))
    (slope,) = grad(y, [layer.planes.bias], gradient=Tensor(g))
    won = heights.argmax(axis=0)  # (N, out)
    expected = [(g * (won == p)).sum(axis=0) for p in range(5)]
    np.testing.assert_allclose(slope.data.reshape(4, 5), np.transpose(expected), rtol=1e-12)


@pytest.mark.parametrize("pack", [1, 2, 4])
def test_the_published_pair_has_the_published_sizes(pack):
    generator, judge = pacgan_networks(pack, rng=np.random.default_rng(1))
    blocks = 2 * 400 + 3 * 400 * 400 + 4 * 2 * 400  # dense layers without bias, scale and shift of batch norm
    assert sum(p.size for p in generator.parameters()) == blocks + 400 * 2 + 2
    maxouts = (2 * pack + 1) * 1000 + 2 * (200 + 1) * 1000
    assert sum(p.size for p in judge.parameters()) == maxouts + 200 + 1
    weights = np.concatenate([p.data.ravel() for p in judge.parameters() if p.ndim == 2])
    # the standard error of the deviation of so many draws is .02 / sqrt(2 n), below 3e-5
    assert weights.std() == pytest.approx(0.02, abs=1.5e-4)
    game = GAN(generator, judge, pack=pack)
    z = np.random.default_rng(2).standard_normal((8, 2), dtype=np.float32)
    assert game.judge(game.samples(Tensor(z))).shape == (8 // pack, 1)
