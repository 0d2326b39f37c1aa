"""The Python interface: runs as objects, and what they hold as pandas frames.

It does what the commands do, and reads what they read. TFX loads when something runs,
TensorFlow when something is predicted.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.config import dotted_keys
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.inspection import explanation, gates, summaries, timelines
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.mlmd.records import ArtifactRecord, Graph, RunRecord
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.report.collect import run_models
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DistillError

# A YAML file, the name of a shipped configuration, or None for the default.
ConfigFile: TypeAlias = "str | os.PathLike[str] | None"
_ROLES = ("teacher", "student")


def run(config: ConfigFile = None, settings: Mapping[str, Any] | None = None) -> Run:
    """Runs the pipeline on this machine, as `distill run` does.

    Args:
        config: A YAML file, or the name of a shipped configuration; None: the default.
        settings: Values above it by key, as `{"student.epochs": 3}`; nested mappings too.

    Returns:
        The finished run, also if its student was not blessed.

    Raises:
        DistillError: If the configuration is wrong or the run fails.
    """
    from tfx_distill.pipeline.runners.local import run as local_run

    overrides = _overrides(settings)
    result = local_run.perform_run(load_config(config, overrides), config, overrides)
    # A data set that was not available has been replaced, so the run is asked for there.
    place = pathlib.Path(result.run_dir, "config.yaml")
    return load_run(result.run_id, place)


def load_run(
    run: str | None = None,
    config: ConfigFile = None,
    settings: Mapping[str, Any] | None = None,
    *,
    metadata: str | None = None,
) -> Run:
    """Opens a run that was recorded.

    Args:
        run: Its name, or a unique prefix; None: the pipeline's newest.
        config: As for `run`: names the pipeline.
        settings: As for `run`.
        metadata: A SQLite file of ML Metadata, or `grpc://HOST:PORT`; None: as
            configured.

    Raises:
        DistillError: If there is no such run.
    """
    return opened(load_config(config, _overrides(settings)), run, metadata)


def opened(
    config: PipelineConfig, run: str | None = None, metadata: str | None = None
) -> Run:
    """As `load_run`, for a configuration that is loaded."""
    store = read_only_store.open_store(config, metadata)
    if run is not None:
        record = store.run(run)
        return Run(record, store.graph_of_runs([record]), store, config)
    for record, graph in store.runs_of(config.pipeline_name):
        return Run(record, graph, store, config)
    raise DistillError(f"There is no run of the pipeline {config.pipeline_name}.")


def runs(
    config: ConfigFile = None,
    settings: Mapping[str, Any] | None = None,
    *,
    limit: int = 20,
    metadata: str | None = None,
) -> pd.DataFrame:
    """Lists recorded runs, the newest first: a row each, as `distill runs` says.

    Args:
        config: As for `load_run`.
        settings: As for `load_run`.
        limit: Maximum number.
        metadata: As for `load_run`.
    """
    chosen = load_config(config, _overrides(settings))
    store = read_only_store.open_store(chosen, metadata)
    found = store.runs(limit + 1)
    rows = summaries.summarize(store.graph_of_runs(found), found, limit)
    fields = [field.name for field in dataclasses.fields(summaries.RunSummary)]
    return pd.DataFrame(map(dataclasses.asdict, rows), columns=fields).set_index("run")


def _overrides(settings: Mapping[str, Any] | None) -> list[str]:
    flat = dotted_keys.flat(settings or {})
    return [f"{key}={json.dumps(value)}" for key, value in flat.items()]


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One recorded run."""

    _record: RunRecord
    _graph: Graph = dataclasses.field(repr=False)
    _store: Store = dataclasses.field(repr=False)
    _config: PipelineConfig = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        return self._record.name

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """Its result: state, accuracies, whether it was blessed and pushed."""
        (found,) = summaries.summarize(self._graph, [self._record])
        return dataclasses.asdict(found)

    @property
    def blessed(self) -> bool | None:
        """Whether the student passed both gates; None if none decided."""
        return self.summary["blessed"]

    @property
    def config(self) -> dict[str, Any]:
        """The recorded configuration, with dotted keys."""
        return summaries.configuration(self._record)

    @functools.cached_property
    def metrics(self) -> pd.DataFrame:
        """The test metrics: `model`, `slice` (`overall` or a class), `metric`, `value`."""
        verdict = gates.verdict(self._made("ModelBlessing"))
        rows = [
            (role, part, metric, value)
            for role in _ROLES
            for part, metrics in getattr(verdict, role).items()
            for metric, value in metrics.items()
        ]
        return pd.DataFrame(rows, columns=["model", "slice", "metric", "value"])

    @functools.cached_property
    def bounds(self) -> pd.DataFrame:
        """What the gates checked: `gate`, `name`, `slice`, `bound`, `value`, `ok`, …"""
        return pd.DataFrame(
            {"gate": gate.name, **dataclasses.asdict(check)}
            for gate in gates.of_run(self._graph, self.name)
            for check in gate.checks
        )

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """A row for each test image, in the order of the split.

        Columns: the `label`, and of each model its class, as `student`, and the
        probability of that class, as `student_probability`.
        """
        found = Predictions.load(self._made("ModelEvaluation").uri)
        names = np.array(DataSpec.load(self._made("Examples").uri).class_names)
        columns = {"label": names[found.labels]}
        for role in _ROLES:
            columns |= _predicted(role, getattr(found, role), names)
        return pd.DataFrame(columns)

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """The learning curves: `node`, `epoch` from 1, `metric`, `value`."""
        nodes, _ = run_models.made(self._graph, self.name)
        rows = [
            (node, epoch, metric, value)
            for id_, node in nodes.items()
            for metric, values in run_models.described(
                self._graph.artifacts[id_], node
            ).history.items()
            for epoch, value in enumerate(values, 1)
        ]
        return pd.DataFrame(rows, columns=["node", "epoch", "metric", "value"])

    def curves(self) -> dict[str, tuple[float, ...]]:
        """The values of `history` by epoch, by node and metric as `Teacher.loss`."""
        groups = self.history.groupby(["node", "metric"], sort=False).value
        return {f"{node}.{metric}": tuple(v) for (node, metric), v in groups}

    @functools.cached_property
    def timeline(self) -> pd.DataFrame:
        """When each part of it worked: `name`, `inside`, `start_s`, `seconds`, `cached`."""
        return pd.DataFrame(
            map(dataclasses.asdict, timelines.of_run(self._graph, self._record))
        )

    @functools.cached_property
    def lineage(self) -> pd.DataFrame:
        """What each node read and wrote: a row for each artifact and direction."""
        rows = [
            {
                "node": ran.node,
                "state": ran.state,
                "seconds": ran.seconds,
                "direction": direction,
                "key": key,
                "type": artifact.type_name,
                "artifact": artifact.id,
                "uri": artifact.uri,
            }
            for ran in self._graph.of_run(self.name)
            for direction, linked in (
                ("input", self._graph.inputs(ran.id)),
                ("output", self._graph.outputs(ran.id)),
            )
            for key, artifact in linked
        ]
        return pd.DataFrame(rows)

    def model_dir(self, role: str = "student") -> pathlib.Path:
        """Folder of a SavedModel.

        Args:
            role: `student` or `teacher`, as the quality gate compared them.

        Raises:
            DistillError: If the run has none.
        """
        _, judged = run_models.made(self._graph, self.name)
        pair = dict(zip(_ROLES, judged, strict=False))
        if role not in pair:
            raise DistillError(f"Run {self.name} has no tested model {role}.")
        return pathlib.Path(self._graph.artifacts[pair[role]].saved_model_dir)

    def predict(self, images: np.ndarray, role: str = "student") -> pd.DataFrame:
        """Classifies images.

        Args:
            images: uint8 `(count, height, width, channels)` in 0–255.
            role: As for `model_dir`.

        Returns:
            A row for each image: the class, as column `student`, and its probability.
        """
        from tfx_distill.trainer.export.saved_model import Predictor

        model = Predictor(str(self.model_dir(role)))
        names = np.array(model.class_names or range(model.num_classes))
        return pd.DataFrame(_predicted(role, model.probabilities(images), names))

    def explain(self) -> dict[str, Any]:
        """Why the student was pushed or not, as `distill explain --json`."""
        return dataclasses.asdict(explanation.explain(self._store, self.name))

    def report(self, output: str | os.PathLike[str] | None = None) -> pathlib.Path:
        """Writes the HTML report; returns the file.

        Args:
            output: File; None: `report.html` in the run's folder.
        """
        from tfx_distill.pipeline.report import writer

        return writer.write_run(self._config, self.name, output)

    def _made(self, kind: str) -> ArtifactRecord:
        found = self._graph.latest(self.name, kind)
        if found is None:
            raise DistillError(
                f"Run {self.name} has no {kind}: it ended before, see Run.explain()."
            )
        return found


def _predicted(
    role: str, probabilities: np.ndarray, names: np.ndarray
) -> dict[str, Any]:
    """The class and its probability for each row of probabilities."""
    return {
        role: names[probabilities.argmax(axis=1)],
        f"{role}_probability": probabilities.max(axis=1),
    }
