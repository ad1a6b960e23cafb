"""The autoencoders."""

from minigen.byhand import autoencoder, sparse
from minigen.check.subjects.registry import subject
from minigen.models import Autoencoder, SparseAutoencoder, TiedAutoencoder


def _autoencoder(s, model, by_hand, **how):
    x = s.digits(7)
    t = s.constant(x)
    return s.model(model, lambda m: m.loss(t, **how), lambda p: by_hand(p, x, **how))


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
def ae_sparse_kl(s):
    model = SparseAutoencoder(61, 13, rng=s.rng, dtype="float64")
    return _autoencoder(s, model, sparse.ae_sparse_kl, rho=0.05, beta=0.3)
