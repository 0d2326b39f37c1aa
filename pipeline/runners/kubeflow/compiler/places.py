"""Where a pod finds what lies in a folder of this machine during a local run.

This module imports no TFX.
"""

from __future__ import annotations

import dataclasses
import os

from tfx_distill.pipeline.config.kubeflow_config import SCHEMES
from tfx_distill.pipeline.config.schema import MANUAL_DIR_VARIABLE, PipelineConfig
from tfx_distill.pipeline.runners.kubeflow.container.mounts import (
    CLAIM_SCHEME,
    SCRATCH_DIR,
)
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.errors import ConfigError

DATA_DIR = "/data"
SERVING_DIR = "/serving"

# Who reads or writes a volume.
_DATA_NODES = ("TfdsExampleGen", "DistillationTuner")
_SERVING_NODES = ("Pusher", "Evaluator")


@dataclasses.dataclass(frozen=True)
class Places:
    """A configuration with the paths of pods.

    Attributes:
        config: With folders that pods have.
        volumes: URI of each volume by the path it is mounted at.
        mounted: Claims and paths by node id.
        hyperparameters_uri: Of `config.hyperparameters`.
        notes: What a person should know, each a sentence or two.
    """

    config: PipelineConfig
    volumes: dict[str, str]
    mounted: dict[str, list[tuple[str, str]]]
    hyperparameters_uri: str | None
    notes: list[str]


def find(config: PipelineConfig) -> Places:
    """Moves every folder of a configuration to where pods have it.

    Raises:
        ConfigError: For a folder that is this machine's alone, with the alternative.
    """
    notes: list[str] = []
    kubeflow = config.kubeflow
    volumes: dict[str, str] = {}
    mounted: dict[str, list[tuple[str, str]]] = {}
    folders: dict[str, str | None] = {}
    for name, volume, default, nodes in (
        ("data", kubeflow.volumes.data, DATA_DIR, _DATA_NODES),
        ("serving", kubeflow.volumes.serving, SERVING_DIR, _SERVING_NODES),
    ):
        folders[name] = None
        if volume is not None:
            path = volume.path or default
            folders[name] = path
            _require_apart(path, volumes)
            volumes[path] = f"{CLAIM_SCHEME}{volume.claim}"
            for node in nodes:
                mounted.setdefault(node, []).append((volume.claim, path))
    data = dataclasses.replace(
        config.data,
        data_dir=_folder(
            "data.data_dir", config.data.data_dir, "tfds", "data", folders
        ),
        manual_dir=_manual_dir(config, folders),
    )
    name = config.pipeline_name
    serving = _folder(
        "pusher.directory", config.pusher.directory, name, "serving", folders
    )
    if folders["data"] is None and config.data.dataset.split("/")[0] != "digits":
        notes.append(
            f"Without kubeflow.volumes.data each run prepares {config.data.dataset} anew, "
            "in a pod that must reach the network."
        )
    if folders["serving"] is None:
        notes.append(
            "Without kubeflow.volumes.serving the pushed student lies in the artifact "
            "pushed_model alone; no model server sees it."
        )
    if config.metadata.connection:
        notes.append(
            "metadata.connection is for local runs; Kubeflow Pipelines records in its "
            "own store."
        )
    moved = dataclasses.replace(
        config,
        data=data,
        pusher=dataclasses.replace(config.pusher, directory=serving),
        tuning=_tuning(config, folders),
    )
    uri = _hyperparameters_uri(config)
    return Places(moved, volumes, mounted, uri, notes)


def _require_apart(path: str, others: dict[str, str]) -> None:
    for other in others:
        if f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/"):
            raise ConfigError(
                f"kubeflow.volumes: {path} and {other} lie in each other. Mount each "
                "claim at a path of its own."
            )


def _folder(
    key: str, given: str | None, name: str, volume: str, folders: dict[str, str | None]
) -> str:
    """The pod's folder for a key of the configuration."""
    root = folders[volume]
    if given is None:
        return f"{root or SCRATCH_DIR}/{name}"
    if root is not None and f"{given}/".startswith(f"{root}/") and ".." not in given:
        return given.rstrip("/")
    advice = (
        f"Set it to a folder in {root}, where kubeflow.volumes.{volume} is mounted, "
        if root is not None
        else f"Give the folder a volume by kubeflow.volumes.{volume}.claim, "
    )
    raise ConfigError(
        f"{key}: {given} is a folder of this machine, which no pod has. {advice}"
        f"or --set {key}=null."
    )


def _manual_dir(config: PipelineConfig, folders: dict[str, str | None]) -> str | None:
    given = config.data.manual_dir
    if given is None or given == os.environ.get(MANUAL_DIR_VARIABLE):
        return None  # the variable speaks of this machine
    return _folder("data.manual_dir", given, "", "data", folders)


def _tuning(
    config: PipelineConfig, folders: dict[str, str | None]
) -> TuningConfig | None:
    if config.tuning is None:
        return None
    given = config.tuning.directory
    directory = _folder("tuning.directory", given, "tuning", "data", folders)
    return dataclasses.replace(config.tuning, directory=directory)


def _hyperparameters_uri(config: PipelineConfig) -> str | None:
    given = config.hyperparameters
    if given is None:
        return None
    if isinstance(given, str) and given.startswith(SCHEMES):
        return given
    raise ConfigError(
        f"hyperparameters: {given} is known on this machine alone. Copy its folder to an "
        f"object store and give its URI ({', '.join(SCHEMES)}), or write its values into "
        "student and distillation."
    )
