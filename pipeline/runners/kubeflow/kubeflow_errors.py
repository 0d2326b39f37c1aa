"""Errors of a pipeline that Kubeflow Pipelines could not run."""

from __future__ import annotations

from tfx_distill.trainer.errors import ConfigError, DistillError


class CompileError(ConfigError):
    """A pipeline that Kubeflow Pipelines would reject or run incorrectly."""


class RehearsalError(DistillError):
    """A task that would fail on a cluster while the pipeline runs."""
