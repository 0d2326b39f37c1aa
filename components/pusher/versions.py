"""The folder that a model server watches: numbered versions, each complete or absent.

Needs no TensorFlow. One type for folders of this machine and of object stores; how a
version appears whole is each kind's own.
"""

from __future__ import annotations

import abc
import contextlib
import os
import re
from collections.abc import Iterable

from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export.saved_model_files import folder_digest

_VERSION = re.compile("0|[1-9][0-9]*")
_MAX_VERSION = 2**63 - 1  # servers read an int64
LOCK_TIMEOUT_S = 60.0


class NewVersion(abc.ABC):
    """A version that is being made; no other process makes one meanwhile.

    Attributes:
        number: Its number, above every other.
        staging_dir: A folder of this machine to make it in, empty at first.
    """

    number: int
    staging_dir: str

    @abc.abstractmethod
    def prepare(self, staged: str) -> None:
        """Brings a finished folder so far that `appear` is one step; nobody sees it.

        Args:
            staged: In `staging_dir`, with the whole version.
        """

    @abc.abstractmethod
    def appear(self) -> None:
        """Makes what was prepared the version, for servers to load."""


class ServingFolder(abc.ABC):
    """A serving folder; `versions.at` makes it.

    Attributes:
        path: Its path or URL.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def folder(self, version: int) -> str:
        """The folder of a version."""
        return f"{self.path}/{version}"

    def newest(self) -> str:
        """The folder that a server loads: the highest number; empty without a version."""
        there = self.numbers()
        return self.folder(there[-1]) if there else ""

    def publish(self, staged: str, new: NewVersion) -> int:
        """Makes a finished folder the newest version, unless the newest equals it.

        A run that was killed before it was recorded finds its version again.

        Returns:
            The version that now holds the content of `staged`.
        """
        if have_same_content(staged, self.newest()):
            return self.numbers()[-1]
        new.prepare(staged)
        new.appear()
        return new.number

    @abc.abstractmethod
    def make(self) -> None:
        """Creates the folder, and checks that it can be reached."""

    @abc.abstractmethod
    def numbers(self) -> list[int]:
        """All complete versions, ascending."""

    @abc.abstractmethod
    def settle(self) -> None:
        """Finishes, or removes, what killed processes left; for a command's start."""

    @abc.abstractmethod
    def opened(self, proposed: int) -> contextlib.AbstractContextManager[NewVersion]:
        """A version to be made; what is not published by its end leaves nothing.

        Waits a minute until no other process makes one.

        Args:
            proposed: Its number, unless a higher one is there.

        Raises:
            DistillError: If another process still makes one then.
        """


def at(path: str) -> ServingFolder:
    """The serving folder at a path or URL."""
    if file_system.is_remote(path):
        from tfx_distill.components.pusher import store_versions

        return store_versions.StoreFolder(path)
    from tfx_distill.components.pusher import local_versions

    return local_versions.LocalFolder(path)


def of_version(folder: str) -> ServingFolder:
    """The serving folder of a version's folder."""
    return at(os.path.dirname(folder))


def numbers_in(names: Iterable[str]) -> list[int]:
    """The names that a server takes for versions, as ascending numbers."""
    found = map(int, filter(_VERSION.fullmatch, names))
    return sorted(number for number in found if number <= _MAX_VERSION)


def next_number(path: str, numbers: Iterable[int], proposed: int) -> int:
    """The proposed number, or one above all.

    Raises:
        DistillError: If no server could read it.
    """
    version = max([proposed, *(number + 1 for number in numbers)])
    if version > _MAX_VERSION:
        raise DistillError(
            f"{path} has the version {_MAX_VERSION}, the highest that servers read, so "
            "that none can follow. Move it away, then run again."
        )
    return version


def have_same_content(first: str, second: str) -> bool:
    """Whether two folders hold the same files; one without files equals no other."""
    folders = [folder for folder in (first, second) if any(file_system.files(folder))]
    return len(folders) == 2 and len(set(map(folder_digest, folders))) == 1
