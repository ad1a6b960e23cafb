"""Published mode counts of two papers on the ring of 8 and the grid of 25, and a table to compare with.

The protocols differ, and so do the numbers: the same plain GAN reaches 6.3 modes of the ring in one paper and
1 in the other. PacGAN trains for 400 000 steps, sigma is .01 on its ring and .05 on the grid; VEEGAN does not
state its ring. Both count 2500 samples, those within 3 sigma of a centre as of high quality, and average 10
and 5 runs.
"""

from __future__ import annotations

from minigen.arguments import as_generator
from minigen.baselines import Gaussian
from minigen.data.toys import Mixture
from minigen.engine.backend import Seed
from minigen.metrics import ModeCoverage, mode_control, mode_coverage

# modes, high quality in %, and for PacGAN the reverse KL in nats; as printed, ± the standard error
PACGAN = {  # Lin et al. 2018, Table 1
    "ring": {
        "GAN": ("6.3±.5", "98.2±.2", ".45±.09"),
        "ALI": ("6.6±.3", "97.6±.4", ".36±.04"),
        "PacGAN2": ("7.9±.1", "95.6±2.0", ".07±.03"),
        "PacGAN3": ("7.8±.1", "97.7±.3", ".10±.02"),
        "PacGAN4": ("7.8±.1", "95.9±1.4", ".07±.02"),
    },
    "grid": {
        "GAN": ("17.3±.8", "94.8±.7", ".70±.07"),
        "ALI": ("24.1±.4", "95.7±.6", ".14±.03"),
        "PacGAN2": ("23.8±.7", "91.3±.8", ".13±.04"),
        "PacGAN3": ("24.6±.4", "94.2±.4", ".06±.02"),
        "PacGAN4": ("24.8±.2", "93.6±.6", ".04±.01"),
    },
}
VEEGAN = {  # Srivastava et al. 2017, Table 1
    "ring": {
        "GAN": ("1", "99.3"),
        "ALI": ("2.8", "0.13"),
        "unrolled GAN": ("7.6", "35.6"),
        "VEEGAN": ("8", "52.9"),
    },
    "grid": {
        "GAN": ("3.3", "0.5"),
        "ALI": ("15.8", "1.6"),
        "unrolled GAN": ("23.6", "16"),
        "VEEGAN": ("24.6", "40"),
    },
}


def controls(mixture: Mixture, *, samples: int = 2500, rng: Seed) -> dict[str, ModeCoverage]:
    """{name: ModeCoverage} of a perfect sampler, of one Gaussian fitted to the data, and of noise around it.

    The last two reach every mode where they have density, by chance. Only the high-quality share tells them
    from a network that has learned the modes, so always read both numbers.
    """
    rng = as_generator(rng)
    data = mixture.sample(100_000, rng=rng)
    gaussian = Gaussian(data).sample(samples, rng=rng)
    noise = rng.uniform(data.min(axis=0), data.max(axis=0), (samples, data.shape[1]))
    best, _ = mode_control(mixture.centres, mixture.sigma, n=samples, rng=rng)
    blind = {"one Gaussian": gaussian, "noise": noise}
    found = {name: mode_coverage(x, mixture.centres, mixture.sigma) for name, x in blind.items()}
    return {"true sampler": best} | found


def mode_table(toy: str, rows: dict[str, tuple], mixture: Mixture, *, rng: Seed) -> str:
    """The text of a table: the `controls` of a mixture, your rows, and what is published of the toy.

    `toy` is "ring" or "grid". rows {name: (modes, high-quality share, reverse KL)} stand beside what was
    published under the same name.
    """
    rows = controls(mixture, rng=rng) | rows
    names = ("modes", "HQ %", "rev. KL")
    lines = [
        f"{toy:14}{'here':>25}{'PacGAN, Table 1':>28}{'VEEGAN, Table 1':>28}",
        _line("", names, names, names[:2]),
    ]
    for name in rows | PACGAN[toy] | VEEGAN[toy]:
        here = ()
        if name in rows:
            modes, share, kl = rows[name][:3]
            here = f"{modes:.1f}", f"{100 * share:.1f}", f"{kl:.4f}"
        lines.append(_line(name, here, PACGAN[toy].get(name, ()), VEEGAN[toy].get(name, ())))
    return "\n".join(lines)


def _line(name, *groups):
    """At most three words a group, each in a column of its own."""
    cells = [word for group in groups for word in (*group, "", "", "")[:3]]
    return (f"{name:14}" + "".join(f"{word:>9}" for word in cells)).rstrip()
