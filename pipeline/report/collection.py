"""Gathers what a report says from a run's records and the files they lead to.

A run may have ended early, and files may be gone: whatever is there is shown, and
for whatever is not the report says why.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import yaml

from components.checks import OVERALL, Check
from components.evaluator.answers import Answers
from pipeline.report import content, data_statistics, examples, measures
from pipeline.report.content import Report
from pipeline.report.recorded import CONFIG, Artifact, Run
from pipeline.version import VERSION
from trainer import comparison, saved_model_files, trials
from trainer.errors import DistillError

T = TypeVar("T")

_DONE = ("COMPLETE", "CACHED")
_GATES = {"ModelBlessing": "Quality", "InfraBlessing": "Servability"}
# What a damaged or a foreign file raises when it is read.
_UNREADABLE = (
    DistillError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
)


def collect(run: Run, pipeline_name: str, run_dir: pathlib.Path) -> Report:
    """Gathers the report of a run.

    Args:
        run: What ML Metadata holds of it.
        pipeline_name: The pipeline's.
        run_dir: Its folder.
    """
    return _Collection(run, run_dir).report(pipeline_name)


class _Collection:
    """One run's records, and what could not be read of it."""

    def __init__(self, run: Run, run_dir: pathlib.Path) -> None:
        self._run, self._run_dir = run, run_dir
        self._missing: dict[str, str] = {}
        self._verdict = self._try("gate", self._read_verdict) or {}

    def report(self, pipeline_name: str) -> Report:
        config_text = self._config_text()
        data = self._try("data", self._data)
        answers = self._try("answers", self._answers)
        models = self._models()
        gained = self._try("control", self._comparison) or {}
        fields: dict[str, Any] = {}
        if answers is not None:
            fields = self._try("answers", lambda: examples.compared(answers)) or {}
            names = data.class_names if data else ()
            shown = self._try("images", lambda: self._images(answers, names))
            fields["images"] = shown or ()
        return Report(
            pipeline=pipeline_name,
            run=self._run,
            outcome=self._outcome(),
            gates=tuple(self._gates()),
            split=self._split(),
            num_examples=int(self._verdict.get("num_examples") or 0),
            agreement=self._verdict.get("agreement"),
            models=tuple(_with_controls(models, gained)),
            differences=tuple(self._differences(answers, gained)),
            conclusion=str(gained.get("conclusion", "")),
            classes=self._try("classes", self._classes) or (),
            costs=self._try("costs", self._costs) or (),
            lite=self._try("lite", self._lite) or (),
            data=data,
            search=self._try("search", self._search),
            answers=answers,
            config=_flat(
                self._try("configuration", lambda: yaml.safe_load(config_text))
            ),
            config_text=config_text,
            versions=self._versions(models),
            missing=self._missing,
            **fields,
        )

    def _try(self, section: str, read: Callable[[], T | None]) -> T | None:
        """What `read` gives; when it fails, the section says so."""
        try:
            return read()
        except _UNREADABLE as error:
            text = str(error) or type(error).__name__
            self._missing[section] = f"It could not be read: {text}"
            return None

    def _artifact(self, kind: str) -> Artifact | None:
        """The artifact of a type that this run wrote."""
        for execution in reversed(self._run.executions):
            for ids in execution.outputs.values():
                for id_ in ids:
                    if self._run.artifacts[id_].type.rpartition(".")[2] == kind:
                        return self._run.artifacts[id_]
        return None

    def _uri(self, kind: str) -> str:
        artifact = self._artifact(kind)
        if artifact is None:
            raise FileNotFoundError(f"the run has no artifact of type {kind}")
        return artifact.uri

    def _read_verdict(self) -> dict[str, Any] | None:
        blessing = self._artifact("ModelBlessing")
        return _json(blessing.uri, "verdict.json") if blessing else None

    def _split(self) -> str:
        return str(self._verdict.get("split") or "test")

    def _config_text(self) -> str:
        try:
            return (self._run_dir / "config.yaml").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return str(self._run.properties.get(CONFIG, ""))

    def _outcome(self) -> content.Outcome:
        failed = [e for e in self._run.executions if e.state not in _DONE]
        pushed = self._artifact("PushedModel")
        gates = self._gates()
        refused = [gate for gate in gates if not gate.blessed]
        if pushed is not None and pushed.properties.get("pushed"):
            place = str(pushed.properties.get("pushed_destination", ""))
            return content.Outcome(
                state=content.PUSHED,
                headline="The student was pushed.",
                pushed_to=place,
            )
        if failed:
            nodes = ", ".join(execution.node for execution in failed)
            return content.Outcome(
                state=content.FAILED,
                headline=f"The run failed at {nodes}. Nothing was pushed.",
                reasons=tuple(self._reasons()),
            )
        if refused:
            return content.Outcome(
                state=content.REFUSED,
                headline="The student was refused. Nothing was pushed.",
                reasons=tuple(self._reasons()),
            )
        if gates:
            return content.Outcome(
                state=content.BLESSED,
                headline="The student was blessed. Nothing was pushed.",
            )
        return content.Outcome(
            state=content.UNDECIDED,
            headline="The run ended before a gate decided. Nothing was pushed.",
        )

    def _reasons(self) -> list[str]:
        reasons = []
        for kind in _GATES:
            artifact = self._artifact(kind)
            if artifact is not None:
                try:
                    verdict = _json(artifact.uri, "verdict.json")
                    reasons += [str(reason) for reason in verdict["reasons"]]
                except _UNREADABLE as error:
                    reasons.append(f"The verdict of {kind} cannot be read: {error}")
        return reasons

    def _gates(self) -> list[content.Gate]:
        gates = []
        for kind, name in _GATES.items():
            artifact = self._artifact(kind)
            if artifact is None:
                continue
            try:
                verdict = _json(artifact.uri, "verdict.json")
                checks = tuple(_check(values) for values in verdict["checks"])
                blessed = verdict["blessed"] is True
            except _UNREADABLE:
                # Without its verdict it counts as refused: a gate fails closed.
                checks, blessed = (), False
            gates.append(content.Gate(name=name, blessed=blessed, checks=checks))
        return gates

    def _models(self) -> list[content.Model]:
        """Teacher and student of the gate first, then all others."""
        found: dict[int, str] = {}
        for execution in self._run.executions:
            for id_ in execution.outputs.get("model", ()):
                if self._run.artifacts[id_].type == "Model":
                    found[id_] = execution.node
        judged = {}
        for execution in self._run.executions:
            if "baseline_model" in execution.inputs:
                judged = {
                    "teacher": execution.inputs["baseline_model"][:1],
                    "student": execution.inputs.get("model", ())[:1],
                }
        first = [id_ for ids in judged.values() for id_ in ids if id_ in found]
        models = []
        for id_ in [*first, *(i for i in found if i not in first)]:
            read = functools.partial(self._model, self._run.artifacts[id_], found[id_])
            model = self._try(f"model {found[id_]}", read)
            if model is not None:
                models.append(model)
        return _evaluated(_numbered(models), first, self._verdict)

    def _model(self, artifact: Artifact, node: str) -> content.Model:
        path = str(pathlib.Path(artifact.uri, "Format-Serving"))
        card = saved_model_files.read_card(path)
        if card is None:
            raise FileNotFoundError(f"{path} has no model card")
        settings = card.config.get(card.role) or card.config.get("student") or {}
        return content.Model(
            role=card.role,
            name=card.role,
            node=node,
            artifact=artifact.id,
            path=path,
            architecture=str(settings.get("model", "")),
            parameters=card.num_parameters,
            bytes=saved_model_files.saved_model_bytes(path),
            seconds=card.seconds,
            history=card.history,
            versions=card.versions,
        )

    def _comparison(self) -> dict[str, Any] | None:
        for execution in self._run.executions:
            for id_ in execution.outputs.get("comparison", ()):
                return _json(self._run.artifacts[id_].uri, "comparison.json")
        return None

    def _differences(
        self, answers: Answers | None, gained: Mapping[str, Any]
    ) -> list[content.Difference]:
        differences = []
        if answers is not None:
            pair = self._try("answers", lambda: _paired(answers))
            differences += [pair] if pair else []
        else:
            values = [
                _slice(self._verdict, role).get("accuracy")
                for role in ("student", "teacher")
            ]
            if None not in values:
                point = measures.Interval(value=values[0] - values[1])
                name = "student − teacher"
                differences.append(content.Difference(name=name, interval=point))
        served = self._try("served", self._served)
        if served is not None:
            differences.append(served)
        if gained:
            interval = measures.Interval(
                value=gained["difference"], low=gained["low"], high=gained["high"]
            )
            differences.append(
                content.Difference(
                    name="student − control",
                    interval=interval,
                    p_value=gained["p_value"],
                )
            )
        return differences

    def _served(self) -> content.Difference | None:
        """The student against the model that served before, as the gate measured it."""
        served = self._verdict.get("served")
        if not served:
            return None
        if served.get("problem"):
            raise ValueError(served["problem"])
        return content.Difference(
            name="student − served before",
            interval=measures.Interval(
                value=served["difference"], low=served["low"], high=served["high"]
            ),
            only_first=served["only_student"],
            only_second=served["only_served"],
            p_value=served["p_value"],
        )

    def _answers(self) -> Answers | None:
        evaluation = self._artifact("ModelEvaluation")
        if evaluation is None:
            return None
        try:
            return measures.checked(Answers.load(evaluation.uri))
        except FileNotFoundError:
            self._missing["answers"] = (
                "The evaluation has no file answers.npz: it was made by an earlier "
                "version, or it is gone. Run again with --set pipeline.cache=false."
            )
            return None

    def _images(
        self, answers: Answers, names: Sequence[str]
    ) -> tuple[content.ImageGroup, ...]:
        return examples.groups(answers, self._uri("Examples"), self._split(), names)

    def _classes(self) -> tuple[content.ClassRow, ...]:
        refused = {
            check.slice
            for gate in self._gates()
            for check in gate.checks
            if not check.ok
        }
        paired = self._verdict.get("paired") or {}
        rows = []
        for name, student in (self._verdict.get("student") or {}).items():
            if name == OVERALL:
                continue
            teacher = (self._verdict.get("teacher") or {}).get(name, {})
            rows.append(
                content.ClassRow(
                    name=name,
                    num_examples=int(student.get("num_examples", 0)),
                    teacher=_accuracy(teacher),
                    student=_accuracy(student),
                    lowest=paired.get(name, {}).get("low"),
                    ok=name not in refused,
                )
            )
        return tuple(rows)

    def _costs(self) -> tuple[content.Cost, ...]:
        artifact = self._artifact("InfraBlessing")
        if artifact is None:
            return ()
        verdict = _json(artifact.uri, "verdict.json")
        return tuple(
            content.Cost(
                role=role,
                parameters=verdict[role].get("parameters"),
                bytes=verdict[role].get("bytes"),
                latency=verdict[role].get("latency") or {},
            )
            for role in ("teacher", "student")
            if role in verdict
        )

    def _lite(self) -> tuple[content.LiteFile, ...]:
        artifact = self._artifact("LiteModels")
        if artifact is None:
            return ()
        total = int(self._verdict.get("num_examples") or 0)
        return tuple(
            content.LiteFile(
                flavour=flavour,
                accuracy=measures.share(score["accuracy"], total),
                agreement=score["agreement"],
                bytes=score["bytes"],
                latency_ms=score["latency_ms"],
            )
            for flavour, score in _json(artifact.uri, "scores.json").items()
        )

    def _data(self) -> content.Data | None:
        artifact = self._artifact("Examples")
        if artifact is None:
            return None
        statistics = self._artifact("ExampleStatistics")
        data = data_statistics.described(artifact.uri)
        if statistics is not None:
            read = functools.partial(
                data_statistics.counted, data, statistics.uri, artifact.uri
            )
            data = self._try("statistics", read) or data
        return data

    def _search(self) -> content.Search | None:
        artifact = self._artifact("TunerResults")
        if artifact is None:
            return None
        found = trials.Trials.load(artifact.uri)
        return content.Search(
            algorithm=found.algorithm,
            max_parameters=found.max_parameters,
            trials=tuple(_tried(trial) for trial in found.ranking()),
        )

    def _versions(self, models: list[content.Model]) -> dict[str, str]:
        versions: dict[str, str] = {}
        for model in models:
            versions.update(model.versions)
        for artifact in self._run.artifacts.values():
            if "tfx_version" in artifact.properties:
                versions["tfx"] = str(artifact.properties["tfx_version"])
        ran = self._run.properties.get("tfx_distill_version")
        if ran:
            versions["tfx-distill, of the run"] = str(ran)
        versions["tfx-distill, of this report"] = VERSION
        versions["Python, of this report"] = platform.python_version()
        return versions


def _json(folder: str, name: str) -> dict[str, Any]:
    values = json.loads(pathlib.Path(folder, name).read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{pathlib.Path(folder, name)} is no JSON object")
    return values


def _check(values: Mapping[str, Any]) -> Check:
    """A bound, also one that a later version wrote with more fields."""
    known = {field.name for field in dataclasses.fields(Check)}
    return Check(**{name: value for name, value in values.items() if name in known})


def _slice(verdict: Mapping[str, Any], role: str) -> Mapping[str, float]:
    return (verdict.get(role) or {}).get(OVERALL, {})


def _accuracy(metrics: Mapping[str, float]) -> measures.Interval | None:
    if "accuracy" not in metrics:
        return None
    return measures.share(metrics["accuracy"], int(metrics.get("num_examples", 0)))


def _numbered(models: list[content.Model]) -> list[content.Model]:
    """The models by names that differ: `control`, `control 2` …"""
    seen: dict[str, int] = {}
    result = []
    for model in models:
        number = seen[model.role] = seen.get(model.role, 0) + 1
        name = model.role if number == 1 else f"{model.role} {number}"
        result.append(dataclasses.replace(model, name=name))
    return result


def _evaluated(
    models: list[content.Model], judged: list[int], verdict: Mapping[str, Any]
) -> list[content.Model]:
    """The models, those that the gate judged with what it measured."""
    result = []
    for model in models:
        if model.artifact in judged:
            metrics = dict(_slice(verdict, model.role))
            accuracy = _accuracy(metrics)
            for name in ("accuracy", "num_examples", "agreement"):
                metrics.pop(name, None)
            model = dataclasses.replace(model, accuracy=accuracy, metrics=metrics)
        result.append(model)
    return result


def _with_controls(
    models: list[content.Model], gained: Mapping[str, Any]
) -> list[content.Model]:
    """The models, those of each seed with what the comparison measured."""
    counts = {"student": 0, "control": 0}
    keys = {"student": "accuracy", "control": "reference_accuracy"}
    total, result = int(gained.get("num_examples", 0)), []
    for model in models:
        if model.role in counts and gained:
            seeds, place = gained["seeds"], counts[model.role]
            if model.accuracy is None and place < len(seeds):
                accuracy = measures.share(seeds[place][keys[model.role]], total)
                model = dataclasses.replace(model, accuracy=accuracy)
            counts[model.role] += 1
        result.append(model)
    return result


def _paired(answers: Answers) -> content.Difference:
    student = answers.student.argmax(axis=1) == answers.labels
    teacher = answers.teacher.argmax(axis=1) == answers.labels
    result = comparison.paired(student, teacher)
    return content.Difference(
        name="student − teacher",
        interval=measures.Interval(
            value=result.difference, low=result.low, high=result.high
        ),
        only_first=result.only_first,
        only_second=result.only_second,
        p_value=result.p_value,
    )


def _tried(trial: trials.Trial) -> content.Tried:
    values = ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in trial.values.items()
    )
    return content.Tried(
        id=trial.id,
        status=trial.status,
        parameters=trial.parameters,
        objective=trial.objective,
        epochs=trial.epochs,
        seconds=trial.seconds,
        values=values,
        reason=trial.reason,
    )


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """A configuration by dotted keys."""
    if not isinstance(values, Mapping):
        return {prefix: values} if prefix else {}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            flat.update(_flat(value, name))
        else:
            flat[name] = value
    return flat
