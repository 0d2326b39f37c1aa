"""Artifact types of this package.

They are imported as `tfx_distill.TeacherLogits`, which is their name in ML Metadata as
well: Kubeflow demands that both are one, and allows no more than `module.Class`. For the
same reason they have no typed properties: an artifact describes itself by custom
properties.
"""

from __future__ import annotations

from tfx.types import artifact


class TeacherAnswers(artifact.Artifact):
    """A user's file with a teacher's answer to each image.

    Read by `tfx_distill.trainer.distillation.answers_file`; its uri is the file's.
    """

    TYPE_NAME = "tfx_distill.TeacherAnswers"


class TeacherLogits(artifact.Artifact):
    """A teacher's logits for examples and their views.

    Written and read by `tfx_distill.trainer.distillation.logits_files`.
    """

    TYPE_NAME = "tfx_distill.TeacherLogits"


class ControlComparison(artifact.Artifact):
    """`comparison.json`: the gain from distillation.

    Written and read by `tfx_distill.trainer.evaluation.comparison`.
    """

    TYPE_NAME = "tfx_distill.ControlComparison"


class LiteModels(artifact.Artifact):
    """`FLAVOUR.tflite` for each format, and `scores.json`.

    Written and read by `tfx_distill.trainer.evaluation.lite_scores`.
    """

    TYPE_NAME = "tfx_distill.LiteModels"
