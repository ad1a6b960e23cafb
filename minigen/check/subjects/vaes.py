"""The variational autoencoders."""

from minigen.byhand import conv_autoencoders, free_bits, mixture_prior, vae
from minigen.byhand import iwae as importance_weighted
from minigen.check.subjects.registry import subject
from minigen.models import IWAE, VAE, ConvVAE, FreeBitsVAE, GaussianVAE, MixturePriorVAE


def _vae(s, model, by_hand, x=None, eps=None, **how):
    x = s.digits(7) if x is None else x
    eps = s.noise(7, 5) if eps is None else eps
    t, e = s.constant(x), s.constant(eps)
    return s.model(model, lambda m: m.loss(t, e, **how), lambda p: by_hand(p, x, eps, **how))


@subject
def vae_bernoulli(s):
    return _vae(s, VAE(61, 13, 5, rng=s.rng, dtype="float64"), vae.vae_bernoulli)


@subject
def vae_gaussian(s):
    return _vae(s, GaussianVAE(61, 13, 5, rng=s.rng, dtype="float64"), vae.vae_gaussian, beta=0.7)


@subject
def vae_beta(s):
    return _vae(s, VAE(61, 13, 5, rng=s.rng, dtype="float64"), vae.vae_beta, beta=0.7)


@subject
def vae_free_bits(s):
    model = FreeBitsVAE(61, 13, 5, rng=s.rng, dtype="float64")
    return _vae(s, model, free_bits.vae_free_bits, free_bits=0.3)


@subject
def vae_conv(s):
    model = ConvVAE(2, channels=(3, 5), rng=s.rng, dtype="float64")
    x, eps = s.whole_images(7), s.noise(7, 2)
    return _vae(s, model, conv_autoencoders.vae_conv, x, eps, beta=0.7)


@subject
def vae_mixture_prior(s):
    model = MixturePriorVAE(61, 13, 5, components=3, rng=s.rng, dtype="float64")
    # it starts at 0, where exp(s) and exp(-s) are the same
    model.prior.logvar.data[...] = 0.3 * s.noise(3, 5)
    return _vae(s, model, mixture_prior.vae_mixture_prior)


@subject
def iwae(s):
    model = IWAE(61, 13, 5, rng=s.rng, dtype="float64")
    return _vae(s, model, importance_weighted.iwae, eps=s.noise(3, 7, 5))
