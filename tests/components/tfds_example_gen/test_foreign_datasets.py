"""Data sets of TFDS that only just say what they hold, in any file format."""

import io
import json

import example_data
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tfx.types import artifact_utils

from tfx_distill.components.tfds_example_gen import dataset_source
from tfx_distill.components.tfds_example_gen.tfds_source import TfdsSource
from tfx_distill.trainer.config.data_config import DataConfig, SplitsConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError

COUNT = 24

with tfds.core.registered.skip_registration():

    class Pets(tfds.core.GeneratorBasedBuilder):
        """Two images, a class as text and an integer; no supervised keys, no code left."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "photo": tfds.features.Image(shape=(None, None, 4)),
                "mask": tfds.features.Image(shape=(6, 6, 1), dtype=np.uint16),
                "species": tfds.features.Text(),
                "age": tfds.features.Scalar(np.int32),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {
                "train": self._generate_examples(),
                "test": self._generate_examples(1),
            }

        def _generate_examples(self, first=0):
            rng = np.random.default_rng(first)
            for i in range(COUNT):
                yield (
                    i,
                    {
                        "photo": rng.integers(0, 256, (6, 6 + i % 2, 4)).astype(
                            np.uint8
                        ),
                        "mask": np.full(
                            (6, 6, 1), 256 * (i + COUNT * first), np.uint16
                        ),
                        "species": ["kočka", "pes"][i % 2],
                        "age": [10, 9, 2][i % 3],
                    },
                )


def _pets(folder, file_format="tfrecord"):
    Pets(data_dir=str(folder), file_format=file_format).download_and_prepare()
    return DataConfig(
        dataset="pets",
        data_dir=str(folder),
        image_feature="photo",
        label_feature="species",
        splits=SplitsConfig(train="train[:75%]", eval="train[75%:]"),
    )


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return _pets(tmp_path_factory.mktemp("pets"))


def _records(artifact, split):
    folder = artifact_utils.get_split_uri([artifact], split)
    return example_data.raw_records(*tf.io.gfile.glob(f"{folder}/*"))


def _opened(item):
    return Image.open(io.BytesIO(item.open().encoded))


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record", "parquet"])
def test_every_file_format_gives_the_same_examples(pets, file_format, tmp_path):
    other = _pets(tmp_path / "other", file_format)
    first, second = (
        example_data.generate(data, tmp_path / name)
        for name, data in (("a", pets), ("b", other))
    )
    for split in ("train", "eval", "test"):
        assert sorted(_records(first, split)) == sorted(_records(second, split))
        assert (
            len(_records(first, split)) == {"train": 18, "eval": 6, "test": 24}[split]
        )
    assert DataSpec.load(first.uri) == DataSpec.load(second.uri)


def test_text_labels_are_classes_in_alphabetical_order(pets, tmp_path):
    artifact = example_data.generate(pets, tmp_path)
    names = json.loads(artifact.get_string_custom_property("class_names"))
    assert names == ["kočka", "pes"]
    spec = DataSpec.load(artifact.uri)
    assert spec.image_shape[2] == 3
    labels = [
        tf.train.Example.FromString(r).features.feature["label"].int64_list.value[0]
        for r in _records(artifact, "test")
    ]
    assert (labels.count(0), labels.count(1)) == (COUNT // 2, COUNT // 2)


def test_integers_are_classes_in_numerical_order(pets):
    source = TfdsSource(pets.replace(label_feature="age", image_feature="mask"))
    assert source.class_names == ("2", "9", "10")
    assert source.declared_shape == (6, 6, 1)
    items = source.items("test")
    # The n-th record has the level 256 n in its mask.
    numbers = [np.asarray(_opened(items[i])).max() // 256 - COUNT for i in range(COUNT)]
    assert [items[i].open().label for i in range(COUNT)] == [2 - n % 3 for n in numbers]


def test_several_images_and_no_class_label_ask_for_a_choice(pets):
    with pytest.raises(DataError, match="what the image is .*suitable: mask, photo"):
        TfdsSource(pets.replace(image_feature=None))
    with pytest.raises(DataError, match="what the label is .*suitable: age, species"):
        TfdsSource(pets.replace(label_feature=None))


@pytest.mark.parametrize("file_format", ["array_record", "parquet"])
def test_a_damaged_file_is_named_with_the_record(file_format, tmp_path):
    data = _pets(tmp_path, file_format)
    builder = dataset_source.prepare(data)
    path = builder.info.splits["train"].filepaths[0]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    # Labels are read first, from all records.
    with pytest.raises(
        DataError, match="record 0: the file .* is truncated or corrupt"
    ):
        list(TfdsSource(data).items("train"))
