"""Models that need no gradient: the scores that a network has to beat.

Each class is fitted by its constructor, in closed form or by expectation-maximisation, and then has the
methods of its kind: `reconstruct` and `error`, `log_likelihood` in nats for every row, `sample`. On small
data they are strong: samples of thirty Gaussians pass the nearest-neighbour test on 8 x 8 digits. So every
table needs these rows.

Rows are samples, whatever their shape: images (N, 8, 8) are read as (N, 64). Everything is computed in
float64 on the host.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from minigen.arguments import as_generator, as_rows, same_width
from minigen.engine.backend import Seed
from minigen.engine.ops import logsumexp


def _count(name, value, low, high):
    if value != int(value) or not low <= value <= high:
        raise ValueError(f"{name} is {value}, expected a whole number from {low} to {high}")
    return int(value)


def _centred(x, mean):
    x = as_rows("x", x, least=1)
    same_width("x", x, "the fitted data", mean[None])
    return x - mean


# ----- subspaces --------------------------------------------------------------------------------------------


def _spectrum(x):
    """The mean (D,); of the covariance (1/N) the eigenvalues (D,), falling, and eigenvectors, in columns."""
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    return mean, np.maximum(values[::-1], 0.0), vectors[:, ::-1]


class PCA:
    """The best reconstruction that a linear code of `components` numbers allows (Pearson 1901).

        xhat = mean + (x - mean) U U^T,   U the leading eigenvectors of (1/N) sum_n (x_n - mean)(x_n - mean)^T

    A trained linear autoencoder spans the columns of U, in any basis (Baldi and Hornik 1989). Attributes:
    `mean` (D,), `axes` U (D, components), `variances` (D,), all eigenvalues, falling. ValueError for a code
    wider than the data.
    """

    def __init__(self, x: ArrayLike, components: int) -> None:
        x = as_rows("x", x)
        components = _count("components", components, 0, x.shape[1])
        self.mean, self.variances, vectors = _spectrum(x)
        self.axes = vectors[:, :components]

    def encode(self, x: ArrayLike) -> np.ndarray:
        """(N, D) -> (N, components): z = (x - mean) U."""
        return _centred(x, self.mean) @ self.axes

    def decode(self, z: ArrayLike) -> np.ndarray:
        """(N, components) -> (N, D): mean + z U^T."""
        return self.mean + np.asarray(z) @ self.axes.T

    def reconstruct(self, x: ArrayLike) -> np.ndarray:
        """(N, D) -> (N, D): the point of mean + span U nearest to each row."""
        return self.decode(self.encode(x))

    def error(self, x: ArrayLike) -> float:
        """(1 / (N D)) sum (xhat - x)^2, in squared units of x; the loss `squared_error` is D / 2 times it."""
        centred = _centred(x, self.mean)
        return float(np.mean((centred - centred @ self.axes @ self.axes.T) ** 2))


class MeanImage(PCA):
    """The reconstruction that ignores its input, the mean of the fitted data: PCA without any component."""

    def __init__(self, x: ArrayLike) -> None:
        super().__init__(x, 0)


class Wiener:
    """The affine map with the least squared error from corrupted to clean data (Wiener 1949).

        xhat = mean + (y - E y) Cov(y)^-1 Cov(y, x)

    `sigma`  y = x + sigma eps, eps ~ N(0, I):   E y = mean,       Cov(y, x) = C,       Cov(y) = C + sigma^2 I
    `keep`   y = m x, pixels kept with this probability:  E y = keep mean,  Cov(y, x) = keep C,
             Cov(y) = keep^2 C + keep (1 - keep) diag(E x^2)

    Mean and covariance C (1/N) are those of the clean data; no noise is drawn. ValueError unless one of
    `sigma` > 0 and `keep` in (0, 1] is given.
    """

    def __init__(self, x: ArrayLike, *, sigma: float | None = None, keep: int | None = None) -> None:
        x = as_rows("x", x)
        if (sigma is None) == (keep is None):
            raise ValueError("Wiener needs the damage: either sigma=, of the noise, or keep=, of the mask")
        self.mean = x.mean(axis=0)
        cross = covariance = (x - self.mean).T @ (x - self.mean) / len(x)
        if sigma is not None:
            if not 0 < sigma < math.inf:
                raise ValueError(f"sigma is {sigma}, expected a standard deviation above 0")
            self._offset, noisy = self.mean, covariance + sigma**2 * np.eye(x.shape[1])
        else:
            if not 0 < keep <= 1:
                raise ValueError(f"keep is {keep}, expected a probability above 0")
            self._offset, cross = keep * self.mean, keep * covariance
            noisy = keep**2 * covariance + keep * (1 - keep) * np.diag((x**2).mean(axis=0))
        # the pseudo-inverse, since pixels that are never inked do not vary
        self.weight = np.linalg.pinv(noisy, hermitian=True) @ cross

    def restore(self, y: ArrayLike) -> np.ndarray:
        """(N, D) -> (N, D)."""
        return self.mean + _centred(y, self._offset) @ self.weight


def principal_angles(u: ArrayLike, v: ArrayLike) -> np.ndarray:
    """The angles in radians, rising, between what the columns of `u` and of `v` (D, K) span.

        cos theta_k: the singular values of Qu^T Qv;   sin theta_k: those of (I - Qu Qu^T) Qv

    (Bjorck and Golub 1973.) Both are used, since the cosine alone cannot tell angles below 1e-8 from 0.
    ValueError for shapes that differ and for columns that depend on each other.
    """
    u, v = as_rows("u", u, least=1), as_rows("v", v, least=1)
    if u.shape != v.shape or u.shape[0] < u.shape[1]:
        raise ValueError(f"u is {u.shape} and v {v.shape}, expected the same shape (D, K) with K <= D")
    for name, columns in (("u", u), ("v", v)):
        if np.linalg.matrix_rank(columns) < columns.shape[1]:
            raise ValueError(f"the {columns.shape[1]} columns of {name} span a space of fewer dimensions")
    qu, qv = np.linalg.qr(u)[0], np.linalg.qr(v)[0]
    overlap = qu.T @ qv
    cosines = np.linalg.svd(overlap, compute_uv=False)  # falling
    sines = np.linalg.svd(qv - qu @ overlap, compute_uv=False)[::-1]  # rising, so that the pairs match
    return np.arctan2(sines, cosines)


class PPCA:
    """Probabilistic PCA (Tipping and Bishop 1999): the most a linear VAE can reach (Lucas et al. 2019).

        z ~ N(0, I),   x|z ~ N(mean + W z, noise I),   W = U (L - noise I)^(1/2)                    (eq. 7)
        log p(x) = -1/2 (D ln 2 pi + ln|C| + (x - mean)^T C^-1 (x - mean)),   C = W W^T + noise I
        z|x ~ N(L^-1 W^T (x - mean), noise L^-1),   with the leading eigenpairs L, U

    `noise` is a variance; left out, it is the mean of the discarded eigenvalues (eq. 8). Fixed, it decides
    what can be learned: a direction whose variance is not above it gets no weight, and its unit collapses.
    `components` left out means all that are above it. Attributes: `mean`, `variances` (D,), `axes` U and
    `weight` W (D, K), `noise`, `active` (how many columns of W are not 0). ValueError where the likelihood
    has no maximum.
    """

    def __init__(self, x: ArrayLike, components: int | None = None, *, noise: float | None = None) -> None:
        x = as_rows("x", x)
        if noise is not None and not 0 < noise < math.inf:
            raise ValueError(f"noise is {noise}, expected a variance above 0")
        self.mean, self.variances, vectors = _spectrum(x)
        if components is None:
            if noise is None:
                raise ValueError(
                    "PPCA needs the number of components, the noise variance, or both; got neither"
                )
            components = int(np.sum(self.variances > noise))
        components = _count("components", components, 0, x.shape[1] - (noise is None))
        if noise is None:
            noise = float(self.variances[components:].mean())
            if noise <= 1e-12 * self.variances[0]:
                raise ValueError(
                    f"beyond {components} components nothing varies, so that the likelihood has no maximum: "
                    "take fewer components or fix the noise"
                )
        self.noise, self.axes = noise, vectors[:, :components]
        excess = np.maximum(self.variances[:components] - noise, 0.0)
        self.weight, self.active = self.axes * np.sqrt(excess), int(np.sum(excess > 0))
        self._scale = excess + noise  # the eigenvalues of C along the axes; elsewhere they are `noise`

    def log_likelihood(self, x: ArrayLike) -> np.ndarray:
        """(N, D) -> (N,): log p(x) in nats."""
        centred = _centred(x, self.mean)
        code = centred @ self.axes
        rest = centred - code @ self.axes.T
        square = (code**2 / self._scale).sum(axis=1) + (rest**2).sum(axis=1) / self.noise
        dimensions, components = self.axes.shape
        log_det = np.log(self._scale).sum() + (dimensions - components) * math.log(self.noise)
        return -0.5 * (dimensions * math.log(2 * math.pi) + log_det + square)

    def posterior(self, x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) -> means (N, K) and variances (K,) of p(z|x): the encoder of the best linear VAE."""
        return _centred(x, self.mean) @ self.weight / self._scale, self.noise / self._scale

    def sample(self, n: int, *, rng: Seed) -> np.ndarray:
        """n draws (n, D)."""
        rng = as_generator(rng)
        z = rng.standard_normal((n, self.axes.shape[1]))
        noise = math.sqrt(self.noise) * rng.standard_normal((n, len(self.mean)))
        return self.mean + z @ self.weight.T + noise


# ----- densities of real numbers ----------------------------------------------------------------------------


class Gaussian:
    """One normal distribution with a full covariance, that of the data (1/N) plus `floor` on the diagonal.

        log p(x) = -1/2 (D ln 2 pi + ln|C| + (x - mean)^T C^-1 (x - mean))

    The floor, in squared units of x, keeps C invertible where pixels never change. Attributes: `mean` (D,),
    `covariance` C (D, D). ValueError for a negative floor and for a covariance that is singular all the same.
    """

    def __init__(self, x: ArrayLike, *, floor: float = 1e-6) -> None:
        x = as_rows("x", x)
        if not 0 <= floor < math.inf:
            raise ValueError(f"floor is {floor}, expected a variance of 0 or more")
        self.mean = x.mean(axis=0)
        self.covariance = (x - self.mean).T @ (x - self.mean) / len(x) + floor * np.eye(x.shape[1])
        try:
            self._root = np.linalg.cholesky(self.covariance)  # C = root root^T
        except np.linalg.LinAlgError:
            raise ValueError(
                f"the covariance of {len(x)} rows of {x.shape[1]} numbers is singular: raise floor, {floor}"
            ) from None

    def log_likelihood(self, x: ArrayLike) -> np.ndarray:
        """(N, D) -> (N,): log p(x) in nats."""
        white = np.linalg.solve(self._root, _centred(x, self.mean).T)  # (D, N)
        log_det = 2 * np.log(np.diag(self._root)).sum()
        return -0.5 * (len(self.mean) * math.log(2 * math.pi) + log_det + (white**2).sum(axis=0))

    def sample(self, n: int, *, rng: Seed) -> np.ndarray:
        """n draws (n, D)."""
        return self.mean + as_generator(rng).standard_normal((n, len(self.mean))) @ self._root.T


class GaussianMixture:
    """A mixture of full Gaussians, fitted by scikit-learn (k-means, then expectation-maximisation).

        p(x) = sum_k weights_k N(x; means_k, covariances_k)

    `floor`, in squared units of x, is added to the diagonals; give the likelihood of new rows a generous one
    (digits, 30 components: -689 nats with 1e-6, 42 with 1e-2). Attributes: `weights` (K,), `means` (K, D),
    `covariances` (K, D, D). ImportError, naming the extra, without scikit-learn; ValueError for more
    components than rows.
    """

    def __init__(self, x: ArrayLike, components: int, *, rng: Seed, floor: float = 1e-6) -> None:
        try:
            from sklearn import mixture
        except ImportError:
            raise ImportError(
                "GaussianMixture is fitted by scikit-learn, which is not installed: "
                "from the checkout, pip install '.[baselines]'"
            ) from None
        x = as_rows("x", x)
        components = _count("components", components, 1, len(x))
        seed = int(as_generator(rng).integers(2**31))  # scikit-learn takes a number, not a Generator
        self._fitted = mixture.GaussianMixture(components, reg_covar=floor, random_state=seed).fit(x)
        self.weights, self.means = self._fitted.weights_, self._fitted.means_
        self.covariances = self._fitted.covariances_

    def log_likelihood(self, x: ArrayLike) -> np.ndarray:
        """(N, D) -> (N,): log p(x) in nats."""
        x = as_rows("x", x, least=1)
        same_width("x", x, "the fitted data", self.means)
        return self._fitted.score_samples(x)

    def restore(self, y: ArrayLike, sigma: float) -> np.ndarray:
        """E[x | y] for y = x + sigma eps, eps ~ N(0, I), if x came from the mixture: (N, D) -> (N, D).

            sum_k p(k|y) (means_k + (y - means_k) (C_k + sigma^2 I)^-1 C_k)

        No other map has a smaller squared error then, and (E[x | y] - y) / sigma^2 is the slope of log p(y)
        (Tweedie's formula, Robbins 1956).
        """
        y = as_rows("y", y, least=1)
        same_width("y", y, "the fitted data", self.means)
        restored, log_joint = [], []
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            noisy = covariance + sigma**2 * np.eye(len(mean))
            white = np.linalg.solve(noisy, (y - mean).T).T
            restored.append(mean + white @ covariance)
            square = ((y - mean) * white).sum(axis=1)
            log_joint.append(math.log(weight) - 0.5 * (np.linalg.slogdet(noisy)[1] + square))
        joint = np.stack(log_joint)  # (K, N)
        return np.einsum("kn,knd->nd", np.exp(joint - logsumexp(joint, axis=0)), np.stack(restored))

    def sample(self, n: int, *, rng: Seed) -> np.ndarray:
        """n draws (n, D), in random order."""
        rng = as_generator(rng)
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        noise = rng.standard_normal((n, self.means.shape[1]))
        return self.means[which] + np.einsum("nij,nj->ni", np.linalg.cholesky(self.covariances)[which], noise)


# ----- densities of zeros and ones --------------------------------------------------------------------------


class BernoulliMixture:
    """A mixture of independent Bernoullis: soft clusters of binary images (Bishop 2006, section 9.3.3).

        p(x) = sum_k weights_k prod_d theta_kd^x_d (1 - theta_kd)^(1 - x_d)

        E:  r_nk = p(k | x_n), in the log domain
        M:  weights_k = (1/N) sum_n r_nk,   theta_kd = (a + sum_n r_nk x_nd) / (2 a + sum_n r_nk)

    `smoothing` a > 0 is Laplace's, the mode under a Beta(1 + a, 1 + a) prior: no theta becomes 0 or 1, so no
    image is impossible. What never falls is then `trace`, sum_n log p(x_n) + a sum_kd log theta_kd (1 -
    theta_kd). The start is `components` random rows, drawn half-way to 1/2; the end a gain below 1e-5 a row,
    or `steps`. Starts differ by about 0.1 nats on digits: of several, keep the one with the largest
    trace[-1].

    Attributes: `weights` (K,), `theta` (K, D), `trace`. ValueError for entries other than 0 and 1.
    """

    def __init__(
        self, x: ArrayLike, components: int, *, rng: Seed, smoothing: float = 0.1, steps: int = 200
    ) -> None:
        x = self._binary(x, least=2)
        components = _count("components", components, 1, len(x))
        steps = _count("steps", steps, 1, math.inf)
        if not 0 < smoothing < math.inf:
            raise ValueError(
                f"smoothing is {smoothing}, expected above 0: a pixel never seen would be impossible"
            )
        start = as_generator(rng).choice(len(x), size=components, replace=False)
        self.theta = 0.25 + 0.5 * x[start]  # (K, D)
        self.weights = np.full(components, 1 / components)
        self.trace = []
        for _ in range(steps):
            joint = self._joint(x)  # (N, K)
            log_p = logsumexp(joint, axis=1)
            prior = smoothing * np.log(self.theta * (1 - self.theta)).sum()
            self.trace.append(float(log_p.sum() + prior))
            if len(self.trace) > 1 and self.trace[-1] - self.trace[-2] < 1e-5 * len(x):
                break
            r = np.exp(joint - log_p[:, None])
            self.weights = r.sum(axis=0) / len(x)
            self.theta = (smoothing + r.T @ x) / (2 * smoothing + r.sum(axis=0))[:, None]

    @staticmethod
    def _binary(x, least):
        x = as_rows("x", x, least)
        if not np.all((x == 0) | (x == 1)):
            raise ValueError(
                "x must hold only 0 and 1: turn grey pixels into bits first, for example x >= 0.5"
            )
        return x

    def _joint(self, x):
        """log weights_k p(x_n | k): (N, D) -> (N, K)."""
        # A component that has lost every image has the weight 0, and stays out at -inf.
        with np.errstate(divide="ignore"):
            constant = np.log(self.weights) + np.log1p(-self.theta).sum(axis=1)
        return constant + x @ (np.log(self.theta) - np.log1p(-self.theta)).T

    def log_likelihood(self, x: ArrayLike) -> np.ndarray:
        """(N, D) -> (N,): log p(x) in nats."""
        x = self._binary(x, least=1)
        same_width("x", x, "the fitted data", self.theta)
        return logsumexp(self._joint(x), axis=1)

    def sample(self, n: int, *, rng: Seed) -> np.ndarray:
        """n draws (n, D) of 0.0 and 1.0."""
        rng = as_generator(rng)
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        return (rng.random((n, self.theta.shape[1])) < self.theta[which]).astype(np.float64)


class IndependentBernoulli(BernoulliMixture):
    """Every pixel by itself, theta_d = (smoothing + sum_n x_nd) / (2 smoothing + N): the mixture of one.

    A VAE whose code has collapsed does no better: on digits cut at 1/2 both score about -24.9 nats.
    """

    def __init__(self, x: ArrayLike, *, smoothing: float = 1.0) -> None:
        super().__init__(x, 1, rng=0, smoothing=smoothing)  # with one component the start makes no difference
