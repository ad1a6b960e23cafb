"""No model with a mistake that people make passes the experiments that are about it.

    python examples/broken.py [--quick] [--jobs 2] [--seed 0] [--out DIR]

Each mistake is planted into the real models, and the experiments that should notice run as always.
`minigen check` finds most of these mistakes in the gradient. Here the gradient is not looked at: the question
is whether the outcome gives them away. The specimens of the museum (minigen/byhand/museum.py) are among them,
with the place where each was seen.

The control is the same experiment with nothing planted. It must reach its verdict, or a miss would say
nothing. The default asks all experiments named for a mistake, some by their default protocol. Only a miss
counts as noticed, since a crash is no verdict. --quick asks one experiment about each specimen of the museum
and about as many others. By default it runs 180 experiments, for 5 minutes with two jobs on two cores.
"""

import contextlib
import io
import json
import pkgutil
import runpy
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from minigen import grad, plot
from minigen.engine import ops, shapes
from minigen.engine.tape import Tensor, _data
from minigen.experiment import CRASHED, MISSED, REACHED, Criterion, experiment
from minigen.losses import _one_hot
from minigen.models import adversary_step, generator_step

UNTURNED, LOST = "mistakes that turn no verdict", "controls that miss"
SILENT, BROKE = "verdicts that do not turn", "experiments that crash"
VERDICTS = {REACHED: "reached", MISSED: "missed", CRASHED: "crashed"}
NOTHING = "nothing"


class Plant(NamedTuple):
    """What stands at `place`, "module:name", becomes `wrong(what stands there)`."""

    place: str
    wrong: Any


class Mistake(NamedTuple):
    """What is planted, and who notices: `quick` and `default` name the experiments, by protocol.

    --quick asks quick[0], where `short`.
    """

    plants: list
    quick: tuple
    default: tuple = ()
    short: bool = True


def one_seed(run):
    asked = [(name, *cell) for name, mistake in MISTAKES.items() for cell in cells(mistake, run.settings.all)]
    controls = [(NOTHING, *cell) for cell in dict.fromkeys(tuple(rest) for _, *rest in asked)]
    found = run.map(judged, {", ".join(cell): cell for cell in (*controls, *asked)})
    table = {cell: VERDICTS[int(found[", ".join(cell)]["code"])] for cell in (*controls, *asked)}
    show(table, run.folder)
    draw(table, run.folder / "broken.png")
    noticed = {}
    for cell in asked:
        noticed[cell[0]] = noticed.get(cell[0], False) or table[cell] == "missed"
    for name in (name for name, seen in noticed.items() if not seen):
        print(f"not noticed: {name}")
    for cell in (cell for cell in asked if table[cell] != "missed"):
        print(f"not turned: {', '.join(cell)}, {table[cell]}")
    return {
        UNTURNED: list(noticed.values()).count(False),
        SILENT: sum(table[cell] != "missed" for cell in asked),
        BROKE: list(table.values()).count("crashed"),
        LOST: sum(table[cell] != "reached" for cell in controls),
    }


def cells(mistake, everything):
    """(experiment, protocol) for those that are asked."""
    if not everything:
        return [(mistake.quick[0], "quick")] if mistake.short else []
    return [(name, "quick") for name in mistake.quick] + [(name, "default") for name in mistake.default]


def judged(run, cell):
    """The exit code of an experiment with a mistake in it. It runs here, with nothing drawn."""
    mistake, name, protocol = cell
    arguments = ["--seed", str(run.seed), "--out", str(run.folder / "run")]
    arguments += ["--quick"] if protocol == "quick" else []
    path, said = Path(__file__).with_name(f"{name}.py"), io.StringIO()
    with contextlib.ExitStack() as stack:
        for plant in MISTAKES[mistake].plants if mistake != NOTHING else ():
            stack.enter_context(planted(plant))
        for drawing in (d for d in vars(plot) if callable(getattr(plot, d)) and not d.startswith("_")):
            stack.enter_context(mock.patch.object(plot, drawing, lambda *a, **k: None))
        stack.enter_context(mock.patch.object(sys, "argv", [str(path), *arguments]))
        stack.enter_context(contextlib.redirect_stdout(said))
        stack.enter_context(contextlib.redirect_stderr(said))
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            code = end.code
    (run.folder / "said.txt").write_text(said.getvalue())
    return {"code": code}


def planted(plant):
    """A context in which the mistake stands in the library."""
    owner, attribute = place_of(plant)
    return mock.patch.object(owner, attribute, plant.wrong(getattr(owner, attribute)))


def place_of(plant):
    """(module or class or operation, the name of its attribute)"""
    module, _, name = plant.place.rpartition(":")
    owner, _, attribute = name.rpartition(".")
    return pkgutil.resolve_name(f"{module}:{owner}" if owner else module), attribute


def show(table, folder):
    """A line for each mistake, in the terminal and in table.md."""
    rows = {}
    for (mistake, name, protocol), verdict in table.items():
        rows.setdefault(mistake, []).append(f"{name}{'' if protocol == 'quick' else ' (default)'}: {verdict}")
    lines = ["| planted | verdicts |", "|---|---|", *(f"| {m} | {', '.join(v)} |" for m, v in rows.items())]
    (folder / "table.md").write_text("\n".join(lines) + "\n")
    (folder / "table.json").write_text(
        json.dumps({", ".join(cell): v for cell, v in table.items()}, indent=1)
    )
    print("\n".join(lines) + "\n")


def draw(table, path):
    """For each experiment, how many mistakes it was asked about, and how many turned its verdict."""
    panels = {"mistakes planted": {}, "verdicts turned": {}}
    for (mistake, name, _), verdict in table.items():
        if mistake != NOTHING:
            for panel, counted in zip(panels.values(), (1, verdict == "missed"), strict=True):
                panel[name] = panel.get(name, 0) + counted
    title = "What the experiments notice of mistakes in their models"
    plot.ladder(panels, title, path, subject=None, form="{:.0f}")


# ----- the mistakes -----------------------------------------------------------------------------------------


def scaled(factor):
    """The function, times a factor."""
    return lambda right: lambda *args, **how: right(*args, **how) * factor


def without_gradient(right):
    """The value is right, and no gradient comes from it."""
    return lambda *args, **how: right(*args, **how).detach()


def uphill(right):
    """The value is right, and its gradient has the wrong sign."""

    def wrong(*args, **how):
        loss = right(*args, **how)
        return 2 * loss.detach() - loss

    return wrong


def frozen(right):
    """The value is right, and all gradients are 0."""

    def wrong(*args, **how):
        loss = right(*args, **how)
        return loss.detach() + 0 * loss

    return wrong


def constant(right):
    """The function has forgotten its last argument."""
    return lambda *args: right(*args[:-1], args[-1] * 0)


LOSSES, MODELS = "minigen.losses:", "minigen.models."


def at(*places, wrong):
    return [Plant(place, wrong) for place in places]


def variance_as_deviation(right):
    return lambda mu, logvar, eps: mu + ops.exp(logvar) * eps


def stale(right):
    """The generator learns through the adversary of its last step, and the adversary has moved since."""
    before = {}

    def step(game, optimizer, z):
        adversary = getattr(game, "critic", None) or game.discriminator
        now = {name: array.copy() for name, array in adversary.state_dict().items()}
        adversary.load_state_dict(before.get(id(game), now))
        loss = right(game, optimizer, z)
        adversary.load_state_dict(now)
        before[id(game)] = now
        return loss

    return step


def noise_drawn_twice(right):
    """The sample has one noise, the gradient at logvar that of another row."""

    def wrong(mu, logvar, eps):
        seen = right(mu, logvar, eps)
        kept = right(mu, logvar, eps[::-1])
        return kept + (seen - kept).detach()

    return wrong


def one_cache(right):
    """Real and fake batch go through one object, and what it remembers is the fake batch."""

    def wrong(real, fake, *label):
        pull = -ops.sigmoid(-real).detach() * (1 / len(real.data))
        loss = right(real.detach(), fake, *label)
        return loss + ops.sum(pull * (fake - fake.detach()))

    return wrong


def bias_in_every_product(right):
    """The bias enters once for each weight of the kernel, and its gradient counts it once."""

    def convolution(x, weight, bias, **how):
        return right(x, weight, bias + (weight.data[0].size - 1) * bias.detach(), **how)

    return convolution


def without_root(right):
    """(||grad f||^2 - 1)^2, where the norm was meant."""

    def penalty(critic, x, fake, alpha):
        points = Tensor(_data(alpha) * _data(x) + (1 - _data(alpha)) * _data(fake), requires_grad=True)
        (slope,) = grad(ops.sum(critic(points)), [points], create_graph=True)
        excess = ops.sum(slope * slope, axis=1) - 1
        return ops.sum(excess * excess) * (1 / x.shape[0])

    return penalty


def random_decoder(right):
    """The layers of the decoder keep the weights they began with."""

    def decode(self, h):
        last = len(self.layers) - 1
        for k in range(self.depth, last + 1):
            weight, bias = self.layers[k].weight, self.layers[k].bias
            h = h @ weight.detach() + bias.detach() + 0 * (ops.sum(weight) + ops.sum(bias))
            h = h if k == last else ops.tanh(h)
        return h

    return decode


def first_order_only(right):
    return lambda y, inputs, **how: [g if g is None else g.detach() for g in right(y, inputs, **how)]


def one_after_the_other(right):
    def turn(game, theirs, its, batch, z, *, clip=None):
        return adversary_step(game, theirs, *batch, clip=clip), generator_step(game, its, z)

    return turn


def zeros_between(right):
    """Each number at the first pixel of its window, and zeros beside it."""

    def forward(g, *, size, kernel, stride):
        out = 0 * right(g, size=size, kernel=kernel, stride=stride)
        out[..., :: stride[0], :: stride[1]] = g
        return out

    return forward


def unloaded(right):
    return lambda self, state: None


PLAYERS = (MODELS + "gan:GAN.generator_loss", MODELS + "wgan:WGAN.generator_loss")
GENERATOR_STEP = ("minigen.models:generator_step", MODELS + "players:generator_step")
ENCODE, DECODE = (MODELS + f"autoencoder:Autoencoder.{half}" for half in ("encode", "decode"))
DEEP = MODELS + "stacked:DeepAutoencoder."
TERMS, CONTRACTION = (
    MODELS + "linear_vae:LinearVAE.terms",
    MODELS + "contractive:ContractiveAutoencoder.contraction",
)

MISTAKES = {
    # ----- of the museum
    "sigma = exp(logvar) (museum: numpy-ml, DeZero)": Mistake(
        at(LOSSES + "reparameterize", wrong=variance_as_deviation),
        (
            "vae_reductions",
            "vae_digits",
            "mixture_prior",
            "posterior",
            "rate_distortion",
            "mnist_vae",
        ),
    ),
    "a generator that never trains (museum: numpy-ml)": Mistake(
        at(*PLAYERS, wrong=frozen),
        (
            "vanishing_gradient",
            "optimal_discriminator",
            "mode_collapse",
            "wgan_gp_toys",
            "wasserstein_critic",
            "dcgan_digits",
            "gan_tracing",
            "overgeneralization",
            "mnist_dcgan",
        ),
    ),
    "a contraction without gradient (museum: Theano's cA.py)": Mistake(
        at(CONTRACTION, wrong=without_gradient), ("contractive",), ("contractive",)
    ),
    "a second derivative without curvature (museum: numpy-ml)": Mistake(
        at(
            "minigen.engine.ops:tanh.rules",
            wrong=lambda right: (lambda g, out, x: g * (1 - _data(out) ** 2),),
        ),
        ("contractive",),
    ),
    "the critic's distance uphill (museum: numpy-ml)": Mistake(
        at(LOSSES + "critic_loss", wrong=uphill),
        ("vanishing_gradient", "wasserstein_critic", "wgan_gp_toys", "dirac_gan"),
    ),
    "batch statistics as constants (museum: DeZero)": Mistake(
        at(
            "minigen.nn.normalisation:_standardise.rules",
            wrong=lambda right: (
                lambda g, out, x, axis, eps, told=None: g / ops.sqrt(ops.var(x, axis, True) + eps),
            ),
        ),
        ("dcgan_digits",),
    ),
    "a stale critic (museum: Chainer's DCGAN)": Mistake(at(*GENERATOR_STEP, wrong=stale), ("dirac_gan",)),
    "an absolute value uphill (museum: nnfs)": Mistake(
        at(LOSSES + "l1_activity", wrong=uphill), ("sparse_features",)
    ),
    "one cache for two batches (museum: gan_numpy)": Mistake(
        at(LOSSES + "discriminator_loss", wrong=one_cache), ("gan_tracing", "optimal_discriminator")
    ),
    "noise drawn twice (museum: Simple-Variational-Autoencoder)": Mistake(
        at(LOSSES + "reparameterize", wrong=noise_drawn_twice), ("vae_reductions", "posterior")
    ),
    "the bias in every product (museum: deeplearning.ai)": Mistake(
        at("minigen.engine.conv:conv2d", "minigen.engine.conv:conv_transpose2d", wrong=bias_in_every_product),
        ("conv_autoencoder",),
    ),
    "tanh for its slope (museum: nnet)": Mistake(
        at("minigen.engine.ops:tanh.rules", wrong=lambda right: (lambda g, out, x: g * out,)),
        ("lime_digits", "vae_reductions", "contractive"),
    ),
    "upsampling picks a gradient (museum: ML-From-Scratch)": Mistake(
        at(
            "minigen.nn.pooling:_scatter.rules",
            wrong=lambda right: (lambda g, out, y, size, kernel, stride: g[..., :: stride[0], :: stride[1]],),
        ),
        ("conv_autoencoder", "checkerboard"),
    ),
    "the gradient of softmax as p (1 - p) (museum: ML-From-Scratch)": Mistake(
        at(
            LOSSES + "_softmax_cross_entropy.rules",
            wrong=lambda right: (
                # of -1 / p times p (1 - p)
                lambda g, out, x, labels: -g[:, None] * _one_hot(x, labels) * (1 - ops.softmax(x)),
                None,
            ),
        ),
        ("lime_digits", "stacked_pretraining"),
    ),
    # ----- autoencoders
    "the encoder never trains": Mistake(
        at(ENCODE, DEEP + "encode", MODELS + "convolutional:ConvAutoencoder.encode", wrong=frozen),
        (
            "lime_digits",
            "pca_autoencoder",
            "dimensionality_reduction",
            "denoising",
            "anomaly_detection",
            "conv_autoencoder",
            "few_labels",
            "tied_and_overcomplete",
            "data_specific",
        ),
    ),
    "the decoder never trains": Mistake(
        at(DEEP + "decode", wrong=random_decoder),
        (
            "anomaly_detection",
            "lime_digits",
            "dimensionality_reduction",
            "data_specific",
        ),
        short=False,
    ),
    "the decoder does not see the code": Mistake(
        at(DECODE, DEEP + "decode", MODELS + "convolutional:ConvAutoencoder.decode", wrong=constant),
        (
            "lime_digits",
            "anomaly_detection",
            "conv_autoencoder",
            "pca_autoencoder",
            "denoising",
            "dimensionality_reduction",
            "sparse_features",
            "data_specific",
        ),
    ),
    "no tanh between the layers": Mistake(
        at(DEEP + "hidden", wrong=lambda right: lambda self, k, h: self.layers[k](h)),
        ("dimensionality_reduction",),
        ("lime_digits",),
        short=False,
    ),
    "tanh in a linear autoencoder": Mistake(
        at(MODELS + "autoencoder:ACTIVATIONS", wrong=lambda right: right | {"linear": ops.tanh}),
        ("pca_autoencoder",),
    ),
    "a noisy target": Mistake(
        at(
            MODELS + "denoising:DenoisingAutoencoder.loss",
            wrong=lambda right: (
                lambda self, x, noisy: self.compare(self(noisy), ops.clip(Tensor(_data(noisy)), 0, 1))
            ),
        ),
        ("few_labels", "denoising", "tied_and_overcomplete"),
    ),
    "noise twice as large": Mistake(
        at(
            "minigen.models:add_noise", wrong=lambda right: lambda x, noise, sigma: right(x, noise, 2 * sigma)
        ),
        ("denoising_score", "denoising"),
    ),
    "noise forgotten": Mistake(
        at(
            "minigen.models:add_noise", wrong=lambda right: lambda x, noise, sigma: right(x, noise, 0 * sigma)
        ),
        ("denoising_score", "few_labels", "tied_and_overcomplete"),
    ),
    "sigma taken for a variance": Mistake(
        at(
            "minigen.models:add_noise",
            wrong=lambda right: lambda x, noise, sigma: right(x, noise, sigma**0.5),
        ),
        ("denoising_score", "contractive", "denoising"),
    ),
    "sparsity without gradient": Mistake(
        at(LOSSES + "sparse_kl", LOSSES + "l1_activity", wrong=frozen), ("sparse_features",)
    ),
    "sparsity averaged over the units": Mistake(
        at(LOSSES + "sparse_kl", LOSSES + "l1_activity", wrong=scaled(0.01)),
        ("sparse_features",),
        short=False,
    ),
    "L1 without absolute values": Mistake(
        at(LOSSES + "l1_activity", wrong=lambda right: lambda h: ops.sum(h) * (1 / h.shape[0])),
        ("sparse_features",),
        short=False,
    ),
    "pretrained weights not loaded": Mistake(
        at("minigen.nn:Sequential.load_state_dict", wrong=unloaded), ("stacked_pretraining",), short=False
    ),
    "layers never pretrained": Mistake(
        at("minigen.models:pretrain", wrong=lambda right: lambda *args, **how: []),
        ("stacked_pretraining",),
        short=False,
    ),
    "a contraction with the slope for its square": Mistake(
        at(
            CONTRACTION,
            wrong=lambda right: (
                lambda self, h: (
                    ops.sum(h * (1 - h) * ops.sum(self.encoder.weight * self.encoder.weight, axis=0))
                    * (1 / h.shape[0])
                )
            ),
        ),
        ("contractive",),
        ("contractive",),
        short=False,
    ),
    # ----- variational autoencoders
    "a mean over the pixels": Mistake(
        at(MODELS + "vae:VAE.reconstruction", wrong=scaled(1 / 64)),
        (
            "vae_reductions",
            "vae_digits",
            "dimensionality_reduction",
            "posterior",
            "rate_distortion",
            "mnist_vae",
            "overgeneralization",
        ),
    ),
    "half of the KL": Mistake(
        at(LOSSES + "gaussian_kl", wrong=scaled(0.5)),
        (
            "vae_reductions",
            "vae_digits",
            "posterior",
            "rate_distortion",
            "mnist_vae",
        ),
        short=False,
    ),
    "KL without gradient": Mistake(
        at(LOSSES + "gaussian_kl", wrong=frozen),
        (
            "vae_reductions",
            "vae_digits",
            "posterior",
            "rate_distortion",
            "mnist_vae",
            "overgeneralization",
        ),
        short=False,
    ),
    "no noise in the code": Mistake(
        at(LOSSES + "reparameterize", wrong=lambda right: lambda mu, logvar, eps: mu + 0 * logvar * eps),
        (
            "vae_reductions",
            "vae_digits",
            "mixture_prior",
            "posterior",
            "rate_distortion",
            "mnist_vae",
        ),
    ),
    "half of the KL, linear": Mistake(
        at(TERMS, wrong=lambda right: lambda self, x: (lambda r, kl: (r, 0.5 * kl))(*right(self, x))),
        ("linear_vae_ppca",),
    ),
    "KL without gradient, linear": Mistake(
        at(
            TERMS,
            wrong=lambda right: lambda self, x: (lambda r, kl: (r, kl.detach() + 0 * kl))(*right(self, x)),
        ),
        ("linear_vae_ppca",),
        short=False,
    ),
    "a mean over the pixels, linear": Mistake(
        at(TERMS, wrong=lambda right: lambda self, x: (lambda r, kl: (r * (1 / 64), kl))(*right(self, x))),
        ("linear_vae_ppca",),
        short=False,
    ),
    "a learned prior without gradient": Mistake(
        at(MODELS + "mixture_prior:MixturePrior.log_prob", wrong=frozen), ("mixture_prior",), short=False
    ),
    # ----- games
    "a generator that runs from the data": Mistake(
        at(LOSSES + "generator_loss", LOSSES + "wgan_generator_loss", wrong=uphill),
        (
            "vanishing_gradient",
            "mode_collapse",
            "optimal_discriminator",
            "wgan_gp_toys",
            "dcgan_digits",
            "dirac_gan",
            "gan_tracing",
            "overgeneralization",
        ),
    ),
    "D learns nothing from samples": Mistake(
        at(
            LOSSES + "discriminator_loss",
            wrong=lambda right: lambda x, fake, *label: right(x, fake.detach() + 0 * fake, *label),
        ),
        (
            "optimal_discriminator",
            "mode_collapse",
            "dcgan_digits",
            "dirac_gan",
            "gan_tracing",
            "overgeneralization",
            "lime_digits",
            "mnist_dcgan",
        ),
    ),
    "R1 without its half": Mistake(at(LOSSES + "r1_penalty", wrong=scaled(2)), ("dirac_gan",)),
    "at once is one after the other": Mistake(
        at("minigen.models:simultaneous_round", wrong=one_after_the_other), ("dirac_gan",), short=False
    ),
    "no gradient penalty": Mistake(
        at(LOSSES + "gradient_penalty", wrong=scaled(0.0)),
        ("vanishing_gradient", "wasserstein_critic", "wgan_gp_toys", "dirac_gan"),
    ),
    "a penalty without the root": Mistake(
        at(LOSSES + "gradient_penalty", wrong=without_root), ("wasserstein_critic", "dirac_gan"), short=False
    ),
    "a penalty at the data only (labml)": Mistake(
        at(
            LOSSES + "gradient_penalty",
            wrong=lambda right: lambda f, x, fake, a: right(f, x, fake, 0 * a + 1),
        ),
        ("wasserstein_critic", "wgan_gp_toys"),
        short=False,
    ),
    "a penalty differentiated once (mlpack)": Mistake(
        at("minigen.engine.tape:grad", "minigen:grad", wrong=first_order_only),
        ("dirac_gan", "contractive", "wasserstein_critic"),
        short=False,
    ),
    "weights never clipped": Mistake(
        at(MODELS + "players:clip_weights", wrong=lambda right: lambda *a: None),
        ("wasserstein_critic", "wgan_gp_toys", "dirac_gan"),
        short=False,
    ),
    "packs of copies": Mistake(
        at(
            MODELS + "gan:GAN.packs",
            wrong=lambda right: lambda self, x: shapes.concatenate([x[:: self.pack]] * self.pack, axis=1),
        ),
        (),
        ("mode_collapse",),
        short=False,
    ),
    "no batch norm": Mistake(
        at(
            "minigen.nn:BatchNorm.forward",
            wrong=lambda right: lambda self, x: x + 0 * (ops.sum(self.weight) + ops.sum(self.bias)),
        ),
        (
            "dcgan_digits",
            "overgeneralization",
            "mnist_dcgan",
        ),
        short=False,
    ),
    # ----- pictures
    "zeros between the pixels": Mistake(
        at("minigen.nn.pooling:_scatter.forward", wrong=zeros_between), ("checkerboard", "conv_autoencoder")
    ),
    "the transposed convolution never trains": Mistake(
        at("minigen.engine.conv:conv_transpose2d", wrong=frozen),
        ("checkerboard", "conv_autoencoder", "dcgan_digits"),
        short=False,
    ),
}


if __name__ == "__main__":
    sys.exit(
        experiment(
            "broken",
            one_seed,
            __doc__,
            settings={"all": 1},
            quick={"all": 0},
            criteria=[
                Criterion(UNTURNED, "none", below=0.5),
                Criterion(BROKE, "none", below=0.5),
                Criterion(LOST, "none", below=0.5),
            ],
        )
    )
