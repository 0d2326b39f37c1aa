"""The whole configuration of a run: one frozen value, checked before TFX loads.

Layers, each over the one before: the defaults in the dataclasses, the data
set's own file in `presets/datasets/`, the YAML file, then `--set key=value`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from tfx_distill.pipeline.config.kubeflow_config import KubeflowConfig
from tfx_distill.trainer.config.data_config import DataConfig, ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.config.lite_config import LiteConfig
from tfx_distill.trainer.config.section import Section, require
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.config.training_config import (
    MAX_SEEDS,
    AssistantConfig,
    EnsembleConfig,
    StudentConfig,
    TeacherConfig,
)
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.tuning import hyperparameters

MANUAL_DIR_VARIABLE = "DISTILL_MANUAL_DIR"

# Kubeflow accepts no other names, and a pipeline must keep its name there.
_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(Section):
    """Where a run lives and how it is run."""

    name: str = "{dataset}"  # of the pipeline; {dataset}: the data set's name
    root: str = "runs"  # folder; the pipeline's own folder lies in it by name
    cache: bool = True  # reuse results of equal steps
    min_free_disk_gb: float = 1.0  # refuse to start with less, >= 0

    def __post_init__(self) -> None:
        require(
            self.min_free_disk_gb >= 0,
            "pipeline.min_free_disk_gb",
            self.min_free_disk_gb,
            ">= 0",
        )
        require(bool(self.root), "pipeline.root", self.root, "a folder")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetadataConfig(Section):
    """How to reach ML Metadata."""

    # Fields of ml_metadata's ConnectionConfig, such as
    # {mysql: {host: ..., database: ..., password: "env:NAME"}}.
    # Empty: the SQLite file metadata.sqlite in the pipeline's folder.
    connection: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PusherConfig(Section):
    """Where a blessed student goes."""

    directory: str | None = None  # null: `serving` in the pipeline's folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamConfig(Section):
    """How Apache Beam runs ExampleGen, StatisticsGen and the Evaluator."""

    args: tuple[str, ...] = ()  # Beam pipeline options, such as --runner=...

    def __post_init__(self) -> None:
        for arg in self.args:
            require(
                arg.startswith("--"), "beam.args", arg, "options that begin with --"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineConfig(Section):
    """Everything that decides what a run does."""

    pipeline: RunConfig = RunConfig()
    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    student: StudentConfig = StudentConfig()
    ensemble: EnsembleConfig = EnsembleConfig()
    views: ViewsConfig = ViewsConfig()
    assistant: AssistantConfig | None = None  # {}: one with its defaults
    distillation: DistillationConfig = DistillationConfig()
    tuning: TuningConfig | None = None  # {}: a search with its defaults
    hyperparameters: Any = None  # of a search: artifact id, or a file; null: none
    control: bool = False  # also train the student from labels alone
    seeds: int = 1  # students, and controls, are trained with as many seeds
    gate: GateConfig = GateConfig()
    servability: ServabilityConfig = ServabilityConfig()
    lite: LiteConfig = LiteConfig()
    pusher: PusherConfig = PusherConfig()
    metadata: MetadataConfig = MetadataConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()

    def __post_init__(self) -> None:
        require(1 <= self.seeds <= MAX_SEEDS, "seeds", self.seeds, "in [1, 9]")
        require(
            not (self.distillation.features and self.ensemble.size > 1),
            "distillation.features",
            len(self.distillation.features),
            "empty with an ensemble, whose features cannot be averaged",
        )
        require(
            not (self.distillation.features and self.assistant),
            "distillation.features",
            len(self.distillation.features),
            "empty with an assistant, whose layers are not the teacher's",
        )
        for model in (self.student, self.assistant):
            if model is not None:
                hyperparameters.require_views(model, self.views)
        self._check_folders()
        self._check_tuning()
        require(
            bool(_NAME_PATTERN.fullmatch(self.pipeline_name)),
            "pipeline.name",
            self.pipeline_name,
            "1 to 128 lower-case letters, digits and dashes, not first a dash",
        )

    def _check_folders(self) -> None:
        """A URL would become a folder here of that name."""
        for key, value in (
            ("pipeline.root", self.pipeline.root),
            ("pusher.directory", self.pusher.directory),
            ("tuning.directory", self.tuning.directory if self.tuning else None),
        ):
            require(
                value is None or "://" not in value, key, value, "a folder, not a URL"
            )

    def _check_tuning(self) -> None:
        frozen = self.hyperparameters
        require(
            frozen is None
            or (isinstance(frozen, str) and bool(frozen.strip()))
            or (type(frozen) is int and frozen > 0),
            "hyperparameters",
            frozen,
            "null, a file, or an artifact's id, a whole number > 0",
        )
        if self.tuning is not None:
            expected = "null while tuning searches; --set tuning=null takes these"
            require(frozen is None, "hyperparameters", frozen, expected)
            tuning = self.tuning.resolved(self.student, self.distillation, self.views)
            object.__setattr__(self, "tuning", tuning)

    @property
    def pipeline_name(self) -> str:
        dataset = re.sub(r"[^a-z0-9]+", "-", self.data.dataset.lower()).strip("-")
        return self.pipeline.name.replace("{dataset}", dataset)

    @property
    def pipeline_dir(self) -> pathlib.Path:
        """The pipeline's own folder: artifacts, metadata, logs, serving."""
        return (
            pathlib.Path(self.pipeline.root).expanduser().absolute()
            / self.pipeline_name
        )

    @property
    def artifacts_dir(self) -> pathlib.Path:
        """TFX's `pipeline_root`."""
        return self.pipeline_dir / "artifacts"

    @property
    def serving_dir(self) -> pathlib.Path:
        if self.pusher.directory is not None:
            return pathlib.Path(self.pusher.directory).expanduser().absolute()
        return self.pipeline_dir / "serving"

    @property
    def tuning_dir(self) -> pathlib.Path:
        """Where unfinished searches are kept."""
        if self.tuning is not None and self.tuning.directory is not None:
            return pathlib.Path(self.tuning.directory).expanduser().absolute()
        return self.pipeline_dir / "tuning"

    def to_yaml(self) -> str:
        return yaml.safe_dump(_plain(dataclasses.asdict(self)), sort_keys=False)


def _plain(value: Any) -> Any:
    """Tuples as lists, so that YAML stays free of Python tags."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
