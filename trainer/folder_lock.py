"""An advisory lock on a folder that says who holds it, and since when.

The system releases it when the process ends, even if it is killed.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import pathlib
import socket
from collections.abc import Iterator
from typing import IO

from tfx_distill.trainer import file_system, waiting
from tfx_distill.trainer.errors import DistillError

FILE_NAME = ".lock"


@contextlib.contextmanager
def held(
    folder: str | os.PathLike[str], advice: str, timeout_s: float = 0.0
) -> Iterator[None]:
    """Holds the lock of an existing folder.

    Args:
        folder: Gets the file `.lock`.
        advice: What to do when another process keeps the lock, a sentence.
        timeout_s: How long to wait for it; who is waited for is logged at once.

    Raises:
        DistillError: If another process still holds the lock then.
    """
    path = pathlib.Path(folder, FILE_NAME)
    with open(path, "a+b", buffering=0, opener=file_system.opener) as file:
        _take(file, folder, advice, timeout_s)
        _note_holder(file)
        try:
            yield
        finally:
            file.truncate(0)


def _note_holder(file: IO[bytes]) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    note = (
        f"process {os.getpid()} on {socket.gethostname()}, "
        f"since {now:%Y-%m-%d %H:%M:%S} UTC"
    )
    file.truncate(0)
    # A full disk: whoever deletes files needs the lock, and not the note.
    with contextlib.suppress(OSError):
        file.write(note.encode())


def _take(
    file: IO[bytes], folder: str | os.PathLike[str], advice: str, timeout_s: float
) -> None:
    if not waiting.until(
        lambda: _is_taken(file),
        timeout_s,
        lambda: f"{folder}, in use by {_holder(file)}",
    ):
        waited = f" after {timeout_s:g} s" if timeout_s else ""
        raise DistillError(
            f"Another run ({_holder(file)}) is using {folder}{waited}. {advice}"
        )


def _is_taken(file: IO[bytes]) -> bool:
    """Takes the lock, if nobody holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace").strip() or "another process"
