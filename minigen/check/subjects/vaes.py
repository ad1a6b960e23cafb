"""The variational autoencoders."""

from minigen.byhand import vae
from minigen.check.subjects.registry import subject
from minigen.models import VAE, GaussianVAE


def _vae(s, model, by_hand, **how):
    x, eps = s.digits(7), s.noise(7, 5)
    t, e = s.constant(x), s.constant(eps)
    return s.model(model, lambda m: m.loss(t, e, **how), lambda p: by_hand(p, x, eps, **how))


@subject
def vae_bernoulli(s):
    return _vae(s, VAE(61, 13, 5, rng=s.rng, dtype="float64"), vae.vae_bernoulli)


@subject
def vae_gaussian(s):
    return _vae(s, GaussianVAE(61, 13, 5, rng=s.rng, dtype="float64"), vae.vae_gaussian, beta=0.7)
