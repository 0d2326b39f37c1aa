"""Versions in a folder of this machine, or of one that it has mounted.

A version is made in a hidden folder beside the others, flushed to disk, and gets its
number by one atomic rename. One process at a time works in a serving folder, so a hidden
folder found there was left by a process that was killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from tfx_distill.components.pusher import versions
from tfx_distill.trainer import folder_lock

_STAGING = ".staging-"
_ADVICE = "Wait for it to finish, then run again."


class LocalFolder(versions.ServingFolder):
    """See the module."""

    def make(self) -> None:
        os.makedirs(self.path, exist_ok=True)

    def numbers(self) -> list[int]:
        there = os.listdir(self.path) if os.path.isdir(self.path) else []
        return versions.numbers_in(there)

    def settle(self) -> None:
        """Nothing: a rename is done or not, and `opened` removes hidden folders."""

    @contextlib.contextmanager
    def opened(self, proposed: int) -> Iterator[versions.NewVersion]:
        self.make()
        with folder_lock.held(self.path, _ADVICE, versions.LOCK_TIMEOUT_S):
            for name in os.listdir(self.path):
                if name.startswith(_STAGING):
                    shutil.rmtree(os.path.join(self.path, name), ignore_errors=True)
            number = versions.next_number(self.path, self.numbers(), proposed)
            staging_dir = tempfile.mkdtemp(prefix=_STAGING, dir=self.path)
            try:
                yield LocalVersion(self, number, staging_dir)
            finally:
                shutil.rmtree(staging_dir, ignore_errors=True)


class LocalVersion(versions.NewVersion):
    def __init__(self, serving: LocalFolder, number: int, staging_dir: str) -> None:
        self._serving, self._staged = serving, ""
        self.number, self.staging_dir = number, staging_dir

    def prepare(self, staged: str) -> None:
        # First what it holds: a machine that crashes may keep the rename alone.
        _write_out(staged)
        self._staged = staged

    def appear(self) -> None:
        os.rename(self._staged, self._serving.folder(self.number))
        _sync(self._serving.path)


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
