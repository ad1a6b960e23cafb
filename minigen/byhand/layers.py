"""Layers by hand: each returns its output and the function that carries a gradient back through it.

This form is all of backpropagation. A layer keeps what its backward needs in a closure. The backward of a
network calls those of its layers in reverse order. Where a value is used twice, its gradients add.
"""

import numpy as np

from .activations import elu, leaky_relu, relu, sigmoid, softplus, tanh
from .convolution import conv2d, conv_transpose2d
from .normalisation import batch_norm, batch_norm_eval, layer_norm
from .pooling import avg_pool2d, max_pool2d, upsample_nearest

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "batch_norm_eval",
    "conv2d",
    "conv_transpose2d",
    "dense",
    "dropout",
    "elu",
    "layer_norm",
    "leaky_relu",
    "max_pool2d",
    "relu",
    "sigmoid",
    "softmax_cross_entropy",
    "softplus",
    "tanh",
    "upsample_nearest",
]


def dense(x, weight, bias):
    """A matrix product and a shift; weight is (in, out), as derivations write it.

    x (N, I), weight (I, O), bias (O,), y (N, O).

    Forward:
        y = x weight + bias                   y_no = Σ_i x_ni weight_io + bias_o

    Backward, g = ∂L/∂y, by the chain rule ∂L/∂θ = Σ_no g_no ∂y_no/∂θ:
        gx      = g weightᵀ                   ∂L/∂x_ni      = Σ_o g_no weight_io
        gweight = xᵀ g                        ∂L/∂weight_io = Σ_n x_ni g_no
        gbias   = Σ_n g_n                     ∂L/∂bias_o    = Σ_n g_no
    """
    y = x @ weight + bias  # (N, I) -> (N, O)

    def backward(g):
        gx = g @ weight.T  # (N, O) -> (N, I)
        gweight = x.T @ g  # (I, O)
        gbias = g.sum(0)  # (O,)
        return gx, gweight, gbias

    return y, backward


def dropout(x, mask, keep):
    """Set the entries where mask is 0 to 0, and scale the others up ("inverted" dropout).

    mask is 0 or 1, drawn with P(mask = 1) = keep, so that E y = x; it is an argument, drawn elsewhere.

    Forward:
        y = x ⊙ mask / keep

    Backward. The map is linear and diagonal, and the mask is the same one:
        gx = g ⊙ mask / keep
    """
    if not 0 < keep <= 1:
        raise ValueError(f"dropout: keep is {keep}; expected the share of entries that stay, in (0, 1]")
    mask = mask.astype(x.dtype)
    y = x * mask / keep

    def backward(g):
        return g * mask / keep

    return y, backward


def softmax_cross_entropy(logits, labels):
    """The mean of −log (probability of the right class). logits l (N, K), labels t (N,) integers below K.

    Forward. Subtracting a row's maximum m changes no probability and keeps eˡ finite:
        shifted_nk = l_nk − m_n
        log π_nk = shifted_nk − log Σ_j e^shifted_nj
        L = −(1/N) Σ_n log π_n,t_n

    Backward, with a scalar g = the gradient of whatever L feeds. ∂ log Σ_j e^l_j / ∂l_k = π_k, therefore
        ∂(−log π_t)/∂l_k = π_k − [k = t]
        gl = g (π − onehot(t)) / N
    Each row sums to zero: a shift of all its logits changes nothing.
    """
    N, K = logits.shape
    if np.min(labels) < 0 or np.max(labels) >= K:
        raise ValueError(
            f"softmax_cross_entropy: labels run from {np.min(labels)} to {np.max(labels)}, "
            f"but logits {logits.shape} have classes 0 to {K - 1}"
        )
    shifted = logits - logits.max(1, keepdims=True)
    log_pi = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    loss = -log_pi[np.arange(N), labels].sum() / N

    def backward(g):
        onehot = np.arange(K) == labels[:, None]  # (N, K)
        return g * (np.exp(log_pi) - onehot) / N

    return loss, backward
