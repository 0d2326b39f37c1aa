"""Waits for a SQLite store that another process is writing to, and says which one.

ml_metadata's own attempts take up to 40 seconds, in silence, and name nobody.
"""

from __future__ import annotations

import os
import pathlib
import sqlite3

from tfx_distill.trainer import waiting
from tfx_distill.trainer.errors import DistillError

_TIMEOUT_S = 10.0


def wait_until_free(path: str | os.PathLike[str]) -> None:
    """Returns when a SQLite file can be written.

    Call it before ml_metadata opens the file: this process would lose its locks.

    Raises:
        DistillError: If another process still holds its lock after ten seconds.
    """
    if not waiting.until(
        lambda: _is_free(path),
        _TIMEOUT_S,
        lambda: f"{path}, locked by {_holders(path)}",
    ):
        raise DistillError(
            f"{path} is locked: {_holders(path)} has been writing to it for at least "
            f"{_TIMEOUT_S:g} s. Wait until it has finished, or end it; then try again."
        )


def _is_free(path: str | os.PathLike[str]) -> bool:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        # Whatever else is wrong, ml_metadata explains when it opens the file.
        return "locked" not in str(error)
    except sqlite3.DatabaseError:
        return True
    finally:
        connection.close()
    return True


def _holders(path: str | os.PathLike[str]) -> str:
    """The processes that hold a lock on a file, as the kernel lists them."""
    status = os.stat(path)
    file = (
        f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    )
    lines = [line.split() for line in _read("/proc/locks").splitlines()]
    ids = {words[4] for words in lines if len(words) > 5 and words[5] == file}
    known = [f"process {id_} ({_read(f'/proc/{id_}/comm').strip()})" for id_ in ids]
    return " and ".join(sorted(known)) or "another process"


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux, or the process has ended
        return ""
