"""The lines of the Pusher's log that say what it did, for readers of logs alone.

A server of Kubeflow Pipelines shows its users the logs of a run, and not always its
artifacts.
"""

from __future__ import annotations

import re

PUSHED = "Pushed version %s to %s"
NOT_PUSHED = "Not pushed: %s"
_PUSHED = re.compile(r"Pushed version (\d+) to (.+)")
_NOT_PUSHED = re.compile(r"Not pushed: (.+)")


def pushed(log: str) -> tuple[str, str] | None:
    """Version and folder in a Pusher's log; None: it pushed nothing."""
    found = _PUSHED.search(log)
    return (found[1], found[2].strip()) if found else None


def refusals(log: str) -> list[str]:
    """Why nothing was pushed, by a Pusher's log."""
    return [reason.strip() for reason in _NOT_PUSHED.findall(log)]
