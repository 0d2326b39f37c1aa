"""Quantization-aware training: the student loses less accuracy in int8.

The forward pass rounds kernels and activations as the int8 file of
`trainer/export/lite.py` does; the backward pass treats the rounding as the identity
(Jacob et al. 2018, arXiv:1712.05877, sec. 3). A kernel has one scale per output
channel, a Dense kernel one in all, as in the coarsest LiteRT release. Activations use
the range of their batch in training and its moving average in validation.

Only layer inputs and the logits are rounded. LiteRT does not round between a
convolution and its BatchNormalization either, because it folds them into one
operation. Folding scales whole channels, so rounding the kernel first is equivalent.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import architectures

_MOMENTUM = 0.99  # of the moving range, per batch

# Axes of the kernel that share one scale, by layer type.
_SHARED_AXES: dict[type[keras.layers.Layer], tuple[int, ...]] = {
    keras.layers.Conv2D: (0, 1, 2),
    keras.layers.DepthwiseConv2D: (0, 1),
    keras.layers.Dense: (0, 1),
}


def quantize_kernel(kernel: Any, axes: tuple[int, ...]) -> Any:
    """Rounds to 255 steps, symmetric around 0.

    Args:
        kernel: float32 tensor.
        axes: Axes that share one scale.

    Returns:
        As `kernel`; the gradient passes unchanged.
    """
    scale = ops.max(ops.abs(kernel), axis=axes, keepdims=True) / 127.0
    scale = ops.maximum(scale, keras.config.epsilon())
    rounded = ops.round(kernel / scale) * scale
    return kernel + ops.stop_gradient(rounded - kernel)


def quantize_activations(values: Any, low: Any, high: Any) -> Any:
    """Rounds to 256 steps from `low` to `high`, one of which is exactly 0.

    Args:
        values: float32 tensor.
        low: float32 scalar, <= 0.
        high: float32 scalar, >= 0.

    Returns:
        As `values`; the gradient passes unchanged within the range and is 0 outside.
    """
    scale = ops.maximum((high - low) / 255.0, keras.config.epsilon())
    zero_point = ops.round(-low / scale)
    clipped = ops.clip(values, -zero_point * scale, (255.0 - zero_point) * scale)
    rounded = ops.round(clipped / scale) * scale
    return clipped + ops.stop_gradient(rounded - clipped)


class Rounded(keras.layers.Layer):
    """Rounds activations as int8 does; learns their range during training."""

    def build(self, input_shape: Any) -> None:
        def scalar(name: str) -> keras.Variable:
            return self.add_weight(
                shape=(), initializer="zeros", trainable=False, name=name
            )

        self._low, self._high = scalar("low"), scalar("high")
        self._batches = scalar("batches")

    def call(self, values: Any, training: bool | None = None) -> Any:
        if not training:
            return quantize_activations(values, self._low.value, self._high.value)
        low = ops.stop_gradient(ops.minimum(ops.min(values), 0.0))
        high = ops.stop_gradient(ops.maximum(ops.max(values), 0.0))
        # A plain mean until there are enough batches for the moving average.
        share = ops.maximum(1.0 / (self._batches + 1.0), 1.0 - _MOMENTUM)
        self._low.assign(self._low + share * (low - self._low))
        self._high.assign(self._high + share * (high - self._high))
        self._batches.assign_add(1.0)
        # The batch's own range: with an older one, growing values would be clipped
        # and get no gradient.
        return quantize_activations(values, low, high)


class Quantized(keras.layers.Layer):
    """A layer with rounded kernel and input, which shares the original's weights."""

    def __init__(
        self, layer: keras.layers.Layer, axes: tuple[int, ...], *, is_last: bool
    ) -> None:
        """Wraps a layer.

        Args:
            layer: A built layer with a `kernel`.
            axes: Axes of the kernel that share one scale.
            is_last: Whether to round the output, too: no later layer does.
        """
        super().__init__(name=f"int8_{layer.name}")
        self.layer, self._axes = layer, axes
        self._input = Rounded()
        self._output = Rounded() if is_last else None

    def call(self, values: Any, training: bool | None = None) -> Any:
        values = self._input(values, training=training)
        kernel = self.layer.kernel
        rounded = quantize_kernel(kernel.value, self._axes)
        with keras.StatelessScope(state_mapping=[(kernel, rounded)]):
            values = self.layer(values)
        if self._output is None:
            return values
        return self._output(values, training=training)


def simulated(model: keras.Model, student: keras.Model) -> keras.Model:
    """A copy of a model that simulates int8 and shares the original's weights.

    Args:
        model: The model to train: `student`, or one that contains it. Not compiled.
        student: As `models.build` makes it. Only its Conv2D, DepthwiseConv2D and
            Dense layers are rounded.

    Returns:
        As `model`. Training it trains `model` and `student`.

    Raises:
        ModelError: If the student has no such layer within reach.
    """
    architecture = student.layers[-1]
    inside = {id(layer) for layer in architectures.all_layers(architecture)}
    replaced: dict[int, keras.layers.Layer] = {}

    def replacement(layer: keras.layers.Layer) -> keras.layers.Layer:
        axes = _shared_axes(layer)
        if axes is None or id(layer) not in inside:
            return layer
        if id(layer) not in replaced:
            is_last = layer is architecture.layers[-1]
            replaced[id(layer)] = Quantized(layer, axes, is_last=is_last)
        return replaced[id(layer)]

    result = keras.models.clone_model(model, clone_function=replacement, recursive=True)
    if not replaced:
        kinds = ", ".join(kind.__name__ for kind in _SHARED_AXES)
        raise ModelError(
            f"Student {student.name} has no layer that quantization-aware training "
            f"supports ({kinds}, in a Sequential or functional model). "
            "Set student.quantization_aware_epochs: 0."
        )
    return result


def _shared_axes(layer: keras.layers.Layer) -> tuple[int, ...] | None:
    for kind, axes in _SHARED_AXES.items():
        if isinstance(layer, kind):
            return axes
    return None
