"""The example as a program, and its masks and weights by themselves."""

import numpy as np
import pytest
from programs import load, run, verdict
from sklearn.linear_model import LinearRegression

lime = load("lime_digits")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("lime_digits", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "lime_digits.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_fewer_masks_than_weights_miss(tmp_path):
    done = run("lime_digits", tmp_path, "--masks", "12", "--epochs", "20")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"


def test_the_patches_are_squares_that_cover_every_pixel_once():
    patches = lime.PATCHES.reshape(16, 8, 8)
    assert (patches.sum(axis=0) == 1).all()
    assert patches[6, 2:4, 4:6].sum() == patches[6].sum() == 4  # the third of the second row


def test_every_number_of_covered_patches_is_equally_likely():
    masks = lime.random_masks(17_000, np.random.default_rng(0))
    counts = np.bincount(masks.sum(axis=1).astype(int), minlength=17)
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)  # five standard deviations
    assert abs(masks.mean(axis=0) - 0.5).max() < 0.02


def test_a_sum_over_the_patches_is_explained_by_its_terms():
    rng = np.random.default_rng(1)
    x, cover, slope = rng.random((3, 64)), rng.random(64), rng.normal(size=64)
    masks = lime.random_masks(100, rng)
    weights = lime.explain(lambda x: 5 + x @ slope, x, cover, masks)
    np.testing.assert_allclose(weights, lime.by_patch(slope * (x - cover)), atol=1e-12)


def test_the_weights_of_any_score_are_those_of_weighted_least_squares():
    rng = np.random.default_rng(2)
    x, cover = rng.random((3, 64)), rng.random(64)
    masks = lime.random_masks(100, rng)

    def score(x):
        return np.exp(x[:, :20].sum(axis=1) / 10)

    # the cosine of a mask and a row of ones is sqrt(k / 16) where k patches are kept
    kernel = np.exp(-((1 - np.sqrt(masks.sum(axis=1) / 16)) ** 2) / lime.WIDTH**2)
    expected = LinearRegression().fit(masks, lime.scores(score, x, cover, masks), sample_weight=kernel).coef_
    np.testing.assert_allclose(lime.explain(score, x, cover, masks), expected, atol=1e-10)
