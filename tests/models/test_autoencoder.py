"""The autoencoders by tape: facts known beforehand, what each variant changes, and input that they refuse."""

import numpy as np
import pytest
from conftest import Device, standing

import minigen
from minigen import Tensor, baselines, losses
from minigen.data import digits_split
from minigen.models import (
    Autoencoder,
    ContractiveAutoencoder,
    ConvAutoencoder,
    DeepAutoencoder,
    DenoisingAutoencoder,
    L1Autoencoder,
    OvercompleteAutoencoder,
    SparseAutoencoder,
    TiedAutoencoder,
    add_noise,
    mask_out,
    pretrain,
)
from minigen.optim import Momentum

N, D, H = 5, 13, 7


def rng(seed=0):
    return np.random.default_rng(seed)


def images(n, dtype=np.float64):
    return digits_split()[0][:n, None].astype(dtype)


# name: the model, and its loss for a batch
FAMILY = {
    "linear": (lambda **k: Autoencoder(D, H, activation="linear", **k), lambda m, x: m.loss(x)),
    "mse": (lambda **k: Autoencoder(D, H, **k), lambda m, x: m.loss(x)),
    "bce": (lambda **k: Autoencoder(D, H, "bce", **k), lambda m, x: m.loss(x)),
    "tied": (lambda **k: TiedAutoencoder(D, H, **k), lambda m, x: m.loss(x)),
    "overcomplete": (lambda **k: OvercompleteAutoencoder(D, 17, **k), lambda m, x: m.loss(x, lam=0.03)),
    "deep": (lambda **k: DeepAutoencoder(D, 3, 4, H, **k), lambda m, x: m.loss(x)),
    "noise": (lambda **k: DenoisingAutoencoder(D, H, **k), lambda m, x: m.loss(x, add_noise(x, x, 0.3))),
    "mask": (lambda **k: DenoisingAutoencoder(D, H, **k), lambda m, x: m.loss(x, mask_out(x, x > 0.5))),
    "l1": (lambda **k: L1Autoencoder(D, H, **k), lambda m, x: m.loss(x, lam=0.03)),
    "kl": (lambda **k: SparseAutoencoder(D, H, **k), lambda m, x: m.loss(x, rho=0.05, beta=0.7)),
    "contractive": (lambda **k: ContractiveAutoencoder(D, H, **k), lambda m, x: m.loss(x, lam=0.3)),
    "conv": (lambda **k: ConvAutoencoder(H, (3, 5), **k), lambda m, x: m.loss(x)),
}
every_model = pytest.mark.parametrize("name", FAMILY)


def make(name, dtype="float64", rows=N):
    """(model, its loss, a batch)."""
    model, loss = FAMILY[name]
    x = images(rows, dtype) if name == "conv" else rng(1).uniform(size=(rows, D)).astype(dtype)
    return model(rng=rng(), dtype=dtype), loss, x


def gradients(model):
    return {name: Device.host(p.grad) for name, p in model.named_parameters()}


# ----- what all of them share -------------------------------------------------------------------------------


@every_model
def test_a_few_steps_lower_the_loss(name):
    model, loss, x = make(name)
    before = loss(model, x).item()
    optimizer = Momentum(model, lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        loss(model, x).backward()
        optimizer.step()
    assert loss(model, x).item() < 0.97 * before


@every_model
@pytest.mark.parametrize("rows", [1, N])
def test_float32_stays_float32_and_agrees_with_float64(name, rows):
    """A batch of one example is a batch like any other: nothing here normalises over it."""
    results = {}
    for dtype in ("float32", "float64"):
        model, loss, x = make(name, dtype, rows)
        value = loss(model, x)
        value.backward()
        assert value.dtype == dtype and {g.dtype.name for g in gradients(model).values()} == {dtype}
        results[dtype] = [value.data, *gradients(model).values()]
    for a, b in zip(*results.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)  # sums of a few hundred terms in float32


@every_model
def test_the_same_gradients_on_every_device(name):
    reference, loss, x = make(name)
    loss(reference, x).backward()
    with standing("stand-in"):
        model, loss, x = make(name)
        model.to("cuda")
        loss(model, minigen.to(x, "cuda")).backward()
        for parameter, g in gradients(model).items():
            np.testing.assert_allclose(g, gradients(reference)[parameter], rtol=1e-10, atol=1e-14)


@every_model
def test_an_empty_batch_is_refused(name):
    model, loss, x = make(name)
    with pytest.raises(ValueError, match="at least one|empty"):
        loss(model, x[:0])


@every_model
def test_data_of_another_width_is_refused(name):
    model, loss, _ = make(name)
    with pytest.raises(ValueError, match="features|channels|images"):
        loss(model, rng().uniform(size=(N, 2, 8, 8) if name == "conv" else (N, D + 1)))


# ----- facts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3])
def test_a_linear_autoencoder_spans_the_principal_subspace(k):
    """Baldi and Hornik 1989. The span, not the axes: any invertible map between the two layers is as good."""
    x = digits_split()[0][:, 2:6, 1:7].reshape(-1, 24).astype(float)  # 24 pixels, all of them in use
    x -= x.mean(axis=0)
    model = Autoencoder(24, k, activation="linear", rng=rng(), dtype="float64")
    optimizer = Momentum(model, lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()
    pca = baselines.PCA(x, k)
    for span in (model.decoder.weight.data.T, model.encoder.weight.data):
        assert baselines.principal_angles(span, pca.axes).max() < 1e-3  # radians; measured: 2e-6
    assert model.loss(x).item() == pytest.approx(pca.error(x) * 24 / 2, rel=1e-8)
    unit = model.decoder.weight.data / np.linalg.norm(model.decoder.weight.data, axis=1, keepdims=True)
    assert np.abs(unit @ pca.axes).max() < 0.999, "the axes themselves were found, which nothing asks for"


def test_the_l2_penalty_picks_the_axes():
    """Kunin et al. 2019: with a price on both maps, the decoder is the encoder turned round, on the axes."""
    x = rng(3).normal(size=(40, 5)) * [3, 2, 1, 0.5, 0.2]
    x -= x.mean(axis=0)
    model = OvercompleteAutoencoder(5, 2, activation="linear", rng=rng(), dtype="float64")
    optimizer = Momentum(model, lr=0.02)
    for _ in range(1500):
        optimizer.zero_grad()
        model.loss(x, lam=0.5).backward()
        optimizer.step()
    W, V = model.encoder.weight.data, model.decoder.weight.data
    np.testing.assert_allclose(W, V.T, atol=1e-6)
    assert baselines.principal_angles(W, baselines.PCA(x, 2).axes).max() < 1e-6
    # within the span the penalised singular values differ, so W^T W has the eigenvalues 1 - lam / s_k^2
    np.testing.assert_allclose(
        np.linalg.eigvalsh(W.T @ W), np.sort(1 - 0.5 / baselines.PCA(x, 2).variances[:2]), atol=1e-6
    )


def test_contraction_is_the_jacobian_of_every_hidden_unit():
    """The closed form against the derivative of each unit by the pixels, and their gradients alike."""
    model, _, x = make("contractive")
    model.encoder.bias.data[...] = rng(2).normal(size=H)
    points, weight = Tensor(x, requires_grad=True), model.encoder.weight
    h = model.encode(points)
    by_units = 0
    for j in range(H):
        (slope,) = minigen.grad(h[:, j].sum(), points, create_graph=True)  # dh_nj / dx_n, (N, D)
        by_units = by_units + (slope * slope).sum() * (1 / N)
    closed = model.contraction(model.encode(x))
    assert closed.item() == pytest.approx(by_units.item(), rel=1e-12)
    parameters = [weight, model.encoder.bias]
    pairs = zip(minigen.grad(closed, parameters), minigen.grad(by_units, parameters), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a.data, b.data, rtol=1e-11, atol=1e-14)


# ----- what each variant changes ----------------------------------------------------------------------------


def test_tied_weights_are_one_parameter_with_two_uses():
    model, loss, x = make("tied")
    assert [n for n, _ in model.named_parameters()] == ["encoder.weight", "encoder.bias", "decoder_bias"]
    untied = Autoencoder(D, H, rng=rng(), dtype="float64")
    state = model.state_dict()
    untied.load_state_dict(
        {
            "encoder.weight": state["encoder.weight"],
            "encoder.bias": state["encoder.bias"],
            "decoder.weight": state["encoder.weight"].T,
            "decoder.bias": state["decoder_bias"],
        }
    )
    loss(model, x).backward()
    untied.loss(x).backward()
    both = untied.encoder.weight.grad + untied.decoder.weight.grad.T
    np.testing.assert_allclose(model.encoder.weight.grad, both, rtol=1e-12)


def test_the_overcomplete_penalty_is_on_both_weights_and_no_bias():
    model, _, x = make("overcomplete")
    for bias in (model.encoder.bias, model.decoder.bias):
        bias.data[...] = 1.0
    squares = (model.encoder.weight.data**2).sum() + (model.decoder.weight.data**2).sum()
    extra = model.loss(x, lam=0.03).item() - model.loss(x, lam=0.0).item()
    assert extra == pytest.approx(0.03 / 2 * squares, rel=1e-10)


def test_denoising_sees_the_damaged_and_is_asked_for_the_clean():
    model, _, x = make("noise")
    noise, mask = rng(2).normal(size=x.shape), np.arange(D) % 3 > 0
    plain = losses.squared_error(model(x), x).item()
    assert model.loss(x, add_noise(x, noise, 0)).item() == plain
    assert model.loss(x, mask_out(x, np.ones_like(x))).item() == plain
    noisy = x + 0.3 * noise
    damaged = model.loss(x, add_noise(x, noise, 0.3)).item()
    assert damaged == losses.squared_error(model(noisy), x).item() != plain
    lost = mask_out(x, np.broadcast_to(mask, x.shape))
    assert (lost[:, ~mask] == 0).all() and (lost[:, mask] == x[:, mask]).all()


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda x: add_noise(x, x, -0.3), "sigma is a standard deviation and cannot be negative, got -0.3"),
        (lambda x: add_noise(x, x, float("nan")), "sigma"),
        (lambda x: add_noise(x, x[0], 0.3), r"noise must have the shape of x, \(5, 13\), got \(13,\)"),
        (lambda x: mask_out(x, x[0] > 0), r"the mask must have the shape of x, \(5, 13\), got \(13,\)"),
    ],
)
def test_damage_that_makes_no_sense_is_refused(damage, sentence):
    with pytest.raises(ValueError, match=sentence):
        damage(rng().uniform(size=(N, D)))


@pytest.mark.parametrize("bias, rate", [(-1e4, 0.0), (1e4, 1.0)])
def test_a_unit_that_never_changes_has_no_sparse_divergence(bias, rate):
    """KL(rho || 0) and KL(rho || 1) are infinite: a sentence, before the weights turn to NaN."""
    model, loss, x = make("kl")
    model.encoder.bias.data[3] = bias
    with pytest.raises(ValueError, match=f"unit 3 has mean activity {rate}"):
        loss(model, x)


def test_sparse_units_keep_their_rate():
    """With a large price and nothing else to gain, every unit comes to speak a share rho of the time."""
    model = SparseAutoencoder(24, 11, rng=rng(), dtype="float64")
    x = digits_split()[0][:97, 2:6, 1:7].reshape(-1, 24).astype(float)
    optimizer = Momentum(model, lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        model.loss(x, rho=0.05, beta=30.0).backward()
        optimizer.step()
    rates = model.encode(x).data.mean(axis=0)
    np.testing.assert_allclose(rates, 0.05, atol=0.02)


def test_the_l1_price_is_per_example():
    model, _, x = make("l1")
    extra = model.loss(x, lam=0.5).item() - model.loss(x, lam=0.0).item()
    assert extra == pytest.approx(0.5 * np.abs(model.encode(x).data).sum() / N, rel=1e-10)


def test_unknown_names_are_listed():
    with pytest.raises(ValueError, match="loss must be one of 'squared_error', 'bce', got 'mse'"):
        Autoencoder(D, H, "mse", rng=rng())
    with pytest.raises(ValueError, match="activation must be one of 'tanh', 'sigmoid', 'linear', got 'relu'"):
        Autoencoder(D, H, activation="relu", rng=rng())


# ----- stacked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers, nodes, widths",
    [
        (2, 32, [64, 2, 64]),
        (4, 32, [64, 32, 2, 32, 64]),
        (5, (31, 17, 23), [64, 31, 17, 2, 23, 64]),
        (6, [32, 16, 16, 32], [64, 32, 16, 2, 16, 32, 64]),
    ],
)
def test_a_deep_autoencoder_is_its_four_hyper_parameters(layers, nodes, widths):
    model = DeepAutoencoder(64, 2, layers=layers, nodes=nodes, loss="bce", rng=rng(), dtype="float64")
    shapes = [p.shape for name, p in model.named_parameters() if name.endswith("weight")]
    assert shapes == list(zip(widths, widths[1:], strict=False))
    x = rng(1).uniform(size=(N, 64))
    assert model.encode(x).shape == (N, 2) and model(x).shape == x.shape
    assert model.loss(x).item() == losses.bce_with_logits(model(x), x).item()


@pytest.mark.parametrize(
    "how, sentence",
    [
        ({"layers": 1}, "layers must be a whole number from 2 up, got 1"),
        ({"layers": 4, "nodes": [32]}, "4 layers have 2 hidden ones besides the code, but nodes gives 1"),
        ({"loss": "l2"}, "loss must be one of"),
        ({"nodes": 0}, "positive"),
    ],
)
def test_a_deep_autoencoder_that_cannot_be_built(how, sentence):
    with pytest.raises(ValueError, match=sentence):
        DeepAutoencoder(64, 2, **how, rng=rng())


def small_digits(dtype="float32"):
    return digits_split()[0][:200].reshape(200, 64).astype(dtype)


@pytest.mark.parametrize("loss", ["squared_error", "bce"])
def test_pretraining_lowers_the_loss_of_every_stage_and_of_the_whole(loss):
    x = small_digits()
    model = DeepAutoencoder(64, 5, layers=6, nodes=(31, 17, 17, 31), loss=loss, rng=rng())
    start = model.loss(x).item()
    stages = pretrain(model, x, epochs=8, fine_tune=8, rng=rng())
    assert [s.name for s in stages] == ["layers.0", "layers.1", "layers.2", "fine-tuning"]
    for stage in stages:
        assert stage.after < 0.95 * stage.before, stage
    assert stages[-1].before < start  # what the layers learned apart helps them together
    assert stages[-1].after == pytest.approx(model.loss(x).item(), rel=1e-6)


def test_pretraining_is_greedy():
    """A stage moves its own layer and the mirror image, and nothing else; with no epochs it moves nothing."""
    x = small_digits()
    model = DeepAutoencoder(64, 5, layers=4, nodes=17, loss="bce", rng=rng())
    before = model.state_dict()
    stages = pretrain(model, x, epochs=0, fine_tune=0, rng=rng())
    assert all(s.before == s.after for s in stages)
    assert all((before[name] == array).all() for name, array in model.state_dict().items())

    # the outermost pair of the model above, alone
    one = DeepAutoencoder(64, 17, layers=2, loss="bce", rng=rng())
    one.load_state_dict({name.replace("3", "1"): before[name] for name in before if name[7] in "03"})
    start = one.loss(x).item()
    stages, alone = (pretrain(m, x, epochs=3, fine_tune=0, rng=rng()) for m in (model, one))
    assert stages[0] == alone[0] and alone[0].before == start
    for mine, theirs in (("layers.0", "layers.0"), ("layers.3", "layers.1")):
        found, expected = model.state_dict()[f"{mine}.weight"], one.state_dict()[f"{theirs}.weight"]
        np.testing.assert_array_equal(found, expected)


def test_the_second_stage_sees_the_codes_of_the_trained_first():
    x = small_digits("float64")
    model = DeepAutoencoder(64, 5, layers=4, nodes=17, rng=rng(), dtype="float64")
    p = model.state_dict()
    stages = pretrain(model, x, epochs=3, fine_tune=0, rng=rng())
    h = np.tanh(x @ model.layers[0].weight.data + model.layers[0].bias.data)
    code = np.tanh(h @ p["layers.1.weight"] + p["layers.1.bias"])
    apart = np.tanh(code @ p["layers.2.weight"] + p["layers.2.bias"]) - h
    assert stages[1].before == pytest.approx(0.5 * (apart**2).sum() / len(x), rel=1e-12)


def test_pretraining_on_another_device():
    x, how = small_digits("float64"), {"layers": 4, "nodes": 17, "dtype": "float64"}
    here = pretrain(DeepAutoencoder(64, 5, **how, rng=rng()), x, epochs=2, fine_tune=2, rng=rng())
    with standing("stand-in"):
        model = DeepAutoencoder(64, 5, **how, rng=rng()).to("cuda")
        there = pretrain(model, minigen.to(x, "cuda"), epochs=2, fine_tune=2, rng=rng())
    for a, b in zip(here, there, strict=True):
        assert a.name == b.name and b.before == pytest.approx(a.before) and b.after == pytest.approx(a.after)


@pytest.mark.parametrize("how", [{"batch_size": 0}, {"epochs": -1}, {"fine_tune": -1}])
def test_pretraining_by_less_than_nothing_is_refused(how):
    model = DeepAutoencoder(64, 5, layers=4, nodes=17, rng=rng())
    with pytest.raises(ValueError, match="batch_size must be at least 1 and epochs and fine_tune at least 0"):
        pretrain(model, small_digits(), **how, rng=rng())


def test_pretraining_wants_a_mirror():
    model = DeepAutoencoder(64, 5, layers=5, nodes=17, rng=rng())
    with pytest.raises(ValueError, match="needs a decoder that mirrors the encoder, got widths"):
        pretrain(model, small_digits(), rng=rng())


# ----- convolutional ----------------------------------------------------------------------------------------


def test_a_conv_autoencoder_halves_twice_and_doubles_twice():
    model = ConvAutoencoder(H, (3, 5), side=28, rng=rng())
    x = np.zeros((2, 1, 28, 28), np.float32)
    assert model.encoder(x).shape == (2, 5 * 7 * 7)
    assert model.encode(x).shape == (2, H) and model(x).shape == x.shape
    picture = model.reconstruct(x).data
    assert picture.min() > 0 and picture.max() < 1


def test_a_side_that_cannot_be_halved_twice_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of 4, got 10"):
        ConvAutoencoder(H, side=10, rng=rng())
