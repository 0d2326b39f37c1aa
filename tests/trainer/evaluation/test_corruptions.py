"""Corrupted copies: what each kind does to pixels, the same in every run."""

import numpy as np
import pytest

from tfx_distill.trainer.config.gate_config import KINDS
from tfx_distill.trainer.evaluation import corruptions


@pytest.fixture(scope="module", params=[1, 3])
def images(request):
    rows = np.random.default_rng(0).integers(60, 190, (4, 20, 24, request.param))
    smooth = np.linspace(0, 60, 24)[:, np.newaxis]
    return (rows * 0.3 + smooth + 60).astype(np.uint8)


def test_the_kinds_are_those_of_the_configuration():
    assert tuple(corruptions.KINDS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_copies_have_the_same_form_and_get_worse(images, kind):
    distances = []
    for strength in range(1, corruptions.STRENGTHS + 1):
        copies = corruptions.corrupted(images, kind, strength)
        assert (copies.shape, copies.dtype) == (images.shape, np.uint8)
        assert np.array_equal(copies, corruptions.corrupted(images, kind, strength))
        distances.append(np.abs(copies.astype(int) - images).mean())
    assert 0 < distances[0] < distances[2] < distances[4]


def test_each_kind_does_what_it_is_called(images):
    copies = {kind: corruptions.corrupted(images, kind, 3) for kind in KINDS}
    assert copies["brightness"].mean() > images.mean() + 60
    assert copies["contrast"].std() < 0.5 * images.std()
    assert (
        np.abs(np.diff(copies["blur"].astype(int), axis=2)).mean()
        < np.abs(np.diff(images.astype(int), axis=2)).mean()
    )


def test_a_shift_goes_down_and_to_the_right():
    image = np.zeros((1, 25, 25, 1), np.uint8)
    image[0, 10, 10] = 200
    shifted = corruptions.corrupted(image, "shift", 5)  # by a fifth: 5 pixels
    assert np.unravel_index(shifted.argmax(), shifted.shape)[1:3] == (15, 15)


def test_a_rotation_leaves_the_centre():
    image = np.zeros((1, 25, 25, 1), np.uint8)
    image[0, 11:14, 11:14] = image[0, 12, 22:] = 200
    turned = corruptions.corrupted(image, "rotation", 5)
    assert turned[0, 12, 12] == 200 and turned[0, 12, 24] < 100
