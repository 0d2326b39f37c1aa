"""The content of an artifact's folder as facts and tables. Needs no TensorFlow.

An artifact may come from another pipeline, and its files may be missing or damaged:
the payload then says so in one line. Nothing here raises.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from tfx_distill.components.checks import VERDICT_FILE, Decision, by_headroom
from tfx_distill.pipeline.config import dotted_keys
from tfx_distill.pipeline.inspection import artifact_files, data_payloads, gates
from tfx_distill.pipeline.inspection.object_stores import NotReadable
from tfx_distill.pipeline.inspection.payload_values import (
    MAX_ROWS,
    Payload,
    Table,
)
from tfx_distill.pipeline.mlmd.records import DELETED, ArtifactRecord
from tfx_distill.trainer import json_files
from tfx_distill.trainer.tuning import trials

_MAX_FILES = 20


def read(artifact: ArtifactRecord) -> Payload:
    """Opens an artifact's files."""
    if artifact.state == DELETED:
        return Payload(problem="Its files were deleted.")
    if not artifact.uri:
        return Payload(problem="It has no uri, and so no files.")
    try:
        with artifact_files.opened(artifact) as folder:
            if not folder.exists():
                return Payload(problem=f"Its files are gone: {folder}")
            reader = _READERS.get(artifact.type_name, _listing)
            return reader(folder) or _listing(folder)
    except NotReadable as error:
        return Payload(problem=f"Its files are not readable here: {error}")
    except Exception as error:  # parsers of foreign or damaged files raise anything
        text = " ".join(str(error).split()) or "no message"
        return Payload(
            problem=f"Its files cannot be read: {type(error).__name__}: {text}"
        )


def _listing(folder: pathlib.Path) -> Payload:
    """Names and sizes of the files: all there is to tell of an unknown type."""
    if folder.is_file():
        return Payload(kind="file", facts={"bytes": folder.stat().st_size})
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = tuple(
        (str(path.relative_to(folder)), path.stat().st_size)
        for path in files[:_MAX_FILES]
    )
    total = sum(path.stat().st_size for path in files)
    return Payload(
        kind="files",
        facts={"files": len(files), "bytes": total},
        tables=(Table(title="Files", columns=("file", "bytes"), rows=rows),),
    )


def _verdict(folder: pathlib.Path) -> Payload | None:
    verdict = artifact_files.read_json(folder, VERDICT_FILE)
    if verdict is None:
        names = [path.name for path in folder.iterdir()]
        return Payload(kind="blessing", facts={"files": names})
    facts = _scalars(verdict)
    facts["reasons"] = verdict.get("reasons", [])
    tables = [_bounds(verdict)]
    student, teacher = verdict.get("student"), verdict.get("teacher")
    if _is_by_slice(student) and _is_by_slice(teacher):
        tables.insert(0, _accuracies(student, teacher))
    for name in ("served", "student", "teacher"):
        section = verdict.get(name)
        if isinstance(section, dict) and not _is_by_slice(section):
            facts |= {f"{name} {key}": value for key, value in section.items()}
    return Payload(kind="verdict", facts=facts, tables=tuple(tables))


def _bounds(verdict: Mapping[str, Any]) -> Table:
    """Every bound of a verdict, the worst first; none if one is damaged."""
    fields = {"blessed": False, "reasons": [], "checks": verdict.get("checks", [])}
    try:
        decision = json_files.parse(Decision, json.dumps(fields))
    except ValueError:
        decision = Decision(blessed=False, reasons=())
    rows = tuple(
        (gates.result(check), check.name, check.slice, check.value, gates.limit(check))
        for check in by_headroom(decision.checks)
    )
    columns = ("verdict", "bound of", "on", "value", "bound")
    return Table(title="Bounds", columns=columns, rows=rows)


def _is_by_slice(metrics: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it holds metrics by slice rather than the cost of a model."""
    return isinstance(metrics, dict) and "overall" in metrics


def _accuracies(student: Mapping[str, Any], teacher: Mapping[str, Any]) -> Table:
    rows = tuple(
        (name, _metric(teacher, name), _metric(student, name)) for name in student
    )
    ordered = sorted(rows, key=_worst_first)
    return Table(
        title="Accuracy", columns=("on", "teacher", "student"), rows=tuple(ordered)
    )


def _worst_first(row: tuple[str, Any, Any]) -> tuple[bool, float]:
    """Sorts classes by the student's accuracy, after that on all images."""
    name, _, student = row
    return name != "overall", student if isinstance(student, int | float) else -1.0


def _metric(slices: Mapping[str, Any], name: str) -> Any:
    return slices.get(name, {}).get("accuracy")


def _model(folder: pathlib.Path) -> Payload | None:
    card = artifact_files.read_card(folder)
    files = _listing(folder)
    if card is None:
        return files
    facts = {**_scalars(card), **dotted_keys.flat(card.get("spec", {}), "data.")}
    facts |= _facts(card.get("config", {}))
    facts |= dotted_keys.flat(card.get("versions", {}), "version.")
    facts["bytes"] = files.facts["bytes"]
    history = card.get("history", {})
    names = tuple(history)
    rows = tuple(
        (epoch, *values)
        for epoch, values in enumerate(zip(*history.values(), strict=False), 1)
    )
    table = Table(title="Training", columns=("epoch", *names), rows=rows)
    return Payload(kind="model", facts=facts, tables=(table,) if rows else ())


def _json_file(name: str, rows_of: str | None = None) -> Callable[..., Payload | None]:
    """A reader of one JSON file; the list under `rows_of` becomes a table."""

    def reader(folder: pathlib.Path) -> Payload | None:
        content = artifact_files.read_json(folder, name)
        if content is None:
            return None
        rows = content.get(rows_of, []) if rows_of else []
        tables = (_objects(str(rows_of), rows),) if rows else ()
        return Payload(kind=name, facts=_facts(content), tables=tables)

    return reader


def _objects(title: str, objects: list[dict[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(key for item in objects for key in item))
    rows = tuple(
        tuple(item.get(column) for column in columns) for item in objects[:MAX_ROWS]
    )
    return Table(title=title, columns=columns, rows=rows)


def _lite(folder: pathlib.Path) -> Payload | None:
    scores = artifact_files.read_json(folder, "scores.json")
    if scores is None:
        return None
    objects = [{"file": name, **_scalars(score)} for name, score in scores.items()]
    return Payload(kind="scores", tables=(_objects("LiteRT", objects),))


def _hyperparameters(folder: pathlib.Path) -> Payload | None:
    content = artifact_files.read_json(folder, "best_hyperparameters.txt")
    if content is None:
        return None
    return Payload(kind="hyperparameters", facts=_facts(content.get("values", {})))


def _search(folder: pathlib.Path) -> Payload | None:
    """A search, with its trials: the best first, the smaller of equals."""
    content = artifact_files.read_json(folder, "trials.json")
    if content is None:
        return None
    found = sorted(
        content.get("trials", []),
        key=lambda t: (-_or(t.get("objective"), -1), _or(t.get("parameters"), 0)),
    )
    rows = tuple(
        (
            trial.get("id"),
            _or(trial.get("objective"), trial.get("status")),
            trial.get("parameters"),
            trial.get("seconds"),
            _settings(trial),
        )
        for trial in found[:MAX_ROWS]
    )
    columns = ("trial", "accuracy", "parameters", "seconds", "values")
    tables = (Table(title="Trials, the best first", columns=columns, rows=rows),)
    return Payload(kind="search", facts=_facts(content), tables=tables if found else ())


def _settings(trial: Mapping[str, Any]) -> str:
    """What was tried, and why it failed if it did."""
    values = trials.settings_text(trial.get("values", {}))
    return f"{trial['reason']}: {values}" if trial.get("reason") else values


def _or(value: Any, instead: Any) -> Any:
    return instead if value is None else value


def _scalars(content: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in content.items() if not isinstance(v, (dict, list))}


def _facts(content: Mapping[str, Any]) -> dict[str, Any]:
    """Single values by dotted keys; lists of objects are left out."""
    return {
        key: value
        for key, value in dotted_keys.flat(content).items()
        if value != {}
        if not (isinstance(value, list) and value and isinstance(value[0], dict))
    }


_READERS: dict[str, Callable[[pathlib.Path], Payload | None]] = {
    "Examples": _json_file("data_spec.json"),
    "ExampleStatistics": data_payloads.statistics,
    "Schema": data_payloads.schema,
    "ExampleAnomalies": data_payloads.anomalies,
    "Model": _model,
    "ModelBlessing": _verdict,
    "InfraBlessing": _verdict,
    "HyperParameters": _hyperparameters,
    "TunerResults": _search,
    "TeacherLogits": _json_file("teacher_logits.json"),
    "ControlComparison": _json_file("comparison.json", "seeds"),
    "LiteModels": _lite,
}
