"""Errors of ml_metadata as one line that says what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from ml_metadata import errors

from tfx_distill.trainer.errors import DistillError

_OTHER_VERSION = re.compile(r"(?:version|schema)\D{0,20}(\d+)", re.IGNORECASE)

_MAX_TEXT = 300


@contextlib.contextmanager
def explained(place: str) -> Iterator[None]:
    """Turns errors of ml_metadata into one line that says what to do."""
    try:
        yield
    # Opening a database raises RuntimeError, everything else ml_metadata's own.
    except (errors.StatusError, RuntimeError) as error:
        raise DistillError(_explanation(place, error)) from error


def _explanation(place: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    lower = text.lower()
    if isinstance(error, (errors.UnavailableError, errors.DeadlineExceededError)):
        return (
            f"{place} does not answer. Is the ML Metadata server running, and can this "
            "machine reach it? In a cluster, forward its port first."
        )
    if "subset of" in lower or "malformed" in lower or "not a database" in lower:
        return f"{place} is damaged. Restore it from a backup; nothing was changed."
    if "locked" in lower or "concurrent writes" in lower:
        return (
            f"{place} is locked: another process is writing to it. Wait until it "
            "has finished, then try again."
        )
    if "version" in lower and ("upgrade" in lower or "migrat" in lower):
        return _other_version(place, text)
    if "readonly database" in lower:
        return f"{place} cannot be written to. Make its file and folder writable."
    if "disk is full" in lower:
        return f"{place}: its disk is full. Free some space, then try again."
    if isinstance(error, errors.UnimplementedError):
        return f"{place} is too old: the server does not know one of our requests."
    return f"{place} cannot be read as ML Metadata: {text[:_MAX_TEXT]}"


def _other_version(place: str, text: str) -> str:
    numbers = _OTHER_VERSION.findall(text)
    between = f" (schemas {' and '.join(numbers[:2])})" if len(numbers) > 1 else ""
    return (
        f"{place} was written by another version of ml-metadata{between} than the "
        "installed one. Use the version that wrote it; nothing was changed."
    )
