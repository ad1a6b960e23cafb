"""Layers trained one by one, without labels, to undo noise are a better start where labels are few.

    python examples/stacked_pretraining.py [--quick] [--draws 10] [--epochs 100] [--seeds 5] [--out DIR]

A classifier with two hidden layers sees 1, 2, 5 or 10 labelled digits of each class. From scratch it is worse
than logistic regression on pixels. Where each layer was first, on all images and without a label, a denoising
autoencoder of what the layers below make of them (Vincent et al. 2010), it is better, by several points.
Autoencoders without noise (Bengio et al. 2007) are worth much less: 128 units may copy 64 pixels.

Pretraining became known for another reason. Without it, a deep autoencoder that begins with small weights
"always reconstructs the average of the training data" (Hinton and Salakhutdinov 2006), here with an error of
.0734 a pixel; layer by layer the same one learns. That reason is gone: with weights of Glorot's size and
Adam, the deep autoencoder from scratch is better than the pretrained one after equally many steps.
"""

import sys
from itertools import pairwise

import numpy as np
from sklearn.linear_model import LogisticRegression

from minigen import Tensor, no_grad, plot, replay, to
from minigen.baselines import PCA, MeanImage
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.losses import softmax_cross_entropy
from minigen.models import DeepAutoencoder, DenoisingAutoencoder, add_noise, pretrain
from minigen.nn import Dense, Sequential, Sigmoid, Tanh
from minigen.optim import SGD, Adam, cosine
from minigen.training import shuffled

COUNTS, QUICK_COUNTS, NODES, CODE = (1, 2, 5, 10), (1, 2), 128, 8
SIGMAS = {"pretrained with noise": (0.5, 0.25), "pretrained without noise": (0.0, 0.0)}  # of pixels, of codes
NOISY, SCRATCH, TANH, PIXELS = next(iter(SIGMAS)), "from scratch", "from scratch, tanh", "logistic regression"
SMALL, GLOROT, GREEDY = "small weights, SGD", "Glorot's weights, Adam", "layer by layer"
STARTS = {  # {name: (scale of Glorot's weights, optimizer, learning rate)}
    SMALL: (0.1, SGD, 2e-2),
    "small weights, Adam": (0.1, Adam, 1e-3),
    GLOROT: (1.0, Adam, 1e-3),
}
ACCURACY, GAIN = "accuracy, {} a class, {}", "points over from scratch, {} a class, {}"
MEAN_GAIN = "points over from scratch, mean of all numbers of labels, {}"
ERROR, RATIO = "test error over the mean image's, {}, {}", "test error, layer by layer over from scratch, {}"


def one_seed(run):
    train, labels, test, test_labels = digits_split()
    train, test = (x.reshape(len(x), -1) for x in (train, test))
    return classifiers(run, train, labels, test, test_labels) | deep_autoencoders(run, train, test)


def classifiers(run, train, labels, test, test_labels):
    begun = {name: stacked(run, name, train) for name in SIGMAS} | {SCRATCH: {}, TANH: {}}
    counts = COUNTS if run.settings.all else QUICK_COUNTS
    scores = {name: np.zeros((len(counts), run.settings.draws)) for name in (*begun, PIXELS)}
    for at in np.ndindex(scores[PIXELS].shape):
        classes = (np.flatnonzero(labels == label) for label in range(10))
        rows = np.concatenate([run.random.generator.choice(c, counts[at[0]], replace=False) for c in classes])
        for name, weights in begun.items():
            net = classifier(run, train[rows], labels[rows], Tanh if name == TANH else Sigmoid, weights)
            scores[name][at] = np.mean(apply(run, net, test).argmax(axis=1) == test_labels)
        model = LogisticRegression(max_iter=1000).fit(train[rows], labels[rows])
        scores[PIXELS][at] = model.score(test, test_labels)
    title = "Layers that learned to undo noise are a better start where labels are few"
    plot.few_labels(scores, title, run.folder / "stacked_pretraining.png", counts=counts, base=SCRATCH)
    measured = {}
    for row, count in enumerate(counts):
        for name, table in scores.items():
            measured[ACCURACY.format(count, name)] = table[row].mean()
            if name != SCRATCH:
                measured[GAIN.format(count, name)] = 100 * (table[row] - scores[SCRATCH][row]).mean()
                measured[MEAN_GAIN.format(name)] = 100 * (table - scores[SCRATCH]).mean()
    return measured


def stacked(run, name, codes):
    """{parameter of the classifier: array}; each layer encodes the codes of the one below."""
    weights, random = {}, run.random
    for k, sigma in enumerate(SIGMAS[name]):
        model = DenoisingAutoencoder(codes.shape[1], NODES, "bce", "sigmoid", rng=random.generator).to(
            run.device
        )

        def loss(x, model=model, sigma=sigma):
            return model.loss(Tensor(x), Tensor(add_noise(x, random.normal(*x.shape), sigma)))

        fit(run, f"{name}, layer {k}", model, Adam(model, 1e-2), loss, codes, 128, run.settings.steps)
        codes = apply(run, model.encode, codes)
        weights |= {f"{2 * k}.{part}": array for part, array in model.encoder.state_dict().items()}
    return weights


def classifier(run, x, y, activation, weights, steps=200):
    """Fine-tuned on all labelled images in every step; more steps change little, pretrained or not."""
    how = {"init": "xavier", "rng": run.random.generator}
    layers = [part for n, m in pairwise((64, NODES, NODES)) for part in (Dense(n, m, **how), activation())]
    net = Sequential(*layers, Dense(NODES, 10, **how))
    net.load_state_dict(net.state_dict() | weights)
    optimizer, x, y = Adam(net.to(run.device), 3e-3), Tensor(to(x, run.device)), to(y, run.device)

    def step():
        optimizer.zero_grad()
        softmax_cross_entropy(net(x), y).backward()
        optimizer.step()

    step = replay(step, strict=False) if run.replay else step
    for _ in range(steps):
        step()
    return net


def deep_autoencoders(run, train, test):
    epochs, mean, images = run.settings.epochs, MeanImage(train).error(test), to(train, run.device)
    groups, measured, rng = {start: {} for start in STARTS}, {}, run.random.generator
    for start, (scale, kind, rate) in STARTS.items():
        for how in (SCRATCH, GREEDY):
            model = DeepAutoencoder(64, CODE, 8, [128, 64, 32, 32, 64, 128], rng=rng).to(run.device)
            model.load_state_dict({name: scale * array for name, array in model.state_dict().items()})
            each = epochs // 5 if how == GREEDY else 0  # epochs for each of four pairs of layers, out of all
            pretrain(model, images, epochs=each, fine_tune=0, rng=rng, replay=run.replay)
            steps = (epochs - 4 * each) * (len(train) // 32)
            fit(run, f"{start}, {how}", model, kind(model, rate), model.loss, train, 32, steps)
            groups[start][how] = np.mean((apply(run, model, test) - test) ** 2)
            measured[ERROR.format(start, how)] = groups[start][how] / mean
        measured[RATIO.format(start)] = groups[start][GREEDY] / groups[start][SCRATCH]
    bars = {start.replace(", ", "\n"): group for start, group in groups.items()}
    levels = {"mean image": mean, "PCA": PCA(train, CODE).error(test)}
    title = "Layer by layer a deep autoencoder escapes\nfrom small weights; better ones do without"
    plot.bars(bars, title, run.folder / "deep_autoencoder.png", axis="test error a pixel", levels=levels)
    return measured


def fit(run, name, model, optimizer, loss, x, size, steps):
    rate = optimizer.lr

    def step(x):
        value = loss(x)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return {"loss": value}

    batch = shuffled(to(x, run.device), size, seed=run.seed)
    how = {"lr": lambda n: cosine(n, steps, rate), "replay": True}
    run.train(step, batch, steps, into=name.replace(" ", "-"), model=model, optimizer=optimizer, **how)


def apply(run, function, x):
    with no_grad():
        return to(function(Tensor(to(x, run.device))).data, "cpu")


def criteria(points, counts, learned, mean=1.5):
    """Few draws decide little about one number of labels, hence the `mean`: 0 +- 1 without pretraining."""
    gains = [Criterion(GAIN.format(n, NOISY), "tanh units, too, bring 2", points, 20) for n in counts]
    return [
        *gains,
        Criterion(MEAN_GAIN.format(NOISY), "0 for the weights of no pretraining", mean, 20),
        Criterion(ERROR.format(SMALL, SCRATCH), "it redraws the mean image: 1", 0.99, 1.01),
        Criterion(ERROR.format(SMALL, GREEDY), "it learns; PCA has 0.34", 0.1, learned),
    ]


if __name__ == "__main__":
    modes = {"settings": {"steps": 3000, "draws": 10, "epochs": 100, "all": 1}}
    modes["quick"] = {"steps": 400, "draws": 8, "epochs": 20, "all": 0}
    modes["quick_criteria"] = criteria(0, QUICK_COUNTS, 0.9, mean=2.2)
    modern = Criterion(RATIO.format(GLOROT), "above 1: nothing is left to rescue", above=1)
    modes["criteria"] = [*criteria(2, (1, 2, 5), 0.5), modern]
    sys.exit(experiment("stacked_pretraining", one_seed, __doc__, **modes))
