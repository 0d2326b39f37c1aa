"""A full or read-only disk is told by its folder, whichever library met it."""

import contextlib
import errno
import os
import pathlib
import re
import sqlite3

import h5py
import numpy as np
import pytest

from tfx_distill.pipeline import bad_disks
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.trainer.errors import DataError, DistillError

pytestmark = pytest.mark.attack


@pytest.fixture
def config(small_disk):
    """Of a pipeline on the small disk, with a database there."""
    config = load_config("smoke", [f"pipeline.root={small_disk.folder}"])
    os.makedirs(config.serving_dir)
    with contextlib.closing(sqlite3.connect(config.pipeline_dir / "store")) as store:
        store.execute("CREATE TABLE numbers (number)")
    return config


def _file(folder):
    pathlib.Path(folder, "file").write_bytes(bytes(2**20))


def _sqlite(folder):
    with contextlib.closing(sqlite3.connect(folder / "store")) as store:
        store.execute("INSERT INTO numbers VALUES (zeroblob(1000000))")
        store.commit()


def _array(folder):
    np.save(folder / "array", np.zeros(2**20))


def _hdf5(folder):
    with h5py.File(folder / "file.h5", "w") as file:
        file["values"] = np.zeros(2**20)


WRITERS = [_file, _sqlite, _array, _hdf5]


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk(small_disk, config, write):
    small_disk.fill()
    said = (
        f"There is no space left on the disk of {config.pipeline_dir}. Free some space, "
        "or set pipeline.root to a folder on another disk."
    )
    with (
        pytest.raises(DistillError, match=re.escape(said)),
        bad_disks.explained(config),
    ):
        write(config.pipeline_dir)


@pytest.mark.parametrize("write", WRITERS)
def test_a_read_only_disk(small_disk, config, write):
    small_disk.make_read_only()
    said = f"Nothing can be written to {config.pipeline_dir}. Make it writable, or set"
    with (
        pytest.raises(DistillError, match=re.escape(said)),
        bad_disks.explained(config),
    ):
        write(config.pipeline_dir)


@pytest.mark.parametrize("error", [ZeroDivisionError("none"), DataError("no images")])
def test_what_the_disk_did_not_cause_passes(config, error):
    with pytest.raises(type(error), match=str(error)), bad_disks.explained(config):
        raise error


def test_the_disk_that_is_full_is_named(small_disk, tmp_path, config):
    other = tmp_path.parent / "other"
    config = load_config(
        "smoke", [f"pipeline.root={other}", f"pusher.directory={config.serving_dir}"]
    )
    config.pipeline_dir.mkdir(parents=True)
    small_disk.fill()
    found = bad_disks.problem(OSError("failed"), bad_disks.folders(config))
    assert (
        f"disk of {config.serving_dir}. Free" in found and "pusher.directory" in found
    )


@pytest.mark.parametrize(
    ("folder", "key"),
    [("own", "pipeline.root"), ("own/serving", "pusher.directory"), ("t", "TMPDIR")],
)
def test_a_disk_that_has_space_again_is_known_by_the_errors_path(tmp_path, folder, key):
    names = {"pipeline.root": "own", "pusher.directory": "own/serving", "TMPDIR": "t"}
    written = {name: str(tmp_path / path) for name, path in names.items()}
    for path in written.values():
        os.makedirs(path)
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{tmp_path}/{folder}/x")
    found = bad_disks.problem(error, written)
    assert f"disk of {written[key]}. Free some space, or set {key} to" in found
