"""The student as LiteRT (TensorFlow Lite) files: conversion and prediction.

Every file takes one image at a time, raw uint8 pixels in 0–255 of shape
`(1, height, width, channels)`, so that nobody can scale them wrongly, and gives
logits `(1, num_classes)`:

- `float32`: float32 logits. The input is not quantized.
- `int8`: int8 logits, in truth `scale * (q - zero_point)`; the largest `q` is the
  class as it is. Weights, activations, input and output are integers, so that it
  runs where there is no floating-point unit. The input has the scale 1 and the
  zero point 0: the number in it is the pixel.

The names of the classes are inside, see `lite_metadata`.
"""

from __future__ import annotations

import re
import statistics
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer import model_faults, timeline
from tfx_distill.trainer.config.lite_config import INT8, LITE_FLAVOURS
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation.lite_scores import TensorInfo
from tfx_distill.trainer.export import (
    frozen_graph,
    lite_metadata,
    lite_runtime,
    signatures,
)

_LOGITS = "logits"
_WARM_UP, _TIMED = 20, 200  # images


@timeline.part("conversion")
def convert(
    model: str | Any,
    flavour: str,
    images: np.ndarray | None = None,
    class_names: Sequence[str] = (),
) -> bytes:
    """Converts an exported model.

    Args:
        model: Folder that `export.save` wrote, or what `tf.saved_model.load` makes of it.
        flavour: `float32` or `int8`.
        images: uint8 `(num_images, height, width, channels)`, typical ones; `int8`
            takes the ranges of its activations from them.
        class_names: One for each logit; the file holds them.

    Returns:
        The content of a `.tflite` file.

    Raises:
        ModelError: If LiteRT cannot express the model.
    """
    try:
        content = _content(model, flavour, images)
    except Exception as error:
        if not model_faults.is_model_fault(error):
            raise
        others = [name for name in LITE_FLAVOURS if name != flavour]
        raise ModelError(
            f"The student cannot become the LiteRT flavour {flavour} "
            f"({_reason(error)}). Set lite.flavours to what works, as "
            f"[{', '.join(others)}], or to [] for none."
        ) from error
    if not class_names:
        return content
    return lite_metadata.with_class_names(content, class_names)


def _content(model: str | Any, flavour: str, images: np.ndarray | None) -> bytes:
    if flavour == INT8:
        if images is None:
            raise ValueError("int8 needs images for its calibration")
        converter = _int8_converter(model, images)
    else:
        converter = _converter(model)
    with warnings.catch_warnings():
        # About its own older options.
        warnings.simplefilter("ignore")
        return converter.convert()


def _converter(
    model: str | Any, *, float_input: bool = False
) -> tf.lite.TFLiteConverter:
    """Of what a server runs, from uint8 pixels to logits, for one image."""
    loaded = tf.saved_model.load(model) if isinstance(model, str) else model
    predict = loaded.signatures[signatures.PREDICT_IMAGES]
    shape = predict.structured_input_signature[1]["images"].shape[1:]
    images = tf.TensorSpec((1, *shape), tf.uint8, name="images")
    answer = tf.function(lambda images: predict(images=images)[_LOGITS])
    frozen = frozen_graph.freeze(
        answer.get_concrete_function(images), float_input=float_input
    )
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def _int8_converter(model: str | Any, images: np.ndarray) -> tf.lite.TFLiteConverter:
    converter = _converter(model, float_input=True)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    spanning = _spanning(images)
    converter.representative_dataset = lambda: (
        [image[np.newaxis].astype(np.float32)] for image in spanning
    )
    return converter


def _spanning(images: np.ndarray) -> np.ndarray:
    """The images, the first of them with one black and one white pixel.

    Pixels then range from 0 to 255 whatever the images hold, and a quantized pixel
    is the pixel itself. A fake-quantization of the input would say so too, but the
    converter then scales the first bias by the range that it saw.
    """
    spanning = images.copy()
    spanning[0, 0, 0], spanning[0, -1, -1] = 0, 255
    return spanning


def _reason(error: Exception) -> str:
    """One line of what is often a page of compiler output."""
    text = str(error)
    lacking = sorted(set(re.findall(r"'(?:tf|tfl)\.(\w+)' op is neither", text)))
    if lacking:
        return f"it lacks the operation {', '.join(lacking)}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0][:300].rstrip(".") if lines else "no reason given"
    return (
        first if isinstance(error, ModelError) else f"{type(error).__name__}: {first}"
    )


class LitePredictor:
    """A LiteRT file in the interpreter, one thread, one image at a time.

    Attributes:
        input: What it takes.
        output: What it gives before it is made real numbers.
    """

    def __init__(self, content: bytes) -> None:
        self._interpreter = lite_runtime.interpreter(content, num_threads=1)
        (into,) = self._interpreter.get_input_details()
        (out,) = self._interpreter.get_output_details()
        self._input_index, self._output_index = into["index"], out["index"]
        self.input, self.output = _info(into), _info(out)

    def predict(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Answers images, one after the other.

        Args:
            images: uint8 `(num_images, height, width, channels)` in 0–255.

        Returns:
            `logits`, float32 `(num_images, num_classes)`, and `class`, int64
            `(num_images,)`.

        Raises:
            ModelError: If the images are not uint8 of the model's shape.
        """
        self._require_pixels(images)
        raw = np.empty((len(images), *self.output.shape[1:]), self.output.dtype)
        for answer, image in zip(raw, images, strict=True):
            answer[:] = self._invoke(image[np.newaxis])
        logits = raw.astype(np.float32)
        scale, zero_point = self.output.scale, self.output.zero_point
        if scale is not None and zero_point is not None:
            logits = (logits - np.float32(zero_point)) * np.float32(scale)
        return {_LOGITS: logits, "class": logits.argmax(axis=-1)}

    def latency_ms(self, images: np.ndarray) -> float:
        """Median milliseconds for one image, after a warm-up.

        Args:
            images: As for `predict`; taken in turn until enough are timed.
        """
        self._require_pixels(images)
        times = []
        for number in range(_WARM_UP + _TIMED):
            image = images[number % len(images)][np.newaxis]
            start = time.perf_counter()
            self._invoke(image)
            times.append(time.perf_counter() - start)
        return 1000 * statistics.median(times[_WARM_UP:])

    def _invoke(self, image: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input_index, image)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output_index)[0]

    def _require_pixels(self, images: np.ndarray) -> None:
        expected = self.input.shape[1:]
        if images.dtype != np.uint8 or images.shape[1:] != expected:
            raise ModelError(
                f"Images are {images.dtype} of shape {images.shape[1:]}, expected uint8 "
                f"0-255 of shape {expected}. Do not scale them: the model does."
            )


def _info(details: dict[str, Any]) -> TensorInfo:
    scale, zero_point = details["quantization"]
    quantized = scale > 0
    return TensorInfo(
        dtype=np.dtype(details["dtype"]).name,
        shape=tuple(map(int, details["shape"])),
        scale=float(scale) if quantized else None,
        zero_point=int(zero_point) if quantized else None,
    )
