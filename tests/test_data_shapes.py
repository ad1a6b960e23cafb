"""The pictures drawn by formula, and the patches cut from pictures."""

import numpy as np
import pytest

from minigen.data import digits, edge_patches, shape_names, shapes


def test_same_seed_same_bits():
    images, labels = shapes(50, rng=np.random.default_rng(0))
    assert images.shape == (50, 16, 16) and images.dtype == np.float32
    assert labels.shape == (50,) and labels.dtype == np.int64
    again, labels_again = shapes(50, rng=0)
    np.testing.assert_array_equal(again, images)
    np.testing.assert_array_equal(labels_again, labels)
    assert not np.array_equal(shapes(50, rng=1)[0], images)


def test_the_classes_are_even_and_every_shape_lies_inside():
    images, labels = shapes(3000, rng=0, size=20)
    assert images.min() == 0 and images.max() == 1
    counts = np.bincount(labels)
    assert len(counts) == len(shape_names) == 3
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000 * 2 / 3)
    # What would be covered outside is at most the blur of half a pixel: nothing of the shape is cut off.
    area = images.sum(axis=(1, 2)).astype(np.float64)
    assert area.min() > 0.9 * np.pi * 3.0**2 and area.max() < 1.1 * np.pi * 6.0**2


@pytest.mark.parametrize("radius", [2.5, 4.0, 5.5])
def test_all_three_have_the_area_of_the_circle(radius):
    """One pixel of blur, evenly on both sides of an edge, keeps the area but for curvature and corners."""
    images, labels = shapes(900, rng=0, radius=radius)
    area = images.sum(axis=(1, 2)).astype(np.float64)
    for label in range(3):
        own = area[labels == label]
        assert abs(own.mean() / (np.pi * radius**2) - 1) < 0.03, shape_names[label]
        assert own.std() < 0.03 * np.pi * radius**2


def test_sizes_and_places_are_spread_over_their_range():
    """Square root of the area over pi: uniform from 0.15 to 0.3 of the size, so mean 0.225
    and sd 0.15 / sqrt(12).
    """
    images, labels = shapes(6000, rng=0, size=32)
    radius = np.sqrt(images.sum(axis=(1, 2), dtype=np.float64) / np.pi) / 32
    assert abs(radius.mean() - 0.225) < 0.004 and abs(radius.std() - 0.15 / np.sqrt(12)) < 0.003
    x = (images.sum(axis=1, dtype=np.float64) @ (np.arange(32) + 0.5)) / images.sum(axis=(1, 2))
    assert abs(x.mean() - 16) < 5 * x.std() / np.sqrt(6000)
    reach = 0.15 * 32
    assert x[labels == 0].min() < reach + 1.5 and x[labels == 0].max() > 32 - reach - 1.5


def test_each_name_is_drawn_as_its_shape():
    images, labels = shapes(60, rng=0, size=40, radius=10.0)
    for image, label in zip(images, labels, strict=True):
        inside = image > 0.5
        rows, columns = inside.any(axis=1).sum(), inside.any(axis=0).sum()
        share = inside.sum() / (rows * columns)  # of the box around it: pi / 4, 1, 1 / 2
        assert abs(share - (np.pi / 4, 1.0, 0.5)[label]) < 0.06, shape_names[label]
        widths = inside.sum(axis=1)[inside.any(axis=1)]
        if shape_names[label] == "triangle":
            assert widths[0] < 4 and widths[-1] > 24  # the tip is above
            assert abs(columns / rows - 2 / np.sqrt(3)) < 0.08  # equilateral
        else:
            assert abs(columns - rows) <= 1


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"n": 0}, "n is 0, expected a whole number of 1 or more"),
        ({"n": 2.5}, "n is 2.5, expected a whole number"),
        ({"size": 3}, "size is 3, expected a whole number of 4 or more"),
        ({"radius": 7.0}, r"radius is \(7, 7\), expected 0 < smallest <= largest <= 5.94 pixels"),
        ({"radius": (4.0, 3.0)}, r"radius is \(4, 3\)"),
        ({"radius": 0.0}, r"radius is \(0, 0\)"),
        ({"radius": float("nan")}, r"radius is \(nan, nan\)"),
    ],
)
def test_shapes_that_cannot_be_drawn_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        shapes(**{"n": 5, "rng": 0, **wrong})


# ----- patches ----------------------------------------------------------------------------------------------


def test_patches_are_windows_of_the_images_at_all_places():
    images = np.arange(3 * 6 * 7).reshape(3, 6, 7)  # every pixel names its place
    patches = edge_patches(images, 5000, rng=0, size=4, least=0)
    assert patches.shape == (5000, 4, 4) and patches.dtype == images.dtype
    corner = patches[:, 0, 0]
    offsets = 7 * np.arange(4)[:, None] + np.arange(4)
    np.testing.assert_array_equal(patches, corner[:, None, None] + offsets)
    places, counts = np.unique(corner, return_counts=True)
    expected = [42 * n + 7 * row + column for n in range(3) for row in range(3) for column in range(4)]
    assert places.tolist() == expected
    assert np.abs(counts - 5000 / 36).max() < 5 * np.sqrt(5000 / 36)


@pytest.mark.parametrize("images", [shapes(200, rng=0, size=32)[0], digits()[0]], ids=["shapes", "digits"])
def test_flat_windows_are_left_out(images):
    patches = edge_patches(images, 400, rng=0, size=3, least=0.15)
    assert patches.shape == (400, 3, 3) and patches.dtype == np.float32
    spread = patches.std(axis=(1, 2), dtype=np.float64)
    assert spread.min() >= 0.15
    assert (edge_patches(images, 400, rng=0, size=3, least=0).std(axis=(1, 2)) < 0.15).any()
    np.testing.assert_array_equal(edge_patches(images, 400, rng=0, size=3, least=0.15), patches)
    assert not np.array_equal(edge_patches(images, 400, rng=1, size=3, least=0.15), patches)


def test_edges_of_shapes_have_every_direction():
    """The gradient of the circles' edges points everywhere: no eighth of the compass stays empty."""
    patches = edge_patches(shapes(500, rng=0, size=32)[0], 2000, rng=0, size=8)
    down, right = np.gradient(patches.astype(np.float64), axis=(1, 2))
    angle = np.arctan2(down.sum(axis=(1, 2)), right.sum(axis=(1, 2)))
    counts, _ = np.histogram(angle, bins=8, range=(-np.pi, np.pi))
    assert counts.min() > 2000 / 8 / 4


@pytest.mark.parametrize(
    "images, wrong, message",
    [
        (np.zeros((5, 64)), {}, r"shape \(5, 64\), expected \(N, H, W\)"),
        (np.zeros((0, 8, 8)), {}, r"shape \(0, 8, 8\), expected \(N, H, W\)"),
        (np.full((5, 8, 8), np.nan), {}, "without NaN"),
        (np.zeros((5, 8, 8), bool), {}, r"images \(bool\) must be numbers"),
        (np.ones((5, 8, 7)), {"size": 8}, "size is 8, expected a whole number from 1 to 7"),
        (np.ones((5, 8, 8)), {"n": 0}, "n is 0, expected a whole number from 1"),
        (np.ones((5, 8, 8)), {"size": 4}, "only 0 of 5120 random windows.*from 1 to 1: lower `least`"),
    ],
)
def test_what_holds_no_patches_is_refused(images, wrong, message):
    with pytest.raises(ValueError, match=message):
        edge_patches(images, **{"n": 10, "rng": 0, **wrong})
