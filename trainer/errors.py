"""Exceptions for failures that the user can fix."""

from __future__ import annotations

from collections.abc import Iterator


class DistillError(Exception):
    """An expected failure. Its text says where, what was expected, and what to do.

    The command line prints the text and exits with status 1 (2 for `ConfigError`). It
    shows a traceback only with `--debug`.
    """


class ConfigError(DistillError, ValueError):
    """An invalid configuration. Nothing has been started."""


class DataError(DistillError):
    """An unusable data set or record."""


class ModelError(DistillError):
    """A model that cannot be built or loaded, or does not fit the data."""


class Interrupted(DistillError):
    """The user or the system stopped the run. Never counts as a failed trial."""


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of its text, with a full stop."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {text}." if text else f"{type(error).__name__}."


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and its chain of causes."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
