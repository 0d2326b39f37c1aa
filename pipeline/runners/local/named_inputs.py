"""Files, artifacts and secrets from outside of a run that its configuration names."""

from __future__ import annotations

from typing import Any

from tfx_distill.pipeline import tracking
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.runners.local import fixed_hyperparameters, teacher_sources
from tfx_distill.trainer.config import secret_reference


def check(config: PipelineConfig) -> None:
    """Rejects what cannot be used, in one line, before anything heavy is loaded.

    Raises:
        ConfigError: If a file does not exist, is unreadable or does not fit, or a secret
            is not there.
    """
    fixed_hyperparameters.check(config)
    teacher_sources.check(config)
    tracking.check(config.tracking)
    for key, reference in config.secret_references().items():
        secret_reference.read(reference, key)


def find(config: PipelineConfig) -> dict[str, Any]:
    """The arguments of `graph.create_pipeline` that name them.

    Raises:
        DistillError: As `check`, or if an artifact does not exist or is of another type.
    """
    return {
        "hyperparameters_dir": fixed_hyperparameters.folder(config),
        "teacher_sources": teacher_sources.find(config),
    }
