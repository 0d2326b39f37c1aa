"""What a model answers: logits, and the same ones for the same image."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import architectures

_BATCHES = ((0, 1), (1, 4), (4, 8))  # compared with all images in one batch
# Largest accepted difference, as a share of the largest |logit|: rounding, which
# depends on the order of additions and so on the batch; and the same with layers that
# compute in half precision.
TOLERANCE, HALF_TOLERANCE = 0.005, 0.05
_REPEAT_TOLERANCE = 1e-4
_ROW_SUM_TOLERANCE = 0.02  # bfloat16 has 8 bits
_NUM_DRAWS = 4
_ADVICE = "Nothing was trained."


def answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """A model's answers, as when it serves.

    Args:
        model: As `architectures.build` makes it.
        images: uint8 `(num_images, height, width, channels)` in 0–255.

    Returns:
        float32 `(num_images, num_classes)`.
    """
    return np.asarray(keras.ops.cast(model(images, training=False), "float32"))


def require_logits(model: keras.Model, images: np.ndarray, path: str) -> None:
    """Refuses a model whose answers are no logits, or not the image's alone.

    A softmax or sigmoid is known by what comes out, whichever way it is computed. A
    new model's logits may lie between 0 and 1 by chance, so the weights are drawn
    several times.

    Args:
        model: A new one, whose weights this changes.
        images: As for `answers`.
        path: Dotted path of the model's function, for messages.

    Raises:
        ModelError: If answers are not finite, differ from one call or batch to
            another, or are probabilities.
    """
    _require_inference(model, path)
    rng = np.random.default_rng(0)
    first = answers(model, images)
    if not np.isfinite(first).all():
        raise ModelError(
            f"{path} answers with values that are not finite before any training, "
            f"expected logits. {_ADVICE} Check the function's initial weights."
        )
    answer, tolerance = _traced(model), _tolerance(model)
    _require_repeatable(answer, images, path, tolerance)
    drawn: list[np.ndarray] = []
    for _ in range(_NUM_DRAWS):
        _draw_weights(model, rng)
        values = answer(images)
        if not np.isfinite(values).all():  # half precision may overflow
            continue
        if not drawn:
            # Again: with a last layer that begins at zero, all answers are equal.
            _require_repeatable(answer, images, path, tolerance)
        drawn.append(values)
    _require_no_probabilities(np.concatenate(drawn or [first]), path)


def _traced(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """`answers` as a graph, which is several times faster from the second call on."""
    pixels = tf.TensorSpec(model.input.shape, model.input.dtype)
    graph = tf.function(
        lambda images: keras.ops.cast(model(images, training=False), "float32"),
        input_signature=[pixels],
    )
    return lambda images: graph(images).numpy()


def _require_no_probabilities(values: np.ndarray, path: str) -> None:
    if values.min() < -1e-3 or values.max() > 1 + _ROW_SUM_TOLERANCE:
        return
    if np.allclose(values.sum(axis=1), 1, atol=_ROW_SUM_TOLERANCE):
        kind = "softmax probabilities (each row sums to 1)"
    else:
        kind = "values between 0 and 1, as of a sigmoid for each class"
    raise ModelError(
        f"{path} answers with {kind}, expected logits: a temperature acts on logits. "
        f"{_ADVICE} Return what goes into the last softmax or sigmoid."
    )


def _require_inference(model: keras.Model, path: str) -> None:
    """Refuses layers that are told to train always.

    Keras overrules that where `training=False` is passed, as it is here, and not where
    others call the model: it would answer differently there.
    """
    try:
        called = set(_always_training(model.get_config()))
    except Exception:  # a layer that cannot describe itself is tried by its answers
        return
    # Layers that augment images train unless told otherwise; they are meant to.
    names = [
        layer.name
        for layer in architectures.all_layers(model)
        if layer.name in called and not _trains_by_default(layer)
    ]
    if names:
        raise ModelError(
            f"{path} calls {', '.join(names)} with training=True, so that answers are "
            "random or depend on the other images of a batch; expected layers that "
            f"train in training alone. {_ADVICE} Leave that argument out."
        )


def _trains_by_default(layer: keras.layers.Layer) -> bool:
    training = inspect.signature(layer.call).parameters.get("training")
    return training is not None and training.default is True


def _always_training(config: Any) -> Iterator[str]:
    """Names of the layers in a configuration that are called with training=True."""
    if isinstance(config, Mapping):
        nodes = config.get("inbound_nodes", ())
        if any(node.get("kwargs", {}).get("training") is True for node in nodes):
            yield config["name"]
    if isinstance(config, Mapping | list | tuple):
        inner = config.values() if isinstance(config, Mapping) else config
        for value in inner:
            yield from _always_training(value)


def _draw_weights(model: keras.Model, rng: np.random.Generator) -> None:
    """Draws weights with which the answers of deep models stay finite."""
    for variable in model.trainable_variables:
        fan_in = np.prod(variable.shape[:-1])  # 1 for biases
        scale = (2.0 if len(variable.shape) > 1 else 3.0) / np.sqrt(fan_in)
        values = rng.standard_normal(variable.shape, np.float32)
        variable.assign(values * np.float32(scale))


def _require_repeatable(
    answer: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    path: str,
    tolerance: float,
) -> None:
    whole = answer(images)
    if not _close(whole, answer(images), _REPEAT_TOLERANCE):
        raise ModelError(
            f"{path} answers the same image differently each time, expected equal "
            f"answers: a layer of it is random when it serves. {_ADVICE} Do not call "
            "layers such as Dropout with training=True."
        )
    for start, stop in _BATCHES:
        found = whole.copy()
        found[start:stop] = answer(images[start:stop])
        if not _close(whole, found, tolerance):
            raise ModelError(
                f"{path} answers an image differently in a batch of {stop - start} and of "
                f"{len(images)}, expected equal answers: a layer of it looks at the "
                f"other images. {_ADVICE} Do not call layers such as "
                "BatchNormalization with training=True."
            )


def require_same(
    path: str, what: str, expected: np.ndarray, found: np.ndarray, model: keras.Model
) -> None:
    """Refuses a model that answers otherwise once it is `what`.

    Args:
        path: Dotted path of the model's function.
        what: Such as `exported`.
        expected: float32 `(num_images, num_classes)`.
        found: As `expected`.
        model: Decides the tolerance.

    Raises:
        ModelError: If the answers differ by more than rounding.
    """
    if not _close(expected, found, _tolerance(model)):
        difference = float(np.abs(expected - found).max())
        raise ModelError(
            f"{path} answers differently once it is {what}: its logits differ by up to "
            f"{difference:.3g}, expected equal ones. {_ADVICE} Everything that decides "
            "an answer must be in the model's weights or the same each time that the "
            "function is called."
        )


def _close(one: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    largest = max(np.abs(one).max(), np.abs(other).max())
    return bool(np.abs(one - other).max() <= tolerance * largest)


def _tolerance(model: keras.Model) -> float:
    half = any(
        layer.compute_dtype in _HALF for layer in architectures.all_layers(model)
    )
    return HALF_TOLERANCE if half else TOLERANCE


_HALF = ("float16", "bfloat16")
