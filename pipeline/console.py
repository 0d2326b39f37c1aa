"""Keeps what libraries print away from the person, and in a log."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import os
import pathlib
import sys
import warnings
from collections.abc import Iterator

from rich.console import Console


@dataclasses.dataclass(frozen=True)
class Terminal:
    """The person's two streams: `out` for results, `err` for notices and progress."""

    out: Console
    err: Console


def plain() -> Terminal:
    """The streams as they are, for commands that load nothing noisy."""
    return Terminal(out=Console(), err=Console(stderr=True))


@contextlib.contextmanager
def quiet(log: str | os.PathLike[str] | None) -> Iterator[Terminal]:
    """Sends everything that is written to descriptors 1 and 2 to a file.

    C++ libraries write to the descriptors themselves, before Python's streams
    could be replaced: so the descriptors are what is redirected, and the person
    is reached through copies of them.

    Args:
        log: File to append to; None: nowhere.
    """
    path = pathlib.Path(os.devnull if log is None else log)
    sys.stdout.flush()
    sys.stderr.flush()
    copies = os.dup(1), os.dup(2)
    with open(path, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    streams = [os.fdopen(os.dup(copy), "w", encoding=_encoding()) for copy in copies]
    try:
        with warnings.catch_warnings():
            yield Terminal(out=Console(file=streams[0]), err=Console(file=streams[1]))
    finally:
        for stream in streams:
            with contextlib.suppress(BrokenPipeError, io.UnsupportedOperation):
                stream.close()
        root.removeHandler(handler)
        root.setLevel(level)
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(copies[0], 1)
        os.dup2(copies[1], 2)
        for copy in copies:
            os.close(copy)


@contextlib.contextmanager
def native_errors_discarded() -> Iterator[None]:
    """Discards what libraries write to descriptor 2: ml_metadata's C++ has no switch."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _encoding() -> str:
    return getattr(sys.__stdout__, "encoding", None) or "utf-8"
