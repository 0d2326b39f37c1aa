"""ExampleGen's executor, by what it writes."""

import json
import pathlib
import re

import example_data
import numpy as np
import pytest
import tensorflow as tf

from tfx_distill.components.tfds_example_gen import dataset_contents, dataset_source
from tfx_distill.components.tfds_example_gen.tfds_source import TfdsSource
from tfx_distill.trainer.data import example_reader as trainer_data
from tfx_distill.trainer.data import image_keys
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError

TWO_WORKERS = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def _written(artifact, split):
    spec = DataSpec.load(artifact.uri)
    return example_data.raw_records(
        *trainer_data.split_files(artifact.uri, split, spec)
    )


def _parsed(records):
    return [tf.train.Example.FromString(record) for record in records]


def _bytes_by_name(folder):
    root = pathlib.Path(folder)
    return {
        str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize(
    ("split", "tfds_split", "part"),
    [
        ("train", "train", slice(0, 1293)),
        ("eval", "train", slice(1293, None)),
        ("test", "test", slice(None)),
    ],
)
def test_records_are_the_data_sets_in_its_order(
    digits, examples, split, tfds_split, part
):
    paths = dataset_source.prepare(digits).info.splits[tfds_split].filepaths
    expected = _parsed(example_data.raw_records(*paths))[part]
    assert _parsed(_written(examples, split)) == expected


def test_features_are_exactly_image_and_label(tmp_path):
    data = example_data.tiny_config(tmp_path)
    written = _parsed(_written(example_data.generate(data, tmp_path / "out"), "test"))
    assert {tuple(sorted(e.features.feature)) for e in written} == {("image", "label")}


def test_files_lie_as_those_of_tfx(examples):
    assert set(_bytes_by_name(examples.uri)) == {
        "Split-train/data_tfrecord-00000-of-00001.gz",
        "Split-eval/data_tfrecord-00000-of-00001.gz",
        "Split-test/data_tfrecord-00000-of-00001.gz",
        "data_report.json",
        "data_spec.json",
        "image_keys.parquet",
    }


def test_keys_are_in_the_order_of_the_records(digits, examples, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_contents, "_MAX_SHARD_RECORDS", 500)
    artifact = example_data.generate(digits, tmp_path)
    keys = image_keys.load(artifact.uri)
    assert keys == image_keys.load(examples.uri)
    names, labels = image_keys.of_split(keys, "train")
    assert (names[1292], len(names)) == ("train[1292]", 1293)
    spec = DataSpec.load(artifact.uri)
    written = trainer_data.load_split(artifact.uri, "train", spec)
    np.testing.assert_array_equal(labels, written.labels)


def test_large_splits_become_several_files_in_order(
    digits, examples, tmp_path, monkeypatch
):
    monkeypatch.setattr(dataset_contents, "_MAX_SHARD_RECORDS", 500)
    artifact = example_data.generate(digits, tmp_path)
    spec = DataSpec.load(artifact.uri)
    assert len(trainer_data.split_files(artifact.uri, "train", spec)) == 3
    assert _written(artifact, "train") == _written(examples, "train")


def test_two_runs_write_the_same_bytes(digits, examples, tmp_path):
    again = example_data.generate(digits, tmp_path)
    assert _bytes_by_name(again.uri) == _bytes_by_name(examples.uri)


def test_metadata_say_what_the_examples_are(digits, examples):
    custom = examples.mlmd_artifact.custom_properties
    assert json.loads(examples.split_names) == ["train", "eval", "test"]
    assert {key: value.string_value for key, value in custom.items()} == {
        "dataset": "digits",
        "dataset_version": "1.0.0",
        "image_shape": "28x28x1",
        "class_names": json.dumps([str(digit) for digit in range(10)]),
        "num_examples": '{"train": 1293, "eval": 144, "test": 360}',
        "data_fingerprint": _fingerprint(digits),
        "conversions": "{}",
        "skipped": "0",
        "overlaps": "{}",
        "payload_format": "FORMAT_TF_EXAMPLE",
        "file_format": "tfrecords_gzip",
    }


def _fingerprint(data):
    return TfdsSource(data).fingerprint()


def test_data_spec_lies_beside_the_splits(digits, examples):
    assert DataSpec.load(examples.uri) == DataSpec(
        dataset="digits",
        version="1.0.0",
        image_shape=(28, 28, 1),
        class_names=tuple(str(digit) for digit in range(10)),
        num_examples={"train": 1293, "eval": 144, "test": 360},
        fit="crop",
        fingerprint=_fingerprint(digits),
    )


def test_trainer_reads_what_was_written(examples):
    spec = DataSpec.load(examples.uri)
    split = trainer_data.load_split(examples.uri, "test", spec)
    assert split.images.shape == (360, 28, 28, 1)


def test_broken_image_is_named_by_data_set_split_and_record(damaged, tmp_path):
    def break_17(records):
        records[17] = example_data.example(b"\x89PNG broken", 3)

    with pytest.raises(DataError) as caught:
        example_data.generate(damaged("test", break_17), tmp_path / "out")
    assert str(caught.value) == (
        "Data set digits: 1 of 1,797 images cannot be used (test[17]: not an image of a "
        "known format). Repair or remove them, or set data.max_bad_share: 0.001 to skip "
        "them."
    )


def test_records_count_from_the_start_of_our_split(damaged, tmp_path):
    def break_1300(records):
        records[1300] = example_data.example(example_data.picture(), 10)

    data = damaged("train", break_1300)  # eval begins at 1293
    with pytest.raises(DataError, match=r"eval\[7\]: label 10 is outside"):
        example_data.generate(data, tmp_path / "out")


def test_all_broken_records_are_named(damaged, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_contents, "_MAX_SHARD_RECORDS", 50)

    def break_some(records):
        for record in (301, 99, 203):
            records[record] = b"\xff"

    with pytest.raises(DataError) as caught:
        example_data.generate(damaged("test", break_some), tmp_path / "out")
    assert re.findall(r"test\[\d+\]", str(caught.value)) == [
        "test[203]", "test[301]", "test[99]",
    ]  # fmt: skip


def test_broken_records_are_skipped_up_to_a_share(damaged, tmp_path):
    data = damaged("test", lambda records: records.__setitem__(17, b"\xff"))
    allowed = data.replace(max_bad_share=0.001)
    artifact = example_data.generate(allowed, tmp_path / "out")
    assert DataSpec.load(artifact.uri).num_examples["test"] == 359
    assert len(_written(artifact, "test")) == 359


def test_file_with_a_record_too_few(damaged, tmp_path):
    data = damaged("test", lambda records: records.pop())
    with pytest.raises(
        DataError, match=r"split test, record 359: the file .* ends here"
    ):
        example_data.generate(data, tmp_path / "out")


@pytest.mark.slow
def test_two_worker_processes_write_the_same_bytes(digits, examples, tmp_path):
    artifact = example_data.generate(digits, tmp_path, TWO_WORKERS)
    assert _bytes_by_name(artifact.uri) == _bytes_by_name(examples.uri)


@pytest.mark.slow
def test_worker_process_names_the_broken_record(damaged, tmp_path):
    data = damaged("test", lambda records: records.__setitem__(17, b"\xff"))
    with pytest.raises(
        DataError, match=r"^Data set digits: .* \(test\[17\]: it is not"
    ):
        example_data.generate(data, tmp_path / "out", TWO_WORKERS)
