"""Residual architectures for colour photos, cheap on a processor.

Every convolution is 3×3, normalized (arXiv:1502.03167) after pooling, where that costs a
quarter. Residual pairs (arXiv:1512.03385) lie behind the pooling, where images are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


def residual_teacher(
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int] = (16, 32, 64, 128),
) -> keras.Model:
    """Eight convolutions in two residual pairs; 414,074 parameters for ten classes.

    `widths` are the filters before, and after each of the three poolings.
    """
    return _residual("residual_teacher", image_shape, num_classes, widths, pairs=(1, 3))


def residual_student(
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int] = (16, 24, 40, 48),
) -> keras.Model:
    """The teacher's shape, narrower and with its last pair only; 72,666 parameters."""
    return _residual("residual_student", image_shape, num_classes, widths, pairs=(3,))


def _residual(
    name: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int],
    pairs: Sequence[int],
) -> keras.Model:
    """Convolutions of `widths`; a pair follows those whose numbers are in `pairs`."""
    if len(widths) != 4:
        raise ValueError(f"widths has {len(widths)} numbers, expected 4.")
    x = inputs = keras.Input(image_shape)
    for number, width in enumerate(widths):
        x = _convolution(x, width, f"conv_{number}", pool=number > 0)
        if number in pairs:
            pair = _convolution(x, width, f"pair_{number}_1")
            pair = _convolution(pair, width, f"pair_{number}_2")
            x = keras.layers.Add()([x, pair])
    x = keras.layers.GlobalMaxPooling2D()(x)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=name)


def _convolution(x: Any, filters: int, name: str, *, pool: bool = False) -> Any:
    layers = keras.layers
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = layers.MaxPooling2D(padding="same")(x) if pool else x
    # With Keras's 0.99, the average lags far behind in a short training.
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation("relu")(x)
