"""Every image has a key, by which another framework answers it."""

import pytest
from photo_files import write_splits
from pyarrow import csv, parquet

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import data_check, image_keys
from tfx_distill.trainer.data.image_source import ImageSource
from tfx_distill.trainer.errors import DataError


@pytest.fixture
def keys(tmp_path):
    """Of 5, 3 and 3 images of each of two classes."""
    data = DataConfig(images=str(write_splits(tmp_path / "photos")))
    return data_check.keys(ImageSource(data), data)


def test_keys_are_the_paths_of_a_folders_images(keys):
    rows = {row["key"]: row for row in keys.to_pylist()}
    assert len(rows) == 22
    expected = {"key": "test/dog/1.png", "split": "test", "label": 1, "class": "dog"}
    assert rows["test/dog/1.png"] == {**expected, "height": 8, "width": 8}


@pytest.mark.parametrize("name", ["keys.csv", "keys.parquet"])
def test_a_saved_table_holds_every_key(keys, tmp_path, name):
    image_keys.save(keys, str(tmp_path / name))
    read = {"keys.csv": csv.read_csv, "keys.parquet": parquet.read_table}[name]
    found = read(str(tmp_path / name))
    assert found.column_names == list(image_keys.COLUMNS)
    assert found["key"] == keys["key"]


def test_a_split_has_its_own_keys_and_labels(keys):
    names, labels = image_keys.of_split(keys, "eval")
    assert len(names) == 6 and sorted(labels) == [0, 0, 0, 1, 1, 1]
    assert all(name.startswith("eval/") for name in names)


def test_examples_without_keys_are_refused(tmp_path):
    with pytest.raises(DataError, match="have no image_keys.parquet.*cache=false once"):
        image_keys.load(str(tmp_path))
