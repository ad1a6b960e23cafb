"""Pairs are found in a person's file, in every style, and right programs come out right."""

import time
import types
from pathlib import Path

import numpy as np
import pytest

from minigen.explain import file, find, load, pairs, propose

STYLES = sorted((Path(__file__).parent / "styles").glob("*.py"))
GRADIENTS = {  # how many pairs and gradients each program has
    "batch_last": (2, 4),
    "call_is_forward": (4, 6),
    "class_grads_dict": (3, 7),
    "class_nothing_returned": (4, 6),
    "class_own_names": (1, 4),
    "class_returns_dx": (3, 9),
    "closures": (3, 6),
    "conv_channels_last": (1, 3),
    "conv_loops": (2, 4),
    "dataclass_layers": (2, 4),
    "dict_of_parameters": (1, 4),
    "epsilon": (2, 2),
    "f_and_derivative": (4, 4),
    "flat_theta_closures": (1, 1),
    "flat_theta_columns": (1, 1),
    "flat_theta_logistic": (1, 1),
    "flat_theta_network": (1, 1),
    "layer_list_constructor": (1, 5),
    "layer_list_functions_inside": (3, 6),
    "layer_list_plain": (1, 5),
    "layer_list_sequential": (1, 5),
    "loss_forward_backward_scalar": (1, 3),
    "loss_gradients_no_g": (3, 4),
    "mixture_class": (1, 3),
    "mixture_functions": (1, 3),
    "one_function_dict": (1, 4),
    "one_function_svm": (2, 2),
    "pair_cache_dict": (1, 4),
    "pair_cache_layers": (4, 8),
    "pair_g_dict": (1, 2),
    "pair_g_first": (1, 4),
    "parameters_in_globals": (1, 4),
    "properties": (1, 2),
    "recurrent_clipped": (1, 5),
    "recurrent_letters": (1, 5),
    "script_with_training": (1, 3),
    "static_methods": (3, 5),
    "train_step": (1, 3),
    "two_functions_gan": (2, 5),
    "update_inside_layer": (1, 3),
    "update_inside_network": (1, 2),
}


def judged(task, seed):
    """{value: whether its gradient fits central differences along a random direction}, for one draw."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(5,)))
    values = task.draw(rng)
    y = task.forward(values)
    g = None if np.ndim(y) == 0 else rng.standard_normal(np.shape(y))
    given = task.play(values, g).gradients

    def weigh(moved):
        return float(np.sum(task.forward(moved) * (1.0 if g is None else g)))

    found = {}
    for name, gradient in given.items():
        fits = []
        for h in (1e-5, 1e-6, 1e-7):  # a large step may lead over a kink
            direction = rng.standard_normal(np.shape(values[name]))
            ends = [weigh({**values, name: values[name] + sign * h * direction}) for sign in (1, -1)]
            slope, claimed = (ends[0] - ends[1]) / (2 * h), float(np.sum(gradient * direction))
            fits.append(abs(slope - claimed) <= 1e-4 * (abs(slope) + abs(claimed)) + 1e-7)
        found[name] = sum(fits) >= 2
    return found


@pytest.mark.parametrize("path", STYLES, ids=lambda p: p.stem)
def test_every_style_is_found_and_right(path):
    found = find.find(load.load(path))
    assert (len(found), sum(len(f.matches) for f in found)) == GRADIENTS[path.stem]
    assert all(m.right for f in found for m in f.matches)
    for f in found:
        task = pairs.task_of(f.place, f.reading, f.warm)
        for seed in range(3):
            verdicts = judged(task, seed)
            assert verdicts, task.title
            assert all(verdicts.values()), (task.title, seed, verdicts)


def test_a_slow_machine_finds_the_same_sizes(monkeypatch):
    """A search for sizes ends after so many tries; its clock, four times as fast here, is for slow code."""
    slow = types.SimpleNamespace(process_time=lambda: 4 * time.process_time())
    monkeypatch.setattr(propose, "time", slow)
    path = next(p for p in STYLES if p.stem == "mixture_functions")  # the one that takes most tries
    found = find.find(load.load(path))
    assert (len(found), sum(len(f.matches) for f in found)) == GRADIENTS[path.stem]
    assert all(m.right for f in found for m in f.matches)


@pytest.mark.slow
@pytest.mark.parametrize("path", STYLES, ids=lambda p: p.stem)
def test_right_programs_are_right_at_twenty_draws(path):
    for f in find.find(load.load(path)):
        task = pairs.task_of(f.place, f.reading, f.warm)
        for seed in range(20):
            assert all(judged(task, seed).values()), (task.title, seed)


def program(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(text)
    return path


def wrong_ones(path):
    found = find.find(load.load(path))
    return {m.source.label for f in found for m in f.matches if not m.right}, found


def test_a_wrong_gradient_is_paired_by_its_name(tmp_path):
    text = (Path(__file__).parent / "styles" / "class_own_names.py").read_text()
    changed = text.replace("self.decWGrad = self.code.T @ err", "self.decWGrad = 2 * self.code.T @ err")
    assert changed != text
    wrong, found = wrong_ones(program(tmp_path, changed))
    assert wrong == {"self.decWGrad"}
    assert sum(len(f.matches) for f in found) == 4


GATES = """import numpy as np
def forward(x, h, Wz, Wr, Wc):
    z, r = np.tanh(x @ Wz), np.tanh(h @ Wr)
    return z * r + np.sin(x @ Wc), (x, h, Wz, Wr, Wc, z, r)
def backward(dout, cache):
    x, h, Wz, Wr, Wc, z, r = cache
    az, ar, ac = dout * r * (1 - z**2), dout * z * (1 - r**2), dout * np.cos(x @ Wc)
    dWz, dWr, dWc = x.T @ az, h.T @ ar, x.T @ ac
    dx, dh = az @ Wz.T + ac @ Wc.T, ar @ Wr.T
    return dx, dh, dWz, dWr, dWc
def inputs(rng):
    n, d = rng.integers(3, 5), rng.integers(6, 8)
    m = lambda *s: rng.normal(size=s)
    return dict(x=m(n, d), h=m(n, d), Wz=m(d, d), Wr=m(d, d), Wc=m(d, d))
"""
RETURNED = "return dx, dh, dWz, dWr, dWc"


@pytest.mark.parametrize(
    ("returned", "more", "wrong"),
    [
        (RETURNED, "", set()),
        ("return dWc, dWr, dWz, dh, dx", "", set()),  # from the last to the first
        ("return dWz, dWr, dWc, dx, dh", "", set()),  # kind by kind
        ("return dx, dh, dWr, dWz, dWc", "gx, gh, gWz, gWr, gWc = backward(1, forward())", {"dWr", "dWz"}),
        ("return dx, dh, dWr, dWz, dWc", "gx, gh, gWr, gWz, gWc = backward(1, forward())", set()),
        ("return dWr, dWz", "", set()),  # two alone may stand either way
        ("return dWr, dWz", "gWz, gWr = backward(1, forward())", {"dWr", "dWz"}),
        ("return dh, dx", "dx, dh = backward(1, forward())", {"dh", "dx"}),
    ],
)
def test_gradients_returned_in_each_other_s_place_are_wrong(tmp_path, returned, more, wrong):
    more = more and f"def train():\n    {more}\n"
    assert wrong_ones(program(tmp_path, GATES.replace(RETURNED, returned) + more))[0] == wrong


def test_an_order_that_nothing_tells_is_neither_right_nor_wrong(tmp_path):
    path = program(tmp_path, GATES.replace(RETURNED, "return dx, dh, dWr, dWz, dWc"))
    said = file.check(path, seconds=0)
    assert said.verdict == "inconclusive"
    assert "the order of dWr and dWz was not compared" in str(said.explanations[0])
    listed = '    """Returns dx, dh, dWr, dWz, dWc."""\n    x, h, Wz, Wr, Wc, z, r = cache'  # the cure
    path.write_text(path.read_text().replace("    x, h, Wz, Wr, Wc, z, r = cache", listed))
    assert file.check(path, seconds=0).verdict == "ok"


def test_the_order_that_a_docstring_tells_is_due(tmp_path):
    said = '    """Gradients dWz and so on: returns (dWz, dWr)."""\n    x, h, Wz, Wr, Wc, z, r = cache'
    text = GATES.replace("    x, h, Wz, Wr, Wc, z, r = cache", said)
    assert wrong_ones(program(tmp_path, text.replace(RETURNED, "return dWr, dWz")))[0] == {"dWr", "dWz"}
    assert wrong_ones(program(tmp_path, text.replace(RETURNED, "return dWz, dWr")))[0] == set()


def test_a_step_that_is_taken_wrongly_is_paired_with_its_parameter(tmp_path):
    text = (Path(__file__).parent / "styles" / "train_step.py").read_text()
    changed = text.replace("(x.T @ dh + e.T @ h)", "(x.T @ dh)")
    assert changed != text
    wrong, _ = wrong_ones(program(tmp_path, changed))
    assert wrong == {"the change of self.W"}


STALE = """
import numpy as np
class Tanh:
    y = None
    def forward(self, x):
        y = np.tanh(x)
        if self.y is None:
            self.y = y
        return y
    def backward(self, g):
        return g * (1 - self.y**2)
"""


def test_what_is_left_of_an_earlier_call_is_noticed(tmp_path):
    _, found = wrong_ones(program(tmp_path, STALE))
    assert [f.stale for f in found] == [True]
    assert [f.wrong for f in found] == [1]
    said = file.check(program(tmp_path, STALE), seconds=0)
    assert "backward uses values of another forward call" in str(said.explanations[0])
    _, found = wrong_ones(
        program(tmp_path, STALE.replace("        if self.y is None:\n            self.y", "        self.y"))
    )
    assert [f.wrong for f in found] == [0]


@pytest.mark.parametrize("x", ["0.5", "np.ones(4)", "np.array([1.0, -1.0, 1.0])", "rng.standard_normal(2)"])
def test_few_or_equal_entries_do_not_hide_what_is_left_of_an_earlier_call(tmp_path, x):
    text = STALE + f"layer = Tanh()\ndef inputs(rng):\n    return {{'x': {x}}}\n"
    _, found = wrong_ones(program(tmp_path, text))
    assert [(f.stale, f.wrong) for f in found] == [(True, 1)]


def test_lists_that_backward_empties_are_right(tmp_path):
    text = """
import numpy as np
class Tanh:
    def __init__(self):
        self.saved = []
    def forward(self, x):
        self.saved.append(np.tanh(x))
        return self.saved[-1]
    def backward(self, g):
        return g * (1 - self.saved.pop() ** 2)
"""
    wrong, found = wrong_ones(program(tmp_path, text))
    assert len(found) == 1
    assert not wrong


def test_training_files_and_waiting_are_left_out_and_told():
    loaded = load.load(Path(__file__).parent / "styles" / "script_with_training.py")
    told = dict(loaded.left_out)
    assert told[27] == told[33] == "is a loop at the top level"
    assert "line 36" in told[36]
    assert "move that line" in told[37]
    assert "not_installed_anywhere" in loaded.missing


def test_random_state_is_as_it_was():
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.get_state()[1].copy()  # noqa: NPY002
    load.load(Path(__file__).parent / "styles" / "script_with_training.py")
    assert np.array_equal(np.random.get_state()[1], expected)  # noqa: NPY002


def test_shapes_that_are_given_are_used(tmp_path):
    path = program(
        tmp_path,
        "import numpy as np\ndef forward(x):\n    return np.tanh(x)\ndef backward(g, "
        "x):\n    return g * (1 - np.tanh(x)**2)\n",
    )
    (found,) = find.find(load.load(path), {"x": (3, 2)})
    assert np.shape(found.y) == (3, 2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\n", "no backward was found"),
        ("def backward(g):\n    return g\n", "could not be called"),
        ("def f(:\n", "is not Python yet"),
        ("print 'x'\n", "is written for Python 2 (line 1)"),
        ("def forward(x):\n    return x\ndef backward(g, x):\n    return g\ndef inputs(rng):\n    return 3\n",
            "must give a dict"),
        ("def forward(x):\n    while True:\n        pass\ndef backward(g, x):\n    return g\n",
            "could not be called"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_judging_is_a_sentence(tmp_path, text, sentence):
    said = file.check(program(tmp_path, text), seconds=1)
    assert said.verdict == "error"
    assert sentence in said.problem
    assert "Traceback" not in said.problem


def test_a_small_number_that_backward_leaves_out_is_recognised(tmp_path):
    text = (Path(__file__).parent / "styles" / "epsilon.py").read_text()
    said = file.check(program(tmp_path, text.replace("1e-7", "2e-5")), seconds=1)
    assert said.verdict == "ok"
    assert any("small number" in note for note in said.notes)
