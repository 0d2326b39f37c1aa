"""Byte strings in an unnamed local file, read in any order.

Page cache holds what is read often, and the system takes it back when it needs memory.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable
from typing import Any

from tfx_distill.trainer.errors import DistillError

# Debian 13 and others keep /tmp in memory, which a spool is there to save.
_DISK = "/var/tmp"


class Spool:
    """Items that are appended first and read afterwards, by several threads at once.

    The file has no name, so it vanishes with the last process that uses it. Processes
    that get a spool as an argument read the same file.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(dir=folder())  # noqa: SIM115
        self._ends = array.array("q", [0])  # of each item in the file, after a 0

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, items: Iterable[bytes]) -> None:
        """Adds items at the end.

        Raises:
            DistillError: If the disk is full.
        """
        try:
            for item in items:
                self._file.write(item)
                self._ends.append(self._ends[-1] + len(item))
            self._file.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DistillError(
                f"{folder()} has no space left after {self._ends[-1] / 2**20:,.0f} MiB "
                "of examples. Set the variable TMPDIR to a folder with more, or raise "
                "pipeline.images_in_memory_mb."
            ) from None

    def read(self, places: Iterable[int]) -> list[bytes]:
        """The items at these places, each from 0 to the number of items.

        Raises:
            IndexError: If there is no such item.
        """
        file, ends = self._file.fileno(), self._ends
        return [os.pread(file, ends[at + 1] - ends[at], ends[at]) for at in places]

    def __del__(self) -> None:
        with contextlib.suppress(OSError):  # of a full disk, told already
            self._file.close()

    def __getstate__(self) -> dict[str, Any]:
        path = f"/proc/{os.getpid()}/fd/{self._file.fileno()}"
        return {**vars(self), "_file": path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        file = open(state["_file"], "rb")  # noqa: SIM115
        vars(self).update(state, _file=file)


def folder() -> str:
    """Where spools are: `$TMPDIR`, else `/var/tmp`, else where Python puts them."""
    given = os.environ.get("TMPDIR")
    return given or (_DISK if os.access(_DISK, os.W_OK) else tempfile.gettempdir())
