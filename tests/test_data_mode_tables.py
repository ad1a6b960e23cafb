"""The published numbers stand where they belong, and the controls score what theory says."""

import math

import pytest

from minigen.data import grid, ring
from minigen.data.mode_tables import PACGAN, VEEGAN, controls, mode_table


def test_the_tables_are_the_published_ones():
    """A few entries against the papers, in the units of the papers."""
    assert PACGAN["ring"]["GAN"] == ("6.3±.5", "98.2±.2", ".45±.09")
    assert PACGAN["grid"]["PacGAN4"] == ("24.8±.2", "93.6±.6", ".04±.01")
    assert VEEGAN["ring"]["unrolled GAN"] == ("7.6", "35.6")
    assert VEEGAN["grid"]["VEEGAN"] == ("24.6", "40")
    for toy in ("ring", "grid"):
        assert list(PACGAN[toy]) == ["GAN", "ALI", "PacGAN2", "PacGAN3", "PacGAN4"]
        assert list(VEEGAN[toy]) == ["GAN", "ALI", "unrolled GAN", "VEEGAN"]


def test_a_row_stands_beside_the_published_one_of_its_name():
    text = mode_table("ring", {"GAN": (0, 0.0, math.inf), "mine": (7, 0.5, 0.25)}, ring(8), rng=0)
    _, names, best, blind, noise, gan, mine, *_, veegan = text.splitlines()
    assert best.startswith("true sampler ") and best.split()[2] == "8.0"
    assert blind.startswith("one Gaussian ") and noise.startswith("noise ")
    assert gan.split() == ["GAN", "0.0", "0.0", "inf", *PACGAN["ring"]["GAN"], *VEEGAN["ring"]["GAN"]]
    assert mine.split() == ["mine", "7.0", "50.0", "0.2500"]
    assert veegan.split() == ["VEEGAN", "8", "52.9"]
    assert names.index("HQ %") + 4 == mine.index("50.0") + 4  # a column under its name
    assert names.rindex("HQ %") + 4 == len(veegan)  # VEEGAN's are the last two columns


@pytest.mark.parametrize(("mixture", "modes"), [(ring(8, sigma=0.05), 8), (grid(5, sigma=0.05), 25)])
def test_the_controls(mixture, modes):
    both = controls(mixture, rng=0)
    best, blind = both["true sampler"], both["one Gaussian"]
    assert best.captured == modes
    # the standard error of ten times 2500 samples is 0.0007
    assert best.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    # its density at the centres times the area within three sigma of them
    variance = (mixture.centres**2).mean() + 0.05**2
    density = sum(math.exp(-(c @ c) / (2 * variance)) for c in mixture.centres) / (2 * math.pi * variance)
    share = density * 9 * math.pi * 0.05**2
    # four standard errors of 2500 draws; the density bends a little within a disc
    assert blind.high_quality == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 2500))
    # noise on the square that the data fill: the area of the discs over that of the square
    side = 2 * (mixture.centres.max() + 4 * 0.05)
    assert both["noise"].high_quality == pytest.approx(modes * 9 * math.pi * 0.05**2 / side**2, rel=0.5)
    assert both["noise"].captured > modes / 2
    assert blind.captured > modes / 2  # where no mode was learned: the number of modes alone says little
