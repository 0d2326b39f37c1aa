"""Records of ML Metadata in a SQLite file, in plain SQL.

ml_metadata's own library aborts the process on a damaged file, and has no queries in
TFX 1.21. Whatever a cell holds, this reader gives a record or an error in one line:
a property of a wrong type is shown as it is; a wrong id, type or time is damage, since
`gc` decides by them what may be deleted.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from google.protobuf import json_format, message, struct_pb2

from tfx_distill.pipeline.mlmd import adapters
from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    RunRecord,
)
from tfx_distill.pipeline.mlmd.sqlite_rows import Row, SqliteRows
from tfx_distill.pipeline.short_text import clean

_STRUCT = "mlmd-struct::"  # before a value that is a protobuf Struct, in base 64
_MAX_MS = 253_402_300_799_999  # the last of the year 9999
_VALUES = "int_value, double_value, string_value, bool_value"
_TIMES = "R.create_time_since_epoch, R.last_update_time_since_epoch"
_AMONG = "IN (SELECT value FROM json_each(?))"

Among = Mapping[str, Iterable[Any]]


class SqliteSource(SqliteRows):
    """A file that is only read; a `source.Source`."""

    artifact_id = execution_id = staticmethod(adapters.number)

    def run_names(self) -> dict[int, str]:
        rows = self.rows(
            "SELECT C.id, C.name FROM Context C JOIN Type T ON T.id = C.type_id "
            f"WHERE T.name {_AMONG} ORDER BY C.id DESC",
            _listed(adapters.RUNS),
        )
        return {
            id_: clean(self.text(name, f"the name of context {id_}"))
            for id_, name in rows
        }

    def runs(
        self, limit: int | None, ids: Collection[int] | None = None
    ) -> list[RunRecord]:
        among: dict[str, Iterable[Any]] = {"T.name": adapters.RUNS}
        if ids is not None:
            among["R.id"] = ids
        rows = self._records("Context", "''", among, limit)
        return [RunRecord(**common) for common, _ in rows]

    def artifact_types(self) -> list[str]:
        rows = self.rows("SELECT name FROM Type WHERE type_kind = 1 ORDER BY id")
        return [self.text(name, "the name of a type") for (name,) in rows]

    def all_artifacts(self) -> dict[int, ArtifactRecord]:
        return self._artifacts()

    def artifacts(self, ids: Iterable[int]) -> dict[int, ArtifactRecord]:
        return self._artifacts({"R.id": ids})

    def values(
        self, types: Collection[str], names: Collection[str]
    ) -> dict[int, dict[str, Any]]:
        rows = self.rows(
            "SELECT R.id FROM Artifact R JOIN Type T ON T.id = R.type_id "
            f"WHERE T.name {_AMONG} ORDER BY R.id DESC",
            _listed(types),
        )
        ids = [id_ for (id_,) in rows]
        found = self._properties("Artifact", ids, names)
        return {id_: found[id_] for id_ in ids if id_ in found}

    def newest_artifacts(
        self, types: Collection[str] | None, limit: int | None
    ) -> dict[int, ArtifactRecord]:
        return self._artifacts({} if types is None else {"T.name": types}, limit)

    def all_executions(self) -> dict[int, ExecutionRecord]:
        return self._executions()

    def executions(self, ids: Iterable[int]) -> dict[int, ExecutionRecord]:
        return self._executions({"R.id": ids})

    def executions_of_run(self, run: RunRecord) -> dict[int, ExecutionRecord]:
        query = "SELECT execution_id FROM Association WHERE context_id = ?"
        ids = [
            self.number(id_, "an association") for (id_,) in self.rows(query, run.id)
        ]
        return self._executions({"R.id": ids})

    def events_of_executions(self, ids: Iterable[int]) -> list[EventRecord]:
        return self._events("execution_id", ids)

    def events_of_artifacts(self, ids: Iterable[int]) -> list[EventRecord]:
        return self._events("artifact_id", ids)

    def placed(self, records: dict[int, ExecutionRecord]) -> dict[int, ExecutionRecord]:
        """Executions with their node, run and pipeline."""
        rows = self.rows(
            # The database would look for each execution in each context: no index leads
            # from executions to contexts. CROSS JOIN reads the associations once.
            "SELECT S.execution_id, T.name, C.name FROM Association S CROSS "
            "JOIN Context C ON C.id = S.context_id JOIN Type T ON T.id = C.type_id "
            f"WHERE S.execution_id {_AMONG} ORDER BY C.id",
            _listed(records),
        )
        found = [
            (id_, kind, self.text(name, f"the name of a context of execution {id_}"))
            for id_, kind, name in rows
        ]
        return adapters.placed(records, found)

    def _artifacts(
        self, among: Among | None = None, limit: int | None = None
    ) -> dict[int, ArtifactRecord]:
        rows = self._records("Artifact", "R.state, R.uri", among or {}, limit)
        return {
            common["id"]: adapters.artifact_of(
                common,
                self.text(type_name, f"the type of artifact {common['id']}"),
                self.state(state, f"the state of artifact {common['id']}"),
                self.text(uri or "", f"the uri of artifact {common['id']}"),
            )
            for common, (type_name, state, uri) in rows
        }

    def _executions(self, among: Among | None = None) -> dict[int, ExecutionRecord]:
        rows = self._records("Execution", "R.last_known_state", among or {})
        found = [
            adapters.execution_of(
                common,
                self.text(type_name, f"the type of execution {common['id']}"),
                self.state(state, f"the state of execution {common['id']}"),
            )
            for common, (type_name, state) in rows
        ]
        return {record.id: record for record in found if record.type != adapters.DAG}

    def _records(
        self,
        table: str,
        more: str,
        among: Among,
        limit: int | None = None,
    ) -> list[tuple[dict[str, Any], Row]]:
        """What all records have, and the rest of each row, with the type's name first.

        Args:
            table: `Artifact`, `Context` or `Execution`.
            more: Further columns.
            among: Values that a row must have, by column; empty: all rows.
            limit: Maximum number of rows, the newest first; None: all.
        """
        where = " AND ".join(f"{column} {_AMONG}" for column in among) or "TRUE"
        rows = list(
            self.rows(
                f"SELECT R.id, R.name, {_TIMES}, T.name, {more} FROM {table} R "
                f"LEFT JOIN Type T ON T.id = R.type_id WHERE {where} "
                "ORDER BY R.id DESC LIMIT ?",
                *map(_listed, among.values()),
                -1 if limit is None else limit,
            )
        )
        properties = self._properties(table, [row[0] for row in rows])
        result = []
        for id_, name, created, updated, *rest in rows:
            what = f"{table.lower()} {id_}"
            common = {
                "id": id_,  # a primary key: SQLite lets it be nothing but an integer
                "name": clean(self.text(name or "", f"the name of {what}")),
                "created_ms": self.number(created, f"the time of {what}", _MAX_MS),
                "updated_ms": self.number(updated, f"the time of {what}", _MAX_MS),
                "properties": dict(sorted(properties.get(id_, {}).items())),
            }
            result.append((common, tuple(rest)))
        return result

    def _properties(
        self, table: str, ids: list[int], names: Collection[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        """Typed and custom properties by id, of some names or all; custom ones win."""
        key = f"{table.lower()}_id"
        among = {key: ids} if names is None else {key: ids, "name": names}
        where = " AND ".join(f"{column} {_AMONG}" for column in among)
        rows = self.rows(
            f"SELECT {key}, name, {_VALUES} FROM {table}Property WHERE {where} "
            "ORDER BY is_custom_property",
            *map(_listed, among.values()),
        )
        found: dict[int, dict[str, Any]] = {}
        for id_, name, *values in rows:
            found.setdefault(id_, {})[clean(str(name))] = _value(*values)
        return found

    def _events(self, column: str, ids: Iterable[int]) -> list[EventRecord]:
        rows = self.rows(
            "SELECT E.execution_id, E.artifact_id, E.type, E.milliseconds_since_epoch, "
            "(SELECT step_key FROM EventPath WHERE event_id = E.id AND step_key <> '' "
            f"LIMIT 1) FROM Event E WHERE E.{column} {_AMONG} ORDER BY E.id",
            _listed(ids),
        )
        found = (
            adapters.event_of(
                self.number(execution, "an event's execution"),
                self.number(artifact, "an event's artifact"),
                self.number(kind, "the type of an event"),
                str(key or ""),
                self.number(created or 0, "the time of an event", _MAX_MS),
            )
            for execution, artifact, kind, created, key in rows
        )
        return [event for event in found if event is not None]


def _listed(values: Iterable[Any]) -> str:
    return json.dumps(list(values))


def _value(number: Any, double: Any, text: Any, flag: Any) -> Any:
    """A property's value: the one column that has one."""
    if type(text) is str and number is None and double is None:  # most are: quickly
        return _unpacked(text) if text.startswith(_STRUCT) else clean(text)
    if flag is not None and number is None and double is None and text is None:
        return bool(flag)
    value = next((cell for cell in (number, double, text) if cell is not None), None)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return adapters.plain(value)


def _unpacked(text: str) -> Any:
    """The value of a protobuf Struct; the text if it is none."""
    try:
        struct = struct_pb2.Struct.FromString(base64.b64decode(text[len(_STRUCT) :]))
        return adapters.unwrapped(json_format.MessageToDict(struct))
    except (ValueError, message.DecodeError, json_format.Error):
        return clean(text)
