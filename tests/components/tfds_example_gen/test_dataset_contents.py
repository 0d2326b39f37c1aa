"""What a data set holds: its features, splits and fingerprint."""

import shutil

import pytest
import tensorflow_datasets as tfds

from tfx_distill.components.tfds_example_gen import dataset_contents, dataset_source
from tfx_distill.components.tfds_example_gen.tfds_source import TfdsSource
from tfx_distill.trainer.config.data_config import DataConfig, SplitsConfig
from tfx_distill.trainer.errors import DataError

SHAPE = (28, 28, 1)


@pytest.fixture(scope="module")
def builder(digits):
    return dataset_source.prepare(digits)


def _unprepared(name, tmp_path):
    return dataset_source.open_builder(DataConfig(dataset=name, data_dir=str(tmp_path)))


def _format(name, tmp_path, **changes):
    builder = _unprepared(name, tmp_path)
    return dataset_contents.record_format(builder, DataConfig(**changes))


def test_configuration_is_part_of_the_name(tmp_path):
    builder = _unprepared("emnist/letters", tmp_path)
    assert dataset_source.full_name(builder) == "emnist/letters"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("iris", r"the image is .*Its features: features \(Tensor\), label \(ClassLa"),
        (
            "coco_captions",
            "the label is .*supervised keys: None; suitable: image/filename,",
        ),
        (
            "ag_news_subset",
            r"the image is .*description \(Text\), label \(ClassLabel\)",
        ),
    ],
)
def test_data_set_without_image_and_label_is_refused(name, complaint, tmp_path):
    with pytest.raises(DataError, match=complaint):
        _format(name, tmp_path)


def test_features_may_have_other_names(tmp_path):
    found = _format("tiny", tmp_path)
    assert (found.image_key, found.label_key) == ("picture", "kind")


@pytest.mark.parametrize("expression", ["trian", "train[:", "train[:200%]", "[5]"])
def test_wrong_split_expression_lists_the_splits(builder, digits, expression):
    data = digits.replace(splits=SplitsConfig(eval=expression))
    with pytest.raises(DataError) as caught:
        dataset_contents.num_test_examples(builder, data)
    assert str(caught.value) == (
        f"data.splits.eval: {expression!r} is no TFDS split expression, or "
        "reaches beyond the split. Data set digits has train (1437 records), "
        "test (360 records); write as train[:90%]."
    )


def test_empty_split_is_refused(builder, digits):
    data = digits.replace(splits=SplitsConfig(test="test[5:5]"))
    with pytest.raises(DataError, match=r"test: 'test\[5:5\]' selects no record"):
        dataset_contents.num_test_examples(builder, data)


def test_split_may_come_from_several_parts(builder, digits):
    splits = SplitsConfig(train="train[-3:]+test[:2]")
    data = digits.replace(splits=splits)
    (shard,) = (s for s in TfdsSource(data).chunks(SHAPE) if s.split == "train")
    assert [(piece.skip, piece.take) for piece in shard.pieces] == [(1434, 3), (0, 2)]


def test_a_feature_of_another_type_is_refused(tmp_path):
    with pytest.raises(
        DataError, match="data.label_feature: picture; suitable: id, kind"
    ):
        _format("tiny", tmp_path, label_feature="picture")


def _fingerprint(data):
    return TfdsSource(data).fingerprint()


def test_fingerprint_is_the_same_elsewhere(digits, tmp_path):
    shutil.copytree(digits.data_dir, tmp_path / "moved")
    moved = digits.replace(data_dir=str(tmp_path / "moved"))
    assert _fingerprint(moved) == _fingerprint(digits)


def test_fingerprint_changes_with_one_record(digits, damaged):
    changed = damaged("train", lambda records: records.__setitem__(0, records[1]))
    assert _fingerprint(changed) != _fingerprint(digits)


def test_fingerprint_of_a_broken_file_is_a_fingerprint(damaged):
    data = damaged("train", lambda records: records.__setitem__(0, b"\xff"))
    assert len(_fingerprint(data)) == 64


def test_files_that_need_a_missing_package_are_refused(digits, tmp_path):
    data = digits.replace(data_dir=str(tmp_path))
    builder = dataset_source.open_builder(data)
    builder.info.set_file_format(tfds.core.FileFormat.RIEGELI, override=True)
    with pytest.raises(DataError, match="riegeli files, and the package riegeli is"):
        dataset_contents.record_format(builder, data)
