"""From numbers to a verdict: do by hand, by tape and by differences agree on one tensor, or who differs?

Every entry is judged by itself. With a the claim, n the differences and E ten times their error bar there:
|a - n| within E is ok; beyond 100 E, and beyond 1e-5 of |a| + |n|, it is wrong;
between the two nobody can tell, and the verdict says so. Where E is above a thousandth of the entry,
differences have nothing to say of it; and to confirm the gradient as a whole, E must be below 1e-5 of it,
or it could hide what would be called wrong. An entry may be drowned where E is a ten-millionth of the
largest. What looks wrong must look so with shorter steps, too: bars are small by luck, now and then,
where a function turns faster than the steps. At a kink a claim must lie between the slopes of the two sides.
By hand and by tape are both exact, so those two must agree to rounding.
"""

from dataclasses import dataclass, field

import numpy as np

from minigen.check.differences import add_entries, locate, numeric_gradient
from minigen.check.report import WITNESSES, Record
from minigen.check.stencil import EPS, generator, norm

EXACT = 1e-10  # relative, by hand against by tape: rounding in sums of a few thousand terms stays below 1e-12
AGREES = 1e-7  # relative, beside the error bar
WRONG = 1e-5  # relative: the smallest mistake that is called one
BLIND = 1e-3  # relative: above such a bar differences say nothing at all
SUSPECTS = 3  # entries that look wrong and are looked at again
ROUNDING = 16 * EPS


@dataclass
class Comparison:
    """One claim against the differences: distance, ten times the bar, sum of both norms, and what follows.

    `worst` is the flat index of the entry that decides, None where a direction does or all are fine;
    `kink` says whether it lies on a kink, and `drowned` how many entries are too small to be seen.
    `suspects` are the entries that look wrong, the worst first.
    """

    distance: float
    bar: float
    size: float
    verdict: str
    worst: int | None = None
    kink: bool = False
    drowned: int = 0
    suspects: list = field(default_factory=list)

    @property
    def error(self):
        return self.distance / self.size if self.size else 0.0


def record(subject, name, loss, *, hand=None, tape=None, largest=0.0, rng=None, doubt=None, **options):
    """The Record of `loss.arrays[name]`: `hand` and `tape` are gradients of its shape, or None.

    `largest` is the norm of the largest gradient in sight: against it and the loss itself a gradient counts
    as zero. `doubt` is how far the entries by hand are rounded, where that is known. The other options are
    those of `numeric_gradient`.
    """
    out = Record(subject, name, loss.arrays[name].shape)
    claims = {w: g for w, g in (("hand", hand), ("tape", tape)) if g is not None}
    for witness, g in claims.items():
        infinite = np.flatnonzero(~np.isfinite(g))
        if infinite.size:
            _show_worst(out, claims, int(infinite[0]))
            out.verdict = "wrong"
            out.reason = f"{WITNESSES[witness]} holds NaN or infinity {infinite.size} times"
            return out
    scale = max(loss.size, largest)
    apart = np.abs(hand - tape).reshape(-1) if len(claims) == 2 else None
    if apart is not None:
        size = norm(hand) + norm(tape)
        out.hand_vs_tape = float(norm(apart) / size) if size > 2 * ROUNDING * scale else 0.0
    if loss.flaw or not loss.arrays[name].size:
        out.verdict, out.reason = ("inconclusive", loss.flaw) if loss.flaw else ("ok", "it has no entries")
        return out

    rng = rng or generator(0)
    typical = max(norm(g) / g.size**0.5 for g in claims.values())
    watch = () if apart is None else (int(apart.argmax()),)
    claim = next(iter(claims.values()))
    numeric = numeric_gradient(loss, name, rng, typical=typical, watch=watch, claim=claim, **options)
    unit = max(min(loss.size, 1.0), largest)
    compared = {w: compare_with(g, numeric, scale, unit, doubt) for w, g in claims.items()}
    for w, c in compared.items():
        if c.verdict == "wrong" and not c.kink and not _stands(claims[w], c, loss, name, numeric, typical):
            c.verdict = "unsteady"
    if tape is None and doubt is not None and compared["hand"].verdict == "blind" and loss.finer:
        finer = numeric_gradient(loss.finer, name, rng, typical=typical, claim=claim, **options)
        again = compare_with(hand, finer, scale, unit, doubt)
        large = again.distance > ROUNDING * scale  # smaller ones may be rounding of the derivation by hand
        stands = again.verdict == "wrong" and large and _stands(hand, again, loss.finer, name, finer, typical)
        if again.verdict == "wrong" and not stands:
            again.verdict = "blind"
        if again.verdict in ("ok", "wrong") or again.bar < compared["hand"].bar:
            loss, numeric, compared = loss.finer, finer, {"hand": again}
    out.hand_vs_differences = compared["hand"].error if hand is not None else None
    out.tape_vs_differences = compared["tape"].error if tape is not None else None
    farthest = max(compared, key=lambda w: (compared[w].verdict == "wrong", compared[w].distance))
    decisive = compared[farthest]
    out.error_bar = decisive.bar / decisive.size if decisive.size else 0.0
    out.method, out.skipped = numeric.method, numeric.skipped
    out.verdict, out.reason = _judge(out, numeric, compared, apart, ROUNDING * scale)
    if decisive.verdict == "wrong" and numeric.directions and decisive.worst is None:
        add_entries(numeric, loss, name, [locate(loss, name, claims[farthest], rng)], typical)
    if decisive.worst is not None and decisive.kink and decisive.verdict == "wrong":
        _show_worst(out, claims, decisive.worst)
    elif out.verdict == "inconclusive" and numeric.kinks and numeric.skipped > len(numeric.entries):
        _show_worst(out, claims, numeric.kinks[0])
    elif decisive.worst is not None and decisive.verdict != "ok":
        _show_worst(out, claims, decisive.worst, numeric.values[numeric.entries.index(decisive.worst)])
    elif numeric.entries:
        distances = [np.abs(g.reshape(-1)[numeric.entries] - numeric.values) for g in claims.values()]
        distances += [] if apart is None else [apart[numeric.entries]]
        i = int(np.max(distances, axis=0).argmax())
        _show_worst(out, claims, numeric.entries[i], numeric.values[i])
    return out


def compare_with(claim, numeric, scale, unit=None, doubt=None):
    """The Comparison of a claimed gradient with the differences.

    `scale` is the size of the whole problem, against whose rounding a claim counts as zero;
    `unit` is what a gradient that is not zero may be expected to be, against which the differences must be
    exact to confirm a zero. `doubt` is the rounding of the claim, entry by entry.
    """
    flat, norm_of = claim.reshape(-1), norm(claim)
    entries, values, bars = flat[numeric.entries], np.asarray(numeric.values), 10 * np.asarray(numeric.bars)
    if doubt is not None:
        bars = bars + 10 * doubt.reshape(-1)[numeric.entries]
    top = max(float(np.abs(entries).max(initial=0)), float(np.abs(values).max(initial=0)))
    unit = scale if unit is None else unit
    claimed_zero = norm_of <= ROUNDING * scale
    found = judge(entries, values, bars, top, scale, unit)
    distance, bar, size = norm(entries - values), norm(bars), norm(entries) + norm(values)
    verdicts = set(found.tolist())

    def is_zero():
        return claimed_zero and distance <= bar <= AGREES * unit

    # <e, u> is |e| / sqrt(size) times a normal variable, so this estimates the three norms
    if not numeric.whole:
        stretch = np.sqrt(numeric.size / max(len(numeric.directions), 1))
        claimed = np.array([float((claim * s.along).sum()) for s in numeric.directions])
        slopes = np.array([s.value for s in numeric.directions])
        distance = max(distance, stretch * norm(claimed - slopes))
        bar = max(bar, 10 * stretch * norm([s.bar for s in numeric.directions]))
        bar += 0 if doubt is None else 10 * norm(doubt)
        size = stretch * (norm(claimed) + norm(slopes)) if len(slopes) else 2 * norm_of
        if not is_zero():
            verdicts.add(_one(distance, bar, size))
        # small entries that rounding blurs are no reason to doubt the others
        verdicts |= set(_judge_bands(flat, numeric, scale, unit).tolist()) - {"blind"}
    if bar > WRONG * size and not is_zero():
        verdicts.add("blind")
    verdict, worst, kink = "ok", None, False
    suspects = np.flatnonzero(found == "wrong")
    suspects = [numeric.entries[i] for i in suspects[np.argsort(-np.abs(entries - values)[suspects])]]
    beyond = [i for i, sides in numeric.sides.items() if _outside(flat[i], *sides)]
    for kind in ("wrong", "blind", "unclear"):
        if kind in verdicts:
            verdict = kind
            where = np.flatnonzero(found == kind)
            if where.size:
                worst = numeric.entries[where[np.abs(entries - values)[where].argmax()]]
            break
    if beyond and verdict != "wrong":
        verdict, worst, kink = "wrong", beyond[0], True
    if verdict == "ok" and distance <= bar and claimed_zero:
        distance = size = 0.0  # zero, as claimed; what is left is noise of the differences
    drowned = int((found == "drowned").sum())
    return Comparison(float(distance), float(bar), float(size), verdict, worst, kink, drowned, suspects)


def _stands(claim, comparison, loss, name, numeric, typical):
    """Whether what looks wrong does so with every step; the entry that does is then the one to show."""
    direction = np.zeros(claim.shape)
    for i in comparison.suspects[:SUSPECTS]:
        direction.flat[i] = 1.0
        if loss.stands(name, direction, claim, typical):
            comparison.worst = i
            return True
        direction.flat[i] = 0.0
    ways = [s.along for s in (*numeric.directions, *(s for _, s in numeric.bands))]
    return not comparison.suspects and any(loss.stands(name, u, claim, typical) for u in ways)


def judge(claims, values, bars, top, scale, unit):
    """The verdict on every entry: an array of "ok", "drowned", "blind", "wrong" and "unclear".

    `bars` are ten error bars, `top` is the largest entry of the tensor; `scale`, `unit` as in `compare_with`.
    """
    claims, values, bars = (np.asarray(v, float) for v in (claims, values, bars))
    off, size = np.abs(claims - values), np.abs(claims) + np.abs(values)
    zero = (off <= bars) & (bars <= AGREES * unit) & (np.abs(claims) <= ROUNDING * scale)
    lost = claims == 0  # 1 + tanh(-50) is 0: what is smaller than a last digit is lost in a right formula
    return np.select(
        [
            zero,
            lost & (np.abs(values) <= EPS * top),
            lost & (np.abs(values) <= EPS * scale),
            (bars > WRONG * size) & (off <= bars) & (bars <= AGREES * top),
            bars > BLIND * size,
            off > np.maximum(100 * bars, WRONG * size),
            off <= bars + AGREES * size,
        ],
        ["ok", "drowned", "blind", "drowned", "blind", "wrong", "ok"],
        "unclear",
    )


def _one(distance, bar, size):
    return str(judge(distance + 0.5 * (size - distance), 0.5 * (size - distance), bar, 0.0, 0.0, 0.0))


def _judge_bands(flat, numeric, scale, unit):
    """The verdict along each direction that stays among entries of about one size."""
    claimed = np.array([float((flat * s.along.reshape(-1)).sum()) for _, s in numeric.bands])
    slopes, bars = (np.array([getattr(s, key) for _, s in numeric.bands]) for key in ("value", "bar"))
    # a direction along which little happens by chance says no more than the usual one
    usual = np.array([norm(flat[band]) / len(band) ** 0.5 for band, _ in numeric.bands])
    top = float(np.abs(flat).max(initial=0))
    claims = np.maximum(np.abs(claimed), usual)
    return judge(claims, claims + slopes - claimed, 10 * bars, top, scale, unit)


def _outside(claim, lowest, highest, bar):
    """Whether a claim at a kink is none of the slopes between those of the two sides."""
    beyond = max(lowest - claim, claim - highest)
    return bool(beyond > max(30 * bar, WRONG * (abs(claim) + abs(lowest) + abs(highest))))


def _judge(out, numeric, compared, apart, rounding):
    """The verdict and the sentence for it."""
    verdicts = {w: c.verdict for w, c in compared.items()}
    wrong = [w for w, v in verdicts.items() if v == "wrong"]
    at_kink = next((c.worst for c in compared.values() if c.kink), None)
    disagree = apart is not None and out.hand_vs_tape > EXACT
    if disagree and numeric.kinks and numeric.whole and not (apart[numeric.entries] > rounding).any():
        return "inconclusive", (
            "by hand and by tape differ only at kinks, where any slope between those of the two sides is "
            "allowed; minigen takes 0 for relu and abs, and the first of equals for max"
        )
    if at_kink is not None:
        lowest, highest, _ = numeric.sides[at_kink]
        return "wrong", (
            f"{WITNESSES[wrong[0]]} claims at a kink what no side of it allows: the slope there lies between "
            f"{lowest:.6g} and {highest:.6g}"
        )
    if len(wrong) == 2:
        both = "neither by hand nor by tape agrees with the differences"
        doubt = ", though they agree with each other: is a path cut, or a mistake in both?"
        return "wrong", both if disagree else both + doubt
    if wrong:
        others = " and from ".join(WITNESSES[w] for w in (*compared, "differences") if w not in wrong)
        return "wrong", f"{WITNESSES[wrong[0]]} differs from {others}"
    if disagree and out.hand_vs_tape > WRONG:
        return "wrong", (
            "by hand differs from by tape, and the differences are too coarse to tell which is right"
        )
    if numeric.skipped > len(numeric.entries) if numeric.whole else not numeric.directions:
        return "inconclusive", _obstacle(numeric)
    if "unsteady" in verdicts.values():
        return "inconclusive", (
            "the differences change with the step, however short: the function turns faster than they can "
            "follow (the sine of a large number?); use inputs of size about 1"
        )
    if "blind" in verdicts.values():
        return "inconclusive", (
            f"the differences are only good to {100 * out.error_bar:.2g} % of this gradient, which is small "
            "against the rounding of the loss: use float64 throughout, a mean instead of a sum, "
            "inputs of size about 1"
        )
    if "unclear" in verdicts.values() or disagree:
        return "inconclusive", (
            "the disagreement is more than rounding and the error bar explain, and too little to call it a "
            "mistake: look for a small constant (an epsilon) in one of them, "
            "or for something computed in float32"
        )
    told = [f"{_left_out(numeric)}; they were not compared"] if numeric.skipped else []
    drowned = max(c.drowned for c in compared.values())
    if drowned:
        told.append(
            f"{drowned} of {len(numeric.entries)} entries are so small beside the others that rounding "
            "drowns them"
        )
    return "ok", "; ".join(told)


def _obstacle(numeric):
    if numeric.outside and not numeric.kinks:
        return (
            f"{_left_out(numeric)}: a step to one side, however small, leaves the place where the loss is "
            "finite (log, sqrt or a division at 0); move the inputs inside"
        )
    return (
        f"{_left_out(numeric)} (relu at exactly 0, a tie of max), where any slope between those of the two "
        "sides is allowed, and minigen takes 0 for relu and abs; move the inputs off the kink to compare"
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
