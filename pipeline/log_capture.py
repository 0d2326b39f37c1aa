"""Sends what libraries print to a log and keeps the terminal for the user."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.segment import Segment

from tfx_distill.pipeline import output_streams
from tfx_distill.pipeline.short_text import clean


@dataclasses.dataclass(frozen=True)
class Terminal:
    """The user's two streams: `out` for results, `err` for notices and progress."""

    out: Console
    err: Console


class _PlainConsole(Console):
    """A console for text from outside: no markup, nothing that steers a terminal."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, **settings)

    def render(self, *arguments: Any, **options: Any) -> Iterator[Segment]:
        # Some of rich's own parts, such as Padding, give options by name.
        for segment in super().render(*arguments, **options):
            is_text = not segment.control
            yield Segment(clean(segment.text), segment.style) if is_text else segment


def direct() -> Terminal:
    """The process's own streams, for commands that load nothing noisy."""
    return Terminal(out=_PlainConsole(), err=_PlainConsole(stderr=True))


@contextlib.contextmanager
def captured(log: str | os.PathLike[str] | None) -> Iterator[Terminal]:
    """Redirects file descriptors 1 and 2, and Python's logging, to a file.

    C++ libraries write to the descriptors directly, so replacing Python's streams
    is not enough. The terminal is reached through copies of the descriptors.

    Args:
        log: File to append to; None discards everything.
    """
    path = pathlib.Path(os.devnull if log is None else log)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with (
        _redirected(1, path) as out,
        _redirected(2, path) as err,
        _logging_to_stderr(),
        warnings.catch_warnings(),
        _console(out, is_result=True) as out_console,
        _console(err) as err_console,
    ):
        yield Terminal(out=out_console, err=err_console)


@contextlib.contextmanager
def native_errors_discarded() -> Iterator[None]:
    """Discards writes to descriptor 2: ml_metadata's C++ code cannot be silenced."""
    with _redirected(2, pathlib.Path(os.devnull)):
        yield


@contextlib.contextmanager
def _redirected(descriptor: int, path: pathlib.Path) -> Iterator[int]:
    """Appends a descriptor's output to a file; yields a copy of the original."""
    stream = {1: sys.stdout, 2: sys.stderr}[descriptor]
    stream.flush()
    original = os.dup(descriptor)
    try:
        with open(path, "ab", buffering=0) as file:
            os.dup2(file.fileno(), descriptor)
        yield original
    finally:
        stream.flush()
        os.dup2(original, descriptor)
        os.close(original)


@contextlib.contextmanager
def _logging_to_stderr() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime  # in UTC, as the names of runs and logs are
    handler.setFormatter(formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextlib.contextmanager
def _console(descriptor: int, *, is_result: bool = False) -> Iterator[Console]:
    """A rich console on a copy of a descriptor."""
    with output_streams.open_text(os.dup(descriptor), is_result=is_result) as stream:
        yield _PlainConsole(file=stream)
