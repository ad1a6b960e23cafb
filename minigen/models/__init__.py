"""The model families, by tape: one file for each family, each class written as its equations."""

from minigen.models.autoencoder import Autoencoder, OvercompleteAutoencoder, TiedAutoencoder
from minigen.models.contractive import ContractiveAutoencoder
from minigen.models.convolutional import ConvAutoencoder, ConvVAE
from minigen.models.dcgan import DCGANDiscriminator, DCGANGenerator
from minigen.models.denoising import DenoisingAutoencoder, add_noise, mask_out
from minigen.models.free_bits import FreeBitsVAE
from minigen.models.gan import GAN, Discriminator, Generator
from minigen.models.iwae import IWAE, importance_bound, log_weights
from minigen.models.linear_vae import LinearVAE
from minigen.models.mixture_prior import MixturePrior, MixturePriorVAE
from minigen.models.players import (
    adversary_step,
    alternating_round,
    descend,
    generator_step,
    rounds_on_toys,
    simultaneous_round,
)
from minigen.models.sparse import L1Autoencoder, SparseAutoencoder
from minigen.models.stacked import DeepAutoencoder, Stage, pretrain
from minigen.models.vae import VAE, GaussianVAE
from minigen.models.wgan import WGAN, ConvCritic, PassThrough, scores_and_slopes

__all__ = [
    "GAN",
    "IWAE",
    "VAE",
    "WGAN",
    "Autoencoder",
    "ContractiveAutoencoder",
    "ConvAutoencoder",
    "ConvCritic",
    "ConvVAE",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DeepAutoencoder",
    "DenoisingAutoencoder",
    "Discriminator",
    "FreeBitsVAE",
    "GaussianVAE",
    "Generator",
    "L1Autoencoder",
    "LinearVAE",
    "MixturePrior",
    "MixturePriorVAE",
    "OvercompleteAutoencoder",
    "PassThrough",
    "SparseAutoencoder",
    "Stage",
    "TiedAutoencoder",
    "add_noise",
    "adversary_step",
    "alternating_round",
    "descend",
    "generator_step",
    "importance_bound",
    "log_weights",
    "mask_out",
    "pretrain",
    "rounds_on_toys",
    "scores_and_slopes",
    "simultaneous_round",
]
