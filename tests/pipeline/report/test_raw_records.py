"""Images and labels from TFRecord files, without TensorFlow."""

import gzip

import pytest
from small_runs import example

from tfx_distill.pipeline.report.collect import raw_records


def _write(tmp_path, content):
    (tmp_path / "Split-test").mkdir()
    with gzip.open(tmp_path / "Split-test" / "a.gz", "wb") as file:
        file.write(content)
    return str(tmp_path)


def test_records_that_tensorflow_wrote_are_read(tmp_path):
    import tensorflow as tf

    (tmp_path / "Split-test").mkdir()
    for shard in range(2):
        path = str(tmp_path / "Split-test" / f"data_tfrecord-{shard}.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for place in range(3):
                made = tf.train.Example()
                feature = made.features.feature
                feature["label"].int64_list.value.append(200 + 3 * shard + place)
                feature["image"].bytes_list.value.append(bytes([place]) * 300)
                writer.write(made.SerializeToString())
    assert raw_records.read(str(tmp_path), "test", [4, 0]) == {
        0: (bytes([0]) * 300, 200),
        4: (bytes([1]) * 300, 204),
    }
    assert list(raw_records.labels(str(tmp_path), "test")) == list(range(200, 206))


def test_a_record_that_ends_too_early_is_refused(tmp_path):
    folder = _write(tmp_path, (100).to_bytes(8, "little") + b"0000" + b"x")
    with pytest.raises(ValueError, match="ends in the middle of a record"):
        raw_records.read(folder, "test", [0])


@pytest.mark.parametrize(
    "record", [b"", b"\xff" * 20, b"\x0a\x7f", example(b"", 1)[:-3]]
)
def test_what_is_no_example_is_refused(record):
    with pytest.raises(ValueError):
        raw_records.image_and_label(record)
