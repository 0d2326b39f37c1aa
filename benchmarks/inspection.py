"""How long do the inspecting commands take on a store with many executions?

Times each command as a whole process, in turn, on a SQLite store of `--executions`
executions: copies of one run that has the nodes, the artifacts and as much text as a real
one has. `--store` copies the newest run of another store instead. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from measurement import figure, in_turn, machine

_COMMAND = "from tfx_distill.pipeline.cli import main; main()"
# By node: what it reads, and what it writes, with the letters of its properties.
_NODES: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, int]]]] = {
    "TfdsExampleGen": ((), {"examples": ("Examples", 240)}),
    "StatisticsGen": (("examples",), {"statistics": ("ExampleStatistics", 120)}),
    "SchemaGen": (("statistics",), {"schema": ("Schema", 10)}),
    "ExampleValidator": (("schema",), {"anomalies": ("ExampleAnomalies", 120)}),
    "AnomalyGate": (("anomalies",), {}),
    "ModelCheck": (("examples",), {}),
    "Teacher": (("examples",), {"teacher_model": ("Model", 60)}),
    "TeacherLogits": (("teacher_model",), {"teacher_logits": ("TeacherLogits", 150)}),
    "DistillationTrainer": (("teacher_logits",), {"model": ("Model", 60)}),
    "Evaluator": (
        ("examples", "model", "teacher_model"),
        {"evaluation": ("ModelEvaluation", 10), "blessing": ("ModelBlessing", 2900)},
    ),
    "LiteConverter": (("model",), {"lite_models": ("LiteModels", 320)}),
    "ServabilityValidator": (
        ("model", "teacher_model"),
        {"infra_blessing": ("InfraBlessing", 2900)},
    ),
    "Pusher": (
        ("model", "blessing", "infra_blessing"),
        {"pushed_model": ("PushedModel", 190)},
    ),
}
_VERDICT = {
    "blessed": True,
    "reasons": [],
    "student": {"overall": {"accuracy": 0.99}},
    "teacher": {"overall": {"accuracy": 0.99}},
}
_AT_MOST = {"runs": 1.0, "explain": 1.0}  # seconds
_SETTINGS_LETTERS, _CONFIG_LETTERS, _TIMELINE_LETTERS = 500, 2700, 4000
# What differs between runs; the number of the copy is appended.
_UNLIKE = ("pushed_version", "pushed_destination", "model_digest")


def write(path: pathlib.Path) -> None:
    """Writes a store with one run."""
    import ml_metadata
    from ml_metadata.proto import metadata_store_pb2 as pb

    connection = pb.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = (
        pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    )
    store = ml_metadata.MetadataStore(connection)
    config = "teacher: {epochs: 8}\n" + "# " + "x" * _CONFIG_LETTERS
    timeline = "x" * _TIMELINE_LETTERS
    run = _context(store, "pipeline_run", "run", config=config, timeline=timeline)
    contexts = [_context(store, "pipeline", "many"), run]
    written: dict[str, Any] = {}
    for node, (reads, writes) in _NODES.items():
        kind = store.put_execution_type(pb.ExecutionType(name=f"many.{node}"))
        state = pb.Execution.COMPLETE
        execution = pb.Execution(type_id=kind, last_known_state=state)
        _set(execution, settings="x" * _SETTINGS_LETTERS)
        pairs = [(written[key], _event(key, pb.Event.INPUT)) for key in reads]
        for key, (type_name, letters) in writes.items():
            written[key] = _artifact(store, type_name, letters)
            pairs.append((written[key], _event(key, pb.Event.OUTPUT)))
        placed = [*contexts, _context(store, "node", f"many.{node}")]
        _, ids, _ = store.put_execution(execution, pairs, placed)
        for (artifact, _), id_ in zip(pairs, ids, strict=True):
            artifact.id = id_


def _context(store: Any, kind: str, name: str, **properties: Any) -> Any:
    from ml_metadata.proto import metadata_store_pb2 as pb

    type_id = store.put_context_type(pb.ContextType(name=kind))
    context = pb.Context(type_id=type_id, name=name)
    _set(context, **properties)
    (context.id,) = store.put_contexts([context])
    return context


def _artifact(store: Any, type_name: str, letters: int) -> Any:
    from ml_metadata.proto import metadata_store_pb2 as pb

    type_id = store.put_artifact_type(pb.ArtifactType(name=type_name))
    artifact = pb.Artifact(
        type_id=type_id, uri=f"/nowhere/{type_name}/", state=pb.Artifact.LIVE
    )
    _set(artifact, note="x" * letters, tfx_version="1.16.0", is_external=0, span=0)
    if type_name.endswith("Blessing"):
        _set(artifact, note="", verdict=json.dumps({**_VERDICT, "x": "x" * letters}))
        _set(artifact, blessed=1, model_digest="d", test_images="t")
    if type_name == "PushedModel":
        _set(artifact, pushed=1, pushed_version="1", pushed_destination="/serving/1")
    return artifact


def _set(message: Any, **properties: Any) -> None:
    for name, value in properties.items():
        cell = message.custom_properties[name]
        if isinstance(value, int):
            cell.int_value = value
        else:
            cell.string_value = value


def _event(key: str, kind: int) -> Any:
    from ml_metadata.proto import metadata_store_pb2 as pb

    event = pb.Event(type=kind)
    event.path.steps.add(key=key)
    return event


def multiply(path: pathlib.Path, executions: int) -> int:
    """Copies the newest run until there are so many executions; returns how many runs."""
    database = sqlite3.connect(path)
    newest = (
        "SELECT MAX(C.id) FROM Context C JOIN Type T ON T.id = C.type_id "
        "WHERE T.name = 'pipeline_run'"
    )
    (run,) = database.execute(newest).fetchone()
    chosen = f"SELECT execution_id FROM Association WHERE context_id = {run}"
    (each,) = database.execute(f"SELECT COUNT(*) FROM ({chosen})").fetchone()
    copies = max(1, round(executions / each))
    made = (
        f"SELECT artifact_id FROM Event WHERE execution_id IN ({chosen}) AND type = 4"
    )
    strides = {
        table: database.execute(f"SELECT MAX(id) FROM {table}").fetchone()[0]
        for table in ("Context", "Execution", "Artifact", "Event", "Association")
    }
    for table, where in (
        ("Context", f"id = {run}"),
        ("ContextProperty", f"context_id = {run}"),
        ("Execution", f"id IN ({chosen})"),
        ("ExecutionProperty", f"execution_id IN ({chosen})"),
        ("Artifact", f"id IN ({made})"),
        ("ArtifactProperty", f"artifact_id IN ({made})"),
        ("Association", f"execution_id IN ({chosen})"),
        (
            "EventPath",
            f"event_id IN (SELECT id FROM Event WHERE execution_id IN ({chosen}))",
        ),
        ("Event", f"execution_id IN ({chosen})"),
    ):
        _copy(database, table, where, strides, run, copies - 1)
    database.commit()
    database.close()
    return copies


def _copy(
    database: sqlite3.Connection,
    table: str,
    where: str,
    strides: Mapping[str, int],
    run: int,
    copies: int,
) -> None:
    """Copies rows of one run, with ids that are moved by a stride for each copy."""
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    values = {name: name for name in columns}
    for name in columns:
        owner = table if name == "id" else name.removesuffix("_id").capitalize()
        if owner in strides and (name == "id" or name.endswith("_id")):
            values[name] = f"{name} + k * {strides[owner]}"
    if table == "Association":  # pipeline and node are the same
        moved = f"context_id + k * {strides['Context']}"
        values["context_id"] = (
            f"CASE context_id WHEN {run} THEN {moved} ELSE context_id END"
        )
    if table == "Context":
        values["name"] = "name || printf('-%06d', k)"
    if table == "Artifact":
        values["uri"] = "uri || k"
    if table == "ArtifactProperty":
        values["string_value"] = (
            f"CASE WHEN name IN {_UNLIKE} THEN string_value || k ELSE string_value END"
        )
    database.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "
        "WITH RECURSIVE n(k) AS "
        f"(SELECT 1 WHERE {copies} > 0 UNION ALL SELECT k + 1 FROM n WHERE k < {copies}) "
        f"SELECT {', '.join(values.values())} FROM n, {table} WHERE {where}"
    )


def measure(
    executions: int, rounds: int, store: pathlib.Path | None
) -> dict[str, object]:
    """Returns the result as a dictionary, seconds by command."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "metadata.sqlite"
        start = time.monotonic()
        if store is None:
            write(path)
        else:
            shutil.copy(store, path)
        runs = multiply(path, executions)
        write_s = time.monotonic() - start
        commands = _commands(path)
        works = {name: _work(words, path) for name, words in commands.items()}
        seconds = in_turn(works, rounds)
        size_bytes = path.stat().st_size
    return {
        "executions": executions,
        "runs": runs,
        "megabytes": round(size_bytes / 1e6),
        "write_s": round(write_s, 2),
        "figures": [
            figure(f"distill {name}", found, "s", at_most=_AT_MOST.get(name))
            for name, found in seconds.items()
        ],
        **machine("ml-metadata"),
    }


_AT_MOST = {"runs": 1.0, "explain": 1.0}


def _commands(path: pathlib.Path) -> dict[str, list[str]]:
    """By the name of the figure."""
    query = "SELECT name FROM Context ORDER BY id"
    *_, before, newest = (name for (name,) in sqlite3.connect(path).execute(query))
    return {
        "--version": ["--version"],
        "runs": ["runs"],
        "artifacts": ["artifacts"],
        "artifacts --limit 1000": ["artifacts", "--type", "Model", "--limit", "1000"],
        "show": ["show", "1"],
        "lineage": ["lineage", "1"],
        "explain": ["explain"],
        "explain RUN": ["explain", newest],
        "diff": ["diff", before, newest],
    }


def _work(command: list[str], path: pathlib.Path) -> Any:
    place = [] if command == ["--version"] else ["--metadata", str(path)]
    words = [sys.executable, "-c", _COMMAND, *command, *place]
    return lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=pathlib.Path, help="a run's metadata.sqlite")
    parser.add_argument(
        "--smoke", action="store_true", help="100 executions, one round"
    )
    args = parser.parse_args(arguments)
    if args.smoke:
        args.executions, args.rounds = 100, 1
    result = measure(args.executions, args.rounds, args.store)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
