"""The command's output: what cannot be written ends no work.

A reader that has gone away, a full disk or a terminal that knows only ASCII must not
turn a push into a failure. Whatever is lost is noted, and `pipeline/cli.py` tells it.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

_lost: list[OSError] = []


class _Forgiving(io.FileIO):
    """A descriptor whose failed writes count as written."""

    def __init__(self, descriptor: int, lost: list[OSError]) -> None:
        super().__init__(descriptor, "wb", closefd=descriptor > 2)
        self._lost = lost

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self._lost.append(error)
            return len(data)


def replace_standard() -> None:
    """Makes `sys.stdout` and `sys.stderr` such streams, and opens closed descriptors.

    A file opened later would otherwise get the descriptor, and with it all output.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
    sys.stdout, sys.stderr = open_text(1, is_result=True), open_text(2)


def open_text(descriptor: int, *, is_result: bool = False) -> TextIO:
    """A text stream on a descriptor; closing it closes copies of 1 and 2 only.

    Args:
        descriptor: Open for writing.
        is_result: Whether what is written is what the user asked for, see `lost`.
    """
    raw = _Forgiving(descriptor, _lost if is_result else [])
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(sys.__stdout__, "encoding", None) or "utf-8",
        errors="replace",
        line_buffering=raw.isatty(),
    )


def lost() -> OSError | None:
    """Why a part of the result could not be written; None if all was written."""
    sys.stdout.flush()
    return _lost[0] if _lost else None
