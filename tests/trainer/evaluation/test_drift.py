"""Distances between two samples, as TFDV has them, and what chance makes of them."""

import numpy as np
import pytest
from scipy.spatial import distance as scipy_distance

from tfx_distill.trainer.evaluation import drift, image_statistics

NAMES = ("a", "b", "c")


def test_categories_have_the_largest_change_of_a_share():
    found = drift.categories(np.repeat([0, 1, 2], 4), np.array([0, 0, 0, 1]), NAMES)
    assert (found.measure, found.distance) == (drift.L_INFINITY, pytest.approx(5 / 12))
    assert found.sample == (0.75, 0.25, 0.0)


def test_numbers_have_the_jensen_shannon_divergence_in_bits():
    rng = np.random.default_rng(1)
    found = drift.numbers(rng.normal(size=500), rng.normal(1, 2, 300))
    # SciPy's is its root.
    root = scipy_distance.jensenshannon(found.reference, found.sample, 2)
    assert found.distance == pytest.approx(root**2)
    assert found.reference == pytest.approx([0.1] * drift.NUM_BINS)


def test_a_number_that_most_images_have_is_in_a_bin_of_its_own():
    found = drift.numbers(np.ones(100), np.array([0.9, 1.0, 1.0, 1.1]))
    assert found.sample == (0.25, 0.5, 0.25)


def test_the_p_value_is_that_of_a_permutation_test():
    # Of the 4 divisions of 4 images into 3 and 1, one has the b alone.
    found = drift.categories(np.array([0, 0, 0]), np.array([1]), ("a", "b"))
    assert found.p_value == pytest.approx(1 / 4, abs=0.02)


def test_equal_samples_are_as_near_as_any():
    found = drift.categories(np.array([0, 1]), np.array([0, 1]), ("a", "b"))
    assert (found.distance, found.p_value) == (0, 1)


@pytest.mark.parametrize("size", [200, 2000])
def test_equal_sources_are_told_apart_as_often_as_chance_says(size, monkeypatch):
    monkeypatch.setattr(drift, "_PERMUTATIONS", 500)
    rng = np.random.default_rng(2)
    rare = [
        drift.categories(*(rng.random(n) < 0.01 for n in (5000, size)), ("a", "b"))
        for _ in range(60)
    ]
    even = [drift.numbers(rng.normal(size=5000), rng.normal(size=size)) for _ in rare]
    for found in (rare, even):
        assert sum(one.p_value <= 0.05 for one in found) <= 8  # 3 are expected


def test_pixels_are_described_image_by_image():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, :, ::2] = 200
    images[1, ..., 2] = 100
    found = image_statistics.of_images(images)
    assert found["brightness"].tolist() == [0, 100]
    assert found["contrast"][1] == pytest.approx(np.std(images[1]))
    assert found["sharpness"].tolist() == [0, pytest.approx(200 * 2 / 3 / 2)]
    assert found["colour"].tolist() == [0, 100]
    assert "colour" not in image_statistics.of_images(images[..., :1])
