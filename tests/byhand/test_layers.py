"""Every layer by hand against differences, against the bare formula, and against its own identities."""

import itertools
from functools import partial

import numpy as np
import pytest
from differences import numeric_gradient, relative_error
from mutants import mutant
from networks import float32

from minigen.byhand import activations, layers, normalisation, pooling

TOLERANCE = 1e-7  # measured: at most 2e-10 by order 2 and 8e-13 by order 6


def arrays(seed, **shapes):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def conv_inputs(seed, kernel, size=(7, 6)):
    return arrays(seed, x=(5, 3, *size), weight=(2, 3, *kernel), bias=2)


def transposed_inputs(seed, kernel, size=(4, 3)):
    return arrays(seed, x=(5, 3, *size), weight=(3, 2, *kernel), bias=2)


mask = np.random.default_rng(0).random((5, 7)) < 0.8
labels = np.array([3, 0, 6, 3, 1])
running = {"mean": np.linspace(-1, 1, 3), "var": np.linspace(0.2, 2, 3)}
picture = {"x": (5, 3, 7, 6)}

# name: (layer, its arrays). Order 6 for smooth layers, order 2 for linear ones and those with kinks.
SMOOTH = {
    "sigmoid": (activations.sigmoid, arrays(1, x=(5, 7))),
    "tanh": (activations.tanh, arrays(2, x=(5, 7))),
    "softplus": (activations.softplus, arrays(3, x=(5, 7))),
    "batch_norm rows": (layers.batch_norm, arrays(4, x=(7, 3), weight=3, bias=3)),
    "batch_norm pictures": (layers.batch_norm, arrays(5, x=(5, 3, 2, 4), weight=3, bias=3)),
    "batch_norm eps": (partial(layers.batch_norm, eps=0.7), arrays(6, x=(7, 3), weight=3, bias=3)),
    "batch_norm_eval rows": (
        partial(layers.batch_norm_eval, **running),
        arrays(7, x=(5, 3), weight=3, bias=3),
    ),
    "batch_norm_eval pictures": (
        partial(layers.batch_norm_eval, **running),
        arrays(8, x=(5, 3, 2, 4), weight=3, bias=3),
    ),
    "layer_norm rows": (layers.layer_norm, arrays(9, x=(5, 7), weight=7, bias=7)),
    "layer_norm sequence": (layers.layer_norm, arrays(10, x=(5, 2, 7), weight=7, bias=7)),
    "softmax_cross_entropy": (
        partial(layers.softmax_cross_entropy, labels=labels),
        arrays(11, logits=(5, 7)),
    ),
}
PIECEWISE = {
    "dense": (layers.dense, arrays(20, x=(5, 7), weight=(7, 3), bias=3)),
    "conv2d": (layers.conv2d, conv_inputs(21, (3, 3))),
    "conv2d padding 1": (partial(layers.conv2d, padding=1), conv_inputs(22, (3, 2))),
    "conv2d stride 2 padding 2": (partial(layers.conv2d, stride=2, padding=2), conv_inputs(23, (3, 3))),
    "conv2d stride 3": (partial(layers.conv2d, stride=3), conv_inputs(24, (2, 3))),
    "conv2d dilation 2": (partial(layers.conv2d, stride=2, padding=1, dilation=2), conv_inputs(25, (2, 3))),
    "conv2d pairs": (
        partial(layers.conv2d, stride=(1, 3), padding=(2, 1), dilation=(2, 1)),
        conv_inputs(26, (3, 2)),
    ),
    "conv_transpose2d": (layers.conv_transpose2d, transposed_inputs(31, (3, 3))),
    "conv_transpose2d padding 1": (
        partial(layers.conv_transpose2d, padding=1),
        transposed_inputs(32, (3, 2)),
    ),
    "conv_transpose2d stride 2 padding 2": (
        partial(layers.conv_transpose2d, stride=2, padding=2, output_padding=1),
        transposed_inputs(33, (3, 4)),
    ),
    "conv_transpose2d stride 3": (
        partial(layers.conv_transpose2d, stride=3, output_padding=2),
        transposed_inputs(34, (2, 3)),
    ),
    "conv_transpose2d dilation 2": (
        partial(layers.conv_transpose2d, stride=1, padding=1, dilation=2, output_padding=1),
        transposed_inputs(35, (2, 3)),
    ),
    "conv_transpose2d pairs": (
        partial(
            layers.conv_transpose2d, stride=(1, 3), padding=(2, 1), output_padding=(1, 2), dilation=(2, 1)
        ),
        transposed_inputs(36, (3, 2)),
    ),
    "relu": (activations.relu, arrays(41, x=(5, 7))),
    "leaky_relu": (activations.leaky_relu, arrays(42, x=(5, 7))),
    "leaky_relu slope": (partial(activations.leaky_relu, slope=0.03), arrays(43, x=(5, 7))),
    "elu": (activations.elu, arrays(44, x=(5, 7))),
    "elu alpha": (partial(activations.elu, alpha=1.7), arrays(45, x=(5, 7))),
    "dropout": (partial(layers.dropout, mask=mask, keep=0.8), arrays(46, x=(5, 7))),
    "upsample_nearest": (partial(layers.upsample_nearest, factor=2), arrays(47, x=(5, 3, 2, 3))),
    "upsample_nearest pair": (partial(layers.upsample_nearest, factor=(3, 2)), arrays(48, x=(5, 3, 2, 3))),
    "avg_pool2d": (partial(layers.avg_pool2d, kernel_size=2), arrays(49, **picture)),
    "avg_pool2d overlapping": (
        partial(layers.avg_pool2d, kernel_size=(3, 2), stride=(2, 1)),
        arrays(50, **picture),
    ),
    "max_pool2d": (partial(layers.max_pool2d, kernel_size=2), arrays(51, **picture)),
    "max_pool2d overlapping": (
        partial(layers.max_pool2d, kernel_size=(3, 2), stride=(2, 1)),
        arrays(52, **picture),
    ),
}
CASES = {name: (*case, 6) for name, case in SMOOTH.items()} | {
    name: (*case, 2) for name, case in PIECEWISE.items()
}
every_layer = pytest.mark.parametrize(("layer", "inputs", "order"), CASES.values(), ids=CASES)


def back(layer, inputs, seed=99):
    """A random cotangent and the gradients of the inputs under it, by name."""
    y, backward = layer(**inputs)
    g = np.random.default_rng(seed).normal(size=np.shape(y)).astype(y.dtype)
    gradients = backward(g)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return g, dict(zip(inputs, gradients, strict=True))


def worst_error(layer, inputs, order):
    g, gradients = back(layer, inputs)

    def project(q):
        return (layer(**q)[0] * g).sum()

    return max(
        relative_error(gradients[name], numeric_gradient(project, inputs, name, order)) for name in inputs
    )


@every_layer
def test_gradients_agree_with_differences(layer, inputs, order):
    assert worst_error(layer, inputs, order) <= TOLERANCE


@every_layer
def test_dtype_is_kept_and_inputs_are_untouched(layer, inputs, order):
    single = float32(inputs)
    before = {name: value.copy() for name, value in single.items()}
    layer = partial(getattr(layer, "func", layer), **float32(getattr(layer, "keywords", {})))
    y, backward = layer(**single)
    g = np.ones_like(y)
    backward(g)
    gradients = back(layer, single)[1]
    assert y.dtype == np.float32
    assert all(gradient.dtype == np.float32 for gradient in gradients.values())
    assert np.array_equal(g, np.ones_like(y))
    assert all(np.array_equal(single[name], before[name]) for name in single)


# What people get wrong: the layer, a piece of its code, and the same with the mistake in it.
MISTAKES = [
    ("dense", "gx = g @ weight.T", "gx = np.ones_like(g) @ weight.T"),  # upstream gradient forgotten
    ("dense", "gbias = g.sum(0)", "gbias = g.mean(0)"),  # bias: mean for sum
    (
        "conv2d",
        'np.einsum("nohw,oc->nchw", g, weight[:, :, i, j])',
        'np.einsum("nohw,oc->nchw", g, weight[:, :, -1 - i, -1 - j])',
    ),
    ("conv2d", "gxbar[tap] += ", "gxbar[tap] = "),  # overlapping windows assigned, not added
    (
        "conv2d stride 2 padding 2",
        "gx = gxbar[frame]",
        "gx = gxbar[..., : x.shape[2], : x.shape[3]]",
    ),  # frame cut at one side
    (
        "conv_transpose2d stride 3",
        'np.einsum("nchw,nohw->co", x, gbar[tap])',
        'np.einsum("nchw,nohw->co", x, gbar[tap]) / len(x)',
    ),
    ("conv_transpose2d padding 1", "gbar[frame] = g", "gbar[..., : g.shape[2], : g.shape[3]] = g"),
    ("batch_norm rows", "gx = gc - gc.sum(axes, keepdims=True) / m", "gx = gc"),  # no path through the mean
    ("batch_norm pictures", " + 2 / m * c * gv", ""),  # no path through the variance
    ("batch_norm pictures", "gxhat = g * gamma", "gxhat = g"),
    ("batch_norm rows", "2 / m * c * gv", "2 / (m - 1) * c * gv"),  # n - 1
    ("layer_norm rows", "gr = (gxhat * c).sum(-1, keepdims=True)", "gr = (gxhat * c).sum(0, keepdims=True)"),
    ("batch_norm_eval rows", "gx = g * gamma * r", "gx = g * gamma * r**2"),
    ("softmax_cross_entropy", " - onehot) / N", ") / N"),
    ("softmax_cross_entropy", "/ N\n\n    return loss, backward", "\n\n    return loss, backward"),
    ("sigmoid", "g * y * (1 - y)", "g * x * (1 - x)"),
    ("tanh", "g * (1 - y**2)", "g * (1 - x**2)"),
    ("softplus", "g * functions.sigmoid(x)", "g * y"),
    ("relu", "g * (x > 0)", "(x > 0) * 1.0"),
    ("leaky_relu", "np.where(x > 0, g, slope * g)", "np.where(g > 0, g, slope * g)"),
    ("elu alpha", "g * (y + alpha)", "g * (y + 1)"),
    ("dropout", "return g * mask / keep", "return g * mask"),
    ("dropout", "return g * mask / keep", "return g / keep"),
    ("upsample_nearest", ".sum((3, 5))", ".mean((3, 5))"),
    ("avg_pool2d", "gx[tap] += g / (kh * kw)", "gx[tap] += g"),
    ("max_pool2d overlapping", "gx[tap] += g * (winner == number)", "gx[tap] = g * (winner == number)"),
    ("max_pool2d", "g * (winner == number)", "g / len(windows)"),
]


@pytest.mark.parametrize(("case", "right", "wrong"), MISTAKES)
def test_differences_reject_a_planted_mistake(case, right, wrong):
    layer, inputs, order = CASES[case]
    broken = mutant(getattr(layer, "func", layer), right, wrong)
    assert worst_error(partial(broken, **getattr(layer, "keywords", {})), inputs, order) > 1e-2


STEPS = list(itertools.product((1, 2, 3), (0, 1, 2), (1, 2)))


@pytest.mark.parametrize(("stride", "padding", "dilation"), STEPS)
@pytest.mark.parametrize("size", [(7, 8), (8, 11)])
def test_transposed_convolution_is_the_adjoint(stride, padding, dilation, size):
    """⟨conv2d(x, w), y⟩ = ⟨x, conv_transpose2d(y, w)⟩, with the output_padding that returns to x's height."""
    rng = np.random.default_rng(stride + 10 * padding + 100 * dilation)
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    x, w = rng.normal(size=(5, 3, *size)), rng.normal(size=(2, 3, 3, 2))
    forward, backward = layers.conv2d(x, w, np.zeros(2), **settings)
    y = rng.normal(size=forward.shape)
    ragged = tuple(
        (n + 2 * padding - dilation * (k - 1) - 1) % stride for n, k in zip(size, (3, 2), strict=True)
    )
    transposed, _ = layers.conv_transpose2d(y, w, np.zeros(3), output_padding=ragged, **settings)
    left, right = (forward * y).sum(), (x * transposed).sum()
    assert abs(left - right) <= 1e-12 * np.linalg.norm(forward) * np.linalg.norm(y)
    assert relative_error(backward(y)[0], transposed) <= 1e-14


def test_convolution_is_its_formula():
    """One output pixel after the other, one tap after the other, as the sum is written."""
    (sh, sw), (ph, pw), (dh, dw) = (2, 1), (1, 2), (1, 2)
    settings = {"stride": (sh, sw), "padding": (ph, pw), "dilation": (dh, dw)}
    inputs = conv_inputs(1, (3, 2))
    x, weight, bias = inputs.values()
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    y, _ = layers.conv2d(**inputs, **settings)
    for n, o, u, v in np.ndindex(y.shape):
        taps = np.ndindex(weight.shape[1:])
        total = sum(framed[n, c, sh * u + dh * i, sw * v + dw * j] * weight[o, c, i, j] for c, i, j in taps)
        assert abs(y[n, o, u, v] - total - bias[o]) < 1e-12


def test_transposed_convolution_paints_its_kernel():
    """A single 1 in x leaves the kernel in y, dilated, at stride times its place minus the padding."""
    x, weight = np.zeros((1, 1, 3, 3)), np.arange(1.0, 5).reshape(1, 1, 2, 2)
    x[0, 0, 1, 2] = 1
    y, _ = layers.conv_transpose2d(
        x, weight, np.full(1, 0.5), stride=2, padding=1, dilation=2, output_padding=1
    )
    expected = np.full((6, 6), 0.5)
    expected[np.ix_([1, 3], [3, 5])] += weight[0, 0]
    assert np.array_equal(y[0, 0], expected)


@pytest.mark.parametrize(
    ("layer", "axes"), [("batch_norm rows", 0), ("batch_norm pictures", (0, 2, 3)), ("layer_norm rows", 1)]
)
def test_normalisation_ignores_shift_and_scale(layer, axes):
    """y does not change with x + c, hence Σ gx = 0; nor, but for ε, with c x, hence Σ gx x̂ ≈ 0."""
    layer, inputs, _ = CASES[layer]
    inputs = {"x": 30 * inputs["x"], "weight": np.ones_like(inputs["weight"]), "bias": 0 * inputs["bias"]}
    xhat, _ = layer(**inputs)
    gx = back(layer, inputs)[1]["x"]
    assert np.abs(gx.sum(axes)).max() <= 1e-14 * np.abs(gx).sum()
    assert np.abs((gx * xhat).sum(axes)).max() <= 1e-4 * np.abs(gx * xhat).sum()
    assert np.allclose(xhat.mean(axes), 0, atol=1e-14) and np.allclose(xhat.var(axes), 1, atol=1e-4)


def test_evaluation_mode_with_the_batch_statistics_gives_the_training_output():
    inputs = arrays(3, x=(5, 3, 2, 4), weight=3, bias=3)
    x = inputs["x"]
    y, _ = normalisation.batch_norm_eval(**inputs, mean=x.mean((0, 2, 3)), var=x.var((0, 2, 3)))
    assert np.allclose(y, normalisation.batch_norm(**inputs)[0], rtol=0, atol=1e-14)


def test_max_pool_gives_a_tie_to_the_first():
    y, backward = pooling.max_pool2d(np.zeros((1, 1, 2, 2)), 2)
    assert np.array_equal(backward(np.ones_like(y))[0, 0], [[1, 0], [0, 0]])


def test_pools_and_upsampling_are_their_formulas():
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert np.array_equal(pooling.avg_pool2d(x, 2)[0][0, 0], [[2.5, 4.5], [10.5, 12.5]])
    assert np.array_equal(pooling.max_pool2d(x, (2, 3), stride=1)[0][0, 0], [[6, 7], [10, 11], [14, 15]])
    assert np.array_equal(pooling.upsample_nearest(x[..., :1, :2], (1, 2))[0][0, 0], [[0, 0, 1, 1]])


def test_dropout_keeps_the_mean():
    x = np.ones((5, 1000))
    mask = np.random.default_rng(0).random(x.shape) < 0.8
    assert abs(layers.dropout(x, mask, 0.8)[0].mean() - 1) < 0.03  # 5000 coins: four standard deviations


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
def test_slope_at_the_kink_is_the_left_one(name):
    left = {"relu": 0.0, "leaky_relu": 0.2, "elu": 1.0}[name]
    y, backward = getattr(activations, name)(np.zeros(1))
    assert backward(np.ones(1)) == left


@pytest.mark.parametrize("size", [1e3, 1e30])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus"])
def test_activations_hold_over_the_range_of_floats(name, size):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, backward = getattr(activations, name)(np.array([-size, size]))
        assert np.isfinite(y).all() and np.isfinite(backward(np.ones(2))).all()


def test_cross_entropy_holds_for_large_logits_and_its_rows_sum_to_zero():
    loss, backward = layers.softmax_cross_entropy(
        np.array([[1e4, 0, -1e4], [0.1, 0.2, 0.3]]), np.array([2, 0])
    )
    assert np.isfinite(loss) and np.abs(backward(1.0).sum(1)).max() < 1e-16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: layers.conv2d(np.ones((5, 2, 4, 4)), np.ones((3, 1, 2, 2)), np.ones(3)),
            "x has 2 channels but",
        ),
        (
            lambda: layers.conv2d(np.ones((5, 1, 4, 4)), np.ones((3, 1, 5, 2)), np.ones(3)),
            "larger than the padded",
        ),
        (
            lambda: layers.conv_transpose2d(np.ones((5, 2, 4, 4)), np.ones((3, 2, 2, 2)), np.ones(2)),
            "x has 2 channels but",
        ),
        (
            lambda: layers.conv_transpose2d(
                np.ones((5, 1, 4, 4)), np.ones((1, 2, 2, 2)), np.ones(2), stride=2, output_padding=2
            ),
            "smaller than the stride",
        ),
        (
            lambda: layers.conv_transpose2d(
                np.ones((5, 1, 1, 1)), np.ones((1, 2, 2, 2)), np.ones(2), padding=1
            ),
            "cuts the whole output",
        ),
        (lambda: layers.max_pool2d(np.ones((5, 1, 2, 4)), 3), "larger than the image"),
        (
            lambda: layers.batch_norm(np.ones((1, 3)), np.ones(3), np.ones(3)),
            "larger batch, or use batch_norm_eval",
        ),
        (lambda: layers.batch_norm(np.ones((5, 3, 2)), np.ones(3), np.ones(3)), "expected x of shape"),
        (lambda: layers.softmax_cross_entropy(np.ones((2, 3)), np.array([0, 3])), "labels run from 0 to 3"),
        (lambda: layers.softmax_cross_entropy(np.ones((2, 3)), np.array([-1, 0])), "labels run from -1 to 0"),
        (lambda: layers.dropout(np.ones(3), np.ones(3), 0), "in \\(0, 1\\]"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
