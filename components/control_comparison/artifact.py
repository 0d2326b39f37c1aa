"""The artifact type of a comparison between student and control."""

from __future__ import annotations

from tfx.types import artifact


class ControlComparison(artifact.Artifact):
    """`comparison.json`: what distillation gained, see `trainer.comparison`."""

    TYPE_NAME = "components.control_comparison.artifact.ControlComparison"
