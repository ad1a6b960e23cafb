"""Every objective, under one convention: sum over the features, mean over the batch.

The first axis is the batch, N rows; all other axes are features. A likelihood or divergence is summed over
the features of a row, because the log-probability of a row is the sum of those of its entries, and averaged
over the rows. Averaging over the features too would divide the reconstruction by D but not the divergence,
which is another objective.

Logits everywhere: a loss takes the number before the sigmoid. log(sigmoid(l)) = -softplus(-l) holds for
any float, and log(p + 1e-8) does not. Noise is an argument, drawn by the caller: equal arguments give equal
losses, which finite differences need.

Shapes must be equal: (N,) and (N, 1) would broadcast to N x N, so they raise ValueError.
Values (a label out of range, a logvar whose exp overflows) are checked on the CPU only; on a GPU the check
would force a synchronisation. There the loss becomes inf or nan, and `minigen.detect_anomaly()` finds where.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from minigen.engine import ops, tape
from minigen.engine.backend import namespace, whole
from minigen.engine.tape import Tensor, Value, _data, op, takes
from minigen.nn.module import Module
from minigen.nn.normalisation import BatchNorm


class Diverged(ValueError, FloatingPointError):
    """A logvar whose exp is no number in its dtype: a wrong value, as after a training that diverged.

    `minigen.experiment` counts it as missed, like the FloatingPointError of `train`.
    """


# ----- reconstruction -----------------------------------------------------------------------------------


@takes("xhat", "x")
def squared_error(xhat: Value, x: Value) -> Value:
    """(1/N) sum_n 1/2 ||xhat_n - x_n||^2, both (N, ...): -log N(x; xhat, 1) without its constant."""
    n = _rows("squared_error", xhat=xhat, x=x)
    return ops.sum((xhat - x) ** 2) * (0.5 / n)


@op(name="bce_with_logits")
def _bce_with_logits(logits, x):
    """softplus(l) - x l, entry by entry; the softplus in the form that does not overflow."""
    xp = namespace(logits)
    out = xp.abs(logits)
    xp.negative(out, out=out)
    xp.exp(out, out=out)
    xp.log1p(out, out=out)
    out += xp.maximum(logits, 0)
    out -= x * logits
    return out


_bce_with_logits.rule(
    lambda g, out, logits, x: g * (ops.sigmoid(logits) - x),
    lambda g, out, logits, x: -g * logits,
)


@takes("logits", "x")
def bce_with_logits(logits: Value, x: Value) -> Value:
    """(1/N) sum_n sum_d [softplus(l_nd) - x_nd l_nd], both (N, ...), x in [0, 1].

    This is -log Bernoulli(x; p) with p = sigmoid(l): -x log p - (1 - x) log(1 - p), where
    log p = l - softplus(l) and log(1 - p) = -softplus(l). Its gradient is (p - x) / N.
    Raises ValueError for x out of range. Kingma and Welling 2014, appendix C.1.
    """
    n = _rows("bce_with_logits", logits=logits, x=x)
    cure = "scale the data (pixels / 255), or use squared_error"
    _refuse_outside_01("bce_with_logits", "x", _data(x), cure)
    return ops.sum(_bce_with_logits(logits, x)) * (1 / n)


@takes("mu", None, "x")
def gaussian_nll(mu: Value, logvar: Value, x: Value) -> Value:
    """(1/N) sum_n sum_d 1/2 [log 2 pi + logvar + (x - mu)^2 exp(-logvar)], all (N, ...).

    -log N(x; mu, exp(logvar)); logvar may also be one Python number. Unbounded below where logvar may go to
    -inf. Raises ValueError where exp(logvar) overflows. Kingma and Welling 2014, appendix C.2.
    """
    shapes = {"mu": mu, "x": x}
    if not isinstance(logvar, int | float):
        logvar = shapes["logvar"] = tape._settled("gaussian_nll", {"logvar": logvar}, ())["logvar"]
    n = _rows("gaussian_nll", **shapes)
    refuse_overflow("gaussian_nll", logvar, mu.dtype)
    apart = x - mu
    precision = math.exp(-logvar) if isinstance(logvar, int | float) else ops.exp(-logvar)
    return ops.sum(apart * apart * precision + logvar + math.log(2 * math.pi)) * (0.5 / n)


@op(name="softmax_cross_entropy")
def _softmax_cross_entropy(logits, labels):
    """logsumexp(l) - l[label], row by row: (N, K), (N,) -> (N,)."""
    xp = namespace(logits, labels)
    logp = ops.log_softmax.forward(logits, 1)
    return -logp[xp.arange(len(labels)), labels]  # picked, not multiplied by 0 and 1: a masked class is -inf


_softmax_cross_entropy.rule(
    lambda g, out, logits, labels: g[:, None] * (ops.softmax(logits) - _one_hot(logits, labels)),
    None,
)


def _one_hot(like, labels):
    return (namespace(_data(like), labels).arange(like.shape[1]) == labels[:, None]).astype(like.dtype)


@takes("logits", "labels", selects=("labels",))
def softmax_cross_entropy(logits: Value, labels: Value) -> Value:
    """(1/N) sum_n [log sum_k exp(l_nk) - l_n,label], logits (N, K), labels (N,) whole numbers below K.

    -log of the probability that softmax gives to the right class; its gradient is (softmax(l) -
    onehot(label)) / N. A class that is masked by a logit of -inf takes no part. Raises ValueError for labels
    out of range. Bishop 2006, equations 4.104, 4.108 and 4.109.
    """
    labels = _data(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"softmax_cross_entropy: logits (N, K) and whole-number labels (N,) expected, got "
            f"logits {logits.shape} and labels {labels.dtype} {labels.shape}"
        )
    n = _rows("softmax_cross_entropy", logits=logits)
    _refuse_labels(labels, logits.shape)
    return ops.sum(_softmax_cross_entropy(logits, labels)) * (1 / n)


@whole
def _refuse_labels(labels, shape):
    """Labels must name one of the K classes of logits (N, K). Looks at the values on the CPU only."""
    if namespace(labels) is np and not (0 <= labels.min() and labels.max() < shape[1]):
        raise ValueError(
            f"softmax_cross_entropy: labels run from {labels.min()} to {labels.max()}, "
            f"but logits {shape} know classes 0 to {shape[1] - 1}"
        )


# ----- the latent code ----------------------------------------------------------------------------------


@takes("mu", "logvar", "eps")
def reparameterize(mu: Value, logvar: Value, eps: Value) -> Value:
    """z = mu + exp(logvar / 2) * eps: a sample of N(mu, exp(logvar)) as a smooth function of mu and logvar.

    All (N, K); eps is drawn from N(0, 1) by the caller. exp(logvar) is the variance, so exp(logvar / 2) is
    the standard deviation. Kingma and Welling 2014, section 2.4.
    """
    _rows("reparameterize", mu=mu, logvar=logvar, eps=eps)
    refuse_overflow("reparameterize", logvar, mu.dtype)
    return mu + ops.exp(logvar * 0.5) * eps


@op()
def exp_remainder(x: Value) -> Value:
    """e^x - (1 + x), never negative, with all its digits near 0, where it is x^2 / 2 and the terms cancel.

    For |x| < 1 it is the series x^2/2 (1 + x/3 (1 + x/4 (1 + ...))), as long as the dtype can see.
    """
    xp = namespace(x)
    series = xp.ones_like(x)
    for k in range(12 if x.dtype.itemsize <= 4 else 20, 2, -1):  # 2 / 12! is below 6e-8, 2 / 20! below 1e-16
        series *= x / k
        series += 1
    return xp.where(xp.abs(x) < 1, series * (x * x / 2), xp.expm1(x) - x)


exp_remainder.rule(lambda g, out, x: g * ops.expm1(x))


@takes("mu", "logvar")
def gaussian_kl(mu: Value, logvar: Value) -> Value:
    """(1/N) sum_n sum_k 1/2 [exp(logvar) + mu^2 - 1 - logvar], both (N, K).

    This is KL(N(mu, exp(logvar)) || N(0, 1)). The value and the slopes keep their digits where the two agree.
    Kingma and Welling 2014, appendix B.
    """
    n = _rows("gaussian_kl", mu=mu, logvar=logvar)
    refuse_overflow("gaussian_kl", logvar, mu.dtype)
    return ops.sum(exp_remainder(logvar) + mu * mu) * (0.5 / n)


@takes("h")
def sparse_kl(h: Value, rho: float) -> Value:
    """sum_j KL(rho || rhohat_j), rhohat_j = (1/N) sum_n h_nj: draws the mean of each unit of h (N, H) to rho.

    KL(rho || r) = rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r)). Raises ValueError where some
    rhohat_j is not strictly between 0 and 1: a dead unit, or activations that are not sigmoids. Ng 2011,
    CS294A lecture notes, section 3.
    """
    if not 0 < rho < 1:
        raise ValueError(f"sparse_kl: rho is a share, strictly between 0 and 1, got {rho}")
    _rows("sparse_kl", h=h)
    rhohat = ops.mean(h, axis=0)
    _refuse_dead_units(_data(rhohat))
    constant = rho * math.log(rho) + (1 - rho) * math.log(1 - rho)
    return ops.sum(constant - rho * ops.log(rhohat) - (1 - rho) * ops.log1p(-rhohat))


@whole
def _refuse_dead_units(means):
    """sparse_kl is finite only for means strictly between 0 and 1. Looks at the values on the CPU only."""
    if namespace(means) is np and not (means.min() > 0 and means.max() < 1):
        j = int(np.argmax(~((means > 0) & (means < 1))))
        raise ValueError(
            f"sparse_kl: unit {j} has mean activity {means.flat[j]}, but it must lie strictly between 0 and "
            "1: use sigmoid activations, and smaller weights where a unit saturates on the whole batch"
        )


@takes("h")
def l1_activity(h: Value) -> Value:
    """(1/N) sum_n sum_j |h_nj|, h (N, ...): the L1 penalty of a sparse code. The slope at 0 is 0."""
    return ops.sum(ops.abs(h)) * (1 / _rows("l1_activity", h=h))


def l2(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """1/2 sum of all squared entries of the tensors: weight decay as a loss.

    No 1/N, and usually no biases.
    """
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not tensors:
        raise ValueError("l2: no parameters given")
    squares = [ops.sum(ops.mul(p, p)) for p in tensors]
    return 0.5 * sum(squares[1:], squares[0])


# ----- adversarial games --------------------------------------------------------------------------------


@takes("real_logits", "fake_logits")
def discriminator_loss(real_logits: Value, fake_logits: Value, real_label: float = 1.0) -> Value:
    """mean softplus(-D(x)) + mean softplus(D(G(z))): D tells real from fake. Logits (N, 1) or (N,).

    That is -log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))), Goodfellow et al.
    2014, equation 1. A `real_label` below 1 is the target for real examples only
    (one-sided label smoothing, Salimans et al. 2016, section 3.4).
    """
    real = _score_mean("discriminator_loss", real_logits, lambda d: ops.softplus(-d) + (1 - real_label) * d)
    return real + _score_mean("discriminator_loss", fake_logits, ops.softplus)


@takes("fake_logits")
def generator_loss(fake_logits: Value, kind: Literal["nonsaturating", "minimax"] = "nonsaturating") -> Value:
    """The generator's side of the game. Logits (N, 1) or (N,).

    "minimax": -mean softplus(D(G(z))), the discriminator's term with the opposite sign;
    its gradient vanishes where D is certain that a sample is fake. "nonsaturating": mean softplus(-D(G(z))),
    which has the same fixed point and a large gradient there. Goodfellow et al. 2014, section 3.
    """
    if kind == "nonsaturating":
        return _score_mean("generator_loss", fake_logits, lambda d: ops.softplus(-d))
    if kind == "minimax":
        return -_score_mean("generator_loss", fake_logits, ops.softplus)
    raise ValueError(f"generator_loss: kind must be 'nonsaturating' or 'minimax', got {kind!r}")


@takes("real_scores", "fake_scores")
def critic_loss(real_scores: Value, fake_scores: Value) -> Value:
    """mean f(G(z)) - mean f(x): minus the estimate of the Wasserstein distance. Scores (N, 1) or (N,).

    Arjovsky, Chintala and Bottou 2017, equation 2.
    """
    return _score_mean("critic_loss", fake_scores) - _score_mean("critic_loss", real_scores)


@takes("fake_scores")
def wgan_generator_loss(fake_scores: Value) -> Value:
    """-mean f(G(z)): what the generator minimises against a critic. Scores (N, 1) or (N,)."""
    return -_score_mean("wgan_generator_loss", fake_scores)


@takes(None, "x", "fake", "alpha")
def gradient_penalty(critic: Callable[[Tensor], Tensor], x: Value, fake: Value, alpha: Value) -> Value:
    """(1/N) sum_n (||grad f(xhat_n)|| - 1)^2 at xhat = alpha x + (1 - alpha) fake.

    Multiply it by lambda, usually 10. x and fake (N, ...), alpha (N, 1) from U[0, 1), drawn by the caller.
    The gradient reaches the critic's parameters only, not the generator. The norm is sqrt(sum of squares +
    1e-12): at a zero gradient the plain root has no derivative and would give nan. Raises ValueError for a
    critic with batch norm in training mode, and for alpha outside [0, 1]: drawn from a normal, it leaves
    the line between x and fake. Gulrajani et al. 2017, equation 3 and section 4.
    """
    x, fake, alpha = _data(x), _data(fake), _data(alpha)
    n = _rows("gradient_penalty", x=x, fake=fake)
    if alpha.shape != (n, 1) or alpha.dtype != x.dtype:
        raise ValueError(
            f"gradient_penalty: alpha must be {x.dtype} ({n}, 1), one number an example, "
            f"got {alpha.dtype} {alpha.shape}"
        )
    cure = "draw it uniformly (random.uniform), not from a normal"
    _refuse_outside_01("gradient_penalty", "alpha", alpha, cure)
    alpha = alpha.reshape(n, *[1] * (x.ndim - 1))  # (N, 1) -> (N, 1, 1, 1) for images
    squares = _squared_slopes("gradient_penalty", critic, alpha * x + (1 - alpha) * fake)
    excess = ops.sqrt(squares + 1e-12) - 1
    return ops.sum(excess * excess) * (1 / n)


@takes(None, "x")
def r1_penalty(discriminator: Callable[[Tensor], Tensor], x: Value) -> Value:
    """(1/N) sum_n 1/2 ||grad D(x_n)||^2 at real x (N, ...); multiply by gamma.

    It penalises the slope of D at the data. Mescheder, Geiger and Nowozin 2018, equation 9. Raises
    ValueError for batch norm in training mode.
    """
    n = _rows("r1_penalty", x=x)
    return ops.sum(_squared_slopes("r1_penalty", discriminator, _data(x))) * (0.5 / n)


def _squared_slopes(caller, critic, x):
    """||grad f(x_n)||^2 for each example, (N, ...) -> (N,), itself on the tape."""
    parts = critic.modules() if isinstance(critic, Module) else ()
    if any(isinstance(part, BatchNorm) and part.training for _, part in parts):
        raise ValueError(
            f"{caller}: the critic normalises over the batch, so f(x_n) depends on all examples and has no "
            "gradient of its own to be penalised: use nn.LayerNorm or no normalisation in the critic "
            "(Gulrajani et al. 2017, section 4)"
        )
    with tape.recording():  # the slope is part of the value: needed under no_grad too
        points = Tensor(x, requires_grad=True)
        scores = critic(points)
        _check_scores(caller, scores)
        (slope,) = tape.grad(ops.sum(scores), points, create_graph=True)
        return ops.sum(slope * slope, axis=tuple(range(1, x.ndim)))  # (N, ...) -> (N,)


# ----- what every loss asks of its arguments ------------------------------------------------------------


def _rows(caller, **arrays):
    """N, the size of the batch, after checking that the arrays have one shape and dtype and are not empty."""
    first, *others = arrays.values()
    shape, dtype = first.shape, first.dtype
    if any([a.shape != shape for a in others]):
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ValueError(
            f"{caller}: equal shapes expected, got {shapes}: losses do not broadcast; "
            "use reshape or x[:, None]"
        )
    if any([a.dtype != dtype for a in others]) or dtype.kind != "f":
        dtypes = ", ".join(f"{name} {a.dtype}" for name, a in arrays.items())
        raise TypeError(
            f"{caller}: one dtype of real numbers expected, got {dtypes}: use .astype(np.float32) on the data"
        )
    if not shape or 0 in shape:
        raise ValueError(
            f"{caller}: the first axis is the batch and must hold at least one example, got shape {shape}"
        )
    return shape[0]


def _check_scores(caller, scores):
    if scores.ndim not in (1, 2) or scores.shape[0] == 0 or scores.shape[1:] not in ((), (1,)):
        raise ValueError(
            f"{caller}: one score an example expected, (N, 1) or (N,) with N > 0, got {scores.shape}"
        )


def _score_mean(caller, scores, of=lambda scores: scores):
    """The mean of of(score) over the batch."""
    _check_scores(caller, scores)
    return ops.sum(of(scores)) * (1 / scores.shape[0])


@whole
def _refuse_outside_01(caller, name, values, cure):
    """Looks at the values on the CPU only; nan is outside."""
    if namespace(values) is np and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{caller}: {name} must lie in [0, 1], but runs from {values.min():.4g} to {values.max():.4g}: "
            f"{cure}"
        )


def refuse_overflow(caller: str, logvar: Value, dtype: np.dtype) -> None:
    """exp(logvar) and exp(-logvar) must be numbers. Looks at the values on the CPU only."""
    _refuse_beyond(caller, np.asarray(logvar) if isinstance(logvar, int | float) else _data(logvar), dtype)


@whole
def _refuse_beyond(caller, logvar, dtype):
    limit = math.log(np.finfo(dtype).max)
    if namespace(logvar) is np and not (abs(logvar.min()) < limit and abs(logvar.max()) < limit):
        raise Diverged(
            f"{caller}: logvar runs from {logvar.min():.4g} to {logvar.max():.4g}, but exp overflows beyond "
            f"{limit:.4g} in {dtype}: has training diverged? Lower the learning rate, or hold logvar with "
            "minigen.clip"
        )
