"""Normalisation: fused against composed to second order, PyTorch, differences, and the statistics."""

import numpy as np
import oracle
import pytest

import minigen
from minigen import Tensor, nn

N, F = 7, 5
EPS = 1e-3  # large enough to matter next to the variance of a feature that is nearly constant


def arrays(shape, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) + 3
    x[:, 0] = 3 + 0.03 * rng.normal(size=x[:, 0].shape)  # a variance of about eps
    return [x, rng.uniform(0.5, 2, size=shape[1]), rng.normal(size=shape[1])]


def composed_batch_norm(x, weight, bias):
    axes, column = ((0,), (-1,)) if x.ndim == 2 else ((0, 2, 3), (-1, 1, 1))
    xhat = (x - minigen.mean(x, axes, True)) / minigen.sqrt(minigen.var(x, axes, True) + EPS)
    return xhat * weight.reshape(column) + bias.reshape(column)


def composed_layer_norm(x, weight, bias):
    xhat = (x - minigen.mean(x, -1, True)) / minigen.sqrt(minigen.var(x, -1, True) + EPS)
    return xhat * weight + bias


CASES = {
    "batch norm (N, F)": ((N, F), lambda *a: nn.batch_norm(*a, eps=EPS), composed_batch_norm),
    "batch norm (N, C, H, W)": ((N, F, 3, 2), lambda *a: nn.batch_norm(*a, eps=EPS), composed_batch_norm),
    "layer norm": ((N, F), lambda *a: nn.layer_norm(*a, eps=EPS), composed_layer_norm),
}
every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_fused_equals_composed_to_second_order(case, device):
    shape, fused, composed = CASES[case]
    values = arrays(shape)
    rng = np.random.default_rng(1)
    g = device.array(rng.normal(size=shape))
    directions = [device.array(rng.normal(size=a.shape)) for a in values]
    values = [device.array(a) for a in values]
    np.testing.assert_allclose(device.host(fused(*values)), device.host(composed(*values)), rtol=1e-12)
    for order in (oracle.first_order, lambda f, xs, g: oracle.second_order(f, xs, g, directions)):
        for ours, theirs in zip(order(fused, values, g), order(composed, values, g), strict=True):
            theirs = device.host(theirs)
            # the same terms in another order, those of the nearly constant feature up to 30^2 times larger
            np.testing.assert_allclose(
                device.host(ours), theirs, rtol=1e-9, atol=1e-12 * (1 + abs(theirs).max())
            )


@every_case
def test_both_orders_against_differences(case):
    shape, fused, _ = CASES[case]
    values = arrays(shape, seed=2)
    values[0][:, 0] *= 30  # differences of order 6 want a function that does not bend within their step
    rng = np.random.default_rng(3)
    g, directions = rng.normal(size=shape), [rng.normal(size=a.shape) for a in values]
    measured = oracle.measured_first_order(fused, values, g)
    for ours, theirs in zip(oracle.first_order(fused, values, g), measured, strict=True):
        oracle.assert_close(ours.data, theirs)
    if len(shape) == 2:  # the second order takes a while
        measured = oracle.measured_second_order(fused, values, g, directions)
        for ours, theirs in zip(oracle.second_order(fused, values, g, directions), measured, strict=True):
            oracle.assert_close(ours.data, theirs)


@pytest.mark.parametrize("shape", [(N, F), (N, F, 3, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_agrees_with_pytorch(shape, training):
    torch = pytest.importorskip("torch")
    theirs = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(
        F, eps=EPS, momentum=0.3
    ).double()
    ours = nn.BatchNorm(F, eps=EPS, momentum=0.3, dtype=np.float64)
    x, weight, bias = arrays(shape)
    ours.load_state_dict(
        {"weight": weight, "bias": bias, "running_mean": bias + 1, "running_var": weight + 1}
    )
    with torch.no_grad():
        for name, value in (
            ("weight", weight),
            ("bias", bias),
            ("running_mean", bias + 1),
            ("running_var", weight + 1),
        ):
            getattr(theirs, name).copy_(torch.tensor(value))
    ours.train(training), theirs.train(training)
    g = np.random.default_rng(1).normal(size=shape)
    mine, other = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    for _ in range(2):
        y, z = ours(mine), theirs(other)
    y.backward(g)
    z.backward(torch.tensor(g))
    for a, b in (
        (y.data, z),
        (mine.grad, other.grad),
        (ours.weight.grad, theirs.weight.grad),
        (ours.bias.grad, theirs.bias.grad),
        (ours.running_mean, theirs.running_mean),
        (ours.running_var, theirs.running_var),
    ):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_the_statistics_of_the_output_are_bias_and_weight():
    x, weight, bias = arrays((50, F, 3, 2))
    y = nn.batch_norm(x, weight, bias, eps=0.0)
    np.testing.assert_allclose(y.mean((0, 2, 3)), bias, rtol=1e-12)
    np.testing.assert_allclose(y.std((0, 2, 3)), weight, rtol=1e-12)


def test_running_statistics_never_change_the_loss_in_training_and_make_it_in_evaluation():
    x = np.random.default_rng(0).normal(size=(N, F)) * 3 + 2
    layer = nn.BatchNorm(F, dtype=np.float64)
    first = layer(x).data
    assert layer.running_mean.any()
    np.testing.assert_array_equal(layer(x).data, first)
    for _ in range(300):
        layer(x)  # the running statistics arrive at those of this batch: 0.9^300 is 2e-14
    np.testing.assert_allclose(layer.running_mean, x.mean(0), rtol=1e-10)
    np.testing.assert_allclose(layer.running_var, x.var(0, ddof=1), rtol=1e-10)
    layer.eval()
    before = layer.state_dict()
    expected = (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + 1e-5)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-9, atol=1e-10)
    # one example is enough here
    np.testing.assert_allclose(layer(x[:1]).data, expected[:1], rtol=1e-9, atol=1e-10)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_graph_in_evaluation_survives_a_later_training_step():
    layer = nn.BatchNorm(F, dtype=np.float64).eval()
    x, _, _ = arrays((N, F))
    leaf = Tensor(x, requires_grad=True)
    loss = (layer(leaf) ** 2).sum()
    (expected,) = minigen.grad(loss, leaf)
    layer.train()(x)
    np.testing.assert_array_equal(minigen.grad(loss, leaf)[0].data, expected.data)


def test_float32_stays_float32_and_images_stay_channels_last(device):
    layer = nn.BatchNorm(F).to(device.where)
    x = device.tensor(np.random.default_rng(0).normal(size=(N, 3, 2, F)), np.float32).transpose(0, 3, 1, 2)
    y = layer(x)
    assert y.dtype == layer.running_var.dtype == np.float32
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous
    (y * y).sum().backward()
    assert layer.weight.grad.dtype == np.float32


def test_a_far_away_mean_is_subtracted_before_anything_is_squared():
    x = (np.random.default_rng(0).normal(size=(64, 3)) + 1000).astype(np.float32)
    y = nn.batch_norm(x, np.ones(3, np.float32), np.zeros(3, np.float32))
    exact = (x - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)
    np.testing.assert_allclose(y, exact, atol=1e-3)  # E x^2 - (E x)^2 would be off by 0.06 and more


def test_what_cannot_be_normalised():
    layer = nn.BatchNorm(F)
    x = np.ones((N, F), np.float32)
    for call, message in (
        (lambda: layer(x[:1]), r"batch_norm: x \(1, 5\) holds 1 example.*at least two.*model\.eval\(\)"),
        (lambda: layer(x[:0]), "holds 0 example"),
        (lambda: layer(x[:1, :, None, None].repeat(4, 2)), "holds 1 example"),
        (lambda: layer(x[:, :3]), "has 3 features but the layer has 5"),
        (lambda: layer.eval()(x[:, :3]), "has 3 features but the layer has 5"),
        (lambda: layer(x[None]), r"x \(N, F\) or \(N, C, H, W\) expected, got \(1, 7, 5\)"),
        (
            lambda: nn.LayerNorm(3)(x),
            r"layer_norm: x \(7, 5\) must end in \(3,\).*nn\.LayerNorm\(\(C, H, W\)\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_layer_norm_looks_at_each_row_alone():
    layer = nn.LayerNorm(F, dtype=np.float64)
    x, _, _ = arrays((N, F))
    whole = layer(x).data
    np.testing.assert_allclose(layer(x[2:3]).data, whole[2:3], rtol=1e-13)
    assert layer(np.stack([x, x])).shape == (2, N, F)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def images(device):
    rng = np.random.default_rng(3)
    return [device.tensor(rng.normal(size=shape) + 2) for shape in ((N, F, 3, 2), (F, 3, 2), (F, 3, 2))]


def test_layer_norm_over_an_image_is_layer_norm_over_its_numbers_in_a_row(device):
    """Value and gradients of both orders: (N, C, H, W) with weight (C, H, W) against
    (N, C H W) with weight (C H W,).
    """
    x, weight, bias = images(device)
    g = device.tensor(np.random.default_rng(4).normal(size=x.shape), requires_grad=False)
    found = []
    for rows in (False, True):
        if rows:
            y = nn.layer_norm(x.reshape(N, -1), weight.ravel(), bias.ravel(), eps=EPS).reshape(x.shape)
        else:
            y = nn.layer_norm(x, weight, bias, eps=EPS)
        first = minigen.grad((y * g).sum(), [x, weight, bias], create_graph=True)
        bent = sum(((slope * slope).sum() for slope in first[1:]), (first[0] * first[0] * g).sum())
        second = minigen.grad(bent, [x, weight])
        found.append([device.host(t) for t in (y, *first, *second)])
    for whole, row in zip(*found, strict=True):
        np.testing.assert_allclose(whole, row, rtol=1e-11, atol=1e-12)


def test_layer_norm_of_images_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(N, F, 3, 2))
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = nn.LayerNorm((F, 3, 2), dtype=np.float64)(ours)
    y_torch = torch.nn.LayerNorm((F, 3, 2), dtype=torch.float64)(theirs)
    (y * y * y).sum().backward()
    (y_torch * y_torch * y_torch).sum().backward()
    np.testing.assert_allclose(y.data, y_torch.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-10, atol=1e-11)


def test_layer_norm_takes_sizes():
    assert nn.LayerNorm((3, 5, 7)).weight.shape == (3, 5, 7)
    for wrong in (0, (3, 0), (), 2.0, "3"):
        with pytest.raises(ValueError, match="LayerNorm: features must be a positive int"):
            nn.LayerNorm(wrong)


def test_running_statistics_keep_their_digits_far_from_0():
    x = (1e6 + np.random.default_rng(0).normal(size=(5000, F))).astype(np.float32)
    layer = nn.BatchNorm(F, momentum=1.0)
    layer(x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(layer.running_mean, wide.mean(0), rtol=2.0**-23)
    np.testing.assert_allclose(layer.running_var, wide.var(0, ddof=1), rtol=4 * 2.0**-23)
