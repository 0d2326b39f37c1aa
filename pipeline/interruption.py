"""Signals that end a command: as an exception at once, or held back for a moment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tfx_distill.trainer.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def as_errors(message: Callable[[], str]) -> Iterator[None]:
    """Raises `Interrupted` on Ctrl-C and SIGTERM, so that TFX cleans up.

    TFX removes a node's partial output after an `Exception`, and `KeyboardInterrupt`
    is not one. A second signal ends the process immediately.

    Args:
        message: What follows "Stopped by SIGINT. ".
    """

    def interrupt(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Interrupted(f"Stopped by {signal.Signals(number).name}. {message()}")

    with _handled_by(interrupt):
        yield


@contextlib.contextmanager
def held_back() -> Iterator[list[int]]:
    """Keeps signals away from what must not be cut in two: a push and its record.

    A second signal ends the process immediately: what it leaves is found by the next
    command.

    Yields:
        The signals that arrive; the caller decides what becomes of them.
    """
    arrived: list[int] = []

    def note(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        arrived.append(number)

    with _handled_by(note):
        yield arrived


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
