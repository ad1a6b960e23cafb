"""Published wrong gradients, restated: each stood in code that many people copy.

Each function takes the arguments of the right function named in its docstring. It returns the loss that the
authors meant and the gradients that their code computed. Finite differences of that loss reject every one.
The code here is restated; only the mistake comes from the place named.
"""

import numpy as np

from .contractive import ae_contractive
from .convolution import conv2d, pair
from .functions import activation_by_name, leaky_relu, leaky_relu_slope, sigmoid
from .gan import gan_discriminator, gan_generator_nonsaturating
from .gradient_penalty import FLOOR, wgan_gp_critic
from .layers import softmax_cross_entropy
from .pooling import upsample_nearest
from .sparse import ae_sparse_l1
from .vae import vae_bernoulli
from .wgan import wgan_critic, wgan_generator


def generator_that_never_trains(p, z, *, activation="leaky_relu"):
    """A generator whose every gradient is zero. Right: wgan_generator.

    Seen in numpy-ml, models/wgan_gp.py, update_generator. Layers there keep their inputs in lists until
    the backward pass takes them out. The lists are emptied first, to start clean, and only then is
    backward called, which runs over the empty lists: no layer, no gradient, no error. Twenty steps
    moved the generator by exactly 0. (And were the lists full, the critic's output gradient would enter
    the generator directly, past the critic.) The critic goes on learning and its loss moves as it
    should, so nothing looks wrong.
    """
    loss, grads = wgan_generator(p, z, activation=activation)
    cached_layers = []  # flushed, just before they were needed
    collected = {name: np.zeros_like(g) for name, g in grads.items()}
    for name in cached_layers:
        collected[name] += grads[name]
    return loss, collected


def contractive_without_gradient(p, x, *, lam):
    """A penalty that is shown in the loss and teaches nothing. Right: ae_contractive.

    Seen in Theano's DeepLearningTutorials, code/cA.py, since its conversion to Python 3 in 2016: the
    mean over the batch became T.sum(J ** 2) // n. Floor division is flat between its steps, so its
    gradient is zero, and Theano duly returned zeros; the network trained was a plain autoencoder.
    Differences of the floored loss are zero too: no check can tell that a loss is not the one that was
    meant. It has to be held against the formula.
    """
    loss, _ = ae_contractive(p, x, lam=lam)
    _, grads = ae_contractive(p, x, lam=0)
    return loss, grads


def sigma_is_the_variance(p, x, eps):
    """Noise of the wrong size: σ = e^v with v = log σ², where σ = e^(v/2). Right: vae_bernoulli.

    Seen in numpy-ml's vae.py and in DeZero's examples/vae.py. The divergence reads v as the logarithm
    of a variance, the sampler as that of a standard deviation, so a unit with log σ² = log 4 is sampled
    with variance 16. Each half has the right gradient for itself, and the network trains; but the two
    halves no longer make the evidence bound together, and against that every gradient is off. In the
    symbols of vae_bernoulli:

        σ = e^v                                      should be e^(v/2)
        gv = gz ⊙ σ ⊙ ε + ½ (e^v − 1)/N              should be gz ⊙ ½ σ ⊙ ε + ½ (e^v − 1)/N
    """
    loss, _ = vae_bernoulli(p, x, eps)
    N = len(x)
    h = np.tanh(x @ p["encoder.weight"] + p["encoder.bias"])
    mu, v = h @ p["mu.weight"] + p["mu.bias"], h @ p["logvar.weight"] + p["logvar.bias"]
    sigma = np.exp(v)
    z = mu + sigma * eps
    u = np.tanh(z @ p["decoder.weight"] + p["decoder.bias"])
    logits = u @ p["output.weight"] + p["output.bias"]

    delta3 = (sigmoid(logits) - x) / N
    delta2 = delta3 @ p["output.weight"].T * (1 - u**2)
    gz = delta2 @ p["decoder.weight"].T
    gmu = gz + mu / N
    gv = gz * sigma * eps + 0.5 * (np.exp(v) - 1) / N
    delta1 = (gmu @ p["mu.weight"].T + gv @ p["logvar.weight"].T) * (1 - h**2)
    products = {
        "encoder": (x, delta1),
        "mu": (h, gmu),
        "logvar": (h, gv),
        "decoder": (z, delta2),
        "output": (u, delta3),
    }
    return loss, {
        f"{name}.{kind}": g
        for name, (below, delta) in products.items()
        for kind, g in (("weight", below.T @ delta), ("bias", delta.sum(0)))
    }


def penalty_without_curvature(p, x, z, alpha, *, lam, activation="tanh"):
    """A second derivative without φ''. Right: wgan_gp_critic.

    Seen in numpy-ml, the layers' _bwd2. The gradient penalty's backward pass goes through φ'(â) as if
    it were a number. For ReLU and leaky ReLU it is one, almost everywhere, and a test with ReLU passes.
    For tanh the path through â is missing: the penalty does not reach b1 at all, and W1 by one of its
    two ways only.

        δâ = 0                                       should be gq ⊙ W2ᵀ ⊙ φ''(â)
    """
    phi_slope = activation_by_name(activation)[1]
    loss, _ = wgan_gp_critic(p, x, z, alpha, lam=lam, activation=activation)
    _, grads = wgan_critic(p, x, z, activation=activation)
    W1, b1, W2 = p["critic.hidden.weight"], p["critic.hidden.bias"], p["critic.output.weight"]
    s = np.tanh(z @ p["generator.hidden.weight"] + p["generator.hidden.bias"])
    x_f = sigmoid(s @ p["generator.output.weight"] + p["generator.output.bias"])

    ahat = (alpha * x + (1 - alpha) * x_f) @ W1 + b1
    q = phi_slope(ahat) * W2.T
    v = q @ W1.T
    rho = ((v**2).sum(1, keepdims=True) + FLOOR) ** 0.5
    gv = 2 * lam / len(x) * (rho - 1) * v / rho
    gq = gv @ W1
    grads["critic.hidden.weight"] += gv.T @ q
    grads["critic.output.weight"] += (gq * phi_slope(ahat)).sum(0)[:, None]
    return loss, grads


def critic_with_swapped_signs(p, x, z, alpha, *, lam, activation="leaky_relu"):
    """Downhill on the penalty, uphill on the distance. Right: wgan_gp_critic.

    Seen in numpy-ml, WGAN_GPLoss.grad: the gradients at the critic's real and fake outputs have the
    opposite sign of the loss, the penalty's has the right one, so the two fight. In training, a second
    swap cancelled the first, and the test negated the values before it compared them. A sign that is
    wrong twice works, until someone corrects one of the two.

        δf_r = +1/N,  δf_f = −1/N                    should be −1/N, +1/N
    """
    loss, grads = wgan_gp_critic(p, x, z, alpha, lam=lam, activation=activation)
    _, distance = wgan_critic(p, x, z, activation=activation)
    penalty = {name: grads[name] - distance[name] for name in grads}
    return loss, {name: penalty[name] - distance[name] for name in grads}


def statistics_as_constants(x, weight, bias, *, eps=1e-5):
    """A batch norm whose mean and deviation come from nowhere. Right: batch_norm.

    A classic of exercises, and seen one derivative higher up in DeZero: its BatchNorm.backward is
    right, but takes the inverse deviation r stored by the forward pass as a bare array, so that whoever
    differentiates the gradient once more (a gradient penalty, R1) finds a constant where there is a
    function of x: no message, a wrong number. Here the output is right, γ and β learn rightly, and x
    receives what evaluation mode would send it.

        gx = g γ r                                   should be gc − (1/m) Σ gc, with gc = g γ r + (2/m) c gv
    """
    mu, v = x.mean(0), x.var(0)
    r = (v + eps) ** -0.5
    xhat = (x - mu) * r
    y = weight * xhat + bias

    def backward(g):
        return g * weight * r, (g * xhat).sum(0), g.sum(0)

    return y, backward


def stale_critic(p, z, *, before):
    """Through one discriminator forwards and through another backwards. Right: gan_generator_nonsaturating.

    Seen in Chainer's DCGAN example, its updater, and discussed in soumith/dcgan.torch#21. To save a
    forward pass the generator's loss used the logits of the fake batch that the discriminator's step
    had computed; then the discriminator was updated, in place; then the generator's loss went
    backwards, and met old activations beside new weights. What comes out is the gradient neither at the
    old discriminator nor at the new one. before holds the parameters that the forward pass saw, p those
    that the backward pass finds.

        δℓ_f = −σ(−ℓ_f[before]) / N
        δa_f = δℓ_f W2[p]ᵀ ⊙ φ'(a_f[before])         should be at p throughout
        gx_f = δa_f W1[p]ᵀ
    """
    loss, _ = gan_generator_nonsaturating(p, z)
    V2 = p["generator.output.weight"]
    s = np.tanh(z @ p["generator.hidden.weight"] + p["generator.hidden.bias"])
    x_f = sigmoid(s @ V2 + p["generator.output.bias"])
    a_f = x_f @ before["discriminator.hidden.weight"] + before["discriminator.hidden.bias"]
    l_f = leaky_relu(a_f) @ before["discriminator.output.weight"] + before["discriminator.output.bias"]

    dl_f = -sigmoid(-l_f) / len(z)
    da_f = dl_f @ p["discriminator.output.weight"].T * leaky_relu_slope(a_f)
    gx_f = da_f @ p["discriminator.hidden.weight"].T
    do = gx_f * x_f * (1 - x_f)
    dt = do @ V2.T * (1 - s**2)
    return loss, {
        "generator.hidden.weight": z.T @ dt,
        "generator.hidden.bias": dt.sum(0),
        "generator.output.weight": s.T @ do,
        "generator.output.bias": do.sum(0),
    }


def upsampling_that_picks(x, factor):
    """One copy of each pixel is heard, the others are not. Right: upsample_nearest.

    Seen in ML-From-Scratch, deep_learning/layers.py, UpSampling2D.backward_pass, and in the files that
    were made from it. The backward pass makes the gradient as small as x again by taking every f-th entry.
    Its shape is right. A gradient that is the same for all copies is 1/f² of what it should be, and the
    optimizer may hide that; any other is that of another pixel's error.

        gx[n,c,u,v] = g[n,c, fu, fv]                 should be Σ_ij g[n,c, fu + i, fv + j]
    """
    (fh, fw), (y, _) = pair(factor), upsample_nearest(x, factor)

    def backward(g):
        return g[:, :, ::fh, ::fw]

    return y, backward


def softmax_one_by_one(logits, labels):
    """Each probability is taken for a function of its own logit alone. Right: softmax_cross_entropy.

    Seen in ML-From-Scratch, deep_learning/activation_functions.py, Softmax.gradient. It is written like the
    slope of the sigmoid, and stands where a derivative entry by entry is asked for. But the logits of a row
    share the sum below the fraction, so the Jacobian is diag(π) − π πᵀ, and this is its diagonal. The loss
    used with it there takes every class for a yes or no of its own; its gradient times π (1 − π) is
    π − onehot(t), which is right for −log π_t: two mistakes cancel. With the true gradient of −log π_t, as
    here, the logit of the right class learns and the others receive nothing.

        gl = gπ ⊙ π ⊙ (1 − π)                        should be π ⊙ (gπ − Σ_k gπ_k π_k)
    """
    loss, _ = softmax_cross_entropy(logits, labels)
    N, K = logits.shape
    pi = np.exp(logits - logits.max(1, keepdims=True))
    pi = pi / pi.sum(1, keepdims=True)

    def backward(g):
        gpi = -g / N * (np.arange(K) == labels[:, None]) / pi
        return gpi * pi * (1 - pi)

    return loss, backward


def absolute_value_uphill(p, x, *, lam):
    """The slope of |h| with the sign turned. Right: ae_sparse_l1.

    Seen in the code of "Neural Networks from Scratch" (nnfs), chapter 22, MeanAbsoluteError_Loss: the
    gradient of |t − y| by y is sign(y − t), and the code has sign(t − y). It is the gradient by the other
    argument. A check that moves t instead of y finds it right. Here the absolute values are those of the
    code h, so the price that should empty the code fills it.

        gh = δ₂ W₂ᵀ − λ sign(h)/N                    should be δ₂ W₂ᵀ + λ sign(h)/N
    """
    loss, grads = ae_sparse_l1(p, x, lam=lam)
    _, unpriced = ae_sparse_l1(p, x, lam=0)
    return loss, {name: 2 * unpriced[name] - grads[name] for name in grads}


def one_cache_for_two_batches(p, x, z):
    """Two batches through one discriminator, and it remembers the second. Right: gan_discriminator.

    Seen in shinseung428/gan_numpy, gan.py, backprop_dis. The forward pass keeps its hidden layer on the
    object. It is called with the real batch and then with the fake one, so the backward pass of the real
    term meets the hidden layer of the fake batch, beside the pixels of the real one. No shape is wrong: the
    batches have the same size. Each pass alone is right, and a test with one forward before each backward
    finds nothing.

        gW2  = h_fᵀ δℓ_r + h_fᵀ δℓ_f                 should be h_rᵀ δℓ_r + h_fᵀ δℓ_f
        δa_r = δℓ_r W2ᵀ ⊙ φ'(a_f)                    should be δℓ_r W2ᵀ ⊙ φ'(a_r)
    """
    loss, _ = gan_discriminator(p, x, z)
    W1, b1 = p["discriminator.hidden.weight"], p["discriminator.hidden.bias"]
    W2, b2 = p["discriminator.output.weight"], p["discriminator.output.bias"]
    s = np.tanh(z @ p["generator.hidden.weight"] + p["generator.hidden.bias"])
    x_f = sigmoid(s @ p["generator.output.weight"] + p["generator.output.bias"])
    l_r = leaky_relu(x @ W1 + b1) @ W2 + b2
    a_f = x_f @ W1 + b1
    h_f = leaky_relu(a_f)
    l_f = h_f @ W2 + b2

    dl_r, dl_f = -sigmoid(-l_r) / len(x), sigmoid(l_f) / len(z)
    da_r = dl_r @ W2.T * leaky_relu_slope(a_f)
    da_f = dl_f @ W2.T * leaky_relu_slope(a_f)
    return loss, {
        "discriminator.hidden.weight": x.T @ da_r + x_f.T @ da_f,
        "discriminator.hidden.bias": da_r.sum(0) + da_f.sum(0),
        "discriminator.output.weight": h_f.T @ dl_r + h_f.T @ dl_f,
        "discriminator.output.bias": dl_r.sum(0) + dl_f.sum(0),
    }


def noise_drawn_twice(p, x, eps, *, again):
    """One noise makes the sample, another the gradient. Right: vae_bernoulli.

    Seen in kwj2104/Simple-Variational-Autoencoder, vae.py, forward: a noise is drawn and stored for the
    backward pass, and in the next line the sample is made from a second draw. again is the stored one. The
    reconstruction then tells logvar nothing: on average over the noise that nobody saw its part of the
    gradient is 0. What is left is the divergence, which draws every σ to 1. The loss falls all the same.

        gv = gz ⊙ ½ σ ⊙ ε' + ½ (e^v − 1)/N           should be gz ⊙ ½ σ ⊙ ε + ½ (e^v − 1)/N
    """
    loss, grads = vae_bernoulli(p, x, eps)
    N = len(x)
    h = np.tanh(x @ p["encoder.weight"] + p["encoder.bias"])
    mu, v = h @ p["mu.weight"] + p["mu.bias"], h @ p["logvar.weight"] + p["logvar.bias"]
    sigma = np.exp(v / 2)
    u = np.tanh((mu + sigma * eps) @ p["decoder.weight"] + p["decoder.bias"])
    delta3 = (sigmoid(u @ p["output.weight"] + p["output.bias"]) - x) / N
    gz = delta3 @ p["output.weight"].T * (1 - u**2) @ p["decoder.weight"].T
    gmu = gz + mu / N
    gv = gz * 0.5 * sigma * again + 0.5 * (np.exp(v) - 1) / N
    delta1 = (gmu @ p["mu.weight"].T + gv @ p["logvar.weight"].T) * (1 - h**2)
    return loss, grads | {
        "encoder.weight": x.T @ delta1,
        "encoder.bias": delta1.sum(0),
        "logvar.weight": h.T @ gv,
        "logvar.bias": gv.sum(0),
    }


def bias_in_every_product(x, weight, bias, **how):
    """The bias enters once for each weight of the kernel, and its gradient counts it once. Right: conv2d.

    Seen in the convolution exercise of deeplearning.ai, course 4, week 1, in its first version: the window
    is multiplied with the kernel, the bias is added to this array, and then all of it is summed. The
    gradient of the exercise is that of a bias outside of the sum. Later versions say "do not add the bias
    yet". Weights and pixels learn rightly, and the bias is too small by a factor that depends on the kernel.

        y[n,o,u,v] = Σ_ijc (x̄ weight + bias[o])
        gbias[o] = Σ_nuv g[n,o,u,v]                  should be kh kw C Σ_nuv g[n,o,u,v], for this y
    """
    return conv2d(x, weight, bias * weight[0].size, **how)


def tanh_for_its_slope(x):
    """The function where its derivative should stand. Right: tanh of activations.

    Seen in andersbll/nnet, nnet/helpers.py, tanh_d: (e²ˣ − 1)/(e²ˣ + 1) looks like a derivative, and is
    tanh again. The gradient is 0 where it should be largest, and negative units learn with the wrong sign.

        gx = g ⊙ y                                   should be g ⊙ (1 − y²)
    """
    y = np.tanh(x)
    return y, lambda g: g * y
