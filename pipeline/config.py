"""The whole configuration of a run: one frozen value, checked before TFX loads.

Layers, each over the one before: the defaults in the dataclasses, the data
set's own file in `configs/datasets/`, the YAML file, then `--set key=value`.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipeline.kubeflow_config import KubeflowConfig
from trainer import hyperparameters
from trainer.config import (
    MAX_SEEDS,
    AssistantConfig,
    DataConfig,
    DistillationConfig,
    EnsembleConfig,
    LiteConfig,
    StudentConfig,
    TeacherConfig,
    ViewsConfig,
)
from trainer.errors import ConfigError
from trainer.gate_config import GateConfig
from trainer.section import Section, build, require
from trainer.servability_config import ServabilityConfig
from trainer.tuning_config import TuningConfig

CONFIGS_DIR = pathlib.Path(__file__).parent / "configs"
MANUAL_DIR_VARIABLE = "DISTILL_MANUAL_DIR"

# Sections that null turns off, also above a layer that turned them on.
_OPTIONAL = ("assistant", "tuning")

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


def load_config(
    file: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    *,
    dataset: str | None = None,
) -> PipelineConfig:
    """Reads, layers and checks a configuration.

    Args:
        file: A YAML file, or the name of a shipped one (`article`, `smoke`).
        overrides: `key=value` texts; the value is YAML.
        dataset: Replaces `data.dataset` above every layer: how a local run
            goes on with `digits`.

    Raises:
        ConfigError: In one line, for whatever does not fit.
    """
    layers = [read_file(file) if file is not None else {}]
    layers += [_override(text) for text in overrides]
    if dataset is not None:
        # Where the files lie was said for the data set that is not there.
        layers.append({"data": {"dataset": dataset, "manual_dir": None}})
    values = _merged(layers)
    # Checked twice: the first time to know the data set, whose layer lies below.
    name = build(PipelineConfig, values).data.dataset
    values = _merged([_dataset_layer(name), values])
    config = build(PipelineConfig, values)
    if config.data.manual_dir is None and os.environ.get(MANUAL_DIR_VARIABLE):
        manual_dir = os.environ[MANUAL_DIR_VARIABLE]
        data = dataclasses.replace(config.data, manual_dir=manual_dir)
        config = dataclasses.replace(config, data=data)
    return config


def shipped_names() -> list[str]:
    return sorted(path.stem for path in CONFIGS_DIR.glob("*.yaml"))


def read_file(file: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the mapping in a YAML file, or in a shipped one by its name."""
    path = pathlib.Path(file)
    if not path.exists() and str(file) in shipped_names():
        path = CONFIGS_DIR / f"{file}.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"Configuration file {file} cannot be read ({error.strerror}). Give a "
            f"YAML file or one of {', '.join(shipped_names())}."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        detail = " ".join(str(error).split())
        raise ConfigError(f"Configuration file {file} is not YAML: {detail}") from None
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"Configuration file {file} must be a mapping of sections, "
            f"received {type(values).__name__}."
        )
    return dict(values)


def _dataset_layer(name: str) -> dict[str, Any]:
    path = CONFIGS_DIR / "datasets" / f"{name.split('/')[0].split(':')[0]}.yaml"
    return read_file(path) if path.is_file() else {}


def _override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(
            f"--set must be key=value, received {text!r}. "
            "For example --set distillation.temperature=2."
        )
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        parsed = value
    for part in reversed(key.strip().split(".")):
        parsed = {part: parsed}
    return parsed


def _merged(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                result[key] = _merged([old, value])
            elif isinstance(old, Mapping) and value is None and key not in _OPTIONAL:
                continue  # `section:` with nothing under it
            else:
                result[key] = value
    return result
