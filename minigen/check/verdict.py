"""From numbers to a verdict: do by hand, by tape and by differences agree on one tensor, and if not, who differs?

With a the claim, n the differences and E ten times their error bar, all as norms over the tensor: |a - n|
within E is ok; beyond 100 E, and beyond 1e-5 of |a| + |n|, it is wrong; between the two nobody can tell, and
the verdict says so. To confirm a gradient, E must itself be below 1e-5 of it, or it could hide what would be
called wrong; above a thousandth, differences have nothing to say. By hand and by tape are both exact, so
those two must agree to rounding.
"""

from dataclasses import dataclass

import numpy as np

from minigen.check.differences import add_entries, generator, locate, numeric_gradient
from minigen.check.report import WITNESSES, Record

EXACT = 1e-10  # relative, by hand against by tape: rounding in sums of a few thousand terms stays below 1e-12
AGREES = 1e-7  # relative, beside the error bar
WRONG = 1e-5  # relative: the smallest mistake that is called one
BLIND = 1e-3  # relative: above such a bar differences say nothing at all
ROUNDING = 16 * float(np.finfo(float).eps)


@dataclass
class Comparison:
    """One claim against the differences: distance, ten times the bar, the sum of both norms, and what follows."""

    distance: float
    bar: float
    size: float
    verdict: str

    @property
    def error(self):
        return self.distance / self.size if self.size else 0.0


def record(subject, name, loss, *, hand=None, tape=None, largest=0.0, rng=None, **options):
    """The Record of `loss.arrays[name]`: `hand` and `tape` are gradients of its shape, None for a witness not asked.

    `largest` is the norm of the largest gradient in sight: against it and the loss itself a gradient counts
    as zero. The other options are those of `numeric_gradient`.
    """
    out = Record(subject, name, loss.arrays[name].shape)
    claims = {w: g for w, g in (("hand", hand), ("tape", tape)) if g is not None}
    for witness, g in claims.items():
        infinite = np.flatnonzero(~np.isfinite(g))
        if infinite.size:
            _show_worst(out, claims, int(infinite[0]))
            out.verdict, out.reason = (
                "wrong",
                f"{WITNESSES[witness]} holds NaN or infinity {infinite.size} times",
            )
            return out
    scale = max(loss.size, largest)
    apart = np.abs(hand - tape).reshape(-1) if len(claims) == 2 else None
    if apart is not None:
        size = np.linalg.norm(hand) + np.linalg.norm(tape)
        out.hand_vs_tape = float(np.linalg.norm(apart) / size) if size > 2 * ROUNDING * scale else 0.0
    if loss.flaw or not loss.arrays[name].size:
        out.verdict, out.reason = ("inconclusive", loss.flaw) if loss.flaw else ("ok", "it has no entries")
        return out

    rng = rng or generator(0)
    typical = max(float(np.sqrt(np.mean(g * g))) for g in claims.values())
    watch = () if apart is None else (int(apart.argmax()),)
    numeric = numeric_gradient(loss, name, rng, typical=typical, watch=watch, **options)
    compared = {w: compare_with(g, numeric, scale) for w, g in claims.items()}
    out.hand_vs_differences = compared["hand"].error if hand is not None else None
    out.tape_vs_differences = compared["tape"].error if tape is not None else None
    farthest = max(compared, key=lambda w: compared[w].distance)
    bar, size = compared[farthest].bar, compared[farthest].size
    out.error_bar = bar / size if size else 0.0
    out.method, out.skipped = numeric.method, numeric.skipped
    out.verdict, out.reason = _judge(out, numeric, compared, apart, ROUNDING * scale)
    if compared[farthest].verdict == "wrong" and numeric.directions:
        add_entries(numeric, loss, name, [locate(loss, name, claims[farthest], rng)], typical)
    if out.verdict == "inconclusive" and numeric.kinks and numeric.skipped > len(numeric.entries):
        _show_worst(out, claims, numeric.kinks[0])
    elif numeric.entries:
        distances = [np.abs(g.reshape(-1)[numeric.entries] - numeric.values) for g in claims.values()]
        distances += [] if apart is None else [apart[numeric.entries]]
        i = int(np.max(distances, axis=0).argmax())
        _show_worst(out, claims, numeric.entries[i], numeric.values[i])
    return out


def compare_with(claim, numeric, scale):
    """The Comparison of a claimed gradient with the differences; `scale` is the size of the whole problem."""
    norm, entries = float(np.linalg.norm(claim)), claim.reshape(-1)[numeric.entries]
    distance, bar = np.linalg.norm(entries - numeric.values), 10 * np.linalg.norm(numeric.bars)
    if numeric.whole:
        size = np.linalg.norm(entries) + np.linalg.norm(numeric.values)
    else:  # <e, u> is |e| / sqrt(size) times a normal variable, so this estimates the three norms
        stretch = np.sqrt(numeric.size / max(len(numeric.directions), 1))
        claimed = np.array([float((claim * s.along).sum()) for s in numeric.directions])
        found = np.array([s.value for s in numeric.directions])
        distance = max(distance, stretch * np.linalg.norm(claimed - found))
        bar = max(bar, 10 * stretch * np.linalg.norm([s.bar for s in numeric.directions]))
        size = stretch * (np.linalg.norm(claimed) + np.linalg.norm(found)) if len(found) else 2 * norm
    distance, bar, size = float(distance), float(bar), float(size)
    if distance <= bar <= AGREES * scale and norm <= ROUNDING * scale:
        return Comparison(0.0, bar, 0.0, "ok")  # zero, as claimed; what is left is noise of the differences
    if bar > BLIND * size:
        return Comparison(distance, bar, size, "blind")
    if distance > max(100 * bar, WRONG * size):
        return Comparison(distance, bar, size, "wrong")
    if bar > WRONG * size:
        return Comparison(distance, bar, size, "blind")
    return Comparison(distance, bar, size, "ok" if distance <= bar + AGREES * size else "unclear")


def _judge(out, numeric, compared, apart, rounding):
    """The verdict and the sentence for it."""
    verdicts = {w: c.verdict for w, c in compared.items()}
    wrong = [w for w, v in verdicts.items() if v == "wrong"]
    disagree = apart is not None and out.hand_vs_tape > EXACT
    if disagree and numeric.kinks and numeric.whole and not (apart[numeric.entries] > rounding).any():
        return "inconclusive", (
            "by hand and by tape differ only at kinks, where any slope between those of the two sides is allowed; "
            "minigen takes 0 for relu and abs, and the first of equals for max"
        )
    if len(wrong) == 2:
        doubt = (
            "" if disagree else ", though they agree with each other: is a path cut, or a mistake in both?"
        )
        return "wrong", f"neither by hand nor by tape agrees with the differences{doubt}"
    if wrong:
        others = " and from ".join(WITNESSES[w] for w in (*compared, "differences") if w not in wrong)
        return "wrong", f"{WITNESSES[wrong[0]]} differs from {others}"
    if disagree and out.hand_vs_tape > WRONG:
        return (
            "wrong",
            "by hand differs from by tape, and the differences are too coarse to tell which is right",
        )
    if numeric.skipped > len(numeric.entries) if numeric.whole else not numeric.directions:
        return "inconclusive", _obstacle(numeric)
    if "blind" in verdicts.values():
        return "inconclusive", (
            f"the differences are only good to {100 * out.error_bar:.2g} % of this gradient, which is small against "
            "the rounding of the loss: use float64 throughout, a mean instead of a sum, inputs of size about 1"
        )
    if "unclear" in verdicts.values() or disagree:
        return "inconclusive", (
            "the disagreement is more than rounding and the error bar explain, and too little to call it a mistake: "
            "look for a small constant (an epsilon) in one of them, or for something computed in float32"
        )
    return "ok", f"{_left_out(numeric)}; they were not compared" if numeric.skipped else ""


def _obstacle(numeric):
    if numeric.outside and not numeric.kinks:
        return (
            f"{_left_out(numeric)}: a step to one side, however small, leaves the place where the loss is finite "
            "(log, sqrt or a division at 0); move the inputs inside"
        )
    return (
        f"{_left_out(numeric)} (relu at exactly 0, a tie of max), where any slope between those of the two sides is "
        "allowed, and minigen takes 0 for relu and abs; move the inputs off the kink to compare"
    )


def _left_out(numeric):
    seen = len(numeric.entries) + len(numeric.kinks) + len(numeric.outside)
    counts = {
        f"of {seen} entries sit on a kink": len(numeric.kinks),
        f"of {seen} entries lie on the edge of the domain": len(numeric.outside),
        "random directions cross a kink": numeric.lost_directions,
    }
    return " and ".join(f"{count} {what}" for what, count in counts.items() if count)


def _show_worst(out, claims, flat, numeric=None):
    out.worst_index = tuple(int(i) for i in np.unravel_index(flat, out.shape))
    out.worst = {w: float(g.flat[flat]) for w, g in claims.items()}
    if numeric is not None:
        out.worst["differences"] = float(numeric)
