"""Whether trainings write TensorBoard's profile of some steps; part of no cache key."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

# Calls of Keras's training function: the first one traces the graph.
_CALLS = (2, 3)

_wanted: contextvars.ContextVar[bool] = contextvars.ContextVar("profile", default=False)


@contextlib.contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Lets trainings in this thread be profiled meanwhile."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def calls() -> tuple[int, int] | int:
    """`profile_batch` of Keras's TensorBoard callback."""
    return _CALLS if _wanted.get() else 0
