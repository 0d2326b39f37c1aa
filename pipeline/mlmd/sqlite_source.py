"""Records of ML Metadata in a SQLite file, in plain SQL.

ml_metadata's own library aborts the process on a damaged file, and has no queries in
TFX 1.21. Whatever a cell holds, this reader gives a record or an error in one line:
a property of a wrong type is shown as it is; a wrong id, type or time is damage, since
`gc` decides by them what may be deleted.
"""

from __future__ import annotations

import base64
import json
import pathlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from google.protobuf import json_format, message, struct_pb2

from tfx_distill.pipeline import hints
from tfx_distill.pipeline.mlmd import adapters
from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    RunRecord,
)
from tfx_distill.pipeline.short_text import clean
from tfx_distill.trainer.errors import DistillError

SCHEMA_VERSION = 10  # of ml_metadata 1.0 and newer
_STRUCT = "mlmd-struct::"  # before a value that is a protobuf Struct, in base 64
_MAX_MS = 253_402_300_799_999  # the last of the year 9999
_VALUES = "int_value, double_value, string_value, bool_value"
_TIMES = "R.create_time_since_epoch, R.last_update_time_since_epoch"
_AMONG = "IN (SELECT value FROM json_each(?))"

Row = tuple[Any, ...]


class SqliteSource:
    """A file that is only read; a `source.Source`.

    Args:
        path: The file.

    Raises:
        DistillError: If it is not ML Metadata of this version.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.place = str(path)
        address = f"{path.absolute().as_uri()}?mode=ro"
        self._database = sqlite3.connect(address, uri=True, timeout=2)
        self._database.text_factory = lambda text: text.decode(errors="replace")
        version = next(self._rows("SELECT schema_version FROM MLMDEnv"), (None,))[0]
        if version != SCHEMA_VERSION:
            raise DistillError(
                f"{self.place} was written by another version of ml-metadata (schemas "
                f"{version!r:.20} and {SCHEMA_VERSION}) than the installed one. Use the "
                "version that wrote it; nothing was changed."
            )

    artifact_id = execution_id = staticmethod(adapters.number)

    def runs(self, limit: int | None) -> list[RunRecord]:
        rows = self._records("Context", "''", "T.name", adapters.RUNS, limit)
        return [RunRecord(**common) for common, _ in rows]

    def artifact_types(self) -> list[str]:
        rows = self._rows("SELECT name FROM Type WHERE type_kind = 1 ORDER BY id")
        return [self._text(name, "the name of a type") for (name,) in rows]

    def all_artifacts(self) -> dict[int, ArtifactRecord]:
        return self._artifacts()

    def artifacts(self, ids: Iterable[int]) -> dict[int, ArtifactRecord]:
        return self._artifacts("R.id", ids)

    def newest_artifacts(
        self, types: Collection[str] | None, limit: int | None
    ) -> dict[int, ArtifactRecord]:
        return self._artifacts("T.name" if types is not None else "", types, limit)

    def all_executions(self) -> dict[int, ExecutionRecord]:
        return self._executions()

    def executions(self, ids: Iterable[int]) -> dict[int, ExecutionRecord]:
        return self._executions("R.id", ids)

    def executions_of_run(self, run: RunRecord) -> dict[int, ExecutionRecord]:
        query = "SELECT execution_id FROM Association WHERE context_id = ?"
        ids = [
            self._number(id_, "an association") for (id_,) in self._rows(query, run.id)
        ]
        return self._executions("R.id", ids)

    def events_of_executions(self, ids: Iterable[int]) -> list[EventRecord]:
        return self._events("execution_id", ids)

    def events_of_artifacts(self, ids: Iterable[int]) -> list[EventRecord]:
        return self._events("artifact_id", ids)

    def placed(self, records: dict[int, ExecutionRecord]) -> dict[int, ExecutionRecord]:
        """Executions with their node, run and pipeline."""
        rows = self._rows(
            "SELECT S.execution_id, T.name, C.name FROM Association S "
            "JOIN Context C ON C.id = S.context_id JOIN Type T ON T.id = C.type_id "
            f"WHERE S.execution_id {_AMONG} ORDER BY C.id",
            _listed(records),
        )
        found = [
            (id_, kind, self._text(name, f"the name of a context of execution {id_}"))
            for id_, kind, name in rows
        ]
        return adapters.placed(records, found)

    def _artifacts(
        self, column: str = "", among: Any = None, limit: int | None = None
    ) -> dict[int, ArtifactRecord]:
        rows = self._records("Artifact", "R.state, R.uri", column, among, limit)
        return {
            common["id"]: adapters.artifact_of(
                common,
                self._text(type_name, f"the type of artifact {common['id']}"),
                self._state(state, f"the state of artifact {common['id']}"),
                self._text(uri or "", f"the uri of artifact {common['id']}"),
            )
            for common, (type_name, state, uri) in rows
        }

    def _executions(
        self, column: str = "", among: Any = None
    ) -> dict[int, ExecutionRecord]:
        rows = self._records("Execution", "R.last_known_state", column, among)
        found = [
            adapters.execution_of(
                common,
                self._text(type_name, f"the type of execution {common['id']}"),
                self._state(state, f"the state of execution {common['id']}"),
            )
            for common, (type_name, state) in rows
        ]
        return {record.id: record for record in found if record.type != adapters.DAG}

    def _records(
        self,
        table: str,
        more: str,
        column: str = "",
        among: Any = None,
        limit: int | None = None,
    ) -> list[tuple[dict[str, Any], Row]]:
        """What all records have, and the rest of each row, with the type's name first.

        Args:
            table: `Artifact`, `Context` or `Execution`.
            more: Further columns.
            column: Rows whose `column` is in `among`; empty: all rows.
            among: See `column`.
            limit: Maximum number of rows, the newest first; None: all.
        """
        where = f"WHERE {column} {_AMONG} " if column else ""
        rows = list(
            self._rows(
                f"SELECT R.id, R.name, {_TIMES}, T.name, {more} FROM {table} R "
                f"LEFT JOIN Type T ON T.id = R.type_id {where}ORDER BY R.id DESC LIMIT ?",
                *([_listed(among)] if column else []),
                -1 if limit is None else limit,
            )
        )
        properties = self._properties(table, [row[0] for row in rows])
        result = []
        for id_, name, created, updated, *rest in rows:
            what = f"{table.lower()} {id_}"
            common = {
                "id": id_,  # a primary key: SQLite lets it be nothing but an integer
                "name": clean(self._text(name or "", f"the name of {what}")),
                "created_ms": self._number(created, f"the time of {what}", _MAX_MS),
                "updated_ms": self._number(updated, f"the time of {what}", _MAX_MS),
                "properties": dict(sorted(properties.get(id_, {}).items())),
            }
            result.append((common, tuple(rest)))
        return result

    def _properties(self, table: str, ids: list[int]) -> dict[int, dict[str, Any]]:
        """Typed and custom properties by id; custom ones win."""
        key = f"{table.lower()}_id"
        rows = self._rows(
            f"SELECT {key}, name, {_VALUES} FROM {table}Property WHERE {key} {_AMONG} "
            "ORDER BY is_custom_property",
            _listed(ids),
        )
        found: dict[int, dict[str, Any]] = {}
        for id_, name, *values in rows:
            found.setdefault(id_, {})[clean(str(name))] = _value(*values)
        return found

    def _events(self, column: str, ids: Iterable[int]) -> list[EventRecord]:
        rows = self._rows(
            "SELECT E.execution_id, E.artifact_id, E.type, E.milliseconds_since_epoch, "
            "(SELECT step_key FROM EventPath WHERE event_id = E.id AND step_key <> '' "
            f"LIMIT 1) FROM Event E WHERE E.{column} {_AMONG} ORDER BY E.id",
            _listed(ids),
        )
        found = (
            adapters.event_of(
                self._number(execution, "an event's execution"),
                self._number(artifact, "an event's artifact"),
                self._number(kind, "the type of an event"),
                str(key or ""),
                self._number(created or 0, "the time of an event", _MAX_MS),
            )
            for execution, artifact, kind, created, key in rows
        )
        return [event for event in found if event is not None]

    def _state(self, value: Any, what: str) -> int:
        return self._number(value or 0, what)

    def _number(self, value: Any, what: str, most: int = adapters.MAX_ID) -> int:
        if not isinstance(value, int) or not 0 <= value <= most:
            raise self._damaged(what, value)
        return value

    def _text(self, value: Any, what: str) -> str:
        if not isinstance(value, str):
            raise self._damaged(what, value)
        return value

    def _damaged(self, what: str, value: Any) -> DistillError:
        return DistillError(
            f"{self.place} is damaged: {what} is {value!r:.40}. Restore it from a backup; "
            "nothing was changed."
        )

    def _rows(self, query: str, *values: Any) -> Iterator[Row]:
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


def _listed(values: Iterable[Any]) -> str:
    return json.dumps(list(values))


def _value(number: Any, double: Any, text: Any, flag: Any) -> Any:
    """A property's value: the one column that has one."""
    if flag is not None and number is None and double is None and text is None:
        return bool(flag)
    value = next((cell for cell in (number, double, text) if cell is not None), None)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str) and value.startswith(_STRUCT):
        try:
            content = base64.b64decode(value.removeprefix(_STRUCT))
            struct = struct_pb2.Struct.FromString(content)
            return adapters.unwrapped(json_format.MessageToDict(struct))
        except (ValueError, message.DecodeError, json_format.Error):
            pass  # shown as it is
    return adapters.plain(value)
