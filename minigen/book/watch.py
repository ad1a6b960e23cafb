"""Three backward passes to watch, tick by tick: a small VAE, a generator's step, and a gradient penalty.

They are real: the models of models/ on real digits, the graph as `minigen.draw` draws it, the gradients as
`minigen.steps` finds them.
"""

from dataclasses import dataclass

from minigen import losses
from minigen.book import typeset
from minigen.book.pictures import number, picture, words
from minigen.check.subjects.registry import Setting
from minigen.engine.tape import Leaf, Tensor, grad
from minigen.graph.fold import fold
from minigen.graph.record import Names, Record, norm
from minigen.graph.svg import Drawing
from minigen.graph.walk import walk
from minigen.models import GAN, VAE, Discriminator, Generator

LIMIT = 150


@dataclass(eq=False)
class Scene:
    """A loss to watch: its title, what it shows, and the names of its values."""

    title: str
    about: str
    loss: object
    names: dict
    inner: tuple = (0, 0)  # the engine's ticks between which a gradient was computed on the tape


def watch_vae():
    s = Setting("watch-vae", "cpu")
    x, eps = Tensor(s.digits(5), name="x"), Tensor(s.noise(5, 2), name="eps")
    model = VAE(61, 7, 2, rng=s.rng, dtype="float64")
    mu, logvar = model.encode(x)
    z = losses.reparameterize(mu, logvar, eps)
    reconstruction, kl = model.reconstruction(x, z), losses.gaussian_kl(mu, logvar)
    loss = reconstruction + kl
    names = dict(x=x, eps=eps, mu=mu, logvar=logvar, z=z, reconstruction=reconstruction, kl=kl, loss=loss)
    about = (
        "Five digits; the encoder gives two numbers for each. Watch `mu` and `logvar`: each is used by the "
        "sample and by the divergence, so its gradient is complete only when both parts have arrived, and "
        "only then may it be sent on."
    )
    model.named_parameters()  # names them
    return Scene("A small variational autoencoder", about, loss, names)


def watch_gan():
    s = Setting("watch-gan", "cpu")
    z = Tensor(s.noise(5, 3), name="z")
    how = {"rng": s.rng, "dtype": "float64"}
    game = GAN(Generator(3, 7, 61, **how), Discriminator(61, 7, **how))
    fake = game.generate(z)
    logits = game.judge(fake)
    loss = losses.generator_loss(logits, game.kind)
    about = (
        "The generator's loss holds no real data. Its gradient goes through the discriminator first, to the "
        "samples (`fake`), and from there into the generator. A training step, `generator_step`, asks only "
        "for the gradients of the generator's parameters; here those of both networks are shown."
    )
    game.named_parameters()  # names them
    return Scene("A step of the generator", about, loss, dict(z=z, fake=fake, logits=logits, loss=loss))


def watch_penalty():
    s = Setting("watch-penalty", "cpu")
    x, fake, alpha = s.digits(5), s.rng.random((5, 61)), s.rng.random((5, 1))
    critic = Discriminator(61, 7, "tanh", rng=s.rng, dtype="float64")
    points = Tensor(alpha * x + (1 - alpha) * fake, requires_grad=True, name="xhat")
    scores = critic(points)
    total = scores.sum()
    (slope,) = grad(total, [points], create_graph=True)
    norms = ((slope * slope).sum(axis=1) + 1e-12) ** 0.5
    excess = norms - 1
    loss = (excess * excess).sum() * (1 / 5)
    about = (
        "The loss holds the gradient of the critic at x̂, here `slope`. That gradient was a backward pass of "
        "its own. Because of `create_graph=True` its operations are on the tape like all others; they are "
        "marked as “inner backward pass”. The walk differentiates them, and the weights are reached twice: "
        "inside them, and in the forward pass below."
    )
    critic.named_parameters()  # names them
    names = dict(xhat=points, slope=slope, norms=norms, loss=loss)
    return Scene("The gradient penalty", about, loss, names, (total.node.tick, slope.node.tick))


SCENES = {"watch-vae": watch_vae, "watch-gan": watch_gan, "watch-penalty": watch_penalty}


def page(name):
    """Everything the template of a backward pass needs."""
    scene = SCENES[name]()
    record = Record(scene.loss, Names(names=scene.names))
    ticks = walk(scene.loss)
    drawing = Drawing(*fold(record, True, LIMIT))
    return {
        "name": name,
        "title": scene.title,
        "about": typeset.prose(scene.about),
        "svg": drawing.svg,
        "folded": drawing.folded,
        "ticks": [_tick(record, tick, scene) for tick in ticks if type(tick.node) is not Leaf],
        "count": sum(type(t.node) is not Leaf for t in ticks),
        "leaves": [
            {"name": record.entry(tick.node).label, **_about(tick.gradient)}
            for tick in ticks
            if type(tick.node) is Leaf
        ],
    }


def _tick(record, tick, scene):
    entry = record.entry(tick.node)
    inner = scene.inner[0] < tick.node.tick <= scene.inner[1]
    waiting = [p for p in tick.parts if p.arrived < p.due]
    return {
        "number": entry.number,
        "op": entry.op,
        "name": entry.name or "",
        "inner": inner,
        **_about(tick.gradient),
        "parts": [_part(record, part) for part in tick.parts],
        "why": _why(record, tick, waiting),
    }


def _part(record, part):
    to = record.entry(part.parent)
    return {
        "to": to.name or f"{to.op} {to.number}",
        "rule": part.rule,
        **_about(part.gradient),
        "complete": part.arrived == part.due,
        "arrived": part.arrived,
        "due": part.due,
        "node": to.number if to.kind == "operation" else 0,
    }


def _why(record, tick, waiting):
    """Why this node comes now, and what still waits."""
    entry = record.entry(tick.node)
    if tick.node is record.root:
        first = "The walk begins at the loss: its gradient by itself is 1."
    else:
        first = (
            f"Node {entry.number} is the youngest that is left. Whatever used it is younger, "
            "so all of its gradient has arrived."
        )
    if waiting:
        names = ", ".join(dict.fromkeys(_called(record.entry(p.parent)) for p in waiting))
        first += f" {names} has to wait: another part of its gradient comes from an older node."
    return first


def _called(entry):
    return entry.name or f"node {entry.number} ({entry.op})"


def _about(gradient):
    return {"shape": words(gradient), "norm": number(norm(gradient)), "picture": picture(gradient)}
