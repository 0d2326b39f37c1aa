"""Getting a TensorFlow Datasets data set onto this machine.

`prepare` loads it if it is there, else makes it from original files in a manual
folder, else downloads it; every way in which that can fail is a `DataError`.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import fcntl
import logging
import os
import pathlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator

import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import download_manager, downloader
from tensorflow_datasets.core.utils import gcs_utils

from tfx_distill.components.tfds_example_gen import digits  # noqa: F401 (registers `digits`)
from tfx_distill.components.tfds_example_gen.original_files import Originals
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.errors import DataError

logger = logging.getLogger(__name__)

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DataUnavailable(DataError):
    """The data set is neither prepared, nor in a manual folder, nor downloadable."""


def prepare(data: DataConfig) -> tfds.core.DatasetBuilder:
    """Returns the data set's builder, prepared: its files lie in its `data_dir`.

    Safe to call again and from several processes at once.

    Raises:
        DataUnavailable: There are no files to prepare it from.
        DataError: Whatever else keeps it from being prepared.
    """
    builder = open_builder(data)
    if not _is_prepared(builder):
        with _lock(builder):
            builder = open_builder(data)  # another process may have prepared it
            if not _is_prepared(builder):
                _prepare_locked(builder, data.manual_dir)
    missing = [
        path
        for split in builder.info.splits.values()
        for path in split.filepaths
        if not path.exists()
    ]
    if missing or not builder.info.splits:
        raise _incomplete(builder, missing[0].name if missing else "splits")
    return builder


def open_builder(data: DataConfig) -> tfds.core.DatasetBuilder:
    """Returns the data set's builder, prepared or not.

    Raises:
        DataError: If there is no such data set, configuration or version.
    """
    name = data.dataset
    data_dir = os.path.expanduser(data.data_dir) if data.data_dir else None
    public = tfds.core.visibility.DatasetType.TFDS_PUBLIC
    # TFDS before 4.9.10 asks Google's storage about every data set, and waits.
    gcs_utils._is_gcs_disabled = True
    try:
        # Community data sets come as code that is downloaded and run.
        with tfds.core.visibility.set_availables_tmp([public]):
            return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        raise DataError(_unknown(name)) from None
    except ImportError as error:
        raise DataError(
            f"Data set {name} needs a package that is not installed: {_line(error)}. "
            "Install it, or choose another data.dataset."
        ) from error
    except Exception as error:
        raise DataError(
            f"data.dataset: TensorFlow Datasets cannot open {name!r}: {_line(error)}"
        ) from error


def full_name(builder: tfds.core.DatasetBuilder) -> str:
    """The data set's name, with its configuration if it has one."""
    config = builder.builder_config
    return f"{builder.name}/{config.name}" if config is not None else builder.name


def _is_prepared(builder: tfds.core.DatasetBuilder) -> bool:
    # TFDS warns of files that are not in a folder that is not there.
    return builder.data_path.exists() and builder.is_prepared()


def _prepare_locked(builder: tfds.core.DatasetBuilder, manual_dir: str | None) -> None:
    if builder.data_path.exists():  # TFDS would take it for prepared
        raise _incomplete(builder, "dataset_info.json or features.json")
    instructions = " ".join((builder.MANUAL_DOWNLOAD_INSTRUCTIONS or "").split())
    if instructions and manual_dir is None:
        raise DataUnavailable(
            f"Data set {builder.name} must be downloaded by hand. Put its files into a "
            "folder and set data.manual_dir or $DISTILL_MANUAL_DIR to it. "
            f"TensorFlow Datasets says: {instructions}"
        )
    originals = Originals(builder, manual_dir)
    unreachable = originals.why_unreachable()
    if unreachable and not originals.found:
        raise _not_downloadable(builder, originals, unreachable)
    try:
        with _quiet(), _retries(0 if unreachable else downloader.MAX_RETRIES):
            _download_and_prepare(builder, originals.folder)
    except download_manager.NonMatchingChecksumError as error:
        raise _wrong_checksum(builder, originals, error) from error
    except (requests.RequestException, tfds.download.DownloadError) as error:
        raise _not_downloadable(builder, originals, _line(error)) from error
    except Exception as error:
        if getattr(error, "errno", None) in _DISK_FULL or "disk space" in str(error):
            raise _no_space(builder) from error
        says = f" TensorFlow Datasets says: {instructions}" if instructions else ""
        raise DataError(
            f"Data set {builder.name} cannot be prepared in {builder.data_dir_root} "
            f"({type(error).__name__}: {_line(error)}).{says}"
        ) from error


def _download_and_prepare(
    builder: tfds.core.DatasetBuilder, folder: pathlib.Path | None
) -> None:
    # TFDS reuses what it once extracted by the archive's name alone: it would
    # give fashion_mnist the images of mnist, whose files have the same names.
    # So each preparation extracts into a folder of its own.
    extract_dir = tempfile.mkdtemp(prefix=".extracted-", dir=builder.data_dir_root)
    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=folder, extract_dir=extract_dir, try_download_gcs=False
            )
        )
    finally:
        shutil.rmtree(extract_dir, ignore_errors=True)


@contextlib.contextmanager
def _lock(builder: tfds.core.DatasetBuilder) -> Iterator[None]:
    """Keeps other processes from preparing the same data set at the same time."""
    root = pathlib.Path(builder.data_dir_root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / f".{builder.name}.lock").open("w")
    except OSError as error:
        raise DataError(
            f"data.data_dir: {root} cannot be written ({error.strerror}). Data set "
            f"{builder.name} is to be prepared there. Set it to a folder of yours."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("Waiting for another process to prepare %s.", builder.name)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:  # a file system without locks: TFDS's rename decides
            logger.warning("%s cannot be locked: %s", root, error)
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS announces each data set on stdout, which is for results."""
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def _retries(number: int) -> Iterator[None]:
    before = downloader.MAX_RETRIES
    downloader.MAX_RETRIES = number
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before


def _unknown(name: str) -> str:
    known = tfds.list_builders(with_community_datasets=False)
    near = difflib.get_close_matches(re.split("[/:]", name)[0], known, n=1)
    hint = "Their names: https://www.tensorflow.org/datasets/catalog/overview"
    if near:
        hint = f"Did you mean {near[0]}?"
    return f"data.dataset: TensorFlow Datasets knows no data set {name!r}. {hint}"


def _not_downloadable(
    builder: tfds.core.DatasetBuilder, originals: Originals, why: str
) -> DataError:
    names = originals.names()
    if originals.folder is not None:
        return DataError(
            f"Data set {builder.name}: the manual folder {originals.folder} lacks "
            f"{names}, and downloading fails ({why}). Put it there, or correct "
            "data.manual_dir."
        )
    return DataUnavailable(
        f"Data set {builder.name} is not in {builder.data_dir_root}, data.manual_dir "
        f"is not set, and downloading fails ({why}). Put {names} into a folder and set "
        "data.manual_dir or $DISTILL_MANUAL_DIR to it, or connect to the network."
    )


def _wrong_checksum(
    builder: tfds.core.DatasetBuilder, originals: Originals, error: Exception
) -> DataError:
    wrong = originals.wrong_file()
    if wrong:
        return DataError(
            f"Data set {builder.name}: {wrong}. Fetch it again, or correct "
            "data.manual_dir."
        )
    return DataError(
        f"Data set {builder.name}: a downloaded file is not the original "
        f"({_line(error)}). If a proxy answered in the server's place, fetch "
        f"{originals.names()} elsewhere and set data.manual_dir to their folder."
    )


def _incomplete(builder: tfds.core.DatasetBuilder, lacking: str) -> DataError:
    return DataError(
        f"Data set {builder.name}: the folder {builder.data_dir} is incomplete, it "
        f"lacks {lacking}. Delete it, then run again to prepare it afresh."
    )


def _no_space(builder: tfds.core.DatasetBuilder) -> DataError:
    return DataError(
        f"Data set {builder.name}: no space is left in {builder.data_dir_root}. Free "
        "some, or set data.data_dir to a folder on another disk."
    )


def _line(error: Exception) -> str:
    """The first paragraph of an error's text, in one line."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split("\n\n")[0].split())
