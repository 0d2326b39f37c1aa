"""Checks of single records, and finding the broken one."""

import dataclasses

import example_data
import pytest
import tensorflow as tf
from example_data import example, picture

from tfx_distill.components.tfds_example_gen import (
    dataset_contents,
    dataset_source,
    tfds_records,
)
from tfx_distill.components.tfds_example_gen.tfds_records import (
    Piece,
    RecordFormat,
    Shard,
)
from tfx_distill.trainer.errors import DataError

FORMAT = RecordFormat("image", "label", shape=(28, 28, 1), num_classes=10)


def test_sound_record_keeps_image_and_label():
    checked = tf.train.Example.FromString(
        tfds_records.checked(example(picture(), 9), FORMAT)
    ).features.feature
    assert checked["image"].bytes_list.value == [picture()]
    assert checked["label"].int64_list.value == [9]


def test_order_of_the_features_does_not_count():
    image_only, label_only = tf.train.Example(), tf.train.Example()
    image_only.features.feature["image"].bytes_list.value.append(picture())
    label_only.features.feature["label"].int64_list.value.append(9)
    parts = [image_only.SerializeToString(), label_only.SerializeToString()]
    forwards, backwards = b"".join(parts), b"".join(reversed(parts))
    assert tfds_records.checked(forwards, FORMAT) == tfds_records.checked(
        backwards, FORMAT
    )


def test_other_features_are_renamed_or_dropped():
    wanted = dataclasses.replace(FORMAT, image_key="picture", label_key="kind")
    message = tf.train.Example.FromString(example(picture(), 3, "picture", "kind"))
    message.features.feature["id"].bytes_list.value.append(b"17")
    checked = tfds_records.checked(message.SerializeToString(), wanted)
    assert tf.train.Example.FromString(checked) == tf.train.Example.FromString(
        example(picture(), 3)
    )


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (example(picture(), 10), "label 10 is outside 0 to 9"),
        (example(picture(), -1), "label -1 is outside 0 to 9"),
        (example(b"GIF89a", 1), r"does not decode \(neither PNG nor JPEG\)"),
        (example(picture()[:-30], 1), "image does not decode"),
        (example(b"", 1), "image does not decode"),
        (example(picture(side=27), 1), "image is 27x27 pixels, expected 28x28"),
        (example(picture(mode="RGB"), 1), r"pixels of format RGB, expected L \(1 x 8"),
        (example(picture(mode="I;16"), 1), "pixels of format I;16, expected L"),
        (example(picture(), 1, "picture"), "feature image has 0 values"),
        (b"no record", "not a tf.train.Example"),
    ],
)
def test_unsound_record_is_refused(record, complaint):
    with pytest.raises(DataError, match=complaint):
        tfds_records.checked(record, FORMAT)


def test_jpeg_of_any_size_passes_where_sizes_are_free():
    free = dataclasses.replace(FORMAT, shape=(None, None, 3))
    jpeg = picture(side=31, mode="RGB", kind="JPEG")
    checked = tf.train.Example.FromString(tfds_records.checked(example(jpeg, 1), free))
    assert checked.features.feature["image"].bytes_list.value == [jpeg]


def _shard(path, take, first_record=0):
    pieces = (Piece(str(path), skip=0, take=take),)
    return Shard("mnist", "eval", 0, 1, first_record, FORMAT, pieces)


def _write(path, contents):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in contents:
            writer.write(record)


def test_error_names_data_set_split_and_record(tmp_path):
    _write(tmp_path / "file", [example(picture(), 1), example(picture(), 77)])
    match = "^Data set mnist, split eval, record 101: label 77 is outside .* run again"
    with pytest.raises(DataError, match=match):
        list(tfds_records.read(_shard(tmp_path / "file", 2, first_record=100)))


def test_truncated_file_yields_all_up_to_the_broken_record(tmp_path):
    path, good = tmp_path / "file", [example(picture(), i % 10) for i in range(600)]
    _write(path, good)
    path.write_bytes(path.read_bytes()[:-5])
    read = tfds_records.read(_shard(path, 600))
    assert len([next(read) for _ in range(599)]) == 599
    with pytest.raises(
        DataError, match=r"record 599: .* truncated or corrupt .*Delete"
    ):
        next(read)


def test_file_that_ends_early_is_an_error(tmp_path):
    _write(tmp_path / "file", [example(picture(), 1)])
    with pytest.raises(DataError, match=r"record 1: the file .* 2 records too early"):
        list(tfds_records.read(_shard(tmp_path / "file", 3)))


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"record 0: the file .* corrupt"):
        list(tfds_records.read(_shard(tmp_path / "file", 3)))


def test_shards_hold_a_split_once_and_in_order(digits, monkeypatch):
    monkeypatch.setattr(dataset_contents, "_MAX_SHARD_RECORDS", 100)
    builder = dataset_source.prepare(digits)
    work = [s for s in dataset_contents.shards(builder, digits) if s.split == "eval"]
    read = [record for shard in work for record in tfds_records.read(shard)]
    (path,) = builder.info.splits["train"].filepaths
    assert len(work) == 2
    raw = example_data.raw_records(path)[1293:]
    assert list(map(tf.train.Example.FromString, read)) == list(
        map(tf.train.Example.FromString, raw)
    )
