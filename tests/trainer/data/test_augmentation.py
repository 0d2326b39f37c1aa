"""Shifts move pixels, and views are the same for the same seed."""

import numpy as np
from scipy import ndimage

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data import augmentation

IMAGES = np.arange(1, 2 * 9 + 1, dtype=np.uint8).reshape(2, 3, 3, 1)


def test_each_image_moves_by_its_own_offset_and_zeros_come_in():
    moved = augmentation.shift(IMAGES, np.array([[1, 0], [0, -2]]))
    assert moved[0, ..., 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    assert moved[1, ..., 0].tolist() == [[12, 0, 0], [15, 0, 0], [18, 0, 0]]


def test_no_offset_changes_nothing():
    moved = augmentation.shift(IMAGES, np.zeros((2, 2), int))
    np.testing.assert_array_equal(moved, IMAGES)


def test_channels_move_together():
    colour = np.repeat(IMAGES, 3, axis=-1)
    moved = augmentation.shift(colour, np.array([[1, 1], [-1, 0]]))
    np.testing.assert_array_equal(moved[..., 0], moved[..., 2])


def test_a_turn_by_a_quarter_moves_the_corner():
    image = np.zeros((1, 3, 3, 1), np.uint8)
    image[0, 0, 0, 0] = 200
    turned = augmentation.rotate(image, np.array([90.0]))
    assert turned[0, ..., 0].tolist() == [[0, 0, 0], [0, 0, 0], [200, 0, 0]]


def test_a_turned_image_is_scipys():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 9, 6, 3)).astype(np.uint8)
    turned = augmentation.rotate(images, np.array([25.0, -70.0]))
    for image, found, degrees in zip(images, turned, (25, -70), strict=True):
        expected = ndimage.rotate(
            image.astype(float), degrees, reshape=False, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(found, expected, atol=0.51)


def test_random_bits_are_splitmix64s():
    # Its first number from the seed 0, as its authors publish it.
    zero = np.zeros(1, np.uint64)
    (bits,) = augmentation._random_bits(zero, zero, seed=0, purpose=1)
    assert bits == 0xE220A8397B1DCDAF


VIEWS = ViewsConfig(count=3, max_shift=1, max_rotation=20.0, seed=1)


def _views(images, number, config=VIEWS):
    names = augmentation.digests(images)
    return augmentation.make_views(images, names, np.full(len(images), number), config)


def test_view_zero_is_the_original():
    np.testing.assert_array_equal(_views(IMAGES, 0), IMAGES)


def test_a_view_belongs_to_the_image_and_not_to_its_place():
    forward = _views(IMAGES, 2)
    backward = _views(IMAGES[::-1], 2)
    np.testing.assert_array_equal(forward, backward[::-1])


def test_views_are_spread_evenly_over_all_shifts():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9000, 3, 3, 1)).astype(np.uint8)
    config = ViewsConfig(max_shift=1)
    moved = _views(images, 1, config)
    unmoved = (moved == images).all(axis=(1, 2, 3)).mean()
    assert abs(unmoved - 1 / 9) < 0.02


def test_seeds_and_views_differ():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50, 3, 3, 1)).astype(np.uint8)
    other = VIEWS.replace(seed=2)
    assert not np.array_equal(_views(images, 1), _views(images, 2))
    assert not np.array_equal(_views(images, 1), _views(images, 1, other))


def test_views_are_turned_both_ways_up_to_the_limit():
    # A dot above the centre shows how far its image was turned.
    images = np.zeros((400, 31, 31, 1), np.uint8)
    images[:, 3, 15] = 255
    view, names = np.ones(400, int), np.arange(400, dtype=np.uint64)
    config = ViewsConfig(max_shift=0, max_rotation=40.0)
    turned = augmentation.make_views(images, names, view, config)[..., 0].astype(float)
    weights = turned / turned.sum(axis=(1, 2), keepdims=True)
    places = np.arange(31) - 15
    across, down = weights.sum(axis=1) @ places, weights.sum(axis=2) @ places
    degrees = np.degrees(np.arctan2(across, -down))
    assert -41 < degrees.min() < -37 and 37 < degrees.max() < 41
    assert abs(degrees.mean()) < 4


def test_only_the_chosen_images_are_mirrored():
    mirrored = augmentation.mirror(IMAGES, np.array([False, True]))
    np.testing.assert_array_equal(mirrored[0], IMAGES[0])
    assert mirrored[1, ..., 0].tolist() == [[12, 11, 10], [15, 14, 13], [18, 17, 16]]


def test_half_of_the_views_are_mirrored_and_never_the_original():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2000, 3, 3, 1)).astype(np.uint8)
    config = ViewsConfig(max_shift=0, flip=True)
    flipped = images[:, :, ::-1]
    same = (_views(images, 1, config) == flipped).all(axis=(1, 2, 3))
    assert 0.45 < same.mean() < 0.55
    np.testing.assert_array_equal(_views(images, 0, config), images)
