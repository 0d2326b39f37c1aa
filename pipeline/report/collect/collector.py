"""Gathers what a report says from a run's records and the files they lead to.

A run may have ended early, and files may be gone: whatever is there is shown, and
for whatever is not the report says why.
"""

from __future__ import annotations

import functools
import pathlib
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import yaml

from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.report import report_data
from tfx_distill.pipeline.report.collect import (
    data_statistics,
    file_checks,
    image_groups,
    measures,
    outcomes,
    readings,
    sections,
)
from tfx_distill.pipeline.report.collect.run_graph import CONFIG, Artifact, Run
from tfx_distill.pipeline.report.report_data import Report
from tfx_distill.pipeline.version import VERSION
from tfx_distill.trainer.export import saved_model_files

T = TypeVar("T")


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
        gained = self._try("control", lambda: sections.comparison(self._run)) or {}
        total = int(self._verdict.get("num_examples") or 0)
        fields: dict[str, Any] = {}
        if answers is not None:
            fields = self._try("answers", lambda: image_groups.compared(answers)) or {}
            names = data.class_names if data else ()
            shown = self._try("images", lambda: self._images(answers, names))
            fields["images"] = shown or ()
        return Report(
            pipeline=pipeline_name,
            run=self._run,
            outcome=outcomes.outcome(self._run),
            gates=outcomes.gates(self._run),
            split=self._split(),
            num_examples=total,
            agreement=self._verdict.get("agreement"),
            models=tuple(readings.with_controls(models, gained)),
            differences=tuple(self._differences(answers, gained)),
            conclusion=str(gained.get("conclusion", "")),
            classes=self._try("classes", self._classes) or (),
            costs=self._try("costs", lambda: sections.costs(self._run)) or (),
            lite=self._try("lite", lambda: sections.lite(self._run, total)) or (),
            data=data,
            search=self._try("search", lambda: sections.search(self._run)),
            answers=answers,
            config=readings.flat(
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
        except readings.UNREADABLE as error:
            text = str(error) or type(error).__name__
            self._missing[section] = f"It could not be read: {text}"
            return None

    def _uri(self, kind: str) -> str:
        artifact = self._run.written(kind)
        if artifact is None:
            raise FileNotFoundError(f"the run has no artifact of type {kind}")
        return artifact.uri

    def _read_verdict(self) -> dict[str, Any] | None:
        blessing = self._run.written("ModelBlessing")
        return file_checks.verdict(blessing.uri, "ModelBlessing") if blessing else None

    def _split(self) -> str:
        return str(self._verdict.get("split") or "test")

    def _config_text(self) -> str:
        try:
            return (self._run_dir / "config.yaml").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return str(self._run.properties.get(CONFIG, ""))

    def _models(self) -> list[report_data.Model]:
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
        return readings.evaluated(readings.numbered(models), first, self._verdict)

    def _model(self, artifact: Artifact, node: str) -> report_data.Model:
        path = str(pathlib.Path(artifact.uri, "Format-Serving"))
        card = saved_model_files.read_card(path)
        if card is None:
            raise FileNotFoundError(f"{path} has no model card")
        for name in ("num_parameters", "seconds"):
            file_checks.number(name, getattr(card, name))
        settings = card.config.get(card.role) or card.config.get("student") or {}
        return report_data.Model(
            role=card.role,
            name=card.role,
            node=node,
            artifact=artifact.id,
            path=path,
            architecture=str(settings.get("model", "")),
            parameters=card.num_parameters,
            bytes=saved_model_files.saved_model_bytes(path),
            seconds=card.seconds,
            history=self._curves(node, card.history),
            versions=card.versions,
        )

    def _curves(self, node: str, history: Mapping[str, Any]) -> dict[str, Any]:
        """The curves that can be drawn: a loss that became NaN cannot."""
        curves = {}
        for name, curve in history.items():
            section = f"model {node}, {name} by epoch"
            self._try(section, functools.partial(file_checks.curve, name, curve))
            if section not in self._missing:
                curves[name] = curve
        return curves

    def _differences(
        self, answers: Predictions | None, gained: Mapping[str, Any]
    ) -> list[report_data.Difference]:
        differences = []
        if answers is not None:
            pair = self._try("answers", lambda: readings.paired(answers))
            differences += [pair] if pair else []
        else:
            student = readings.overall(self._verdict, "student").get("accuracy")
            teacher = readings.overall(self._verdict, "teacher").get("accuracy")
            if student is not None and teacher is not None:
                point = measures.Interval(value=student - teacher)
                name = "student − teacher"
                differences.append(report_data.Difference(name=name, interval=point))
        served = self._try("served", lambda: sections.served(self._verdict))
        if served is not None:
            differences.append(served)
        if gained:
            interval = measures.Interval(
                value=gained["difference"], low=gained["low"], high=gained["high"]
            )
            differences.append(
                report_data.Difference(
                    name="student − control",
                    interval=interval,
                    p_value=gained["p_value"],
                )
            )
        return differences

    def _answers(self) -> Predictions | None:
        evaluation = self._run.written("ModelEvaluation")
        if evaluation is None:
            return None
        try:
            return measures.checked(Predictions.load(evaluation.uri))
        except FileNotFoundError:
            self._missing["answers"] = (
                "The evaluation has no file answers.npz: it was made by an earlier "
                "version, or it is gone. Run again with --set pipeline.cache=false."
            )
            return None

    def _images(
        self, answers: Predictions, names: Sequence[str]
    ) -> tuple[report_data.ImageGroup, ...]:
        return image_groups.groups(answers, self._uri("Examples"), self._split(), names)

    def _classes(self) -> tuple[report_data.ClassRow, ...]:
        refused = {
            check.slice
            for gate in outcomes.gates(self._run)
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
                report_data.ClassRow(
                    name=name,
                    num_examples=int(student.get("num_examples", 0)),
                    teacher=readings.accuracy_of(teacher),
                    student=readings.accuracy_of(student),
                    lowest=paired.get(name, {}).get("low"),
                    ok=name not in refused,
                )
            )
        return tuple(rows)

    def _data(self) -> report_data.Data | None:
        artifact = self._run.written("Examples")
        if artifact is None:
            return None
        statistics = self._run.written("ExampleStatistics")
        data = data_statistics.described(artifact.uri)
        if statistics is not None:
            read = functools.partial(
                data_statistics.counted, data, statistics.uri, artifact.uri
            )
            data = self._try("statistics", read) or data
        return data

    def _versions(self, models: list[report_data.Model]) -> dict[str, str]:
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
