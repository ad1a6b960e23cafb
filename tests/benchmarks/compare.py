"""How long a training step takes in minigen, against the same step in PyTorch (eager, on the processor).

    python tests/benchmarks/compare.py [WORKLOAD ...] [--rounds N] [--json] [--readme] [--anyway]

The sides, minigen as it is, minigen replayed (`minigen.replay`) and PyTorch, run in one process and take
turns in blocks; the first steps of a block are not counted, because the threads that another side has just
left still spin for a while. The table gives medians and the ratios of minigen's two to PyTorch's.
Without PyTorch (`pip install torch`) minigen is measured against nothing, and the table says so.

Ratios of a busy machine are not those of a quiet one, so none are printed where the load is above 1.5;
`--anyway` prints them all the same. `--readme` prints the table as it stands in README.

Each side chooses its own kernels for the processor at hand. Some machines pin NumPy's with OPENBLAS_CORETYPE,
so that the bits are the same everywhere; PyTorch knows no such pin, so it is taken off
here, and a line says so.
"""

# ruff: noqa: E402 (the environment is changed before NumPy reads it)
import os

PINNED = {
    name: os.environ.pop(name) for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ
}

# isort: split
import argparse
import importlib.util
import json
import statistics
import sys
import time

import numpy as np
from threadpoolctl import threadpool_info

import minigen
from minigen import Tensor, losses, nn, no_grad, optim
from minigen.engine.fast import threads

THREADS = 2
QUIET = 1.5  # the highest load average, over one minute, at which a ratio means something
_torch = importlib.util.find_spec("torch") is not None


def chain():
    """100 multiplications of 8x8 float32 matrices, forward and backward, no optimizer."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal((8, 8)).astype(np.float32), requires_grad=True)
    c = Tensor(rng.uniform(0.9, 1.1, (8, 8)).astype(np.float32))
    one = np.ones((8, 8), np.float32)

    def step():
        y = x
        for _ in range(100):
            y = y * c
        y.backward(one)

    def torch_step(torch):
        xt = torch.tensor(x.numpy(), requires_grad=True)
        ct, ones = torch.tensor(c.numpy()), torch.tensor(one)

        def run():
            y = xt
            for _ in range(100):
                y = y * ct
            y.backward(ones)

        return run

    return step, torch_step


def _training(loss, model):
    optimizer = optim.Adam(model, lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def _torch_training(torch, loss, parameters):
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def mlp_vae():
    """VAE 784-400-20, batch 128, Bernoulli pixels, Adam, float32."""
    from minigen.models import VAE

    rng = np.random.default_rng(0)
    x, eps = rng.random((128, 784), np.float32), rng.standard_normal((128, 20)).astype(np.float32)
    model = VAE(784, 400, 20, rng=rng)
    tx, teps = Tensor(x), Tensor(eps)

    def torch_step(torch):
        F = torch.nn.functional
        names = ("encoder", "mu", "logvar", "decoder", "output")
        sizes = ((784, 400), (400, 20), (400, 20), (20, 400), (400, 784))
        net = torch.nn.ModuleDict({k: torch.nn.Linear(*s) for k, s in zip(names, sizes, strict=True)})
        xt, et = torch.tensor(x), torch.tensor(eps)

        def loss():
            h = torch.tanh(net["encoder"](xt))
            mu, logvar = net["mu"](h), net["logvar"](h)
            z = mu + torch.exp(0.5 * logvar) * et
            logits = net["output"](torch.tanh(net["decoder"](z)))
            bce = F.binary_cross_entropy_with_logits(logits, xt, reduction="sum") / 128
            return bce + 0.5 * torch.sum(logvar.exp() + mu.pow(2) - 1 - logvar) / 128

        return _torch_training(torch, loss, net.parameters())

    return _training(lambda: model.loss(tx, teps), model), torch_step


def small_mlp():
    """MLP 2-64-64-1 with tanh, batch 128, squared error, Adam, float32."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((128, 2)).astype(np.float32)
    y = np.sin(x.sum(axis=1, keepdims=True))
    layers = [
        nn.Dense(2, 64, rng=rng),
        nn.Tanh(),
        nn.Dense(64, 64, rng=rng),
        nn.Tanh(),
        nn.Dense(64, 1, rng=rng),
    ]
    model = nn.Sequential(*layers)
    tx, ty = Tensor(x), Tensor(y)

    def torch_step(torch):
        t = torch.nn
        net = t.Sequential(t.Linear(2, 64), t.Tanh(), t.Linear(64, 64), t.Tanh(), t.Linear(64, 1))
        xt, yt = torch.tensor(x), torch.tensor(y)
        return _torch_training(torch, lambda: 0.5 * ((net(xt) - yt) ** 2).sum() / 128, net.parameters())

    return _training(lambda: losses.squared_error(model(tx), ty), model), torch_step


def wgan_gp():
    """WGAN-GP on points of the plane: both players 512x3 ReLU, batch 256, five critic steps and one
    of the generator, Adam.
    """
    from minigen.models import WGAN

    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((2, 5, 256, 2)).astype(np.float32)
    alpha = rng.random((5, 256, 1), np.float32)

    def network(inputs, outputs):
        layers, sizes = [], (inputs, 512, 512, 512)
        for a, b in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Dense(a, b, rng=rng), nn.ReLU()]
        return nn.Sequential(*layers, nn.Dense(512, outputs, rng=rng))

    game = WGAN(network(2, 2), network(2, 1), lam=10)
    how = {"lr": 1e-4, "betas": (0.0, 0.9)}
    for_critic, for_generator = optim.Adam(game.critic, **how), optim.Adam(game.generator, **how)
    tx, tz, talpha = ([Tensor(part) for part in array] for array in (x, z, alpha))

    def step():
        for batch in zip(tx, tz, talpha, strict=True):
            for_critic.zero_grad()
            game.critic_loss(*batch).backward()
            for_critic.step()
        for_critic.zero_grad()
        for_generator.zero_grad()
        game.generator_loss(tz[0]).backward()
        for_generator.step()

    def torch_step(torch):
        t = torch.nn

        def net(inputs, outputs):
            layers, sizes = [], (inputs, 512, 512, 512)
            for a, b in zip(sizes, sizes[1:], strict=False):
                layers += [t.Linear(a, b), t.ReLU()]
            return t.Sequential(*layers, t.Linear(512, outputs))

        g, f = net(2, 2), net(2, 1)
        adam_f, adam_g = (torch.optim.Adam(m.parameters(), **how) for m in (f, g))
        xs, zs, alphas = torch.tensor(x), torch.tensor(z), torch.tensor(alpha)

        def run():
            for real, noise, a in zip(xs, zs, alphas, strict=True):
                adam_f.zero_grad()
                with torch.no_grad():
                    fake = g(noise)
                between = (a * real + (1 - a) * fake).requires_grad_()
                (slope,) = torch.autograd.grad(f(between).sum(), between, create_graph=True)
                norms = (slope.square().sum(1) + 1e-12).sqrt()
                (f(fake).mean() - f(real).mean() + 10 * (norms - 1).square().mean()).backward()
                adam_f.step()
            adam_f.zero_grad()
            adam_g.zero_grad()
            (-f(g(zs[0])).mean()).backward()
            adam_g.step()

        return run

    return step, torch_step


def sparse_autoencoder():
    """Sparse autoencoder 64-25-64, sigmoid code, batch 10 000, squared error and 3
    KL(0.05 || mean activity), SGD.
    """
    from minigen.models import SparseAutoencoder

    rng = np.random.default_rng(0)
    x = rng.random((10_000, 64), np.float32)
    model = SparseAutoencoder(64, 25, rng=rng)
    tx, optimizer = Tensor(x), optim.SGD(model, lr=0.01)

    def step():
        optimizer.zero_grad()
        model.loss(tx).backward()
        optimizer.step()

    def torch_step(torch):
        encoder, decoder = torch.nn.Linear(64, 25), torch.nn.Linear(25, 64)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        sgd, xt = torch.optim.SGD(parameters, lr=0.01), torch.tensor(x)

        def run():
            sgd.zero_grad()
            h = torch.sigmoid(encoder(xt))
            r = h.mean(0)
            kl = (0.05 * torch.log(0.05 / r) + 0.95 * torch.log(0.95 / (1 - r))).sum()
            (0.5 * (decoder(h) - xt).square().sum() / len(xt) + 3 * kl).backward()
            sgd.step()

        return run

    return step, torch_step


def conv_autoencoder():
    """28x28, convolutions 1-16-32 with k3 s2, dense code of 32, mirrored;
    batch 64, Bernoulli pixels, Adam.
    """
    rng = np.random.default_rng(0)
    x = rng.random((64, 1, 28, 28), np.float32)
    how = {"stride": 2, "padding": 1}
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, **how, rng=rng),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, **how, rng=rng),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dense(32 * 7 * 7, 32, rng=rng),
        nn.Dense(32, 32 * 7 * 7, rng=rng),
        nn.ReLU(),
        nn.Reshape(32, 7, 7),
        nn.ConvTranspose2d(32, 16, 3, **how, output_padding=1, rng=rng),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, **how, output_padding=1, rng=rng),
    )
    tx = Tensor(x)

    def torch_step(torch):
        t, F = torch.nn, torch.nn.functional
        net = t.Sequential(
            t.Conv2d(1, 16, 3, **how),
            t.ReLU(),
            t.Conv2d(16, 32, 3, **how),
            t.ReLU(),
            t.Flatten(),
            t.Linear(32 * 7 * 7, 32),
            t.Linear(32, 32 * 7 * 7),
            t.ReLU(),
            t.Unflatten(1, (32, 7, 7)),
            t.ConvTranspose2d(32, 16, 3, **how, output_padding=1),
            t.ReLU(),
            t.ConvTranspose2d(16, 1, 3, **how, output_padding=1),
        )
        xt = torch.tensor(x)

        def loss():
            return F.binary_cross_entropy_with_logits(net(xt), xt, reduction="sum") / 64

        return _torch_training(torch, loss, net.parameters())

    return _training(lambda: losses.bce_with_logits(model(tx), tx), model), torch_step


def dcgan():
    """One discriminator and one generator step at 32x32, channels 64-128-256 with k4 s2,
    batch 64, no batch norm.
    """
    return _dcgan(lambda layer, channels: [layer], lambda torch, layer, channels: [layer])


def dcgan_batch_norm():
    """The step of `dcgan` with batch norm after every convolution but the first of the
    discriminator and the last.
    """
    return _dcgan(
        lambda layer, channels: [layer, nn.BatchNorm(channels)],
        lambda torch, layer, channels: [layer, torch.nn.BatchNorm2d(channels)],
    )


def _dcgan(ours, theirs):
    """`ours(layer, channels)` and `theirs(torch, layer, channels)` give a convolution and what follows it."""
    rng = np.random.default_rng(0)
    real = np.tanh(rng.standard_normal((64, 3, 32, 32))).astype(np.float32)
    noise = rng.standard_normal((64, 100)).astype(np.float32)
    how = {"stride": 2, "padding": 1}
    generator = nn.Sequential(
        nn.Dense(100, 256 * 4 * 4, rng=rng),
        nn.ReLU(),
        nn.Reshape(256, 4, 4),
        *ours(nn.ConvTranspose2d(256, 128, 4, **how, rng=rng), 128),
        nn.ReLU(),
        *ours(nn.ConvTranspose2d(128, 64, 4, **how, rng=rng), 64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 3, 4, **how, rng=rng),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, 64, 4, **how, rng=rng),
        nn.LeakyReLU(0.2),
        *ours(nn.Conv2d(64, 128, 4, **how, rng=rng), 128),
        nn.LeakyReLU(0.2),
        *ours(nn.Conv2d(128, 256, 4, **how, rng=rng), 256),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Dense(256 * 4 * 4, 1, rng=rng),
    )
    for_d, for_g = optim.Adam(discriminator, lr=2e-4), optim.Adam(generator, lr=2e-4)
    tx, tz = Tensor(real), Tensor(noise)

    def step():
        for_d.zero_grad()
        with no_grad():
            fake = generator(tz)
        losses.discriminator_loss(discriminator(tx), discriminator(fake)).backward()
        for_d.step()
        for_d.zero_grad()
        for_g.zero_grad()
        losses.generator_loss(discriminator(generator(tz))).backward()
        for_g.step()

    def torch_step(torch):
        t, softplus = torch.nn, torch.nn.functional.softplus
        g = t.Sequential(
            t.Linear(100, 256 * 4 * 4),
            t.ReLU(),
            t.Unflatten(1, (256, 4, 4)),
            *theirs(torch, t.ConvTranspose2d(256, 128, 4, **how), 128),
            t.ReLU(),
            *theirs(torch, t.ConvTranspose2d(128, 64, 4, **how), 64),
            t.ReLU(),
            t.ConvTranspose2d(64, 3, 4, **how),
            t.Tanh(),
        )
        d = t.Sequential(
            t.Conv2d(3, 64, 4, **how),
            t.LeakyReLU(0.2),
            *theirs(torch, t.Conv2d(64, 128, 4, **how), 128),
            t.LeakyReLU(0.2),
            *theirs(torch, t.Conv2d(128, 256, 4, **how), 256),
            t.LeakyReLU(0.2),
            t.Flatten(),
            t.Linear(256 * 4 * 4, 1),
        )
        adam_d, adam_g = (torch.optim.Adam(m.parameters(), lr=2e-4) for m in (d, g))
        xt, zt = torch.tensor(real), torch.tensor(noise)

        def run():
            adam_d.zero_grad()
            with torch.no_grad():
                fake = g(zt)
            (softplus(-d(xt)).mean() + softplus(d(fake)).mean()).backward()
            adam_d.step()
            adam_d.zero_grad()
            adam_g.zero_grad()
            softplus(-d(g(zt))).mean().backward()
            adam_g.step()

        return run

    return step, torch_step


def convolutions():
    """Not a step: the share of the bare matrix product that each convolution of the two networks reaches."""
    print(f"\n{'share of the bare product, batch 64':38} {'forward':>9} {'to input':>9} {'to weight':>9}")
    for c, size, o, k in (
        (1, 28, 16, 3),
        (16, 14, 32, 3),
        (3, 32, 64, 4),
        (64, 16, 128, 4),
        (128, 8, 256, 4),
    ):
        shares = " ".join(f"{share:9.0%}" for share in _shares(c, size, o, k))
        print(f"{f'{c} -> {o} channels, {size}x{size}, k{k} s2':38} {shares}")


def _shares(c, size, o, k):
    rng, how = np.random.default_rng(0), {"stride": 2, "padding": 1}

    def draw(*shape):
        return rng.standard_normal(shape, np.float32)

    x, w = draw(64, size, size, c).transpose(0, 3, 1, 2), draw(k, k, c, o).transpose(3, 2, 0, 1)
    y = minigen.conv2d(x, w, **how)
    extra = minigen.sizes_that_collapse(y.shape[2], k, 2, 1).index(size)
    rows, matrix, g = draw(y.size // o, k * k * c), draw(k * k * c, o), draw(y.size // o, o)
    pairs = (
        (lambda: rows @ matrix, lambda: minigen.conv2d(x, w, **how)),
        (lambda: g @ matrix.T, lambda: minigen.conv_transpose2d(y, w, output_padding=extra, **how)),
        (lambda: rows.T @ g, lambda: minigen.conv2d_weight(x, y, k, **how)),
    )
    for pair in pairs:
        bare, ours = measure(pair, rounds=3)
        yield bare / ours


# the steps, and what README calls them
NAMES = {
    chain: "100 multiplications of 8×8 arrays, forward and backward",
    small_mlp: "MLP 2-64-64-1, batch 128, Adam",
    mlp_vae: "VAE 784-400-20, batch 128, Adam",
    wgan_gp: "WGAN-GP, 512×3 ReLU, batch 256, 5 + 1 steps, Adam",
    sparse_autoencoder: "sparse autoencoder 64-25-64, batch 10 000, SGD",
    conv_autoencoder: "conv autoencoder 28×28 (1-16-32), batch 64, Adam",
    dcgan: "DCGAN 32×32 (64-128-256), batch 64, both players, Adam",
    dcgan_batch_norm: "the same with batch norm",
}
WORKLOADS = {f.__name__: f for f in NAMES}


def measure(sides, rounds, block=0.25, settle=0.08):
    """The median seconds of each side; the sides take turns, `rounds` blocks of `block` seconds each."""
    times = [[] for _ in sides]
    for _ in range(rounds):
        for side, seconds in zip(sides, times, strict=True):
            start = time.perf_counter()
            while time.perf_counter() < start + settle:
                side()
            done = len(seconds) + 3  # a slow machine counts too
            while time.perf_counter() < start + settle + block or len(seconds) < done:
                before = time.perf_counter()
                side()
                seconds.append(time.perf_counter() - before)
    return [statistics.median(seconds) for seconds in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help=", ".join([*WORKLOADS, "convolutions"])
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--readme", action="store_true", help="print the table of README")
    parser.add_argument("--anyway", action="store_true", help=f"print ratios above a load of {QUIET}, too")
    options = parser.parse_args()
    unknown = set(options.workloads) - set(WORKLOADS) - {"convolutions"}
    if unknown:
        parser.error(
            f"no workload {', '.join(sorted(unknown))}; there are {', '.join([*WORKLOADS, 'convolutions'])}"
        )
    if busy() and not options.anyway:
        sys.exit(
            f"the load of this machine is {os.getloadavg()[0]:.1f}: other programs are running, and a ratio "
            "would not be that of a quiet machine; wait, or add --anyway"
        )
    chosen = options.workloads or [*WORKLOADS, "convolutions"]
    torch = __import__("torch") if _torch else None
    if torch:
        torch.set_num_threads(THREADS)
    blas = [
        f"{lib['internal_api']} {lib.get('architecture', '')}"
        for lib in threadpool_info()
        if "blas" in lib["user_api"]
    ]
    against = (
        f"PyTorch {torch.__version__}, {THREADS} threads" if torch else "nothing: PyTorch is not installed"
    )
    print(f"NumPy {np.__version__} ({', '.join(blas)}, {threads.count()} threads) against {against}")
    if PINNED:
        print(f"not obeyed here: {', '.join('='.join(pair) for pair in PINNED.items())}")
    print(f"load at the start {load()}")
    rows = []
    print(f"{'workload':18} {'plain ms':>11} {'replay ms':>11} {'PyTorch ms':>11} {'plain':>7} {'replay':>7}")
    for name in chosen:
        if name != "convolutions":
            rows.append(_row(name, torch, options.rounds))
    print(f"load at the end {load()}")
    if "convolutions" in chosen:
        convolutions()
    if options.json:
        print(json.dumps(rows))
    if options.readme:
        print("| step | plain ms | replayed ms | PyTorch ms | plain | replayed |\n|---|---|---|---|---|---|")
        columns = ("minigen_ms", "replay_ms", "torch_ms", "ratio", "replay_ratio")
        for row in rows:
            numbers = [f"{row[k]:.2f}" if row[k] else "–" for k in columns]
            print(f"| {NAMES[WORKLOADS[row['workload']]]} | {' | '.join(numbers)} |")


def load():
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


def busy():
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > QUIET


def _row(name, torch, rounds):
    """Measure one workload, print its line, and return it as a dict."""
    (step, torch_step), (other, _) = WORKLOADS[name](), WORKLOADS[name]()
    sides = [step, minigen.replay(other)] + ([torch_step(torch)] if torch else [])
    plain, replayed, *theirs = (1e3 * m for m in measure(sides, rounds))
    row = {"workload": name, "minigen_ms": plain, "replay_ms": replayed}
    row |= {"torch_ms": None, "ratio": None, "replay_ratio": None}
    if theirs:
        row |= {"torch_ms": theirs[0], "ratio": plain / theirs[0], "replay_ratio": replayed / theirs[0]}
    beside = f"{theirs[0]:11.3f} {row['ratio']:7.2f} {row['replay_ratio']:7.2f}" if theirs else f"{'–':>11}"
    print(f"{name:18} {plain:11.3f} {replayed:11.3f} {beside}", flush=True)
    return row


if __name__ == "__main__":
    main()
