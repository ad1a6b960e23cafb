"""The same network with the same weights in PyTorch: loss and every gradient, in both precisions."""

import numpy as np
import pytest

from minigen.data import digits_split
from minigen.models import VAE, ConvAutoencoder

torch = pytest.importorskip("torch")
F = torch.nn.functional

PRECISION = pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-10)])
N, H, K = 7, 13, 5


def digits(dtype):
    return digits_split()[0][:N].astype(dtype)


def compare(model, mine, theirs, tolerance):
    """Both losses, and both sets of gradients; `theirs(p)` takes PyTorch tensors by the same names."""
    rng = np.random.default_rng(4)
    for _, parameter in model.named_parameters():
        if parameter.ndim == 1:
            parameter.data[...] = rng.normal(0, 0.3, parameter.shape)
    p = {name: torch.tensor(np.array(x.data), requires_grad=True) for name, x in model.named_parameters()}
    loss, reference = mine(model), theirs(p)
    loss.backward()
    reference.backward()
    assert loss.item() == pytest.approx(reference.item(), rel=tolerance)
    for name, parameter in model.named_parameters():
        a, b = parameter.grad, p[name].grad.numpy()
        assert a.dtype == b.dtype
        assert np.linalg.norm(a - b) <= tolerance * np.linalg.norm(b), name


@PRECISION
def test_vae_bernoulli(dtype, tolerance):
    model = VAE(64, H, K, rng=np.random.default_rng(0), dtype=dtype)
    x, eps = digits(dtype).reshape(N, 64), np.random.default_rng(1).normal(size=(N, K)).astype(dtype)
    t, e = torch.from_numpy(x), torch.from_numpy(eps)

    def theirs(p):
        def layer(name, x):
            return F.linear(x, p[f"{name}.weight"].T, p[f"{name}.bias"])

        h = torch.tanh(layer("encoder", t))
        mu, logvar = layer("mu", h), layer("logvar", h)
        logits = layer("output", torch.tanh(layer("decoder", mu + torch.exp(0.5 * logvar) * e)))
        q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()
        return (F.binary_cross_entropy_with_logits(logits, t, reduction="sum") + kl) / N

    compare(model, lambda m: m.loss(x, eps), theirs, tolerance)


@PRECISION
def test_ae_conv(dtype, tolerance):
    model = ConvAutoencoder(K, (3, 5), rng=np.random.default_rng(0), dtype=dtype)
    x = digits(dtype)[:, None]
    t = torch.from_numpy(x)

    def theirs(p):
        def layer(name):
            return p[f"{name}.weight"], p[f"{name}.bias"]

        def dense(name, x):
            weight, bias = layer(name)
            return F.linear(x, weight.T, bias)

        def grow(name, x):
            return F.conv_transpose2d(x, *layer(name), stride=2, padding=1, output_padding=1)

        h = torch.tanh(F.conv2d(t, *layer("encoder.conv1"), stride=2, padding=1))
        h = torch.tanh(F.conv2d(h, *layer("encoder.conv2"), stride=2, padding=1))
        u = torch.tanh(dense("decoder.dense", dense("encoder.dense", h.flatten(1)))).reshape(N, 5, 2, 2)
        logits = grow("decoder.conv2", torch.tanh(grow("decoder.conv1", u)))
        return F.binary_cross_entropy_with_logits(logits, t, reduction="sum") / N

    compare(model, lambda m: m.loss(x), theirs, tolerance)
