"""Which outputs of a model stand for which class of the data."""

import numpy as np
import pytest
import tensorflow as tf
from level_teachers import SPEC

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import class_columns

OURS = SPEC.class_names
PAIR = {"tabby": "cat", "1": "cat", "dog": "dog", "3": "eel", "4": "fox", "5": "gnu"}


def _find(num_outputs, names=(), mapping=None):
    return class_columns.find(num_outputs, names, mapping or {}, SPEC, "here")


def test_without_names_the_order_is_the_datas():
    found = _find(5)
    logits = tf.random.normal((2, 5))
    assert found.logits(logits) is logits


def test_outputs_of_another_order_are_put_in_ours():
    found = _find(5, tuple(reversed(OURS)))
    assert found.is_order
    np.testing.assert_array_equal(found.logits(tf.range(5.0)[None]), [[4, 3, 2, 1, 0]])


def test_of_more_classes_those_of_our_names_are_taken():
    found = _find(6, ("ant", *OURS))
    assert not found.is_order
    np.testing.assert_array_equal(found.logits(tf.range(6.0)[None]), [[1, 2, 3, 4, 5]])


def test_probabilities_of_classes_that_map_to_one_are_added():
    found = _find(6, ("tabby", "lion", "dog", "eel", "fox", "gnu"), PAIR)
    # 1/8 and 3/8 become 1/2, by places and by names.
    probs = np.array([[1 / 8, 3 / 8, 1 / 4, 1 / 8, 1 / 16, 1 / 16]], np.float32)
    logits = found.logits(tf.math.log(probs))
    expected = [[1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16]]
    np.testing.assert_allclose(tf.nn.softmax(logits), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, OURS), "gives 4 values for an image, teacher.imported.classes are 5"),
        ((1000,), "gives 1,000 values for an image, none known as cat, dog"),
        ((5, ("cat", "dog", "eel", "fox", "ox")), "none known as gnu of data set lev"),
        ((6, (), {"9": "cat"}), "9 is no class of Teacher in here. Expected 0, 1, 2"),
        ((9, (), {"9": "cat"}), r"Expected 0, 1, 2, 3, 4, 5, 6, 7, 8\.$"),
        ((10, (), {"a": "cat"}), r"Expected 0, .*, 7, 8 and 1 more\.$"),
        ((6, (), {"0": "cow"}), "cow is no class of data set levels. Expected cat, do"),
        ((6, (), {"0": "cat"}), "no class of the teacher for dog, eel, fox, gnu. Map"),
    ],
)
def test_doubt_is_refused_in_one_line(arguments, message):
    with pytest.raises(ModelError, match=message) as caught:
        _find(*arguments)
    assert "\n" not in str(caught.value)
