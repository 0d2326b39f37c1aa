"""Getting data sets: prepared, from a manual folder, from the network, or not."""

import concurrent.futures
import errno
import os
import pathlib
import shutil
import time

import example_data
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfx_distill.components.tfds_example_gen import dataset_contents, dataset_source
from tfx_distill.components.tfds_example_gen.tfds_source import TfdsSource
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.errors import DataError

MNIST_DIR = os.environ.get(
    "DISTILL_MANUAL_DIR", str(pathlib.Path(__file__).parents[4] / "shared" / "mnist")
)


def _files(folder):
    return {
        str(p.relative_to(folder))
        for p in pathlib.Path(folder).rglob("*")
        if p.is_file()
    }


def test_prepared_data_are_left_as_they_are(digits):
    folder = dataset_source.prepare(digits).data_dir
    before = {path: path.stat().st_mtime_ns for path in pathlib.Path(folder).iterdir()}
    dataset_source.prepare(digits)
    after = {path: path.stat().st_mtime_ns for path in pathlib.Path(folder).iterdir()}
    assert after == before


def test_preparing_prints_nothing_to_stdout(digits, tmp_path, capfd):
    dataset_source.prepare(digits.replace(data_dir=str(tmp_path)))
    assert capfd.readouterr().out == ""


def test_preparing_leaves_nothing_but_the_data_set(tmp_path):
    dataset_source.prepare(example_data.tiny_config(tmp_path))
    assert _files(tmp_path / "data") == {
        ".tiny.lock",
        "tiny/1.0.0/dataset_info.json",
        "tiny/1.0.0/features.json",
        "tiny/1.0.0/kind.labels.txt",
        "tiny/1.0.0/tiny-train.tfrecord-00000-of-00001",
    }


def test_two_preparations_at_once_give_one_data_set(digits, tmp_path):
    data = digits.replace(data_dir=str(tmp_path))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        builders = list(pool.map(dataset_source.prepare, [data, data]))
    builders.append(dataset_source.prepare(digits))
    names = tuple("0123456789")
    assert len({dataset_contents.fingerprint(b, names) for b in builders}) == 1


def test_leftovers_of_a_killed_preparation_do_no_harm(tmp_path):
    data = example_data.tiny_config(tmp_path)
    leftover = tmp_path / "data" / "tiny" / "incomplete.ABC123_1.0.0"
    leftover.mkdir(parents=True)
    (leftover / "tiny-train.tfrecord-00000-of-00001").write_bytes(b"half")
    assert dataset_source.prepare(data).info.splits["train"].num_examples == 4


@pytest.mark.parametrize("lost", ["digits-test.*", "dataset_info.json"])
def test_incomplete_folder_is_named(digits, tmp_path, lost):
    shutil.copytree(digits.data_dir, tmp_path / "copy")
    (path,) = (tmp_path / "copy" / "digits" / "1.0.0").glob(lost)
    path.unlink()
    data = digits.replace(data_dir=str(tmp_path / "copy"))
    with pytest.raises(DataError, match=r"copy/digits/1.0.0 is incomplete.* Delete it"):
        dataset_source.prepare(data)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mnst", "knows no data set 'mnst'. Did you mean mnist?"),
        ("mnst:3.0.1", "Did you mean mnist?"),
        ("digit", "Did you mean digits?"),
        ("qqqqqq", "Their names: https://"),
        ("mnist/large", "cannot open 'mnist/large': .*BuilderConfig large not found"),
        ("mnist:9.9.9", "cannot be loaded at version 9.9.9, only: 3.0.1"),
        ("two words", "cannot open 'two words'"),
        ("kubric:mnist", "cannot open|knows no data set"),
    ],
)
def test_unknown_data_set(name, complaint, tmp_path):
    with pytest.raises(DataError, match=complaint):
        dataset_source.prepare(DataConfig(dataset=name, data_dir=str(tmp_path)))


def test_without_files_and_network_it_is_unavailable_and_soon(offline, tmp_path):
    start = time.monotonic()
    with pytest.raises(dataset_source.DataUnavailable) as caught:
        dataset_source.prepare(DataConfig(dataset="mnist", data_dir=str(tmp_path)))
    assert time.monotonic() - start < 5
    assert str(caught.value) == (
        f"Data set mnist is not in {tmp_path}, data.manual_dir is not set, and "
        "downloading fails (storage.googleapis.com does not answer). Put "
        "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz, "
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz into a folder and set "
        "data.manual_dir or $DISTILL_MANUAL_DIR to it, or connect to the network."
    )


def test_unavailable_data_set_leaves_nothing_behind(offline, tmp_path):
    with pytest.raises(dataset_source.DataUnavailable):
        dataset_source.prepare(DataConfig(dataset="mnist", data_dir=str(tmp_path)))
    assert _files(tmp_path) == {".mnist.lock"}


def test_data_set_to_be_fetched_by_hand_says_how(tmp_path):
    data = DataConfig(dataset="imagenet2012", data_dir=str(tmp_path))
    with pytest.raises(
        dataset_source.DataUnavailable, match=r"by hand.*ILSVRC2012_img_train"
    ):
        dataset_source.prepare(data)


def test_manual_folder_that_is_not_there(tmp_path):
    data = DataConfig(data_dir=str(tmp_path), manual_dir=str(tmp_path / "gone"))
    with pytest.raises(DataError, match="gone is not a folder, expected one with t10k"):
        dataset_source.prepare(data)


def test_manual_folder_is_not_needed_for_embedded_data(digits, tmp_path):
    gone = str(tmp_path / "gone")
    data = digits.replace(data_dir=str(tmp_path), manual_dir=gone)
    assert dataset_source.prepare(data).is_prepared()


def test_manual_folder_that_lacks_all_files(offline, tmp_path):
    data = DataConfig(data_dir=str(tmp_path / "data"), manual_dir=str(tmp_path))
    with pytest.raises(DataError, match=r"lacks t10k-images-idx3-ubyte.gz, ") as caught:
        dataset_source.prepare(data)
    assert not isinstance(caught.value, dataset_source.DataUnavailable)


def test_manual_folder_that_lacks_one_file_fails_soon(offline, tmp_path):
    data = example_data.tiny_config(tmp_path)
    example_data.register("http://tiny.invalid/more.gz", "more.gz", b"more")
    (tmp_path / "manual" / "tiny-images.gz").rename(tmp_path / "manual" / "more.gz")
    start = time.monotonic()
    with pytest.raises(DataError, match=r"lacks tiny-images.gz, .* data.manual_dir"):
        dataset_source.prepare(data)
    assert time.monotonic() - start < 5


def test_file_that_is_registered_but_not_needed_may_be_missing(offline, tmp_path):
    data = example_data.tiny_config(tmp_path)
    example_data.register("http://tiny.invalid/more.gz", "more.gz", b"more")
    assert dataset_source.prepare(data).info.splits["train"].num_examples == 4


def test_wrong_file_in_the_manual_folder_is_named(tmp_path):
    data = example_data.tiny_config(tmp_path, received=b"not it")
    match = (
        r"manual/tiny-images.gz is not the original file: 6 bytes with SHA-256 \w{64}"
    )
    with pytest.raises(DataError, match=match) as caught:
        dataset_source.prepare(data)
    assert not isinstance(caught.value, dataset_source.DataUnavailable)


def test_right_file_after_a_wrong_one_is_taken(tmp_path):
    with pytest.raises(DataError):
        dataset_source.prepare(example_data.tiny_config(tmp_path, received=b"not it"))
    builder = dataset_source.prepare(example_data.tiny_config(tmp_path))
    assert builder.info.splits["train"].num_examples == 4


def test_extracted_file_of_another_data_set_is_not_taken(tmp_path):
    # mnist and fashion_mnist have files of the same names.
    first = dataset_source.prepare(example_data.tiny_config(tmp_path, pixel=1))
    shutil.rmtree(first.data_dir)
    second = dataset_source.prepare(example_data.tiny_config(tmp_path, pixel=2))
    images = tfds.as_numpy(second.as_dataset(split="train", batch_size=-1))["picture"]
    assert np.unique(images).tolist() == [2]


def test_data_dir_that_cannot_be_written(digits, tmp_path):
    (tmp_path / "file").touch()
    data = digits.replace(data_dir=str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"data.data_dir: .*/file cannot be written"):
        dataset_source.prepare(data)


def test_full_disk(tmp_path, monkeypatch):
    def generate(self, images):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(example_data.Tiny, "_generate_examples", generate)
    with pytest.raises(DataError, match=r"no space is left in .*/data. Free some"):
        dataset_source.prepare(example_data.tiny_config(tmp_path))


def test_builder_that_fails_is_a_data_error(tmp_path, monkeypatch):
    monkeypatch.delattr(example_data.Tiny, "URL")
    with pytest.raises(DataError, match=r"tiny cannot be prepared in .*AttributeError"):
        dataset_source.prepare(example_data.tiny_config(tmp_path))


@pytest.mark.slow
# Their licence keeps the files out of the project.
@pytest.mark.skipif(not os.path.isdir(MNIST_DIR), reason=f"no MNIST in {MNIST_DIR}")
def test_mnist_from_its_original_files(offline, tmp_path):
    data = DataConfig(data_dir=str(tmp_path), manual_dir=MNIST_DIR)
    source = TfdsSource(data)
    numbers = {split: len(source.items(split)) for split in ("train", "eval", "test")}
    assert numbers == {"train": 54000, "eval": 6000, "test": 10000}
