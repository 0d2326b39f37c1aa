"""`os._exit` in foreign code, such as a model's function, is no success of a command's."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import NoReturn

_FAILED = 1


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Makes `os._exit` an error in this process meanwhile.

    In the main thread it becomes a SystemExit, which fails what runs. Elsewhere it ends
    the process, with a status that is not 0. Processes that are forked may use it:
    `multiprocessing` does.
    """
    own, leave = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != own:
            leave(status)
        if threading.current_thread() is not threading.main_thread():
            leave(status or _FAILED)
        raise SystemExit(f"os._exit({status}) was called")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave
