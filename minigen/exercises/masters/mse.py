r"""Squared error: a linear regression

The first complete gradient, from a loss down to the parameters. A linear model predicts K numbers for
each example, $\hat t = x W + b$. The loss is the squared error, summed over the K numbers and averaged
over the N examples, plus a penalty on large weights: $$L = \frac1N \sum_n \tfrac12 \lVert \hat t_n - t_n
\rVert^2 + \tfrac{\lambda}{2} \lVert W \rVert^2 .$$

| given | shape |
|---|---|
| `x`, `target` $t$ | (N, D), (N, K) |
| `weight`, `bias` | (D, K), (K,) |
| `cache["prediction"]` $\hat t$ | (N, K) |
| `lam` $\lambda$ | a number |

Wanted: the gradients at `prediction`, `weight` and `bias`. No `g` arrives, as nothing comes after a loss:
the first line starts the chain. All that the loss says about the batch, it says there, so the 1/N enters
once and travels along.
"""

from minigen.exercises.master import Mutant

ID = "mse"
ORDER = 60
REQUIRES = ("dense",)
WANTED = ("prediction", "weight", "bias")


def forward(net, x, target, weight, bias, *, lam):
    N = len(x)
    prediction = net("prediction", x @ weight + bias)  # (N, D) -> (N, K)
    net.term("error", 0.5 * ((prediction - target) ** 2).sum() / N)
    net.term("penalty", 0.5 * lam * (weight**2).sum())


def backward(cache, x, target, weight, bias, *, lam):
    N = len(x)
    prediction = cache["prediction"]
    # BEGIN SOLUTION
    gprediction = (prediction - target) / N  # (N, K)
    gweight = x.T @ gprediction + lam * weight  # the error, and the penalty: (D, K)
    gbias = gprediction.sum(axis=0)  # (N, K) -> (K,)
    # END SOLUTION
    return {"prediction": gprediction, "weight": gweight, "bias": gbias}


HINTS = (
    "Start with one entry of the prediction: in how many squares of the double sum does it stand?",
    "The 2 that comes down from the square meets the half in front of it. What is left is a difference, over "
    "something.",
    "Below the prediction it is a dense layer. The penalty has not seen the batch: "
    "it reaches the weight directly, whole.",
)

CONFIGS = (
    {"N": 5, "D": 3, "K": 7, "lam": 0.03, "why": "sizes that cannot be mistaken for each other"},
    {"N": 11, "D": 5, "K": 1, "lam": 0.3, "why": "one number to predict: its shape is (N, 1), and not (N,)"},
)


def inputs(rng, N, D, K, lam):
    draw = rng.standard_normal
    return {"x": draw((N, D)), "target": draw((N, K)), "weight": draw((D, K)), "bias": draw(K)}


MUTANTS = {
    "G01": Mutant("(prediction - target) / N", "(prediction - target) * 1",
           "the loss is a mean over the batch, and the gradient is that of a sum"),
    "G02": Mutant("x.T @ gprediction", "x.T @ gprediction / N",
           "the mean over the batch was taken once more at the weight"),
    "G03": Mutant("(prediction - target) / N", "(prediction - target) / prediction.size",
           "averaged over the K numbers of an example as well, and the loss adds them up"),
    "G04": Mutant("(prediction - target)", "(target - prediction)",
           "the sign: following this gradient downhill leads away from the target"),
    "G05": Mutant("(prediction - target) / N", "2 * (prediction - target) / N",
           "the 2 of the square is there, and the half in front of it is not"),
    "G06": Mutant("gprediction.sum(axis=0)", "gprediction.mean(axis=0)",
           "the bias is used by every example, and what they send was averaged"),
    "G41": Mutant(" + lam * weight", "", "the penalty is in the loss, and its gradient is not here"),
    "G42": Mutant("+ lam * weight", "+ 2 * lam * weight",
           "the penalty has a half in front, and its gradient was taken as if it had none"),
    "G43": Mutant("+ lam * weight", "+ lam * weight / N",
           "the penalty was averaged over the batch, and it stands outside of that mean"),
    "G43.sign": Mutant("+ lam * weight", "- lam * weight",
           "the sign of the penalty: it rewards large weights"),
    "G44": Mutant("gprediction.sum(axis=0)", "gprediction.sum(axis=0) + lam * bias",
           "a penalty was added to the bias, and the loss has none there"),
    "G51": Mutant("x.T @ gprediction", "x[:-1].T @ gprediction[:-1]",
           "the last example does not reach the weight"),
}  # fmt: skip
