"""The embedded data set `digits`."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn import datasets

from tfx_distill.components.tfds_example_gen import dataset_source
from tfx_distill.components.tfds_example_gen import digits as digits_module
from tfx_distill.components.tfds_example_gen.tfds_source import TfdsSource


@pytest.fixture(scope="module")
def splits(digits):
    """Decoded images and labels by split."""
    builder = dataset_source.prepare(digits)
    return tfds.as_numpy(builder.as_dataset(batch_size=-1))


def test_no_digit_is_lost_or_doubled(splits):
    originals = {
        digits_module.enlarge(image).tobytes()
        for image in datasets.load_digits().images
    }
    images = [image for split in splits.values() for image in split["image"]]
    assert len(images) == len(originals) == 1797
    assert {image.tobytes() for image in images} == originals


def test_format_is_that_of_mnist(digits):
    ours = dataset_source.prepare(digits).info.features
    mnist = tfds.builder("mnist", data_dir=digits.data_dir).info.features
    assert repr(ours) == repr(mnist)


def test_a_fifth_of_each_class_is_in_test(splits):
    train, test = (np.bincount(splits[name]["label"]) for name in ("train", "test"))
    assert (train.sum(), test.sum()) == (1437, 360)
    np.testing.assert_allclose(test / (train + test), 0.2, atol=0.01)


def test_digits_are_white_on_black(splits):
    images = splits["test"]["image"]
    assert images.dtype == np.uint8
    assert (images.max((1, 2, 3)) > 200).all()
    assert (images[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()


def test_enlarged_digits_have_their_centre_of_mass_in_the_middle(splits):
    images = splits["test"]["image"][..., 0].astype(float)
    mass = images.sum((1, 2))
    rows = images.sum(2) @ (np.arange(28) + 0.5) / mass
    columns = images.sum(1) @ (np.arange(28) + 0.5) / mass
    np.testing.assert_allclose(rows, 14, atol=0.55)
    np.testing.assert_allclose(columns, 14, atol=0.55)


def test_two_preparations_are_equal(digits, tmp_path):
    again = digits.replace(data_dir=str(tmp_path))
    first, second = (TfdsSource(data).fingerprint() for data in (digits, again))
    assert first == second
