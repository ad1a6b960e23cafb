"""Models are built of modules: layers, activations, and modules that contain others."""

from minigen.nn.activations import ELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from minigen.nn.dropout import Dropout, dropout
from minigen.nn.init import he, normal, xavier
from minigen.nn.layers import Conv2d, ConvTranspose2d, Dense, Flatten, Reshape
from minigen.nn.module import Module, Sequential
from minigen.nn.normalisation import BatchNorm, LayerNorm, batch_norm, batch_norm_eval, layer_norm
from minigen.nn.pooling import AvgPool2d, MaxPool2d, UpsampleNearest, avg_pool2d, max_pool2d, upsample_nearest

__all__ = [
    "ELU",
    "AvgPool2d",
    "BatchNorm",
    "Conv2d",
    "ConvTranspose2d",
    "Dense",
    "Dropout",
    "Flatten",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2d",
    "Module",
    "ReLU",
    "Reshape",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "UpsampleNearest",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_eval",
    "dropout",
    "he",
    "layer_norm",
    "max_pool2d",
    "normal",
    "upsample_nearest",
    "xavier",
]
