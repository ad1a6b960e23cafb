"""The autoencoders."""

from minigen.byhand import autoencoder, contractive, conv_autoencoders, denoising, sparse
from minigen.check.subjects.registry import subject
from minigen.models import (
    Autoencoder,
    ContractiveAutoencoder,
    ConvAutoencoder,
    DeepAutoencoder,
    DenoisingAutoencoder,
    L1Autoencoder,
    OvercompleteAutoencoder,
    SparseAutoencoder,
    TiedAutoencoder,
    add_noise,
    mask_out,
)


def _autoencoder(s, model, by_hand, x=None, **how):
    x = s.digits(7) if x is None else x
    t = s.constant(x)
    return s.model(model, lambda m: m.loss(t, **how), lambda p: by_hand(p, x, **how))


@subject
def ae_linear(s):
    model = Autoencoder(61, 13, activation="linear", rng=s.rng, dtype="float64")
    return _autoencoder(s, model, autoencoder.ae_linear)


@subject
def ae_mse(s):
    return _autoencoder(s, Autoencoder(61, 13, rng=s.rng, dtype="float64"), autoencoder.ae_mse)


@subject
def ae_bce(s):
    return _autoencoder(s, Autoencoder(61, 13, "bce", rng=s.rng, dtype="float64"), autoencoder.ae_bce)


@subject
def ae_tied(s):
    return _autoencoder(s, TiedAutoencoder(61, 13, rng=s.rng, dtype="float64"), autoencoder.ae_tied)


@subject
def ae_overcomplete(s):
    model = OvercompleteAutoencoder(61, 67, rng=s.rng, dtype="float64")
    return _autoencoder(s, model, autoencoder.ae_overcomplete, lam=0.03)


@subject
def ae_deep(s):
    model = DeepAutoencoder(61, 5, layers=5, nodes=(31, 17, 23), rng=s.rng, dtype="float64")
    return _autoencoder(s, model, autoencoder.ae_deep)


def _denoising(s, x, by_tape, by_hand):
    model = DenoisingAutoencoder(61, 13, rng=s.rng, dtype="float64")
    t = s.constant(x)
    return s.model(model, lambda m: m.loss(t, by_tape(t)), lambda p: by_hand(p, x))


@subject
def ae_denoising_gaussian(s):
    x, noise = s.digits(7), s.noise(7, 61)
    n = s.constant(noise)
    return _denoising(
        s,
        x,
        lambda t: add_noise(t, n, 0.3),
        lambda p, x: denoising.ae_denoising_gaussian(p, x, noise, sigma=0.3),
    )


@subject
def ae_denoising_masking(s):
    x, mask = s.digits(7), (s.rng.random((7, 61)) < 0.8).astype(float)
    m = s.constant(mask)
    return _denoising(s, x, lambda t: mask_out(t, m), lambda p, x: denoising.ae_denoising_masking(p, x, mask))


@subject
def ae_sparse_l1(s):
    model = L1Autoencoder(61, 13, rng=s.rng, dtype="float64")
    return _autoencoder(s, model, sparse.ae_sparse_l1, lam=0.03)


@subject
def ae_sparse_kl(s):
    model = SparseAutoencoder(61, 13, rng=s.rng, dtype="float64")
    return _autoencoder(s, model, sparse.ae_sparse_kl, rho=0.05, beta=0.3)


@subject
def ae_contractive(s):
    model = ContractiveAutoencoder(61, 13, rng=s.rng, dtype="float64")
    return _autoencoder(s, model, contractive.ae_contractive, lam=0.3)


@subject
def ae_conv(s):
    model = ConvAutoencoder(2, channels=(3, 5), rng=s.rng, dtype="float64")
    return _autoencoder(s, model, conv_autoencoders.ae_conv, x=s.whole_images(7))
