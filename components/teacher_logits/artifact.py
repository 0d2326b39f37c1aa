"""The artifact type of a teacher's answers."""

from __future__ import annotations

from tfx.types import artifact


class TeacherLogits(artifact.Artifact):
    """A teacher's answers to examples and their views, see `trainer.teacher_logits`.

    The type's name is its import path and it has no typed properties, as
    Kubeflow demands; what it says of itself are custom properties.
    """

    TYPE_NAME = "components.teacher_logits.artifact.TeacherLogits"
