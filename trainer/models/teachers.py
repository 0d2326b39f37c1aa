"""One teacher, or several whose predictions are averaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from scipy import special

from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import keras_files, saved_model, saved_model_files
from tfx_distill.trainer.models import features


class Teachers:
    """One or several teachers with one prediction.

    Attributes:
        image_shape: (height, width, channels) in pixels.
        num_classes: Number of logits.
        class_names: Of the first teacher; empty if it does not say.
        output_values: What each teacher gives: `logits` or `probabilities`, which
            become logits by their logarithm.
        digest: SHA-256 of everything that decides the predictions, hexadecimal.
        feature_widths: Width of each feature, in the order of `feature_layers`.
    """

    def __init__(
        self,
        model_dirs: Sequence[str],
        average: AverageConfig | None = None,
        feature_layers: Sequence[str] = (),
        load: Callable[[str], saved_model.Predictor] = saved_model.Predictor,
    ) -> None:
        """Loads the teachers.

        Args:
            model_dirs: Folders of SavedModels.
            average: How several are averaged.
            feature_layers: Names of layers whose features belong to the predictions.
            load: Makes a predictor of a folder.

        Raises:
            ModelError: If one does not load, or they do not fit each other.
        """
        self._average = average or AverageConfig()
        self._members = [load(folder) for folder in model_dirs]
        first = self._members[0]
        self._require_alike(model_dirs)
        self._weights = self._average.normalized(len(self._members))
        self._features = self._feature_model(model_dirs, feature_layers)
        self.image_shape = first.image_shape
        self.num_classes = first.num_classes
        self.class_names = first.class_names
        self.output_values = [member.output_values for member in self._members]
        self.feature_widths = features.widths(self._features)
        calls = [member.call for member in self._members]
        self.digest = _digest(
            model_dirs, calls, self._average, self._weights, feature_layers
        )

    def _require_alike(self, model_dirs: Sequence[str]) -> None:
        first = self._members[0]
        for folder, member in zip(model_dirs, self._members, strict=True):
            mine = member.image_shape, member.num_classes
            if mine != (first.image_shape, first.num_classes):
                raise ModelError(
                    f"Teacher in {folder} takes {member.image_shape} and predicts "
                    f"{member.num_classes} classes, the first teacher takes "
                    f"{first.image_shape} and predicts {first.num_classes}. Teachers of "
                    "one ensemble must fit the same data."
                )

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predicts logits and features of images.

        Args:
            images: uint8 `(batch, height, width, channels)` in 0–255.

        Returns:
            float32 `(batch, num_classes + sum(feature_widths))`: logits, then
            features.
        """
        logits = average_logits(
            [member.predict(images)["logits"] for member in self._members],
            self._weights,
            self._average.of,
        )
        if self._features is None:
            return logits
        return np.concatenate([logits, np.asarray(self._features(images))], axis=1)

    def require_fit(self, spec: DataSpec) -> None:
        """Refuses teachers of other classes or another image shape.

        Raises:
            ModelError: In one line that says both sides.
        """
        if self.num_classes != spec.num_classes:
            raise ModelError(
                f"Teacher predicts {self.num_classes} classes, data set {spec.dataset} "
                f"has {spec.num_classes}. Train a teacher on {spec.dataset}, or set "
                "data.dataset."
            )
        if self.image_shape != tuple(spec.image_shape):
            raise ModelError(
                f"Teacher takes images of shape {self.image_shape}, data set "
                f"{spec.dataset} has {tuple(spec.image_shape)}. Train a teacher on "
                f"{spec.dataset}, or set data.image_shape."
            )
        if self.class_names and self.class_names != tuple(spec.class_names):
            raise ModelError(
                f"Teacher knows the classes {', '.join(self.class_names)}, data set "
                f"{spec.dataset} has {', '.join(spec.class_names)}. Train a teacher on "
                f"{spec.dataset}, or set data.dataset."
            )

    @staticmethod
    def _feature_model(
        model_dirs: Sequence[str], layers: Sequence[str]
    ) -> keras.Model | None:
        if not layers:
            return None
        if len(model_dirs) > 1:
            raise ModelError(
                "Features of several teachers cannot be averaged. Use one teacher with "
                "distillation.features, or none of the features."
            )
        return features.feature_model(
            keras_files.load(model_dirs[0]), layers, "Teacher"
        )


def average_logits(
    logits: Sequence[np.ndarray], weights: Sequence[float], of: str
) -> np.ndarray:
    """Averages the logits of several teachers.

    Args:
        logits: One float32 `(batch, num_classes)` for each teacher.
        weights: One for each teacher, with the sum 1.
        of: `probabilities` (usual for ensembles; returned as log
            probabilities, which are their logits) or `logits`.

    Returns:
        float32 logits `(batch, num_classes)`.
    """
    if len(logits) == 1:
        return logits[0]
    stacked = np.stack(logits).astype(np.float64)
    if of == "logits":
        return np.tensordot(weights, stacked, axes=1).astype(np.float32)
    # log(sum(w p)), from log-probabilities: none of them underflows to zero.
    log_probs = special.log_softmax(stacked, axis=-1)
    shares = np.reshape(weights, (-1, 1, 1))
    return special.logsumexp(log_probs, axis=0, b=shares).astype(np.float32)


def _digest(
    model_dirs: Sequence[str],
    calls: Sequence[str],
    average: AverageConfig,
    weights: Sequence[float],
    layers: Sequence[str],
) -> str:
    parts = [saved_model_files.content_digest(folder) for folder in model_dirs]
    if len(parts) == 1 and not layers and not any(calls):
        return parts[0]
    described: list[Any] = [parts, average.of, list(weights), list(layers)]
    text = json.dumps(described + [list(calls)] * any(calls))
    return hashlib.sha256(text.encode()).hexdigest()
