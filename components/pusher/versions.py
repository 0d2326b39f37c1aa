"""The folder that a model server watches: numbered versions, each complete or absent.

Needs no TensorFlow. A version is made in a hidden folder beside the others, flushed to
disk, and gets its number by one atomic rename. One process at a time works in a serving
folder, so a hidden folder found there was left by a process that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator

from tfx_distill.trainer import file_system
from tfx_distill.trainer.export.saved_model_files import folder_digest

_LOCK = ".lock"
_STAGING = ".staging-"


def numbers(serving_dir: str) -> list[int]:
    """All versions, ascending."""
    if not os.path.isdir(serving_dir):
        return []
    return sorted(int(name) for name in os.listdir(serving_dir) if name.isdecimal())


def folder(serving_dir: str, version: int) -> str:
    return os.path.join(serving_dir, str(version))


def newest(serving_dir: str) -> str:
    """The folder that a server loads: the highest number; empty without a version."""
    there = numbers(serving_dir)
    return folder(serving_dir, there[-1]) if there else ""


@contextlib.contextmanager
def staging(serving_dir: str) -> Iterator[str]:
    """A hidden folder to make a version in; deleted afterwards, with older ones.

    Waits until no other process works in the serving folder. The system releases the
    lock when a process ends, even by a crash.
    """
    os.makedirs(serving_dir, exist_ok=True)
    with open(os.path.join(serving_dir, _LOCK), "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
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
    there = numbers(serving_dir)
    if there and have_same_content(staged, newest(serving_dir)):
        return there[-1]
    version = max([proposed, *(number + 1 for number in there)])
    _write_out(staged)
    os.rename(staged, folder(serving_dir, version))
    _sync(serving_dir)
    return version


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
