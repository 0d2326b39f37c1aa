"""The folder that a model server watches: numbered versions, each complete or absent.

Needs no TensorFlow. A version is made in a hidden folder beside the others, flushed to
disk, and gets its number by one atomic rename. One process at a time works in a serving
folder, so a hidden folder found there was left by a process that was killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator

from tfx_distill.trainer import file_system, folder_lock
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export.saved_model_files import folder_digest

_STAGING = ".staging-"
_VERSION = re.compile("0|[1-9][0-9]*")
_MAX_VERSION = 2**63 - 1  # servers read an int64
_LOCK_TIMEOUT_S = 60.0


def numbers(serving_dir: str) -> list[int]:
    """All versions, ascending: the names that a server takes for versions."""
    if not os.path.isdir(serving_dir):
        return []
    names = filter(_VERSION.fullmatch, os.listdir(serving_dir))
    return sorted(number for number in map(int, names) if number <= _MAX_VERSION)


def folder(serving_dir: str, version: int) -> str:
    return os.path.join(serving_dir, str(version))


def newest(serving_dir: str) -> str:
    """The folder that a server loads: the highest number; empty without a version."""
    there = numbers(serving_dir)
    return folder(serving_dir, there[-1]) if there else ""


@contextlib.contextmanager
def staging(serving_dir: str) -> Iterator[str]:
    """A hidden folder to make a version in; deleted afterwards, with older ones.

    Waits a minute until no other process works in the serving folder.

    Raises:
        DistillError: If one still does then.
    """
    os.makedirs(serving_dir, exist_ok=True)
    advice = "Wait for it to finish, then run again."
    with folder_lock.held(serving_dir, advice, _LOCK_TIMEOUT_S):
        for name in os.listdir(serving_dir):
            if name.startswith(_STAGING):
                shutil.rmtree(os.path.join(serving_dir, name), ignore_errors=True)
        staging_dir = tempfile.mkdtemp(prefix=_STAGING, dir=serving_dir)
        try:
            yield staging_dir
        finally:
            shutil.rmtree(staging_dir, ignore_errors=True)


def have_same_content(first: str, second: str) -> bool:
    """Whether two folders hold the same files; one without files equals no other."""
    folders = [folder for folder in (first, second) if any(file_system.files(folder))]
    return len(folders) == 2 and len(set(map(folder_digest, folders))) == 1


def next_number(serving_dir: str, proposed: int) -> int:
    """The proposed number, or one above every version.

    Raises:
        DistillError: If no server could read it.
    """
    version = max([proposed, *(number + 1 for number in numbers(serving_dir))])
    if version > _MAX_VERSION:
        raise DistillError(
            f"{serving_dir} has the version {_MAX_VERSION}, the highest that servers "
            "read, so that none can follow. Move it away, then run again."
        )
    return version


def publish(staged: str, serving_dir: str, proposed: int) -> int:
    """Makes a finished folder the newest version, unless the newest equals it.

    A run that was killed between the rename and its record finds its version again.

    Args:
        staged: Folder inside `staging`, with the whole version.
        serving_dir: The folder that a server watches.
        proposed: The version's number, unless a higher one is there.

    Returns:
        The version that now holds the content of `staged`.
    """
    if have_same_content(staged, newest(serving_dir)):
        return numbers(serving_dir)[-1]
    version = next_number(serving_dir, proposed)
    place(staged, serving_dir, version)
    return version


def place(staged: str, serving_dir: str, version: int) -> None:
    """Makes a finished folder a version by one rename, and both durable."""
    # First what it holds: a machine that crashes may keep the rename alone.
    _write_out(staged)
    os.rename(staged, folder(serving_dir, version))
    _sync(serving_dir)


def _write_out(top: str) -> None:
    """Flushes a folder to disk, so that it survives a crash of the machine."""
    for directory, _, names in os.walk(top, topdown=False):
        for name in names:
            _sync(os.path.join(directory, name))
        _sync(directory)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
