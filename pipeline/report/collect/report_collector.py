"""Gathers what a report shows from a run's records and the files they lead to.

A run may have ended early, and files may be missing or damaged: the report shows what
there is, and says why the rest is missing.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import platform
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tfx_distill.components import property_names
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.pipeline.config import dotted_keys
from tfx_distill.pipeline.inspection import distillation_effect, gates, timelines
from tfx_distill.pipeline.mlmd.records import Graph, RunRecord
from tfx_distill.pipeline.report.collect import (
    data_statistics,
    disagreement_images,
    gate_results,
    prediction_analysis,
    run_models,
)
from tfx_distill.pipeline.report.report_data import Data, Difference, Model, Report
from tfx_distill.pipeline.version import VERSION
from tfx_distill.trainer import structured_text
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation import lite_scores
from tfx_distill.trainer.evaluation.comparison import Comparison
from tfx_distill.trainer.tuning.trials import Trials

T = TypeVar("T")

# What reading a damaged or a foreign file may raise.
_UNREADABLE = (
    DistillError,
    OSError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RecursionError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_NO_VERDICT = Verdict(blessed=False, reasons=())


def collect(
    graph: Graph, run: RunRecord, pipeline_name: str, run_dir: pathlib.Path
) -> Report:
    """Gathers the report of a run.

    Args:
        graph: Everything that the run executed, read and wrote.
        run: The run.
        pipeline_name: The pipeline's.
        run_dir: The run's folder.
    """
    return _Collector(graph, run, run_dir).report(pipeline_name)


class _Collector:
    """One run's records, and why some sections cannot be shown."""

    def __init__(self, graph: Graph, run: RunRecord, run_dir: pathlib.Path) -> None:
        self._graph, self._run, self._run_dir = graph, run, run_dir
        self._missing: dict[str, str] = {}
        self._gates = gates.of_run(graph, run.name)
        self._verdict: Verdict = (
            self._try("gate", lambda: self._decision(gates.QUALITY)) or _NO_VERDICT
        )

    def report(self, pipeline_name: str) -> Report:
        graph, name = self._graph, self._run.name
        config_text = self._config_text()
        data = self._try("data", self._data)
        predictions = self._try("answers", self._predictions)
        gained = self._section("control", "ControlComparison", Comparison.load)
        models = self._models(gained)
        return Report(
            pipeline=pipeline_name,
            run=self._run,
            graph=graph,
            outcome=gate_results.outcome(graph, name, self._gates),
            gates=self._gates,
            split=self._split,
            num_examples=self._verdict.num_examples,
            agreement=self._verdict.agreement,
            against_teacher=self._verdict.against_teacher,
            tested=gates.tested_text(gates.num_tested(graph, name)),
            notes=self._verdict.notes,
            measured=gate_results.measured(self._verdict),
            corruptions=self._verdict.corruptions,
            models=tuple(models),
            differences=tuple(self._differences(predictions, gained)),
            headroom=distillation_effect.headroom_text(graph, name),
            from_probabilities=run_models.from_probabilities(graph, name),
            conclusion=gained.conclusion if gained else "",
            gain_over=gained.interval_over if gained else "images",
            classes=gate_results.classes(self._verdict, self._gates),
            costs=self._try("costs", self._costs) or {},
            lite=self._section("lite", "LiteModels", lite_scores.load) or {},
            data=data,
            search=self._section("search", "TunerResults", Trials.load),
            timeline=timelines.of_run(graph, self._run),
            config=self._try("configuration", lambda: _config(config_text)) or {},
            config_text=config_text,
            versions=self._versions(models),
            predictions=predictions,
            **self._predicted(predictions, data.class_names if data else ()),
            missing=self._missing,
        )

    def _try(self, section: str, read: Callable[[], T | None]) -> T | None:
        """What `read` gives; None if it fails, and the section says why."""
        try:
            return read()
        except _UNREADABLE as error:
            text = str(error) or type(error).__name__
            self._missing[section] = f"It could not be read: {text}"
            return None

    def _section(self, section: str, kind: str, load: Callable[[str], T]) -> T | None:
        """As `_loaded`; None if it cannot be read, and the section says why."""
        return self._try(section, lambda: self._loaded(kind, load))

    def _loaded(self, kind: str, load: Callable[[str], T]) -> T | None:
        """The content of the run's artifact of a type; None if it made none."""
        artifact = self._graph.latest(self._run.name, kind)
        return load(artifact.uri) if artifact else None

    def _decision(self, kind: str) -> Any:
        blessing = self._graph.latest(self._run.name, kind)
        return gates.verdict(blessing) if blessing else None

    @property
    def _split(self) -> str:
        return self._verdict.split or "test"

    def _config_text(self) -> str:
        try:
            return (self._run_dir / "config.yaml").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return str(self._run.properties.get(property_names.CONFIG, ""))

    def _models(self, gained: Comparison | None) -> list[Model]:
        """Teacher and student of the gate first, then all others."""
        found, judged = run_models.made(self._graph, self._run.name)
        models = []
        for id_, node in found.items():
            read = functools.partial(
                run_models.described, self._graph.artifacts[id_], node
            )
            model = self._try(f"model {node}", read)
            if model is not None:
                models.append(self._drawable(model))
        return run_models.measured(models, judged, self._verdict, gained)

    def _drawable(self, model: Model) -> Model:
        """The model with those learning curves that can be drawn."""
        curves = {}
        for name, curve in model.history.items():
            section = f"model {model.node}, {name} by epoch"
            self._try(section, functools.partial(run_models.require_curve, name, curve))
            if section not in self._missing:
                curves[name] = curve
        return dataclasses.replace(model, history=curves)

    def _differences(
        self, predictions: Predictions | None, gained: Comparison | None
    ) -> list[Difference]:
        found = run_models.differences(predictions, self._verdict, gained)
        served = self._try("served", lambda: gate_results.served(self._verdict))
        if served is not None:
            found.insert(1, served)
        return found

    def _costs(self) -> dict[str, Measurement]:
        measured: Servability | None = self._decision(gates.SERVABILITY)
        if measured is None:
            return {}
        return {"teacher": measured.teacher, "student": measured.student}

    def _predictions(self) -> Predictions | None:
        try:
            found = self._loaded("ModelEvaluation", Predictions.load)
        except FileNotFoundError:
            self._missing["answers"] = (
                "The evaluation has no file answers.npz: an earlier version made it, or "
                "the file is gone. Run again with --set pipeline.cache=false."
            )
            return None
        return prediction_analysis.checked(found) if found else None

    def _predicted(
        self, predictions: Predictions | None, names: Sequence[str]
    ) -> dict[str, Any]:
        """The fields of a report that need the predictions."""
        if predictions is None:
            return {}
        labels = predictions.labels
        pairs = [(role, getattr(predictions, role)) for role in ("teacher", "student")]
        analysis = prediction_analysis
        return {
            "confusions": tuple(analysis.confusion(r, labels, p) for r, p in pairs),
            "calibrations": tuple(analysis.calibration(r, labels, p) for r, p in pairs),
            "disagreements": analysis.disagreements(predictions).total,
            "images": self._try("images", lambda: self._images(predictions, names))
            or (),
        }

    def _images(self, predictions: Predictions, names: Sequence[str]) -> Any:
        examples = self._graph.latest(self._run.name, "Examples")
        if examples is None:
            raise FileNotFoundError("the run has no artifact of type Examples")
        return disagreement_images.groups(predictions, examples.uri, self._split, names)

    def _data(self) -> Data | None:
        examples = self._graph.latest(self._run.name, "Examples")
        if examples is None:
            return None
        statistics = self._graph.latest(self._run.name, "ExampleStatistics")
        data = data_statistics.described(examples.uri)
        found = self._try("images read", lambda: DataReport.load(examples.uri))
        data = dataclasses.replace(data, found=found)
        if statistics is not None:
            read = functools.partial(
                data_statistics.counted, data, statistics.uri, examples.uri
            )
            data = self._try("statistics", read) or data
        return data

    def _versions(self, models: Sequence[Model]) -> dict[str, str]:
        versions: dict[str, str] = {}
        for model in models:
            versions.update(model.versions)
        for artifact in self._graph.artifacts.values():
            if property_names.TFX_VERSION in artifact.properties:
                versions["tfx"] = str(artifact.properties[property_names.TFX_VERSION])
        ran = self._run.properties.get(property_names.DISTILL_VERSION)
        if ran:
            versions["tfx-distill, of the run"] = str(ran)
        versions["tfx-distill, of this report"] = VERSION
        versions["Python, of this report"] = platform.python_version()
        return versions


def _config(text: str) -> dict[str, Any]:
    content = structured_text.from_yaml(text)
    return dotted_keys.flat(content) if isinstance(content, dict) else {}
