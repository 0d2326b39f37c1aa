"""What differs between TensorFlow's releases, kept in one place: LiteRT.

`tf.lite.Interpreter` is on its way out of TensorFlow, into the package
`ai_edge_litert`. It is the same interpreter, and reads the same files.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import tensorflow as tf

# TensorFlow exports it under no public name, and names none in its stead.
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from tfx_distill.trainer.errors import ModelError


def lite_converter(function: Any) -> tf.lite.TFLiteConverter:
    """A converter of a concrete function, whose variables become constants.

    TensorFlow 2.16 aborts the process, past any `except`, when it is left to
    freeze a Keras 3 model itself.
    """
    return tf.lite.TFLiteConverter.from_concrete_functions(
        [convert_variables_to_constants_v2(function)]
    )


def lite_interpreter(content: bytes, *, num_threads: int) -> Any:
    """LiteRT's interpreter of a converted model, with its tensors allocated.

    Raises:
        ModelError: If this TensorFlow has none, and there is no other.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `tf.lite.Interpreter` is deprecated
        interpreter = _interpreter_class()(
            model_content=content, num_threads=num_threads
        )
    interpreter.allocate_tensors()
    return interpreter


def _interpreter_class() -> Any:
    if hasattr(tf.lite, "Interpreter"):
        return tf.lite.Interpreter
    try:
        return importlib.import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError:
        raise ModelError(
            f"TensorFlow {tf.__version__} has no LiteRT interpreter. Install the "
            "package ai-edge-litert, or set lite.flavours: []."
        ) from None
