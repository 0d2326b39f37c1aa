"""The artifact types that TFX does not have.

They stand in a module of their own at the top because Kubeflow demands that a type's
name is the path it is imported by, and allows no more than `module.Class`. For the
same reason they have no typed properties: what an artifact says of itself are
custom properties.
"""

from __future__ import annotations

from tfx.types import artifact


class TeacherLogits(artifact.Artifact):
    """A teacher's answers to examples and their views, see `trainer.teacher_logits`."""

    TYPE_NAME = "distill_artifacts.TeacherLogits"


class ControlComparison(artifact.Artifact):
    """`comparison.json`: what distillation gained, see `trainer.comparison`."""

    TYPE_NAME = "distill_artifacts.ControlComparison"


class LiteModels(artifact.Artifact):
    """`FLAVOUR.tflite` for each flavour, and `scores.json`: see `trainer.lite_scores`."""

    TYPE_NAME = "distill_artifacts.LiteModels"
