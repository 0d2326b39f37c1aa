"""An advisory lock on a folder that says who holds it, and since when.

The system releases it when the process ends, even if it is killed.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import logging
import os
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import IO

from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError

logger = logging.getLogger(__name__)

FILE_NAME = ".lock"
_POLL_S = 0.1


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
    deadline = time.monotonic() + timeout_s
    waiting = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pass
        file.seek(0)
        holder = file.read().decode(errors="replace").strip() or "another process"
        if time.monotonic() >= deadline:
            waited = f" after {timeout_s:g} s" if timeout_s else ""
            raise DistillError(
                f"Another run ({holder}) is using {folder}{waited}. {advice}"
            )
        if not waiting:
            logger.warning(
                "Waiting up to %g s for %s, in use by %s", timeout_s, folder, holder
            )
        waiting = True
        time.sleep(_POLL_S)
