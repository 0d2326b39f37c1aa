"""Waits for what another process holds, and says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_POLL_S = 0.1


def until(
    succeeds: Callable[[], bool], timeout_s: float, held: Callable[[], str]
) -> bool:
    """Tries until it succeeds or time is up; returns whether it succeeded.

    Args:
        succeeds: Called at least once.
        timeout_s: How long to go on.
        held: What is waited for and who holds it; logged once, at the first failure.
    """
    deadline = time.monotonic() + timeout_s
    waiting = False
    while not succeeds():
        if time.monotonic() >= deadline:
            return False
        if not waiting:
            logger.warning("Waiting up to %g s for %s", timeout_s, held())
        waiting = True
        time.sleep(_POLL_S)
    return True
