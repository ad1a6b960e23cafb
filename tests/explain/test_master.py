"""`--as SUBJECT`: a wrong forward is seen, though its gradient is right.

A right forward is recognised, whatever its names.
"""

import pytest

from minigen import cli
from minigen.explain import file

VAE = """
import numpy as np
def forward(x, eps, p):
    h = np.tanh(x @ p["W1"] + p["b1"])
    m = h @ p["Wm"] + p["bm"]
    s = h @ p["Ws"] + p["bs"]
    z = m + np.exp(s / 2) * eps
    k = np.tanh(z @ p["W2"] + p["b2"])
    t = k @ p["W3"] + p["b3"]
    rec = np.sum(np.logaddexp(0, t) - x * t)
    kl = 0.5 * np.sum(np.exp(s) + m**2 - 1 - s)
    return (rec + kl) / len(x)
def backward(g, x, eps, p):
    h = np.tanh(x @ p["W1"] + p["b1"])
    m = h @ p["Wm"] + p["bm"]
    s = h @ p["Ws"] + p["bs"]
    z = m + np.exp(s / 2) * eps
    k = np.tanh(z @ p["W2"] + p["b2"])
    t = k @ p["W3"] + p["b3"]
    dt = g * (1 / (1 + np.exp(-t)) - x) / len(x)
    dk = dt @ p["W3"].T
    da = dk * (1 - k**2)
    dz = da @ p["W2"].T
    dm = dz + g * m / len(x)
    ds = dz * eps * 0.5 * np.exp(s / 2) + g * 0.5 * (np.exp(s) - 1) / len(x)
    dh = dm @ p["Wm"].T + ds @ p["Ws"].T
    da1 = dh * (1 - h**2)
    found = {"W3": k.T @ dt, "b3": dt.sum(0), "W2": z.T @ da, "b2": da.sum(0)}
    found |= {"Wm": h.T @ dm, "bm": dm.sum(0), "Ws": h.T @ ds, "bs": ds.sum(0)}
    return found | {"W1": x.T @ da1, "b1": da1.sum(0)}
def inputs(rng):
    n, d, h, z = rng.integers(4, 6), 7, 5, 3
    shapes = {"W1": (d, h), "b1": (h,), "Wm": (h, z), "bm": (z,)}
    shapes |= {"Ws": (h, z), "bs": (z,), "W2": (z, h), "b2": (h,), "W3": (h, d), "b3": (d,)}
    p = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {"x": rng.uniform(size=(n, d)), "eps": rng.normal(size=(n, z)), "p": p}
"""


def compared(tmp_path, text, subject):
    path = tmp_path / "mine.py"
    path.write_text(text)
    said = file.check(path, seconds=0, subject=subject)
    return said.verdict, " ".join(said.to_dict()["certain"])


SOFTMAX = """
import numpy as np
def loss(scores, t):
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.sum(t * np.log(p)) / len(t)
def loss_grad(scores, t):
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return (p - t) / len(t)
"""


def test_a_right_forward_is_recognised(tmp_path):
    assert compared(tmp_path, SOFTMAX, "softmax-cross-entropy") == (
        "ok",
        "forward is softmax-cross-entropy: the same values, on 3 inputs",
    )


def test_a_sum_for_a_mean_in_forward_is_seen(tmp_path):
    verdict, certain = compared(tmp_path, SOFTMAX.replace(" / len(t)", ""), "softmax-cross-entropy")
    assert verdict == "wrong"
    assert "a sum where a mean is due" in certain


def test_a_whole_model_is_recognised(tmp_path):
    assert compared(tmp_path, VAE, "vae-bernoulli")[0] == "ok"


def test_a_wrong_loss_with_a_right_gradient_is_seen(tmp_path):
    text = (
        VAE.replace("kl = 0.5 * ", "kl = ")
        .replace("+ g * m", "+ 2 * g * m")
        .replace("+ g * 0.5 * (", "+ g * (")
    )
    assert compared(tmp_path, text, None) == ("ok", "")
    verdict, certain = compared(tmp_path, text, "vae-bernoulli")
    assert verdict == "wrong"
    assert "forward is not vae-bernoulli: yours " in certain


def test_an_unknown_subject_is_misuse(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(SOFTMAX)
    assert cli.main(["check", str(tmp_path / "mine.py"), "--as", "vae-bernouli"]) == 2
    assert "did you mean vae-bernoulli" in capsys.readouterr().err


@pytest.mark.parametrize("subject", ["conv2d", "gan-discriminator"])
def test_what_does_not_fit_is_not_compared(tmp_path, subject):
    verdict, certain = compared(tmp_path, VAE, subject)
    assert verdict == "inconclusive"
    assert "not compared" in certain
