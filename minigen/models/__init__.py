"""The model families, by tape: one file a family, each class reading like its equations."""

from minigen.models.autoencoder import Autoencoder, SparseAutoencoder, TiedAutoencoder
from minigen.models.gan import GAN, Discriminator, Generator
from minigen.models.vae import VAE, GaussianVAE
from minigen.models.wgan import WGAN

__all__ = [
    "GAN",
    "VAE",
    "WGAN",
    "Autoencoder",
    "Discriminator",
    "GaussianVAE",
    "Generator",
    "SparseAutoencoder",
    "TiedAutoencoder",
]
