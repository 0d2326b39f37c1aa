"""Hyperparameters that a run takes from an earlier search, or from a file.

Needs no TensorFlow: a wrong file is rejected before anything heavy is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.config import loader
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.runners.local import stored_artifacts
from tfx_distill.trainer.errors import ConfigError, DistillError
from tfx_distill.trainer.tuning import hyperparameters

# The name that TFX's Tuner, and ours, give it.
FILE_NAME = "best_hyperparameters.txt"
_TYPE_NAME = "HyperParameters"
_SECTIONS = ("student", "distillation")
_ADVICE = (
    "`distill tune` prints the id of its result. For a result of another pipeline, give "
    "its file."
)


def check(config: PipelineConfig) -> None:
    """Rejects an unusable file, in one line. `folder` checks an artifact.

    Raises:
        ConfigError: If the file is unreadable or does not fit the configuration.
    """
    if isinstance(config.hyperparameters, str):
        _values(config, config.hyperparameters)


def folder(config: PipelineConfig) -> str | None:
    """The folder with `config.hyperparameters` as TFX's Tuner writes them, if any.

    A file is copied to a folder named by its content, inside the pipeline's folder:
    equal values are the same artifact, so later steps come from the cache.

    Raises:
        DistillError: If the artifact does not exist or is of another type.
    """
    given = config.hyperparameters
    if given is None:
        return None
    if isinstance(given, int):
        return _artifact_folder(config, given)
    text = json.dumps({"space": [], "values": _values(config, given)}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    target = config.pipeline_dir / "hyperparameters" / digest
    target.mkdir(parents=True, exist_ok=True)
    (target / FILE_NAME).write_text(text, encoding="utf-8")
    return str(target)


def _artifact_folder(config: PipelineConfig, artifact_id: int) -> str:
    uri = stored_artifacts.uri(
        config, "hyperparameters", artifact_id, (_TYPE_NAME,), _ADVICE
    )
    file = pathlib.Path(uri, FILE_NAME)
    if not file.is_file():
        raise DistillError(
            f"hyperparameters: {artifact_id}: its file {file} is gone. Run "
            "`distill tune` again."
        )
    _values(config, str(file))
    return uri


def _values(config: PipelineConfig, file: str) -> dict[str, Any]:
    """The values in a file, checked against the configuration.

    Args:
        config: The configuration whose settings they replace.
        file: A tuner's output, or a YAML mapping of configuration keys.
    """
    content = loader.read_yaml(
        pathlib.Path(file).expanduser(),
        f"hyperparameters: file {file}",
        f"Give a file, or the id of an artifact of type {_TYPE_NAME}.",
    )
    if isinstance(content, Mapping) and set(content) == {"space", "values"}:
        content = content["values"]
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(
            f"hyperparameters: {file} must be a mapping of configuration keys to values, "
            "such as distillation.temperature: 2."
        )
    values = _dotted_keys(content)
    try:
        student, _ = hyperparameters.apply(values, config.student, config.distillation)
        hyperparameters.require_views(student, config.views)
    except ConfigError as error:
        raise ConfigError(
            f"hyperparameters: {os.path.basename(file)}: {error}"
        ) from None
    return values


def _dotted_keys(content: Mapping[str, Any]) -> dict[str, Any]:
    """Converts `{student: {batch_size: 64}}` to `{student.batch_size: 64}`."""
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key in _SECTIONS and isinstance(value, Mapping):
            values |= {f"{key}.{name}": item for name, item in value.items()}
        else:
            values[str(key)] = value
    return values
