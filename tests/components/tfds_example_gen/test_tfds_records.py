"""Checks of single records, and finding the broken one."""

import dataclasses

import example_data
import pytest
import tensorflow as tf
from example_data import example, picture

from tfx_distill.components.tfds_example_gen import dataset_contents, dataset_source
from tfx_distill.components.tfds_example_gen.record_files import Piece
from tfx_distill.components.tfds_example_gen.record_format import RecordFormat
from tfx_distill.components.tfds_example_gen.tfds_records import Shard, TfdsRecord
from tfx_distill.components.tfds_example_gen.tfds_source import TfdsSource
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.errors import DataError

FORMAT = RecordFormat("image", "label", (28, 28, 1), tuple("0123456789"))


def _opened(record, record_format=FORMAT):
    shard = dataclasses.replace(_shard("", 1), record_format=record_format)
    return TfdsRecord(record, 0, shard).open()


def test_record_has_image_label_and_split():
    assert _opened(example(picture(), 9)) == (picture(), 9, "eval")


def test_features_may_have_other_names_and_neighbours():
    wanted = dataclasses.replace(FORMAT, image_key="picture", label_key="kind")
    message = tf.train.Example.FromString(example(picture(), 3, "picture", "kind"))
    message.features.feature["id"].bytes_list.value.append(b"17")
    assert _opened(message.SerializeToString(), wanted) == (picture(), 3, "eval")


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (example(picture(), 10), "label 10 is outside 0 to 9"),
        (example(picture(), -1), "label -1 is outside 0 to 9"),
        (example(picture(), 1, "picture"), "feature image has 0 values"),
        (b"no record", "not a tf.train.Example"),
    ],
)
def test_unsound_record_is_refused(record, complaint):
    with pytest.raises(UnreadableImage, match=complaint):
        _opened(record)


def _shard(path, take, first_record=0):
    pieces = (Piece(str(path), skip=0, take=take),)
    return Shard("mnist", "eval", 0, 1, first_record, 0, take, FORMAT, pieces)


def _write(path, contents):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in contents:
            writer.write(record)


def test_records_count_from_the_start_of_the_split(tmp_path):
    _write(tmp_path / "file", [example(picture(), 1), example(picture(), 77)])
    records = _shard(tmp_path / "file", 2, first_record=100).items()
    assert [record.name for record in records] == ["eval[100]", "eval[101]"]


def test_truncated_file_yields_all_up_to_the_broken_record(tmp_path):
    path, good = tmp_path / "file", [example(picture(), i % 10) for i in range(600)]
    _write(path, good)
    path.write_bytes(path.read_bytes()[:-5])
    read = _shard(path, 600).items()
    assert len([next(read) for _ in range(599)]) == 599
    with pytest.raises(
        DataError, match=r"record 599: .* truncated or corrupt .*Delete"
    ):
        next(read)


def test_file_that_ends_early_is_an_error(tmp_path):
    _write(tmp_path / "file", [example(picture(), 1)])
    with pytest.raises(DataError, match=r"record 1: the file .* 2 records too early"):
        list(_shard(tmp_path / "file", 3).items())


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"record 0: the file .* corrupt"):
        list(_shard(tmp_path / "file", 3).items())


def test_shards_hold_a_split_once_and_in_order(digits, monkeypatch):
    monkeypatch.setattr(dataset_contents, "_MAX_SHARD_RECORDS", 100)
    builder = dataset_source.prepare(digits)
    work = [s for s in TfdsSource(digits).chunks((28, 28, 1)) if s.split == "eval"]
    read = [record.serialized for shard in work for record in shard.items()]
    (path,) = builder.info.splits["train"].filepaths
    assert len(work) == 2
    raw = example_data.raw_records(path)[1293:]
    assert list(map(tf.train.Example.FromString, read)) == list(
        map(tf.train.Example.FromString, raw)
    )
