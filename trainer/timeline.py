"""When the parts of a run happened: loading, nodes, and reading or training inside them.

Parts are told where they happen, by `part`; nothing is kept unless a run records.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import json
import time
from collections.abc import Iterable, Iterator


@dataclasses.dataclass(kw_only=True)
class Span:
    """One part of a run.

    Attributes:
        name: A node's id, or what was done, such as `training`.
        inside: The node in which that was; empty for nodes and what is outside of them.
        start_s: Seconds since the run started.
        seconds: How long it took.
        cached: Whether a node's result came from the cache.
    """

    name: str
    inside: str = ""
    start_s: float = 0.0
    seconds: float = 0.0
    cached: bool = False


_MAX_DEPTH = 2  # a part of a node's part is not kept


class _Recorder:
    def __init__(self) -> None:
        self.start = time.monotonic()
        self.spans: list[Span] = []
        self.open: list[Span] = []


# Of this thread alone: what Beam's threads do is inside of what waits for them.
_recorder: contextvars.ContextVar[_Recorder | None] = contextvars.ContextVar(
    "timeline", default=None
)


@contextlib.contextmanager
def recording() -> Iterator[list[Span]]:
    """Records parts, in the order in which they start, into the list it yields."""
    recorder = _Recorder()
    token = _recorder.set(recorder)
    try:
        yield recorder.spans
    finally:
        _recorder.reset(token)


@contextlib.contextmanager
def part(name: str) -> Iterator[Span]:
    """Times what is done meanwhile; also a decorator of functions."""
    recorder, begun = _recorder.get(), time.monotonic()
    span = Span(name=name)
    is_kept = recorder is not None and len(recorder.open) < _MAX_DEPTH
    if recorder is not None and is_kept:
        span.inside = recorder.open[0].name if recorder.open else ""
        span.start_s = round(begun - recorder.start, 3)
        recorder.spans.append(span)
        recorder.open.append(span)
    try:
        yield span
    finally:
        span.seconds = round(time.monotonic() - begun, 3)
        if recorder is not None and is_kept:
            recorder.open.pop()


def to_json(spans: Iterable[Span]) -> str:
    return json.dumps([dataclasses.asdict(span) for span in spans])


def recorded() -> list[Span]:
    """The parts of the run that is recording, so far."""
    recorder = _recorder.get()
    return [] if recorder is None else recorder.spans
