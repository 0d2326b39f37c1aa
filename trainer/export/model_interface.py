"""How a SavedModel that anyone exported is called: found out, or refused.

A signature fits if its only input is a batch of strings (serialized examples) or of
images, and one of its outputs is a matrix of floats, a row for each example.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.config.examples_config import (
    LOGITS,
    PROBABILITIES,
    SignatureConfig,
)
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import pixel_scaling
from tfx_distill.trainer.export.signatures import PREDICT_IMAGES, SERVING_DEFAULT

_INITIALIZER = "__saved_model_init_op"
_ROW_SUM_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelInterface:
    """One signature of a SavedModel, with what goes in and what comes out.

    Attributes:
        signature: Its name.
        input: Name of its input.
        dtype: Of the input; `tf.string`: serialized examples.
        input_shape: Without the batch, None where any size fits; of images.
        output: Name of the output with one value for each class.
        num_classes: Number of these values.
    """

    signature: str
    input: str
    dtype: tf.DType
    input_shape: tuple[int | None, ...]
    output: str
    num_classes: int

    @property
    def takes_examples(self) -> bool:
        return self.dtype == tf.string


def find(
    loaded: Any, model_dir: str, spec: DataSpec, config: SignatureConfig
) -> ModelInterface:
    """Chooses signature and output of a loaded SavedModel.

    Args:
        loaded: What `tf.saved_model.load` returned.
        model_dir: Its folder, for messages.
        spec: The examples that it is for.
        config: What is known of it; the rest must be beyond doubt. Among several
            signatures that fit, `predict_images` is this package's, and
            `serving_default` the one that servers take; among several outputs,
            `logits`.

    Raises:
        ModelError: If nothing fits or several do: lists the signatures.
    """
    functions = {
        name: function
        for name, function in getattr(loaded, "signatures", {}).items()
        if name != _INITIALIZER
    }
    refusal = _Refusal(model_dir, functions)
    fitting = {
        name: function
        for name, function in functions.items()
        if config.signature in (None, name) and _fits(function, spec)
    }
    if not fitting:
        wanted = f" named {config.signature}" if config.signature else ""
        raise refusal(
            f"no signature{wanted} from serialized examples or images of shape "
            f"{spec.image_shape} to one value for each class"
        )
    name = _choice(list(fitting), PREDICT_IMAGES, SERVING_DEFAULT)
    if name is None:
        raise refusal(f"several that fit: set signature to {' or '.join(fitting)}")
    return _interface(name, fitting[name], spec, config, refusal)


def _interface(
    name: str, function: Any, spec: DataSpec, config: SignatureConfig, refusal: _Refusal
) -> ModelInterface:
    matrices = _matrices(function)
    if config.output is not None:
        matrices = {k: v for k, v in matrices.items() if k == config.output}
    # One that fits the classes, unless none does: that is said of the model as such.
    sized = {k: v for k, v in matrices.items() if v.shape[-1] == spec.num_classes}
    output = _choice(list(sized or matrices), LOGITS)
    if output is None:
        there = " or ".join(sorted(sized or matrices)) or "one that exists"
        raise refusal(f"no single output of {name} that fits: set output to {there}")
    ((input_name, taken),) = function.structured_input_signature[1].items()
    if taken.dtype.is_floating and config.pixel_range is None:
        known = pixel_scaling.ranges(spec.image_shape[2])
        raise refusal(
            f"float images as input of {name}: set pixel_range to {' or '.join(known)}"
        )
    return ModelInterface(
        signature=name,
        input=input_name,
        dtype=taken.dtype,
        input_shape=tuple(taken.shape[1:]) if taken.shape.rank else (),
        output=output,
        num_classes=matrices[output].shape[-1] or spec.num_classes,
    )


def output_values(
    values: np.ndarray, config: SignatureConfig, interface: ModelInterface
) -> str:
    """Whether a model gives `logits` or `probabilities`, from its output to examples.

    Args:
        values: float `(num_examples, num_classes)`, at least one row.
        config: May say it.
        interface: The model's.

    Raises:
        ModelError: If all values are in [0, 1] and rows do not sum to 1: either is
            possible.
    """
    if config.output_values is not None:
        return config.output_values
    if interface.output == LOGITS:
        return LOGITS
    seen = seen_values(values)
    if seen is not None:
        return seen
    raise ModelError(
        f"The output {interface.output} of the signature {interface.signature} lies in "
        "[0, 1], and its rows do not sum to 1: set output_values to logits or "
        "probabilities."
    )


def seen_values(values: np.ndarray) -> str | None:
    """What values look like: `logits`, `probabilities`, or None: either is possible.

    Args:
        values: float `(num_examples, num_classes)`, at least one row.
    """
    inside = bool((values >= 0).all() and (values <= 1 + _ROW_SUM_TOLERANCE).all())
    if not inside:
        return LOGITS
    sums = np.allclose(values.sum(axis=1), 1, atol=_ROW_SUM_TOLERANCE)
    return PROBABILITIES if sums else None


class _Refusal:
    """Makes errors that list the signatures of a model."""

    def __init__(self, model_dir: str, functions: dict[str, Any]) -> None:
        self._model_dir, self._functions = model_dir, functions

    def __call__(self, reason: str) -> ModelError:
        listed = "; ".join(_described(*item) for item in self._functions.items())
        return ModelError(
            f"Model in {self._model_dir} has {reason}. Its signatures: "
            f"{listed or 'none'}."
        )


def _described(name: str, function: Any) -> str:
    """`name(input dtype shape) -> output dtype shape`."""
    inputs = function.structured_input_signature[1].items()
    outputs = sorted(function.structured_outputs.items())
    texts = (
        ", ".join(f"{key} {spec.dtype.name} {_shape(spec)}" for key, spec in specs)
        for specs in (inputs, outputs)
    )
    return f"{name}({next(texts)}) -> {next(texts)}"


def _shape(spec: tf.TensorSpec) -> str:
    if spec.shape.rank is None:
        return "(?)"
    sizes = ["?" if size is None else str(size) for size in spec.shape]
    return f"({', '.join(sizes)})"


def _choice(names: list[str], *preferred: str) -> str | None:
    """The only name, or the first preferred one of several; None: no choice."""
    if len(names) == 1:
        return names[0]
    return next((name for name in preferred if name in names), None)


def _fits(function: Any, spec: DataSpec) -> bool:
    inputs = list(function.structured_input_signature[1].values())
    if len(inputs) != 1 or not _matrices(function):
        return False
    (taken,) = inputs
    if taken.dtype == tf.string:
        return taken.shape.rank in (None, 1)
    if taken.dtype == tf.bool or taken.shape.rank is None:
        return False
    return _takes_images(tuple(taken.shape[1:]), spec.image_shape)


def _takes_images(shape: tuple[int | None, ...], image: tuple[int, ...]) -> bool:
    """Whether images fit as they are, or reshaped, as flattened ones."""
    if None in shape:
        return len(shape) == len(image) and all(
            mine in (None, given) for mine, given in zip(shape, image, strict=True)
        )
    return math.prod(size or 0 for size in shape) == math.prod(image)


def _matrices(function: Any) -> dict[str, tf.TensorSpec]:
    """Outputs of one row of floats for each example."""
    return {
        name: spec
        for name, spec in function.structured_outputs.items()
        if spec.dtype.is_floating and spec.shape.rank == 2
    }
