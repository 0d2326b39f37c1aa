"""LiteRT's interpreter, whose place differs between TensorFlow releases.

`tf.lite.Interpreter` is moving from TensorFlow to the package `ai_edge_litert`: the
same interpreter, for the same files.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import tensorflow as tf

from tfx_distill.trainer.errors import ModelError


def interpreter(content: bytes, *, num_threads: int) -> Any:
    """LiteRT's interpreter for a converted model, with its tensors allocated.

    Raises:
        ModelError: If neither TensorFlow nor another package has one.
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
