"""Random changes of training images by layers of Keras's and functions of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer.config.training_config import TrainingConfig
from tfx_distill.trainer.data.epoch_batches import class_shares
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import keras_objects

# From images, shares of the classes and random numbers to images and shares.
_Step = Callable[[Any, Any, np.random.Generator], tuple[Any, Any]]


class Augmentation:
    """The steps of `augmentation`, one after the other."""

    def __init__(self, config: TrainingConfig, num_classes: int) -> None:
        """Makes the layers.

        Args:
            config: The training recipe.
            num_classes: Number of classes.

        Raises:
            ConfigError: If there is no such layer or function, or it refuses its
                arguments.
        """
        self._num_classes = num_classes
        made = keras_objects.augmentation(config)
        self._steps = [
            _function_step(one, step.name, step.arguments)
            if step.is_function
            else _layer_step(one)
            for step, one in zip(config.augmentation, made, strict=True)
        ]

    def __bool__(self) -> bool:
        return bool(self._steps)

    def __call__(
        self, images: np.ndarray, labels: np.ndarray, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Changes a batch; equal seeds, equal changes.

        Args:
            images: uint8 `(batch, height, width, channels)`.
            labels: int `(batch,)`, < 0 for none.
            seed: Numbers >= 0.

        Returns:
            uint8, as `images`, and shares of the classes, float32
            `(batch, num_classes)`: a mixture has some of several, or less than 1 of all.

        Raises:
            ModelError: If what comes out has another shape.
        """
        shape, rng = images.shape, np.random.default_rng(seed)
        shares: Any = class_shares(labels, self._num_classes)
        changed: Any = images
        for step in self._steps:
            changed, shares = step(changed, shares, rng)
        pixels = np.asarray(changed)
        if pixels.shape != shape:
            raise ModelError(
                f"augmentation turns images of shape {shape[1:]} into {pixels.shape[1:]}. "
                "Add {name: Resizing, height: …, width: …} at its end."
            )
        whole = np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)
        return whole, np.asarray(shares, np.float32)


def _layer_step(layer: keras.layers.Layer) -> _Step:
    # Keras's random numbers come from variables: each is a seed and a counter.
    states = [v for v in layer.variables if "seed_generator_state" in v.path]

    @tf.function(reduce_retracing=True)  # takes a quarter of the time
    def call(images: Any, shares: Any) -> Any:
        return layer({"images": images, "labels": shares}, training=True)

    def step(images: Any, shares: Any, rng: np.random.Generator) -> tuple[Any, Any]:
        for state in states:
            state.assign(rng.integers(0, 2**31, 2))
        found = call(tf.cast(images, tf.float32), tf.constant(shares))
        return found["images"], found["labels"]

    return step


def _function_step(
    function: Callable[..., Any], path: str, arguments: dict[str, Any]
) -> _Step:
    def step(images: Any, shares: Any, rng: np.random.Generator) -> tuple[Any, Any]:
        pixels = np.rint(np.clip(np.asarray(images), 0, 255)).astype(np.uint8)
        found = np.asarray(function(pixels, rng, **arguments))
        if found.shape != pixels.shape or found.dtype != np.uint8:
            raise ModelError(
                f"{path} returned {found.dtype} of shape {found.shape} for uint8 images "
                f"of shape {pixels.shape}, expected the same."
            )
        return found, shares

    return step
