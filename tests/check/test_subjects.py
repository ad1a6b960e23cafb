"""Every subject of `minigen check`: three witnesses that agree, and a mistake in any gradient that is seen.

The differences know nothing of the derivation, so they need not be computed again for each planted mistake:
the slopes that were measured once are remembered.
"""

import inspect
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from conftest import standing

from minigen.byhand import layers as by_hand
from minigen.check import subjects, witnesses
from minigen.check.differences import Loss, numeric_gradient
from minigen.check.stencil import generator, norm
from minigen.check.verdict import compare_with
from minigen.engine.tape import Tensor, record_branches

NO_HAND = {"wgan-gp-critic-conv"}  # by tape and differences; deriving it by hand is left to the reader

# A bias that shifts every score of a critic cancels in mean f(G(z)) - mean f(x), and no slope contains it:
# its gradient is exactly 0, which stays 0 when it is scaled or turned round.
ZERO = {
    ("wgan-critic", "critic.output.bias"),
    ("wgan-gp-critic-tanh", "critic.output.bias"),
    ("wgan-gp-critic-leaky", "critic.output.bias"),
    ("wgan-gp-critic-conv", "critic.dense.bias"),
}

MISTAKES = {"a scale": lambda g: 1.01 * g, "a sign": lambda g: -g}


class Case:
    """A subject, its right gradients, and the slopes of its loss that differences have measured so far."""

    def __init__(self, name):
        self.subject = subjects.build(name)
        slopes = {}

        class Remembering(Loss):
            def slope(self, name, direction, typical=0.0):
                key = name, direction.tobytes()
                if key not in slopes:
                    slopes[key] = super().slope(name, direction, typical)
                return slopes[key]

        self.loss = Remembering
        self.names = self.subject.wrt or list(self.subject.parameters)
        by_hand = self.subject.by_hand or self.by_tape
        self.value, self.gradients = by_hand(dict(self.subject.parameters))

    def by_tape(self, arrays):
        """What a derivation by hand would return, taken from the tape, for a subject that has none."""
        recorded, _ = witnesses.ByTape(self.subject.by_tape).gradients(arrays, self.names, np.ones)
        value, _ = witnesses.ByTape(self.subject.by_tape, tracked=True)(arrays)
        return value, {n: np.zeros_like(arrays[n]) if g is None else g for n, g in recorded.items()}

    def compare(self, monkeypatch, **changes):
        monkeypatch.setattr(witnesses, "Loss", self.loss)
        return witnesses.compare(replace(self.subject, **changes))


case_of = cache(Case)
every_subject = pytest.mark.parametrize("name", subjects.NAMES)


def test_every_builder_is_a_subject():
    """A function with the one argument `s` builds a subject; without its decorator nobody would see it."""
    for module in (subjects.layers, subjects.autoencoders, subjects.vaes, subjects.gans, subjects.wgans):
        file = module.__name__.replace(".", "/")
        for name, builder in inspect.getmembers(module, inspect.isfunction):
            if name[0] != "_" and [*inspect.signature(builder).parameters] == ["s"]:
                assert name.replace("_", "-") in subjects.NAMES, f"{file}.py: {name} lacks the line @subject"


def test_every_layer_by_hand_is_a_subject():
    without = {name.replace("_", "-") for name in by_hand.__all__} - set(subjects.NAMES)
    assert not without, f"minigen/check/subjects/layers.py has no builder for {', '.join(sorted(without))}"


def test_the_quick_ones_are_subjects():
    """That README.md lists all of them is tested in test_readme.py."""
    assert set(subjects.QUICK) < set(subjects.NAMES)
    assert len(subjects.NAMES) > 50


@every_subject
def test_three_witnesses_agree(name, monkeypatch):
    records = case_of(name).compare(monkeypatch)
    assert [r.parameter for r in records] == list(case_of(name).names)  # and no row "(loss)"
    for r in records:
        assert r.verdict == "ok", r.explain()
        assert r.tape_vs_differences <= 1e-6, r.explain()  # measured: 3e-9, where a kink forbids large steps
        if name in NO_HAND:
            assert r.hand_vs_tape is None
        else:
            assert r.hand_vs_tape is not None, f"{name} has no derivation in minigen/byhand/"
            assert r.hand_vs_tape <= 1e-10, r.explain()  # measured: 2e-15
            assert r.hand_vs_differences <= 1e-6, r.explain()


@every_subject
def test_a_mistake_in_any_gradient_is_seen(name, monkeypatch):
    case = case_of(name)
    zero = {n for n in case.names if np.abs(case.gradients[n]).max() < 1e-15}  # 1/7 added 7 times is not 1
    assert zero == {n for s, n in ZERO if s == name}
    for parameter in case.names:
        mistakes = MISTAKES if (name, parameter) not in ZERO else {"an addition": lambda g: g + 0.01}
        for what, mistake in mistakes.items():
            planted = case.gradients | {parameter: mistake(case.gradients[parameter])}
            (r,) = case.compare(monkeypatch, wrt=[parameter], by_hand=lambda _, g=planted: (case.value, g))
            assert r.verdict == "wrong", f"{what} in {parameter} went unseen: {r.explain()}"
            # 5e-3 for the scale; along 3 directions it varies
            assert r.hand_vs_differences > 1e-4, r.explain()
            assert r.tape_vs_differences <= 1e-6, r.explain()


@pytest.mark.slow
@every_subject
def test_a_mistake_in_any_single_entry_is_seen_by_differences_alone(name):
    """By hand and by tape may share a mistake. Entries below a millionth of the largest are left out."""
    case = case_of(name)
    arrays = {k: np.array(x, np.float64) for k, x in case.subject.parameters.items()}
    loss = Loss(witnesses.ByTape(case.subject.by_tape, tracked=True), arrays, tries=witnesses.TRIES)
    largest = max(norm(g) for g in case.gradients.values())
    scale, unit = max(loss.size, largest), max(min(loss.size, 1.0), largest)
    rng, planted = generator(0), 0
    for n in case.names:
        g = case.gradients[n]
        how = {"typical": norm(g) / g.size**0.5, "claim": g, **witnesses.LOOKS}
        numeric = numeric_gradient(loss, n, rng, **how)
        assert compare_with(g, numeric, scale, unit).verdict == "ok"
        off_kinks = np.delete(np.arange(g.size), numeric.kinks)
        for i in off_kinks[np.abs(g.flat[off_kinks]) > max(1e-6 * np.abs(g).max(), 1e-15)]:
            for factor in (1.01, -1, 0) if i % 10 == 0 else (1.01,):
                wrong = g.copy()
                wrong.flat[i] *= factor
                assert compare_with(wrong, numeric, scale, unit).verdict != "ok", (n, i, factor)
                planted += 1
    assert planted


@every_subject
def test_the_tape_finds_the_same_on_another_device(name):
    case = case_of(name)
    with standing("stand-in"):
        there = subjects.build(name, "cuda")
        tape = witnesses.ByTape(there.by_tape, "cuda")
        recorded, _ = tape.gradients(there.parameters, case.names, np.ones)
    for n, g in case.gradients.items():
        if recorded.get(n) is not None:
            np.testing.assert_allclose(recorded[n], g, rtol=1e-8, atol=1e-12)


@every_subject
def test_the_same_name_gives_the_same_numbers(name):
    a, b = subjects.build(name), subjects.build(name)
    assert a.parameters.keys() == b.parameters.keys()
    for n, x in a.parameters.items():
        np.testing.assert_array_equal(x, b.parameters[n])
        assert x.dtype == np.float64
        assert np.ptp(x) > 0 or x.size == 1, f"{n} is constant, and mistakes hide in a symmetry"


def test_some_units_of_vae_free_bits_pay_and_others_do_not():
    """On one side of the threshold alone, a wrong mask would be as good as the right one."""
    subject = subjects.build("vae-free-bits")
    with record_branches() as taken:
        subject.by_tape({n: Tensor(x) for n, x in subject.parameters.items()})
    ((op, free),) = taken
    assert op == "maximum" and free.shape == (5,)
    assert free.any() and not free.all()
