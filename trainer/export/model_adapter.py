"""A SavedModel that anyone exported, behind the two signatures of this package's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer import model_faults
from tfx_distill.trainer.config.examples_config import (
    PROBABILITIES,
    PROBABILITY_FLOOR,
    SignatureConfig,
)
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export import model_interface, pixel_scaling, signatures


class AdaptedModel(tf.Module):
    """A loaded SavedModel that is called with pixels and returns logits.

    A model that gives probabilities p gets the logits log(max(p, 1e-7)), whose softmax
    is p again.

    Attributes:
        interface: The signature that is called.
        output_values: What it gives: `logits` or `probabilities`.
    """

    def __init__(
        self,
        loaded: Any,
        model_dir: str,
        spec: DataSpec,
        config: SignatureConfig,
        sample: np.ndarray,
    ) -> None:
        """Finds out how the model is called.

        Args:
            loaded: What `tf.saved_model.load` returned.
            model_dir: Its folder, for messages.
            spec: The examples that it is for.
            config: What is known of its signatures.
            sample: uint8 `(num_images, height, width, channels)`: real images, on
                which probabilities are told from logits.

        Raises:
            ModelError: If a signature leaves doubt.
        """
        super().__init__()
        self._loaded = loaded
        self._spec = spec
        self._config = config
        self.interface = model_interface.find(loaded, model_dir, spec, config)
        self._function = loaded.signatures[self.interface.signature]
        images = tf.constant(sample)
        with model_faults.raised_by(f"The model in {model_dir} fails"):
            values = self.values(images).numpy()
        self.output_values = model_interface.output_values(
            values, config, self.interface
        )

    @property
    def num_parameters(self) -> int:
        """Number of values in the variables that the signature uses."""
        sizes = [variable.shape.num_elements() for variable in self._function.variables]
        return sum(size or 0 for size in sizes)

    @property
    def call(self) -> str:
        """How the model is called: other text, other predictions."""
        scaling = self._config.pixel_range, self._config.channel_order
        return f"{self.interface}: {self.output_values}, {scaling}"

    def values(self, images: tf.Tensor) -> tf.Tensor:
        """What the model itself gives, float `(batch, num_classes)`."""
        return self._call(self._inputs(images))

    def predict(self, images: tf.Tensor) -> signatures.Outputs:
        """As `predict_images` of `signatures.save`."""
        return self._outputs(self.values(images))

    def save(self, model_dir: str) -> None:
        """Writes the model with both signatures."""

        def serve(examples: tf.Tensor) -> signatures.Outputs:
            return self._outputs(self._call(examples))

        examples = serve if self.interface.takes_examples else None
        signatures.save(self, model_dir, self._spec, self.predict, examples)

    def _call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self._function(**{self.interface.input: inputs})[self.interface.output]

    def _outputs(self, values: tf.Tensor) -> signatures.Outputs:
        values = tf.cast(values, tf.float32)
        if self.output_values == PROBABILITIES:
            values = tf.math.log(tf.maximum(values, PROBABILITY_FLOOR))
        return signatures.outputs(values)

    def _inputs(self, images: tf.Tensor) -> tf.Tensor:
        """What the signature takes, from uint8 `(batch, height, width, channels)`."""
        if self.interface.takes_examples:
            return _serialized(images, self._spec.image_feature)
        config = self._config
        values = pixel_scaling.scaled(
            images, config.pixel_range or "0-255", config.channel_order
        )
        shape = self.interface.input_shape
        if None not in shape:
            values = tf.reshape(values, [-1, *shape])
        return tf.cast(values, self.interface.dtype)


def _serialized(images: tf.Tensor, feature: str) -> tf.Tensor:
    """`tf.train.Example`s with the images as PNG files, string `(batch,)`.

    TensorFlow has no operation that writes them in a graph, so the protocol buffer is
    put together here: features.feature[NAME].bytes_list.value, from the inside out.
    """
    encoded = tf.map_fn(
        tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string)
    )
    bytes_list = _field(1, encoded)
    value = _field(2, _field(1, bytes_list))
    entry = _field(
        1, tf.strings.join([_field(1, tf.constant(feature.encode())), value])
    )
    return _field(1, entry)


def _field(number: int, content: tf.Tensor) -> tf.Tensor:
    """One length-delimited field of a protocol buffer."""
    tag = tf.constant(bytes([number << 3 | 2]))
    return tf.strings.join([tag, _length(content), content])


def _length(content: tf.Tensor) -> tf.Tensor:
    """Length of each string as a varint of five bytes, which parsers take as well."""
    every_byte = tf.constant([bytes([value]) for value in range(256)])
    length = tf.strings.length(content)
    parts = [
        tf.gather(every_byte, tf.bitwise.right_shift(length, 7 * place) % 128 + 128)
        for place in range(4)
    ]
    return tf.strings.join(
        [*parts, tf.gather(every_byte, tf.bitwise.right_shift(length, 28))]
    )
