"""Which outputs of a model stand for which class of the data."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError

_KEY = "teacher.imported"


@dataclasses.dataclass(frozen=True)
class ClassColumns:
    """The outputs of each class.

    Attributes:
        columns: For each class of the data, the places of the model's outputs, from 0;
            at least one.
        num_outputs: Number of the model's outputs.
    """

    columns: tuple[tuple[int, ...], ...]
    num_outputs: int

    @property
    def is_order(self) -> bool:
        """Whether each output is one class, and each class one output."""
        return sorted(self.columns) == [(at,) for at in range(self.num_outputs)]

    def logits(self, logits: tf.Tensor) -> tf.Tensor:
        """Logits of the data's classes.

        The probability of a class is the sum of its outputs' probabilities, given that
        the image is of one of the data's classes: its logit is log(sum(exp(logits))).

        Args:
            logits: float32 `(batch, num_outputs)`.

        Returns:
            float32 `(batch, len(columns))`.
        """
        if all(len(outputs) == 1 for outputs in self.columns):
            order = [outputs[0] for outputs in self.columns]
            return (
                logits
                if order == list(range(self.num_outputs))
                else tf.gather(logits, order, axis=-1)
            )
        joined = [
            tf.reduce_logsumexp(tf.gather(logits, list(outputs), axis=-1), axis=-1)
            for outputs in self.columns
        ]
        return tf.stack(joined, axis=-1)


def find(
    num_outputs: int,
    names: tuple[str, ...],
    mapping: Mapping[str, str],
    spec: DataSpec,
    where: str,
) -> ClassColumns:
    """Finds the outputs of each of the data's classes.

    Args:
        num_outputs: Number of the model's outputs.
        names: The model's classes in the order of its outputs; empty: unknown.
        mapping: The data's class by the model's, by its name or its place from 0.
        spec: The data.
        where: The model's place, for messages.

    Raises:
        ModelError: If that leaves doubt, or a class without an output.
    """
    teacher = f"Teacher in {where}"
    if names and len(names) != num_outputs:
        raise ModelError(
            f"{teacher} gives {num_outputs:,} values for an image, {_KEY}.classes are "
            f"{len(names):,}. Give one name for each value, in their order."
        )
    if mapping:
        return _mapped(num_outputs, names, mapping, spec, teacher)
    if not names and num_outputs == spec.num_classes:
        names = spec.class_names
    places = {name: at for at, name in enumerate(names)}
    lacking = [name for name in spec.class_names if name not in places]
    if lacking:
        raise ModelError(
            f"{teacher} gives {num_outputs:,} values for an image, none known as "
            f"{_some(lacking)} of data set {spec.dataset}. Set {_KEY}.classes to its "
            f"classes in the order of its outputs, or map them with {_KEY}.mapping."
        )
    return ClassColumns(
        tuple((places[name],) for name in spec.class_names), num_outputs
    )


def _mapped(
    num_outputs: int,
    names: tuple[str, ...],
    mapping: Mapping[str, str],
    spec: DataSpec,
    teacher: str,
) -> ClassColumns:
    places = {str(at): at for at in range(num_outputs)}
    places |= {name: at for at, name in enumerate(names)}
    columns: dict[str, list[int]] = collections.defaultdict(list)
    for own, ours in mapping.items():
        if own not in places or ours not in spec.class_names:
            is_ours = own in places
            raise ModelError(
                f"{_KEY}.mapping: {ours if is_ours else own} is no class of "
                f"{f'data set {spec.dataset}' if is_ours else teacher}. Expected "
                f"{_some(spec.class_names if is_ours else names or tuple(places))}."
            )
        columns[ours].append(places[own])
    lacking = [name for name in spec.class_names if name not in columns]
    if lacking:
        raise ModelError(
            f"{_KEY}.mapping has no class of the teacher for {_some(lacking)}. Map at "
            "least one to each class of the data."
        )
    found = tuple(tuple(columns[name]) for name in spec.class_names)
    return ClassColumns(found, num_outputs)


def _some(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:9])
    return shown if len(names) <= 9 else f"{shown} and {len(names) - 9:,} more"
