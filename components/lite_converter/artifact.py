"""The artifact type of a student's LiteRT files."""

from __future__ import annotations

from tfx.types import artifact


class LiteModels(artifact.Artifact):
    """`FLAVOUR.tflite` for each flavour, and `scores.json`: see `trainer.lite_scores`."""

    TYPE_NAME = "components.lite_converter.artifact.LiteModels"
