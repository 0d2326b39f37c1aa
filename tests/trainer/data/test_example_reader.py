"""Reading examples: nothing lost, and the broken record named."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_data import example, png

from tfx_distill.trainer.data import example_reader, example_records
from tfx_distill.trainer.errors import DataError


@pytest.fixture
def write(tmp_path):
    def _write(records, name="Split-test/data_tfrecord-00000-of-00001.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        options = "GZIP" if name.endswith(".gz") else ""
        with tf.io.TFRecordWriter(str(path), options) as writer:
            for record in records:
                writer.write(record)
        return path

    return _write


def _examples(split):
    return [
        example(image=png(image), label=int(label))
        for image, label in zip(split.images, split.labels, strict=True)
    ]


def _load(tmp_path, spec, expected):
    spec = dataclasses.replace(spec, num_examples={"test": expected})
    return example_reader.load_split(str(tmp_path), "test", spec)


def test_every_record_comes_back_in_its_order(write, tmp_path, spec, evaluation):
    examples = _examples(evaluation)
    write(examples[:10], "Split-test/data_tfrecord-00000-of-00002.gz")
    write(examples[10:], "Split-test/data_tfrecord-00001-of-00002.gz")
    split = _load(tmp_path, spec, len(evaluation))
    np.testing.assert_array_equal(split.images, evaluation.images)
    np.testing.assert_array_equal(split.labels, evaluation.labels)


def test_an_image_that_does_not_decode_is_named(write, tmp_path, spec, evaluation):
    examples = _examples(evaluation)
    examples[7] = example(image=b"no image", label=0)
    write(examples)
    with pytest.raises(DataError, match="split test, record 7: the image does not"):
        _load(tmp_path, spec, len(examples))


def test_an_image_of_another_shape_is_named(write, tmp_path, spec, evaluation):
    examples = _examples(evaluation)
    examples[3] = example(image=png(np.zeros((9, 8, 1), np.uint8)), label=0)
    write(examples)
    with pytest.raises(
        DataError, match=r"record 3: image of shape \(9, 8, 1\), expected"
    ):
        _load(tmp_path, spec, len(examples))


def test_a_colour_image_among_grey_ones_is_refused(write, tmp_path, spec, evaluation):
    examples = _examples(evaluation)
    examples[3] = example(image=png(np.zeros((8, 8, 3), np.uint8)), label=0)
    write(examples)
    with pytest.raises(DataError, match=r"record 3: image of shape \(8, 8, 3\)"):
        _load(tmp_path, spec, len(examples))


def test_a_label_outside_the_classes_is_named(write, tmp_path, spec, evaluation):
    examples = _examples(evaluation)
    examples[5] = example(image=png(evaluation.images[0]), label=3)
    write(examples)
    with pytest.raises(DataError, match="record 5: label 3, expected 0 to 2"):
        _load(tmp_path, spec, len(examples))


def test_a_truncated_file_is_an_error(write, tmp_path, spec, evaluation):
    path = write(_examples(evaluation), "Split-test/data_tfrecord-00000-of-00001")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="record 23: truncated or corrupt"):
        _load(tmp_path, spec, len(evaluation))


def test_a_lost_record_is_an_error(write, tmp_path, spec, evaluation):
    write(_examples(evaluation)[:-1])
    with pytest.raises(DataError, match="Split test holds 23 records"):
        _load(tmp_path, spec, len(evaluation))


def test_images_are_resized_only_when_the_specification_says_so(spec):
    spec = dataclasses.replace(spec, fit="stretch")
    image = example_records.decode_image(png(np.full((16, 16, 1), 77, np.uint8)), spec)
    np.testing.assert_array_equal(image, np.full((8, 8, 1), 77, np.uint8))
