"""The one exception type for failures that a user can mend."""

from __future__ import annotations

from collections.abc import Iterator


class DistillError(Exception):
    """An expected failure: where, what was received, what was expected, what to do.

    The command line prints its text in one or two lines and exits with 1
    (2 for `ConfigError`); a traceback appears only with `--debug`.
    """


class ConfigError(DistillError, ValueError):
    """A configuration that cannot be run: nothing has started yet."""


class DataError(DistillError):
    """A data set or a record that cannot be used."""


class ModelError(DistillError):
    """A model that cannot be built, loaded, or that does not fit the data."""


class Interrupted(DistillError):
    """A person, or the system, asked the run to stop: never a trial's own failure."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and whatever led to it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
