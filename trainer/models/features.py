"""Features of named layers, and the student's learned projection onto a teacher's."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tfx_distill.trainer.errors import ModelError


def feature_model(model: keras.Model, layers: Sequence[str], whose: str) -> keras.Model:
    """A model from raw images to the concatenated features of named layers.

    A feature map is averaged over its rows and columns, so that layers of
    different sizes can be compared.

    Args:
        model: As `models.build` makes it.
        layers: Names of layers of the architecture.
        whose: `Teacher` or `Student`, for messages.

    Returns:
        A model from uint8 `(batch, height, width, channels)` to float32
        `(batch, sum of widths)`; `feature_widths` holds the width of each.

    Raises:
        ModelError: If a layer is unknown, or the architecture is not a graph of layers.
    """
    outputs = layer_features(model, layers, whose)
    joined = outputs[0] if len(outputs) == 1 else keras.layers.Concatenate()(outputs)
    result = keras.Model(model.input, joined)
    result.feature_widths = tuple(output.shape[-1] for output in outputs)
    return result


def widths(model: keras.Model | None) -> tuple[int, ...]:
    """Width of each feature of a `feature_model`; empty for None."""
    return () if model is None else model.feature_widths


def with_projections(
    student: keras.Model, layers: Sequence[str], teacher_widths: Sequence[int]
) -> keras.Model:
    """The student with its logits and projected features, for training only.

    Args:
        student: As `models.build` makes it; its weights are shared.
        layers: Names of the student's layers.
        teacher_widths: Width of the teacher's feature matched with each.

    Returns:
        A model to float32 `(batch, num_classes + sum(teacher_widths))`.
    """
    # Logits and features of one call: two would train with other dropout in each.
    *outputs, features = _called(student, layers, "Student", with_outputs=True)
    pairs = zip(features, teacher_widths, strict=True)
    for number, (feature, width) in enumerate(pairs):
        projection = keras.layers.Dense(width, name=f"projection_{number}")
        outputs.append(projection(feature))
    return keras.Model(student.input, keras.layers.Concatenate()(outputs))


def layer_features(model: keras.Model, layers: Sequence[str], whose: str) -> list:
    """Symbolic features `(batch, width)` of layers in the architecture of a model."""
    return _called(model, layers, whose)[-1]


def _called(
    model: keras.Model, layers: Sequence[str], whose: str, with_outputs: bool = False
) -> list:
    """The architecture's outputs, if wanted, and the list of its layers' features."""
    *front, core = model.layers
    try:
        inside = [core.get_layer(name).output for name in layers]
        wanted = [*core.outputs, *inside] if with_outputs else inside
        maps = keras.Model(core.inputs, wanted)
    except (ValueError, AttributeError) as error:
        names = ", ".join(layer.name for layer in core.layers)
        raise ModelError(
            f"{whose} has no feature layers {', '.join(layers)} ({type(error).__name__}). "
            f"Its layers are {names}; it must be a Sequential or functional model."
        ) from error
    values = maps(front[-1].output)
    values = values if isinstance(values, list | tuple) else [values]
    first = len(values) - len(layers)
    return [*values[:first], [_pooled(value) for value in values[first:]]]


def _pooled(value):
    if len(value.shape) == 4:
        return keras.layers.GlobalAveragePooling2D()(value)
    return value if len(value.shape) == 2 else keras.layers.Flatten()(value)
