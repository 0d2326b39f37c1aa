"""What is in an artifact's folder, as facts and tables. Needs no TensorFlow.

An artifact may come from another pipeline, or its files may be gone or broken: then
the payload says so in a line, and never raises.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from tfx_distill.components.checks import VERDICT_FILE
from tfx_distill.pipeline.inspection import data_payloads
from tfx_distill.pipeline.inspection.payload_values import (
    MAX_ROWS,
    Payload,
    Table,
    short,
)
from tfx_distill.pipeline.mlmd.records import DELETED, ArtifactRecord, clean

_MAX_FILES = 20
_LOCAL = "file://"


def read(artifact: ArtifactRecord) -> Payload:
    """Opens an artifact's files."""
    if artifact.state == DELETED:
        return Payload(problem="Its files were deleted.")
    if not artifact.uri:
        return Payload(problem="It has no uri, so no files.")
    uri = artifact.uri.removeprefix(_LOCAL)
    if "://" in uri:
        return Payload(problem=f"Its files are not on this machine: {uri}")
    folder = pathlib.Path(uri)
    if not folder.exists():
        return Payload(problem=f"Its files are gone: {uri}")
    try:
        reader = _READERS.get(artifact.type_name, _listing)
        return reader(folder) or _listing(folder)
    except Exception as error:  # whatever a foreign or damaged file makes a parser do
        text = " ".join(str(error).split()) or "no message"
        return Payload(
            problem=f"Its files cannot be read: {type(error).__name__}: {text}"
        )


def read_json(folder: str, name: str) -> dict[str, Any] | None:
    """A JSON object in an artifact's folder; None if there is none that can be read."""
    try:
        path = pathlib.Path(folder.removeprefix(_LOCAL), name)
        content = json.loads(path.read_text(encoding="utf-8"))
        return _cleaned(content) if isinstance(content, dict) else None
    except (OSError, ValueError, RecursionError):
        return None


def _cleaned(content: Any) -> Any:
    if isinstance(content, dict):
        return {clean(key): _cleaned(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_cleaned(value) for value in content]
    return clean(content) if isinstance(content, str) else content


def model_card(artifact: ArtifactRecord) -> dict[str, Any]:
    """What the model says of itself; empty for models of other pipelines."""
    return read_json(artifact.uri, _CARD) or {}


_CHECK = {"name", "slice", "bound", "value", "ok"}
_CARD = "Format-Serving/assets.extra/model_card.json"


def _listing(folder: pathlib.Path) -> Payload:
    """The names and sizes of the files: all that an unknown type tells."""
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
    verdict = read_json(str(folder), VERDICT_FILE)
    if verdict is None:
        names = [path.name for path in folder.iterdir()]
        return Payload(kind="blessing", facts={"files": names})
    facts = _scalars(verdict)
    facts["reasons"] = verdict.get("reasons", [])
    tables = [checks_table(verdict)]
    student, teacher = verdict.get("student"), verdict.get("teacher")
    if _is_by_slice(student) and _is_by_slice(teacher):
        tables.insert(0, _accuracies(student, teacher))
    for name in ("served", "student", "teacher"):
        section = verdict.get(name)
        if isinstance(section, dict) and not _is_by_slice(section):
            facts |= {f"{name} {key}": value for key, value in section.items()}
    return Payload(kind="verdict", facts=facts, tables=tuple(tables))


def checks_of(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every bound of a verdict: those that failed first, and overall ones first."""
    given = verdict.get("checks", ())
    checks = [
        check
        for check in (given if isinstance(given, list) else ())
        if isinstance(check, dict) and set(check) >= _CHECK
        if isinstance(check["name"], str) and isinstance(check["slice"], str)
    ]
    return sorted(checks, key=lambda c: (bool(c["ok"]), c["slice"] != "overall"))


def checks_table(verdict: Mapping[str, Any]) -> Table:
    """Every bound of a verdict, those that failed first."""
    checks = checks_of(verdict)
    rows = tuple(
        (
            "held" if check["ok"] else "FAILED",
            check["name"],
            check["slice"],
            check["value"],
            ("≤ " if check.get("at_most") else "≥ ") + short(check["bound"]),
        )
        for check in checks
    )
    columns = ("verdict", "bound of", "on", "value", "bound")
    return Table(title="Bounds", columns=columns, rows=rows)


def _is_by_slice(metrics: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it holds a gate's metrics, and not what a model costs."""
    return isinstance(metrics, dict) and "overall" in metrics


def _accuracies(student: Mapping[str, Any], teacher: Mapping[str, Any]) -> Table:
    rows = tuple(
        (name, _metric(teacher, name), _metric(student, name)) for name in student
    )
    ordered = sorted(rows, key=lambda row: (row[0] != "overall", row[0]))
    return Table(
        title="Accuracy", columns=("on", "teacher", "student"), rows=tuple(ordered)
    )


def _metric(slices: Mapping[str, Any], name: str) -> Any:
    return slices.get(name, {}).get("accuracy")


def _model(folder: pathlib.Path) -> Payload | None:
    card = read_json(str(folder), _CARD)
    files = _listing(folder)
    if card is None:
        return files
    facts = {**_scalars(card), **_flat(card.get("spec", {}), "data.")}
    facts |= _flat(card.get("config", {})) | _flat(card.get("versions", {}), "version.")
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
        content = read_json(str(folder), name)
        if content is None:
            return None
        rows = content.get(rows_of, []) if rows_of else []
        tables = (_objects(str(rows_of), rows),) if rows else ()
        return Payload(kind=name, facts=_flat(content), tables=tables)

    return reader


def _objects(title: str, objects: list[dict[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(key for item in objects for key in item))
    rows = tuple(
        tuple(item.get(column) for column in columns) for item in objects[:MAX_ROWS]
    )
    return Table(title=title, columns=columns, rows=rows)


def _lite(folder: pathlib.Path) -> Payload | None:
    scores = read_json(str(folder), "scores.json")
    if scores is None:
        return None
    objects = [{"file": name, **_scalars(score)} for name, score in scores.items()]
    return Payload(kind="scores", tables=(_objects("LiteRT", objects),))


def _hyperparameters(folder: pathlib.Path) -> Payload | None:
    content = read_json(str(folder), "best_hyperparameters.txt")
    if content is None:
        return None
    return Payload(kind="hyperparameters", facts=_flat(content.get("values", {})))


def _search(folder: pathlib.Path) -> Payload | None:
    """A search, with its trials: the best first, the smaller of equals."""
    content = read_json(str(folder), "trials.json")
    if content is None:
        return None
    trials = sorted(
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
        for trial in trials[:MAX_ROWS]
    )
    columns = ("trial", "accuracy", "parameters", "seconds", "values")
    tables = (Table(title="Trials, the best first", columns=columns, rows=rows),)
    return Payload(kind="search", facts=_flat(content), tables=tables if trials else ())


def _settings(trial: Mapping[str, Any]) -> str:
    """What was tried, and why it came to nothing if it did."""
    pairs = trial.get("values", {}).items()
    # Their sections would leave no room for the values.
    values = " ".join(f"{_without_section(key)}={short(value)}" for key, value in pairs)
    return f"{trial['reason']}: {values}" if trial.get("reason") else values


def _without_section(key: str) -> str:
    for section in ("student.options.", "student.", "distillation."):
        key = key.removeprefix(section)
    return key


def _or(value: Any, instead: Any) -> Any:
    return instead if value is None else value


def _scalars(content: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in content.items() if not isinstance(v, (dict, list))}


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots; lists of objects are left out."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif not (isinstance(value, list) and value and isinstance(value[0], dict)):
            flat[f"{prefix}{key}"] = value
    return flat


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
