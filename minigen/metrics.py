"""Numbers that say how good samples are, each with the value that a perfect sampler would get.

On a finite sample hardly any of them is 0 or 1 for a perfect model. So that value stands in every docstring,
and `mode_control` measures it under the same protocol, to be printed beside any table. Rows are samples,
whatever their shape: images (N, 8, 8) are read as (N, 64). Everything is plain NumPy on host arrays, in
float64; nothing is differentiated here.

The last section holds facts that an experiment must reach: the optimal discriminator and its value, and where
a transposed convolution writes more often than elsewhere.
"""

import math
from typing import NamedTuple

import numpy as np

from minigen.baselines import PCA, as_generator, as_rows, same_width

# ----- modes: is everything there? --------------------------------------------------------------------------


class ModeCoverage(NamedTuple):
    """`captured` modes, `high_quality` share of the samples, `reverse_kl` in nats, `counts` (K,) kept."""

    captured: float
    high_quality: float
    reverse_kl: float
    counts: np.ndarray


def _modes(centres, sigma):
    """The centres (K, D) and their standard deviations (K, D)."""
    centres = as_rows("centres", centres, least=1)
    sigma = np.asarray(sigma, dtype=np.float64)
    if not (np.all(sigma > 0) and np.all(np.isfinite(sigma))):
        raise ValueError(f"sigma is {sigma}, expected standard deviations above 0")
    try:
        return centres, np.broadcast_to(sigma, centres.shape)
    except ValueError:
        raise ValueError(
            f"sigma has shape {sigma.shape}, expected one number, (D,) or (K, D) with centres {centres.shape}"
        ) from None


def _radius(within):
    if not 0 < within < math.inf:
        raise ValueError(f"within is {within}, expected a number of standard deviations above 0")


def mode_coverage(samples, centres, sigma, *, within=3.0):
    """How many of the K modes the samples (N, D) reach, and how evenly.

        nearest(x) = argmin_k r_k(x),   r_k(x)^2 = sum_d ((x_d - centres_kd) / sigma_kd)^2     (Mahalanobis)
        x is of high quality, and counts for its nearest mode, when r < `within`

    captured: modes with at least one; high_quality: kept / N; reverse_kl: `reverse_kl` of the counts. This is
    the protocol of PacGAN (Lin et al. 2018, their code) with N = 2500, and of VEEGAN (Srivastava et al.
    2017). The two papers train differently, and disagree about the same plain GAN: compare within one table.

    Centres (K, D); `sigma`, in the unit of the data: one number, (D,) or (K, D). A perfect sampler does not
    get 100 % and 0: see `mode_control`. ValueError for fewer than 2 samples, widths that differ, sigma <= 0,
    NaN.
    """
    samples = as_rows("samples", samples)
    centres, sigma = _modes(centres, sigma)
    same_width("samples", samples, "centres", centres)
    _radius(within)
    squares = [(((samples - c) / s) ** 2).sum(axis=1) for c, s in zip(centres, sigma, strict=True)]
    squares = np.stack(squares, axis=1)  # (N, K)
    nearest, kept = squares.argmin(axis=1), squares.min(axis=1) < within**2
    counts = np.bincount(nearest[kept], minlength=len(centres))
    captured = int(np.count_nonzero(counts))
    return ModeCoverage(captured, float(kept.mean()), reverse_kl(counts), counts)


def reverse_kl(counts):
    """KL(counts / total || uniform) = ln K - H(counts / total), in nats; counts (K,), of modes or classes.

    0 when even; ln(K / m) when m of K are covered evenly; about (K - 1) / (2 N) for N perfect samples. inf
    when nothing was counted: no mode is reached, which is worse than one. ValueError for negative counts and
    for NaN.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 1 or counts.size == 0 or not np.all(np.isfinite(counts)) or np.any(counts < 0):
        raise ValueError(f"counts are {counts}, expected K numbers of 0 or more")
    if counts.sum() == 0:
        return math.inf
    share = counts[counts > 0] / counts.sum()
    return max(0.0, float(np.sum(share * np.log(share * len(counts)))))


def summary(coverages):
    """(mean, standard deviation) of several `ModeCoverage`s, each a ModeCoverage: over seeds, over controls.

    The deviation divides by the number less one, and is inf where the mean is. ValueError for fewer than 2.
    """
    if len(coverages) < 2:
        raise ValueError(f"{len(coverages)} runs have no spread: give at least 2, better 5")
    means, deviations = [], []
    for column in zip(*coverages, strict=True):
        column = np.array(column, dtype=np.float64)
        infinite = np.isinf(column).any(axis=0)
        spread = np.where(infinite, 0.0, column).std(axis=0, ddof=1)  # inf - inf would be NaN
        means.append(column.mean(axis=0))
        deviations.append(np.where(infinite, np.inf, spread)[()])
    return ModeCoverage(*means), ModeCoverage(*deviations)


def true_sampler(centres, sigma, n, *, rng):
    """n draws (n, D) from the even mixture of N(centres_k, diag sigma_k^2): a model that knows the answer."""
    centres, sigma = _modes(centres, sigma)
    rng = as_generator(rng)
    which = rng.integers(len(centres), size=n)
    return centres[which] + sigma[which] * rng.standard_normal((n, centres.shape[1]))


def mode_control(centres, sigma, *, n=2500, within=3.0, trials=10, rng):
    """(mean, standard deviation) over `trials` perfect samplers of n draws: the row to print in every table.

    With n = 2500: ring of 8, 98.9 % and 0.0015 nats; grid of 25, 98.9 % and 0.0050 nats.
    """
    rng = as_generator(rng)
    draws = (true_sampler(centres, sigma, n, rng=rng) for _ in range(trials))
    return summary([mode_coverage(x, centres, sigma, within=within) for x in draws])


def true_high_quality(dimensions, within=3.0):
    """The share that a perfect sampler gets where modes stand far apart: P(chi^2 with D degrees < within^2).

    In the plane 1 - exp(-within^2 / 2), 0.98889 for 3; on a line 0.9973; in 1200 dimensions 0 even for 10.
    """
    _radius(within)
    if dimensions != int(dimensions) or dimensions < 1:
        raise ValueError(f"dimensions is {dimensions}, expected a whole number of 1 or more")
    half = within**2 / 2  # the regularised gamma function P(D/2, half), from P(1/2) or P(1) upwards
    a, share = (0.5, math.erf(math.sqrt(half))) if dimensions % 2 else (1.0, -math.expm1(-half))
    while a < dimensions / 2:
        share -= math.exp(a * math.log(half) - half - math.lgamma(a + 1))
        a += 1
    return max(0.0, share)


# ----- distances between two sets of samples ----------------------------------------------------------------


def _weights(name, weights, n):
    if weights is None:
        return np.full(n, 1 / n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,) or not np.all(np.isfinite(weights)) or np.any(weights < 0) or weights.sum() == 0:
        raise ValueError(f"{name} must be {n} numbers of 0 or more, not all 0, one for each sample")
    return weights / weights.sum()


def _transport(x, y, masses):
    """W1 (P,) of the columns of x (N, P) and y (M, P); masses (N + M,) of their rows, those of y negative."""
    points = np.concatenate([x, y])
    order = np.argsort(points, axis=0, kind="stable")
    gap = np.cumsum(masses[order], axis=0)[:-1]  # F(t) - G(t) between neighbouring points
    return np.sum(np.abs(gap) * np.diff(np.take_along_axis(points, order, axis=0), axis=0), axis=0)


def wasserstein_1d(x, y, *, x_weights=None, y_weights=None):
    """The exact Wasserstein-1 distance of two samples on a line, in the unit of the samples.

        W1 = integral |F(t) - G(t)| dt,    for equal sizes (1/N) sum_n |x_(n) - y_(n)|, both sorted

    x (N,) and y (M,); weights of 0 or more, scaled to sum 1. Equal to what a perfect 1-Lipschitz critic
    reports (Kantorovich and Rubinstein), so a trained critic can be held against it. Two samples of one
    distribution are about N^(-1/2) of its width apart, not 0. ValueError for other shapes, NaN, weights that
    do not fit.
    """
    x, y = as_rows("x", x, least=1), as_rows("y", y, least=1)
    for name, sample in (("x", x), ("y", y)):
        if sample.shape[1] != 1:
            raise ValueError(
                f"{name} has {sample.shape[1]} numbers a row, expected 1: see sliced_wasserstein"
            )
    masses = np.concatenate(
        [_weights("x_weights", x_weights, len(x)), -_weights("y_weights", y_weights, len(y))]
    )
    return float(_transport(x, y, masses)[0])


def sliced_wasserstein(x, y, *, rng, projections=200):
    """The mean Wasserstein-1 distance of the shadows of x (N, D) and y (M, D) on random lines, in their unit.

        SW1 = E_u W1(x u, y u),    u uniform on the sphere       (Rabin et al. 2011)

    Estimated from `projections` directions drawn from `rng`: the same seed, the same number. Two point masses
    at distance r have SW1 = r E|u_1|: 2 r / pi in the plane. ValueError for widths that differ and for NaN.
    """
    x, y = as_rows("x", x, least=1), as_rows("y", y, least=1)
    same_width("x", x, "y", y)
    if projections < 1:
        raise ValueError(f"projections is {projections}, expected 1 or more")
    u = as_generator(rng).standard_normal((x.shape[1], projections))
    u /= np.sqrt((u**2).sum(axis=0))
    masses = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(y), -1 / len(y))])
    return float(_transport(x @ u, y @ u, masses).mean())


class TwoSample(NamedTuple):
    """`accuracy` of the classifier over all, and among the `real` and the `fake` samples alone."""

    accuracy: float
    real: float
    fake: float


def two_sample_accuracy(real, fake):
    """How often the nearest neighbour of a sample, itself left out, comes from the sample's own set.

    The leave-one-out 1-NN two-sample test (Lopez-Paz and Oquab 2017). Expected for two sets of one
    distribution: 0.5 (exactly (N - 1) / (2 N - 1)). Near 1: the sets can be told apart. Far below 0.5: the
    fakes sit closer to the reals than the reals to each other, they are copies. Look at both sides: when all
    fakes are one picture, every one of them is found out.

    Equal distances count by their share, so the order of the samples cannot matter. real, fake (N, D), of
    equal size (ValueError otherwise, chance would not be 0.5). Time and not memory grows with N^2 D.
    """
    real, fake = as_rows("real", real), as_rows("fake", fake)
    same_width("real", real, "fake", fake)
    if len(real) != len(fake):
        raise ValueError(
            f"{len(real)} real and {len(fake)} fake samples: chance is 0.5 at equal sizes only, draw a subset"
        )
    pool, n = np.concatenate([real, fake]), len(real)
    step = max(1, 2**19 // pool.size)  # rows at a time, so that the differences stay in the cache
    own = np.empty(2 * n)
    for start in range(0, 2 * n, step):
        rows = np.arange(start, min(start + step, 2 * n))
        difference = pool[rows, None] - pool  # not |x|^2 - 2 x y + |y|^2, whose rounding breaks exact ties
        squares = np.einsum("ijd,ijd->ij", difference, difference)
        squares[np.arange(len(rows)), rows] = np.inf
        nearest = squares == squares.min(axis=1, keepdims=True)
        reals = nearest[:, :n].sum(axis=1) / nearest.sum(axis=1)
        own[rows] = np.where(rows < n, reals, 1 - reals)
    return TwoSample(float(own.mean()), float(own[:n].mean()), float(own[n:].mean()))


def gaussian_frechet(mean1, cov1, mean2, cov2):
    """The squared Frechet (2-Wasserstein) distance of two Gaussians (Dowson and Landau 1982).

        d^2 = |mean1 - mean2|^2 + tr C1 + tr C2 - 2 tr (C1^(1/2) C2 C1^(1/2))^(1/2)

    The matrix under the root is symmetric; with symmetric roots R1, R2 its eigenvalues are the squared
    singular values of R1 R2, whose sum is taken: no root of a tiny negative number, no imaginary part. Means
    (D,), covariances (D, D). ValueError for other shapes and for covariances that are not symmetric and >= 0.
    """
    mean1, mean2 = (np.atleast_1d(np.asarray(m, dtype=np.float64)) for m in (mean1, mean2))
    roots, traces = [], []
    for name, cov in (("cov1", cov1), ("cov2", cov2)):
        cov = np.atleast_2d(np.asarray(cov, dtype=np.float64))
        if mean1.shape != mean2.shape or cov.shape != 2 * mean1.shape:
            raise ValueError(
                f"means {mean1.shape} and {mean2.shape} do not fit {name} {cov.shape}: (D,), (D, D)"
            )
        scale = np.abs(cov).max()
        if not np.isfinite(scale) or np.abs(cov - cov.T).max() > 1e-8 * scale:
            raise ValueError(f"{name} is not a finite symmetric matrix, so it is no covariance")
        values, vectors = np.linalg.eigh(cov)
        if values[0] < -1e-8 * scale:
            raise ValueError(f"{name} has the eigenvalue {values[0]:.3g} below 0, so it is no covariance")
        roots.append((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
        traces.append(np.trace(cov))
    cross = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return max(0.0, float(np.sum((mean1 - mean2) ** 2) + sum(traces) - 2 * cross))


def frechet_distance(reference, samples, *, components=20):
    """`gaussian_frechet` of the codes of two sets in the PCA of the reference, in squared units of the data.

    What the Frechet inception distance (Heusel et al. 2017) does with a network's features, with `components`
    leading directions of `reference` (N, D) instead; samples (M, D). It sees means and covariances only, and
    is biased upwards for few samples: compare at equal sizes, beside the row real against real (digits, 500
    and 500, pixels in [0, 1]: about 0.1). 0 for identical sets. ValueError for fewer than 2 samples, widths
    that differ, more components than numbers a row, NaN.
    """
    reference, samples = as_rows("reference", reference), as_rows("samples", samples)
    same_width("reference", reference, "samples", samples)
    if components < 1:
        raise ValueError(f"components is {components}, expected at least one direction to compare along")
    space = PCA(reference, components)
    moments = []
    for rows in (reference, samples):
        code = space.encode(rows)
        mean = code.mean(axis=0)
        moments += [mean, (code - mean).T @ (code - mean) / (len(code) - 1)]
    return gaussian_frechet(*moments)


# ----- latent variables -------------------------------------------------------------------------------------


def active_units(mu, *, threshold=0.01):
    """Which latent units the encoder uses: Var_n(mu_nk) > `threshold` (Burda et al. 2016).

    mu (N, K): the posterior means over a data set. Gives K booleans; their sum is the published count. A
    collapsed unit has the prior's mean, 0, for every input. ValueError for fewer than 2 rows and for NaN.
    """
    return as_rows("mu", mu).var(axis=0) > threshold


def importance_weighted_bound(log_weights):
    """The mean over the batch of a lower bound of log p(x), in nats (Burda et al. 2016).

        L_S = (1/N) sum_n log (1/S) sum_s w_sn,    log w = log p(x, z) - log q(z|x),  z ~ q(z|x)

    log_weights (S, N). S = 1 is the ELBO; in expectation L_S rises with S, to log p(x). -inf is a weight of 0
    (an input with no other gives -inf). ValueError for other shapes, NaN and +inf.
    """
    log_weights = np.asarray(log_weights, dtype=np.float64)
    if log_weights.ndim != 2 or log_weights.size == 0:
        raise ValueError(
            f"log_weights has shape {log_weights.shape}, expected (S, N): samples first, then inputs"
        )
    if np.isnan(log_weights).any() or np.isposinf(log_weights).any():
        raise ValueError("log_weights holds NaN or +inf: look for an overflow in log p(x, z) or in logvar")
    return float((np.logaddexp.reduce(log_weights, axis=0) - math.log(len(log_weights))).mean())


def few_label_accuracy(codes, labels, test_codes, test_labels, per_class, *, rng, draws=20):
    """How often a classifier is right that was shown `per_class` labelled codes of each class: mean over
    draws.

    scikit-learn's logistic regression (C = 1) on random rows of codes (N, K), judged on test_codes (M, K). It
    says what a code is worth that was learned without labels, beside that of the raw data and of an untrained
    network: the same seed as `rng` draws the same rows for all of them. Pixels of the digits, 1, 2, 5 and 10
    labels a class: about .64, .74, .83 and .86. ValueError where a class has fewer rows.
    """
    codes, test_codes = as_rows("codes", codes), as_rows("test_codes", test_codes, least=1)
    same_width("codes", codes, "test_codes", test_codes)
    rng, labels = as_generator(rng), np.asarray(labels)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    least = min(map(len, classes))
    if not 1 <= per_class <= least:
        raise ValueError(f"per_class is {per_class}, expected 1 to {least}, the rows of the smallest class")
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise ImportError(
            "few_label_accuracy needs scikit-learn, which is not installed: "
            "from the checkout, pip install '.[experiments]'"
        ) from None
    scores = []
    for _ in range(draws):
        rows = np.concatenate([rng.choice(those, per_class, replace=False) for those in classes])
        model = LogisticRegression(max_iter=2000).fit(codes[rows], labels[rows])
        scores.append(model.score(test_codes, test_labels))
    return float(np.mean(scores))


# ----- facts known in advance -------------------------------------------------------------------------------


def optimal_discriminator(log_p, log_q):
    """D*(x) = p(x) / (p(x) + q(x)), the best discriminator of data p and generator q.

    (Goodfellow et al. 2014, proposition 1.) From log densities of one shape, as the sigmoid of log p - log q,
    so that tails do not become 0 / 0. 1/2 where both densities are 0 (any value would do there). ValueError
    for NaN, +inf and shapes that differ.
    """
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError(f"log_p is {log_p.shape} and log_q {log_q.shape}: give both at the same points")
    for name, value in (("log_p", log_p), ("log_q", log_q)):
        if np.isnan(value).any() or np.isposinf(value).any():
            raise ValueError(f"{name} holds NaN or +inf, expected logarithms of densities")
    with np.errstate(invalid="ignore"):  # -inf less -inf, where neither density lives
        logits = np.where(np.isneginf(log_p) & np.isneginf(log_q), 0.0, log_p - log_q)
    return np.exp(-np.logaddexp(0.0, -logits))


def optimal_value(x, log_p, log_q):
    """The most that the discriminator's objective can reach, in nats, for two densities on a line.

        V(D*) = E_p log D*(x) + E_q log(1 - D*(x)) = -ln 4 + 2 JS(p || q)

    (Goodfellow et al. 2014, theorem 1), by the trapezoid rule over x (G,), which rises and covers both
    densities: ValueError unless each integrates to 1 within 1e-3. -ln 4 = -1.386 when p = q, 0 when they do
    not meet, and JS = (V + ln 4) / 2 between them, from 0 to ln 2.
    """
    x, log_p, log_q = (np.asarray(a, dtype=np.float64) for a in (x, log_p, log_q))
    if x.ndim != 1 or not np.all(np.diff(x) > 0) or log_p.shape != x.shape:
        raise ValueError(f"x {x.shape} must rise and have one value of log_p {log_p.shape} for each point")
    value = 0.0
    for name, ours, other in (("p", log_p, log_q), ("q", log_q, log_p)):
        share = optimal_discriminator(ours, other)  # D*, then 1 - D* by symmetry, without a subtraction
        mass = np.trapezoid(np.exp(ours), x)
        if not abs(mass - 1) < 1e-3:
            raise ValueError(f"{name} integrates to {mass:.4g} over the grid, expected 1: widen or refine x")
        value += np.trapezoid(np.exp(ours) * np.log(np.where(share > 0, share, 1.0)), x)
    return float(value)


def penalised_estimate(x, p, q, between, lam):
    """What the best critic with gradient penalty reports for two densities on a line, in the unit of x.

        max_f  E_p f - E_q f - lam E_r (|f'| - 1)^2    at    |f'| = 1 + |F - G| / (2 lam r)
        E_p f - E_q f = integral |F - G| |f'| = W1 + integral (F - G)^2 / (2 lam r) = W1 + 2 lam E_r (|f'| - 1)^2

    F and G are the distribution functions, r the density `between` them of the points that are penalised. So the
    estimate is too large, by twice the penalty, at every lam. Densities (G,) at evenly spaced x (G,). ValueError
    for other shapes and lam <= 0.
    """
    x, p, q, between = (np.asarray(a, dtype=np.float64) for a in (x, p, q, between))
    if x.ndim != 1 or not x.shape == p.shape == q.shape == between.shape or not lam > 0:
        raise ValueError(
            f"x {x.shape}, p {p.shape}, q {q.shape} and between {between.shape} must be alike, lam {lam} above 0"
        )
    step = x[1] - x[0]
    below, above = np.cumsum(p - q), np.cumsum((q - p)[::-1])[::-1]
    gap = step * np.minimum(
        np.abs(below), np.abs(above)
    )  # in each tail the sum that begins there, and is exact
    return float(step * np.sum(gap + gap**2 / (2 * lam * between)))


def overlap_counts(kernel_size, stride, *, dilation=1):
    """How often a transposed convolution writes to each output pixel, away from the border.

        counts[a] = number of taps j with dilation j = a (mod stride),    in two dimensions the outer product

    Gives one period (stride_h, stride_w); arguments are integers or pairs. Uneven counts are the checkerboard
    (Odena et al. 2016): kernel 3, stride 2 has 1, 2, 4; 5 and 2 (DCGAN) 4, 6, 9; 4 and 2 an even 4.
    ValueError for numbers below 1.
    """
    lines = []
    pairs = [np.broadcast_to(np.asarray(a), (2,)).tolist() for a in (kernel_size, stride, dilation)]
    for kernel, step, spread in zip(*pairs, strict=True):
        if min(kernel, step, spread) < 1:
            raise ValueError(
                f"kernel_size {kernel_size}, stride {stride}, dilation {dilation}: expected 1 or more"
            )
        lines.append(np.bincount(spread * np.arange(kernel) % step, minlength=step))
    return np.outer(*lines)
