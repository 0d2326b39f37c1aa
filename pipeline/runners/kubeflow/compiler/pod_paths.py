"""Maps folders of a local run to the paths of pods. Imports no TFX."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from tfx_distill.pipeline.config import teacher_source
from tfx_distill.pipeline.config.kubeflow_config import SCHEMES
from tfx_distill.pipeline.config.schema import MANUAL_DIR_VARIABLE, PipelineConfig
from tfx_distill.pipeline.config.teacher_source import TeacherSource
from tfx_distill.pipeline.runners.kubeflow.container.mounts import (
    CLAIM_SCHEME,
    SCRATCH_DIR,
    is_within,
)
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.imported_config import is_function
from tfx_distill.trainer.errors import ConfigError

_DATA_DIR, _SERVING_DIR = "/data", "/serving"

# Nodes that read or write a volume.
_DATA_NODES = ("TfdsExampleGen", "ImageExampleGen", "DistillationTuner")
_SERVING_NODES = ("Pusher", "Evaluator")


@dataclasses.dataclass(frozen=True)
class PodPaths:
    """A configuration with the paths of pods.

    Attributes:
        config: With folders that exist in pods.
        volumes: URI of each volume by its mount path.
        mounted: Claims and mount paths by node ID.
        hyperparameters_uri: Of `config.hyperparameters`.
        teacher_sources: Of each teacher; None: it is trained.
        notes: What the user should know, each a sentence or two.
    """

    config: PipelineConfig
    volumes: dict[str, str]
    mounted: dict[str, list[tuple[str, str]]]
    hyperparameters_uri: str | None
    teacher_sources: list[TeacherSource | None]
    notes: list[str]


def find(config: PipelineConfig) -> PodPaths:
    """Replaces every folder of a configuration by one that exists in pods.

    Raises:
        ConfigError: For a folder that exists only on this machine, with the alternative.
    """
    volumes = config.kubeflow.volumes
    data = _Volume("data", volumes.data, _DATA_DIR, _DATA_NODES)
    serving = _Volume("serving", volumes.serving, _SERVING_DIR, _SERVING_NODES)
    existing = [volume for volume in (data, serving) if volume.config is not None]
    _require_apart(existing)
    _require_remote_answers(config)
    mounted: dict[str, list[tuple[str, str]]] = {}
    for volume in existing:
        for node in volume.nodes:
            mounted.setdefault(node, []).append((volume.config.claim, volume.path))
    return PodPaths(
        config=_with_pod_folders(config, data, serving),
        volumes={v.path: f"{CLAIM_SCHEME}{v.config.claim}" for v in existing},
        mounted=mounted,
        hyperparameters_uri=_hyperparameters_uri(config),
        teacher_sources=_teacher_sources(config),
        notes=_notes(config),
    )


@dataclasses.dataclass(frozen=True)
class _Volume:
    """A key of `kubeflow.volumes`; `config` is None if there is no such volume."""

    key: str
    config: Any
    default_path: str
    nodes: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it is mounted; without a volume, a folder that is lost with the pod."""
        if self.config is None:
            return SCRATCH_DIR
        return self.config.path or self.default_path

    def folder(self, key: str, given: str | None, default_name: str) -> str:
        """The pod's folder for a key of the configuration."""
        if given is None:
            return f"{self.path}/{default_name}"
        if self.config is None:
            advice = (
                f"Put the folder on a volume with kubeflow.volumes.{self.key}.claim"
            )
        elif is_within(given, self.path) and ".." not in given:
            return given.rstrip("/")
        else:
            advice = (
                f"Set it to a folder in {self.path}, where kubeflow.volumes.{self.key} "
                "is mounted"
            )
        if key != "data.images":  # which nothing can replace
            advice += f", or --set {key}=null"
        raise ConfigError(
            f"{key}: {given} is a folder of this machine, which pods do not have. "
            f"{advice}."
        )


def _require_apart(volumes: list[_Volume]) -> None:
    paths = [volume.path for volume in volumes]
    if len(paths) == 2 and (is_within(*paths) or is_within(*reversed(paths))):
        raise ConfigError(
            f"kubeflow.volumes: one of {' and '.join(paths)} contains the other. Mount "
            "each claim at a separate path."
        )


def _require_remote_answers(config: PipelineConfig) -> None:
    given = config.teacher.answers
    if given is not None and not given.startswith(SCHEMES):
        raise ConfigError(
            f"teacher.answers: {given} is a file of this machine, which pods do not have. "
            f"Copy it to an object store and give its URI ({', '.join(SCHEMES)})."
        )


def _with_pod_folders(
    config: PipelineConfig, data: _Volume, serving: _Volume
) -> PipelineConfig:
    data_dir = data.folder("data.data_dir", config.data.data_dir, "tfds")
    manual_dir = config.data.manual_dir
    if manual_dir == os.environ.get(MANUAL_DIR_VARIABLE):
        manual_dir = None  # the variable refers to this machine
    if manual_dir is not None:
        manual_dir = data.folder("data.manual_dir", manual_dir, "")
    images, splits = config.data.images, config.data.splits
    if images is not None:
        images = data.folder("data.images", images, "")
        if splits.unlabelled is not None:
            key = "data.splits.unlabelled"
            folder = data.folder(key, splits.unlabelled, "")
            splits = splits.replace(unlabelled=folder)
    directory = config.pusher.directory
    if directory is None or not file_system.is_remote(directory):
        directory = serving.folder("pusher.directory", directory, config.pipeline_name)
    tuning = config.tuning
    if tuning is not None:
        search_dir = data.folder("tuning.directory", tuning.directory, "tuning")
        tuning = tuning.replace(directory=search_dir)
    return config.replace(
        data=config.data.replace(
            images=images, data_dir=data_dir, manual_dir=manual_dir, splits=splits
        ),
        pusher=config.pusher.replace(directory=directory),
        tuning=tuning,
    )


def _notes(config: PipelineConfig) -> list[str]:
    volumes = config.kubeflow.volumes
    notes = []
    is_digits = config.data.name.split("/")[0] == "digits"
    if volumes.data is None and not is_digits:
        notes.append(
            f"Without kubeflow.volumes.data, each run prepares {config.data.name} "
            "again, in a pod that needs network access."
        )
    if volumes.serving is None and not file_system.is_remote(config.serving_dir):
        notes.append(
            "Without kubeflow.volumes.serving, the pushed student is only in the artifact "
            "pushed_model; no model server sees it."
        )
    if config.metadata.connection:
        notes.append(
            "metadata.connection applies only to local runs; Kubeflow Pipelines records "
            "runs in its own store."
        )
    return notes


def _hyperparameters_uri(config: PipelineConfig) -> str | None:
    given = config.hyperparameters
    if given is None:
        return None
    if isinstance(given, str) and given.startswith(SCHEMES):
        return given
    raise ConfigError(
        f"hyperparameters: {given} exists only on this machine. Copy its folder to an "
        f"object store and give its URI ({', '.join(SCHEMES)}), or write its values into "
        "student and distillation."
    )


def _teacher_sources(config: PipelineConfig) -> list[TeacherSource | None]:
    found: list[TeacherSource | None] = []
    for teacher in config.ensemble.recipes(config.teacher):
        given, key = teacher.source, "teacher.from"
        if given is None:
            found.append(None)
            continue
        if is_function(given):
            given, key = teacher.imported.weights, "teacher.imported.weights"
        if not isinstance(given, str) or not given.startswith(SCHEMES):
            raise ConfigError(
                f"{key}: {given} exists only on this machine. Copy it to an object store "
                f"and give its URI ({', '.join(SCHEMES)})."
            )
        found.append(teacher_source.plan(teacher, given))
    return found
