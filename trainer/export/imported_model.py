"""A model that exists already as a teacher of the data: from our pixels to our logits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.data import image_fitting, memory_limit
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export import (
    class_columns,
    saved_model,
    saved_model_files,
    signatures,
)
from tfx_distill.trainer.export.model_adapter import AdaptedModel
from tfx_distill.trainer.export.model_sources import ModelSource
from tfx_distill.trainer.export.saved_model_files import ModelCard, Origin


class ImportedModel(tf.Module):
    """Fits images to a model's shape, calls it, and gives logits of the data's classes.

    Attributes:
        image_shape: (height, width, channels) that the model takes.
        takes_any_size: Whether it takes other heights and widths as well.
        columns: Its outputs by the data's classes.
    """

    def __init__(
        self,
        source: ModelSource,
        spec: DataSpec,
        config: ImportedConfig,
        sample: np.ndarray,
    ) -> None:
        """Finds out how the model is called.

        Args:
            source: The model.
            spec: The data.
            config: What is known of it, with `pixel_range` if it takes floats, and with
                `classes` as a list.
            sample: uint8 `(num_images, height, width, channels)`: real images of the
                data.

        Raises:
            ModelError: If that leaves doubt, or its classes are not the data's.
        """
        super().__init__()
        self._spec, self._config = spec, config
        self.image_shape, self.takes_any_size = source.image_shape(config, spec)
        names = tuple(config.classes or source.class_names)
        own = dataclasses.replace(
            spec, image_shape=self.image_shape, class_names=names or spec.class_names
        )
        self.adapted = AdaptedModel(
            source.loaded, source.where, own, config, self._fitted(sample).numpy()
        )
        self.columns = class_columns.find(
            self.adapted.interface.num_classes,
            names,
            config.mapping,
            spec,
            source.where,
        )

    def predict(self, images: tf.Tensor) -> signatures.Outputs:
        """As `predict_images` of `signatures.save`, of the data's images."""
        logits = self.adapted.predict(self._fitted(images))["logits"]
        return signatures.outputs(self.columns.logits(logits))

    def values(self, images: np.ndarray) -> np.ndarray:
        """What the model itself gives, float `(num_images, num_outputs)`.

        Args:
            images: uint8 `(num_images, height, width, channels)` of the data.
        """
        call = tf.function(lambda batch: self.adapted.values(self._fitted(batch)))
        return self._in_batches(call, images)

    def classes(self, images: np.ndarray) -> np.ndarray:
        """The data's classes that it predicts, int64 `(num_images,)`; see `values`."""
        call = tf.function(lambda batch: self.predict(batch)["class"])
        return self._in_batches(call, images)

    def save(self, model_dir: str, settings: Mapping[str, Any], origin: Origin) -> None:
        """Writes it with this package's signatures and a card.

        Args:
            model_dir: Folder to write, created when missing.
            settings: How it is called, resolved, plain values.
            origin: Where it comes from.
        """
        signatures.save(self, model_dir, self._spec, self.predict)
        card = ModelCard(
            role="teacher",
            spec=self._spec,
            num_parameters=self.adapted.num_parameters,
            config={"teacher": {"from": origin.place, "imported": settings}},
            history={},
            seconds=0.0,
            versions=saved_model.versions(),
            origins=(origin,),
        )
        saved_model_files.write_card(card, model_dir)

    def _fitted(self, images: tf.Tensor | np.ndarray) -> tf.Tensor:
        images = image_fitting.to_channels(
            tf.convert_to_tensor(images), self.image_shape[2]
        )
        if tuple(self._spec.image_shape[:2]) == tuple(self.image_shape[:2]):
            return images
        return image_fitting.fit(
            images, self.image_shape, self._config.fit, self._config.interpolation
        )

    def _in_batches(self, call: tf.function, images: np.ndarray) -> np.ndarray:
        step = memory_limit.batch_size(self.image_shape)
        batches = (images[at : at + step] for at in range(0, len(images), step))
        return np.concatenate([call(tf.constant(b)).numpy() for b in batches])
