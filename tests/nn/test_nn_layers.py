"""The layers: each computes what the operation of its name computes, with its own parameters and options."""

import numpy as np
import pytest

import minigen
from minigen import Tensor, nn


def rng():
    return np.random.default_rng(0)


X = np.random.default_rng(1).normal(size=(5, 3, 7, 11)).astype(np.float32)


def test_dense_is_x_times_weight_plus_bias():
    layer = nn.Dense(7, 3, rng=rng())
    layer.bias.data += 2
    x = X[:, 0, :, 0]
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data + 2, rtol=1e-6)
    plain = nn.Dense(7, 3, bias=False, rng=rng())
    assert plain.bias is None
    np.testing.assert_allclose(plain(x).data, x @ layer.weight.data, rtol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_convolutions_pass_their_options_on(bias):
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": 2}
    layer = nn.Conv2d(3, 4, (2, 3), bias=bias, rng=rng(), **options)
    assert layer.weight.shape == (4, 3, 2, 3)
    expected = minigen.conv2d(X, layer.weight, layer.bias, **options)
    np.testing.assert_array_equal(layer(X).data, expected.data)

    options = {"stride": (2, 3), "padding": 1, "output_padding": (1, 2), "dilation": (1, 2)}
    layer = nn.ConvTranspose2d(3, 4, (2, 3), bias=bias, rng=rng(), **options)
    assert layer.weight.shape == (3, 4, 2, 3)
    expected = minigen.conv_transpose2d(X, layer.weight, layer.bias, **options)
    np.testing.assert_array_equal(layer(X).data, expected.data)


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("channels", [(3, 4), (3, 1), (1, 4)])
def test_weights_lie_in_the_order_that_the_matrix_product_wants(layer, channels):
    assert layer(*channels, (2, 5), rng=rng()).weight.data.transpose(2, 3, 1, 0).flags.c_contiguous


def test_gradients_reach_every_parameter_in_float32():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, rng=rng()),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dense(60, 12, rng=rng()),
        nn.Reshape(3, 2, 2),
        nn.ConvTranspose2d(3, 1, 2, rng=rng()),
    )
    out = model(X)
    assert out.shape == (5, 1, 3, 3)
    (out * out).sum().backward()
    for p in model.parameters():
        assert p.grad.shape == p.shape and p.grad.dtype == np.float32 and p.grad.any(), p.name


def test_flatten_and_reshape_undo_each_other():
    flat = nn.Flatten()(Tensor(X))
    assert flat.shape == (5, 231)
    np.testing.assert_array_equal(nn.Reshape(3, 7, 11)(flat).data, X)
    assert nn.Flatten()(Tensor(X[:0])).shape == (0, 231)
    with pytest.raises(
        ValueError, match=r"Reshape: \(2, 7\) holds 14 numbers an example, but x \(5, 231\) has 231"
    ):
        nn.Reshape(2, 7)(flat)


def test_activations_are_the_operations():
    x = Tensor(X)
    for module, expected in (
        (nn.Tanh(), minigen.tanh(x)),
        (nn.Sigmoid(), minigen.sigmoid(x)),
        (nn.ReLU(), minigen.relu(x)),
        (nn.LeakyReLU(0.3), minigen.leaky_relu(x, slope=0.3)),
        (nn.ELU(0.7), minigen.elu(x, alpha=0.7)),
        (nn.Softplus(), minigen.softplus(x)),
    ):
        np.testing.assert_array_equal(module(x).data, expected.data)
        assert module.parameters() == []


def test_sizes_that_make_no_layer():
    for make, message in (
        (lambda: nn.Dense(0, 3, rng=rng()), "Dense: in_features must be a positive int, got 0"),
        (lambda: nn.Dense(3, 2.5, rng=rng()), "Dense: out_features must be a positive int, got 2.5"),
        (lambda: nn.Conv2d(3, -1, 3, rng=rng()), "Conv2d: out_channels must be a positive int, got -1"),
        (
            lambda: nn.Conv2d(3, 2, (3, 3, 3), rng=rng()),
            "Conv2d: kernel_size must be an int or a pair of ints, at least 1",
        ),
        (
            lambda: nn.ConvTranspose2d(3, 2, 3, stride=0, rng=rng()),
            "ConvTranspose2d: stride must be an int or a pair of ints, at least 1, got 0",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            make()
