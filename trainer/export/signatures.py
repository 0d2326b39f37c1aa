"""The signatures of every model that this package writes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from tfx_distill.trainer.data import example_records
from tfx_distill.trainer.data.data_spec import DataSpec

PREDICT_IMAGES = "predict_images"
SERVING_DEFAULT = "serving_default"
PREDICT_FILES = "predict_files"
CLASS_NAME = "class_name"

Outputs = dict[str, tf.Tensor]


def outputs(logits: tf.Tensor) -> Outputs:
    """What all signatures return, without the names that `save` adds.

    Args:
        logits: `(batch, num_classes)`.

    Returns:
        `logits` (float32 `(batch, num_classes)`), `probabilities` (as `logits`, at
        temperature 1) and `class` (int64 `(batch,)`).
    """
    logits = tf.cast(logits, tf.float32)
    return {
        "logits": logits,
        "probabilities": tf.nn.softmax(logits),
        "class": tf.argmax(logits, axis=-1),
    }


def save(
    module: tf.Module,
    model_dir: str,
    spec: DataSpec,
    predict: Callable[[tf.Tensor], Outputs],
    serve: Callable[[tf.Tensor], Outputs] | None = None,
) -> None:
    """Writes a SavedModel with all signatures.

    `serving_default` takes serialized examples (string `(batch,)`), `predict_images`
    takes pixels (uint8 `(batch, height, width, channels)` in 0–255; another dtype is
    an error), `predict_files` takes PNG or JPEG files (string `(batch,)`). All return
    `class_name` as well, string `(batch,)` in UTF-8: clients need no list of the
    classes.

    Args:
        module: Holds all variables that the functions use; gets the functions.
        model_dir: Folder to write, created when missing.
        spec: The examples, and the names of the classes.
        predict: From pixels to `outputs`.
        serve: From serialized examples to `outputs`; None: decodes, then `predict`.
    """
    pixels = tf.TensorSpec([None, *spec.image_shape], tf.uint8, name="images")
    records = tf.TensorSpec([None], tf.string, name="examples")
    files = tf.TensorSpec([None], tf.string, name="image_bytes")
    named = functools.partial(_named, spec=spec)
    decode, parse = example_records.decode_images, example_records.decode_examples
    serving = serve or (lambda examples: predict(parse(examples, spec)))
    answers = {
        PREDICT_IMAGES: (pixels, lambda images: named(predict(images))),
        SERVING_DEFAULT: (records, lambda examples: named(serving(examples))),
        PREDICT_FILES: (
            files,
            lambda image_bytes: named(predict(decode(image_bytes, spec))),
        ),
    }
    for name, (given, answer) in answers.items():
        setattr(module, name, tf.function(answer, input_signature=[given]))
    signatures = {name: getattr(module, name) for name in answers}
    tf.saved_model.save(module, model_dir, signatures=signatures)


def _named(answer: Outputs, spec: DataSpec) -> Outputs:
    names = tf.constant(list(spec.class_names))
    return {**answer, CLASS_NAME: tf.gather(names, answer["class"])}
