"""Shifts move pixels, and views are the same for the same seed."""

import numpy as np

from trainer import augmentation

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


def test_view_zero_is_the_original_and_others_stay_in_reach():
    offsets = augmentation.view_offsets(500, 3, 2, seed=1)
    assert not offsets[0].any()
    assert set(np.unique(offsets[1:])) == {-2, -1, 0, 1, 2}


def test_more_views_do_not_change_the_first_ones():
    few = augmentation.view_offsets(50, 2, 2, seed=1)
    many = augmentation.view_offsets(50, 4, 2, seed=1)
    np.testing.assert_array_equal(few, many[:2])
