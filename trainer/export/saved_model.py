"""Models as SavedModels that do their own preprocessing, and their use."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export.saved_model_files import (
    KERAS_FILE,
    ModelCard,
    read_card,
    write_card,
)

SIGNATURE = "predict_images"
_PREDICT_BATCH = 512


def save(
    model: keras.Model,
    model_dir: str,
    *,
    role: str,
    spec: DataSpec,
    config: Mapping[str, Any],
    history: Mapping[str, list[float]],
    seconds: float,
) -> ModelCard:
    """Writes a SavedModel with two signatures, and the model's card inside it.

    `serving_default` takes serialized examples (string `(batch,)`), whose
    `image` is a PNG or JPEG file; `predict_images` takes pixels (uint8
    `(batch, height, width, channels)` in 0–255; another dtype is an error).
    Both return `logits` (float32 `(batch, num_classes)`), `probabilities` (as
    `logits`, at temperature 1) and `class` (int64 `(batch,)`).

    Args:
        model: From uint8 pixels to logits, as `models.build` makes it.
        model_dir: Folder to write, created when missing.
        role: `teacher` or `student`.
        spec: The data it was trained on.
        config: What it was trained with, plain values.
        history: See `training.Trained`.
        seconds: Wall time of the training.
    """
    module = _Serving(model, spec)
    signatures = {"serving_default": module.serve, SIGNATURE: module.predict}
    tf.saved_model.save(module, model_dir, signatures=signatures)
    card = ModelCard(
        role=role,
        spec=spec,
        num_parameters=model.count_params(),
        config=config,
        history=history,
        seconds=seconds,
        versions=_versions(),
    )
    write_card(card, model_dir)
    # Without the loss and metrics of its training, which are ours: plain Keras
    # loads it.
    plain = keras.Model(model.input, model.output, name=model.name)
    plain.save(os.path.join(model_dir, KERAS_FILE))
    return card


class _Serving(tf.Module):
    """A model's two signatures; each weight is stored once."""

    def __init__(self, model: keras.Model, spec: DataSpec) -> None:
        super().__init__()
        # Keras tracks every variable under several names, and TensorFlow would
        # save it under each.
        self._variables = [variable.value for variable in model.variables]

        def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
            logits = tf.cast(model(images, training=False), tf.float32)
            return {
                "logits": logits,
                "probabilities": tf.nn.softmax(logits),
                "class": tf.argmax(logits, axis=-1),
            }

        images = tf.TensorSpec([None, *spec.image_shape], tf.uint8, name="images")
        examples = tf.TensorSpec([None], tf.string, name="examples")
        self.predict = tf.function(answer, input_signature=[images])
        self.serve = tf.function(
            lambda examples: answer(example_reader.decode_examples(examples, spec)),
            input_signature=[examples],
        )


def load_keras(model_dir: str) -> keras.Model:
    """The Keras model beside a SavedModel.

    Raises:
        ModelError: If there is none, or Keras cannot load it.
    """
    path = os.path.join(model_dir, KERAS_FILE)
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"No Keras model at {path} ({reason}). Train the model with this pipeline; "
            "its own layers must be registered with Keras."
        ) from error


class Predictor:
    """A SavedModel's `predict_images`, with what it takes and gives.

    Attributes:
        image_shape: (height, width, channels) in pixels.
        num_classes: Number of logits.
        class_names: From the model's card; empty without one.
    """

    def __init__(self, model_dir: str) -> None:
        """Loads a SavedModel.

        Raises:
            ModelError: If it does not load, or has no fitting `predict_images`.
        """
        try:
            self._loaded = tf.saved_model.load(model_dir)
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ModelError(
                f"No loadable model in {model_dir} ({reason}). "
                "Give the folder of a SavedModel, or train the teacher again."
            ) from error
        try:
            self._predict = self._loaded.signatures[SIGNATURE]
            images = self._predict.structured_input_signature[1]["images"]
            logits = self._predict.structured_outputs["logits"]
        except (KeyError, AttributeError):
            raise ModelError(
                f"Model in {model_dir} has the signatures "
                f"{sorted(getattr(self._loaded, 'signatures', {}))}, expected "
                f"{SIGNATURE} from images to logits. Export it with "
                "tfx_distill.trainer.export.saved_model.save."
            ) from None
        self.image_shape: tuple[int, ...] = tuple(images.shape[1:])
        self.num_classes: int = logits.shape[-1]
        card = read_card(model_dir)
        self.class_names: tuple[str, ...] = card.spec.class_names if card else ()

    def predict(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Answers images.

        Args:
            images: uint8 `(batch, height, width, channels)` in 0–255.

        Returns:
            `logits` and `probabilities`, float32 `(batch, num_classes)`, and
            `class`, int64 `(batch,)`.

        Raises:
            ModelError: If the images are not uint8 of the model's shape: scaled
                images would get confident nonsense for an answer.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ModelError(
                f"Images are {images.dtype} of shape {images.shape[1:]}, expected uint8 "
                f"0-255 of shape {self.image_shape}. Do not scale them: the model does."
            )
        answers = self._predict(images=tf.constant(images))
        return {name: value.numpy() for name, value in answers.items()}

    def classes(self, images: np.ndarray) -> np.ndarray:
        """Answers any number of images, batch by batch: int64 `(num_images,)`.

        Args:
            images: As for `predict`, at least one.
        """
        batches = range(0, len(images), _PREDICT_BATCH)
        return np.concatenate(
            [self.predict(images[at : at + _PREDICT_BATCH])["class"] for at in batches]
        )


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
