"""Rows of a SQLite file of ML Metadata, and cells that are what they must be."""

from __future__ import annotations

import functools
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline import hints
from tfx_distill.pipeline.mlmd import adapters
from tfx_distill.trainer.errors import DistillError

SCHEMA_VERSION = 10  # of ml_metadata 1.0 and newer

Row = tuple[Any, ...]


class SqliteRows:
    """A file that is only read.

    Args:
        path: The file.

    Raises:
        DistillError: If it is not ML Metadata of this version.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.place = str(path)
        address = f"{path.absolute().as_uri()}?mode=ro"
        self._database = sqlite3.connect(address, uri=True, timeout=2)
        self._database.text_factory = functools.partial(str, errors="replace")
        version = next(self.rows("SELECT schema_version FROM MLMDEnv"), (None,))[0]
        if version != SCHEMA_VERSION:
            raise DistillError(
                f"{self.place} was written by another version of ml-metadata (schemas "
                f"{version!r:.20} and {SCHEMA_VERSION}) than the installed one. Use the "
                "version that wrote it; nothing was changed."
            )

    def state(self, value: Any, what: str) -> int:
        """As `number`; 0 if there is none."""
        return self.number(value or 0, what)

    def number(self, value: Any, what: str, most: int = adapters.MAX_ID) -> int:
        """A cell that must be an integer in [0, `most`]; `what` names it."""
        if not isinstance(value, int) or not 0 <= value <= most:
            raise self._damaged(what, value)
        return value

    def text(self, value: Any, what: str) -> str:
        """As `number`, of a string."""
        if not isinstance(value, str):
            raise self._damaged(what, value)
        return value

    def _damaged(self, what: str, value: Any) -> DistillError:
        return DistillError(
            f"{self.place} is damaged: {what} is {value!r:.40}. Restore it from a backup; "
            "nothing was changed."
        )

    def rows(self, query: str, *values: Any) -> Iterator[Row]:
        """The answer of a query.

        Raises:
            DistillError: If the file is damaged, locked, or not ML Metadata.
        """
        try:
            yield from self._database.execute(query, values)
        except sqlite3.OperationalError as error:
            raise DistillError(self._explained(str(error))) from error
        except sqlite3.Error as error:
            raise DistillError(
                f"{self.place} is damaged ({error}). Restore it from a backup; nothing "
                "was changed."
            ) from error

    def _explained(self, error: str) -> str:
        if "no such" in error:
            return (
                f"{self.place} is a SQLite database, but not one of ML Metadata. Give "
                "another file."
            )
        if "locked" in error:
            return (
                f"{self.place} is locked: another process is writing to it. Wait until "
                "it has finished, then try again."
            )
        if pathlib.Path(f"{self.place}-journal").exists():
            return (
                f"{self.place} was left in the middle of a write by a process that was "
                f"killed. Start `{hints.command('run')}` once: opening it "
                "for writing repairs it."
            )
        return f"{self.place} cannot be read: {error}."
