"""Every model's predictions for the test split, or why a model has none."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import special

from tfx_distill.components import property_names
from tfx_distill.components.component_specs import (
    STUDENT_SIGNATURE,
    TEACHER_SIGNATURE,
)
from tfx_distill.components.evaluator.failure_causes import caused_by_models, describe
from tfx_distill.components.evaluator.verdict import Served
from tfx_distill.components.execution_inputs import (
    ExecutionInputs,
)
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import logits_files, teacher_logits
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import comparison, noninferiority
from tfx_distill.trainer.export.saved_model import Predictor


def load(inputs: ExecutionInputs, model_dir: str, role: str) -> Predictor:
    """Loads a model that must be made for the examples.

    Args:
        inputs: The Evaluator's.
        model_dir: Folder of a SavedModel.
        role: What messages call it: `student`, `teacher` or `served model`.

    Raises:
        ModelError: If it does not load, or is made for other data.
    """
    key = TEACHER_SIGNATURE if role == "teacher" else STUDENT_SIGNATURE
    with _as_model_error(role):
        predictor = inputs.predictor(model_dir, key)
        _require_fit(predictor, role, inputs.spec)
        return predictor


def predict(predictor: Predictor, role: str, split: Split) -> np.ndarray:
    """Runs a model on all images, as pixels.

    Args:
        predictor: The model.
        role: As for `load`.
        split: At least one image.

    Returns:
        Probabilities, float32 `(num_examples, num_classes)`, all finite.

    Raises:
        ModelError: If it fails, or its outputs are not finite.
    """
    with _as_model_error(role):
        probabilities = predictor.probabilities(split.images)
    broken = int(np.sum(~np.isfinite(probabilities).all(axis=1)))
    if broken:
        raise ModelError(
            f"the {role}'s predictions for {broken:,} of {len(split):,} images are not "
            "finite"
        )
    return probabilities


def imported(folder: str, split_name: str, split: Split) -> np.ndarray:
    """A teacher's answers to all images, without a model of it.

    Args:
        folder: Of a TeacherLogits artifact with this split.
        split_name: Of our split.
        split: At least one image.

    Returns:
        As `predict`.

    Raises:
        ModelError: If an image has no answer, or they are unreadable.
    """
    predictions, _ = logits_files.load(folder, None, [split_name])
    logits = teacher_logits.aligned(predictions[split_name], split, split_name)
    rows = np.arange(len(split))  # streamed rows know no slices of slices
    return special.softmax(logits[rows][:, 0], axis=1)


@contextlib.contextmanager
def _as_model_error(role: str) -> Iterator[None]:
    """Turns what TensorFlow raises for a model into a `ModelError`."""
    try:
        yield
    except ModelError:
        raise
    except (tf.errors.OpError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ModelError(f"the {role} fails: {describe(error)}") from error


def _require_fit(predictor: Predictor, role: str, spec: DataSpec) -> None:
    for what, received, expected in (
        ("takes images of shape", predictor.image_shape, tuple(spec.image_shape)),
        ("has the number of classes", predictor.num_classes, spec.num_classes),
        ("has the classes", predictor.class_names, spec.class_names),
    ):
        # A model without a card has no names.
        if received != expected and received != ():
            raise ModelError(
                f"the {role} {what} {received}, data set {spec.dataset} has {expected}: "
                "it is a model of other data"
            )


def against_served(
    served: Served, student: np.ndarray, split: Split, inputs: ExecutionInputs
) -> tuple[Served, np.ndarray | None]:
    """Compares the student with the model that served before it.

    Args:
        served: Which model, not compared yet.
        student: The student's probabilities.
        split: The test split.
        inputs: The Evaluator's.

    Returns:
        The comparison, or with its `problem`; and the served model's probabilities.
    """
    try:
        predictor = load(inputs, served.uri, "served model")
        predictions = predict(predictor, "served model", split)
    except ModelError as error:
        if not caused_by_models(error):
            raise
        return dataclasses.replace(served, problem=describe(error)), None
    right = student.argmax(axis=1) == split.labels
    result = comparison.paired(right, predictions.argmax(axis=1) == split.labels)
    counts = result.only_first, result.only_second
    compared = dataclasses.replace(
        served,
        accuracy=result.reference_accuracy,
        difference=result.difference,
        low=noninferiority.lower_bound(*counts, len(split)),
        high=-noninferiority.lower_bound(*counts[::-1], len(split)),
        only_student=result.only_first,
        only_served=result.only_second,
        p_value=result.p_value,
    )
    return compared, predictions


def served_of(exec_properties: dict[str, Any], rule: str) -> Served | None:
    """Which model served before; None: none did.

    Args:
        exec_properties: The Evaluator's, with what its driver added.
        rule: `gate.against_served`.
    """
    wanted = exec_properties.get(property_names.SERVED_MODEL) or ""
    if wanted == "latest":
        if property_names.SERVED_MODEL_URI not in exec_properties:
            problem = (
                "served_model is `latest`, and no driver ran to find it: give a uri"
            )
            return Served(
                uri="", artifact_id=None, version="", rule=rule, problem=problem
            )
        wanted = exec_properties[property_names.SERVED_MODEL_URI]
    if not wanted:
        return None
    name = os.path.basename(wanted.rstrip("/"))
    return Served(
        uri=wanted,
        artifact_id=exec_properties.get(property_names.SERVED_ARTIFACT_ID) or None,
        version=name if name.isdigit() else "",
        rule=rule,
    )
