"""The reading order: a dozen steps from one multiplication to the gradient penalty, and what belongs to each.

README has the same list; a test holds the two together.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step. `page` is what `minigen read` takes; exercise, experiment and watch are names, or empty."""

    title: str
    page: str
    minutes: int
    about: str
    exercise: str = ""
    experiment: str = ""
    watch: str = ""
    read: tuple = ()  # the places of a long page that belong to the step


STEPS = (
    Step("One multiplication", "ops", 10,
         "An operation computes a result from its arguments. It has one rule for each argument: from g, the "
         "gradient of the loss at the result, the rule makes the gradient at the argument. Three of them are "
         "enough for now.",
         exercise="mse", read=("mul", "tanh", "sum")),
    Step("The tape", "tape", 30,
         "The tape is what the engine remembers of each operation. Why a walk from the youngest operation to "
         "the oldest is all of backpropagation. These places hold the idea; the rest is for convenience and "
         "for clear errors.",
         exercise="sigmoid", watch="watch-vae", read=("Node", "Leaf", "_walk", "_gradient", "grad")),
    Step("A dense layer", "dense", 10,
         "Three gradients of one matrix product. Every network that follows is made of them.",
         exercise="dense", experiment="pca_autoencoder"),
    Step("An autoencoder", "ae-mse", 20,
         "Two dense layers and a tanh: the first derivation from the loss down to the first weight.",
         exercise="autoencoder", experiment="dimensionality_reduction"),
    Step("Cross-entropy and logits", "ae-bce", 15,
         "A logit l is the number that goes into the sigmoid σ. Why a loss takes logits: the derivative of "
         "the sigmoid cancels, and σ(l) − x is left.",
         exercise="bce-with-logits", experiment="denoising"),
    Step("A penalty on the hidden units", "ae-sparse-kl", 20,
         "A quantity that is used twice receives the sum of two gradients. Here one of them comes through a "
         "mean over the batch.",
         exercise="sparse-kl", experiment="sparse_features"),
    Step("A variational autoencoder", "vae-bernoulli", 40,
         "The encoder gives a distribution, by its mean and its variance, and the decoder sees a sample of "
         "it. The noise is an argument, so the chain rule goes through the sample.",
         exercise="full-vae", experiment="vae_digits", watch="watch-vae"),
    Step("Convolution", "conv2d", 30,
         "A tap is one place (i, j) of the kernel. Every tap is a small matrix product; read backwards, the "
         "same lines are the gradient.",
         exercise="conv2d-input-gradient", experiment="checkerboard"),
    Step("The discriminator", "gan-discriminator", 25,
         "One network is used on two batches, real and generated, so each of its parameters collects two "
         "gradients. The generated samples are data here: nothing is sent into the generator.",
         exercise="discriminator", experiment="optimal_discriminator"),
    Step("The generator", "gan-generator-nonsaturating", 25,
         "Its loss holds no data. The gradient comes through the discriminator, whose parameters do not "
         "change in this step.",
         exercise="generator", experiment="vanishing_gradient", watch="watch-gan"),
    Step("A critic in place of a discriminator", "wgan-critic", 15,
         "The critic gives a score in place of a probability. Its loss is a difference of two means. It "
         "measures a distance only while the slope of the critic is bounded.",
         exercise="wgan-critic-and-generator", experiment="wasserstein_critic"),
    Step("The gradient penalty", "wgan-gp-critic-tanh", 60,
         "The loss contains a gradient, so the backward pass differentiates a backward pass.",
         exercise="gradient-penalty-double-backward", experiment="wgan_gp_toys", watch="watch-penalty"),
)  # fmt: skip

# The exercises whose mistakes are shown on the page of a derivation.
EXERCISES = {
    "dense": ("dense", "bias-broadcasting"),
    "sigmoid": ("sigmoid",),
    "tanh": ("tanh",),
    "relu": ("relu",),
    "softmax-cross-entropy": ("softmax-cross-entropy",),
    "dropout": ("dropout",),
    "batch-norm": ("batch-norm",),
    "conv2d": ("conv2d-input-gradient", "conv2d-weight-gradient"),
    "conv-transpose2d": ("transposed-convolution",),
    "ae-linear": ("mse",),
    "ae-mse": ("autoencoder",),
    "ae-bce": ("bce-with-logits",),
    "ae-tied": ("tied-autoencoder",),
    "ae-denoising-masking": ("denoising-autoencoder",),
    "ae-sparse-l1": ("sparse-l1",),
    "ae-sparse-kl": ("sparse-kl",),
    "ae-contractive": ("contractive-autoencoder",),
    "vae-bernoulli": ("full-vae", "vae-reparameterization"),
    "vae-beta": ("gaussian-kl",),
    "vae-free-bits": ("free-bits",),
    "vae-mixture-prior": ("mixture-prior",),
    "iwae": ("iwae-weights",),
    "gan-discriminator": ("discriminator",),
    "gan-generator-nonsaturating": ("generator",),
    "wgan-critic": ("wgan-critic-and-generator",),
    "wgan-gp-critic-tanh": ("gradient-penalty-double-backward", "gradient-penalty-first-step"),
}
MISTAKES = 4  # shown for each exercise: every exercise has more, which `minigen exercise bug` deals out


def as_markdown():
    """The list as it stands in README."""
    lines = []
    for number, step in enumerate(STEPS, 1):
        with_ = [f"exercise `{step.exercise}`"] * bool(step.exercise)
        with_ += [f"experiment `{step.experiment}`"] * bool(step.experiment)
        belongs = f"; {', '.join(with_)}" if with_ else ""
        lines.append(f"{number}. {step.title} (`minigen read {step.page}`, {step.minutes} minutes{belongs})")
    return "\n".join(lines)
