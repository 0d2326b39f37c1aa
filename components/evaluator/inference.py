"""Every model's answers to the test split, or why a model cannot be asked."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.components import property_names
from tfx_distill.components.evaluator.failure_causes import caused_by_models, describe
from tfx_distill.components.evaluator.verdict import Served
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import comparison, noninferiority
from tfx_distill.trainer.export import saved_model

_BATCH = 512


def ask(
    model_dir: str, role: str, split: example_reader.Split, spec: DataSpec
) -> np.ndarray:
    """Asks a SavedModel about all images, as pixels.

    Args:
        model_dir: Its folder.
        role: What messages call it, such as `student`.
        split: At least one image.
        spec: The data that it must be made for.

    Returns:
        Probabilities, float32 `(num_examples, num_classes)`, all finite.

    Raises:
        ModelError: If it does not load, is made for other data, or gives answers
            that are not finite.
    """
    try:
        predictor = saved_model.Predictor(model_dir)
        _require_fit(predictor, role, spec)
        images = split.images
        batches = [
            predictor.predict(images[at : at + _BATCH])["probabilities"]
            for at in range(0, len(images), _BATCH)
        ]
    except ModelError:
        raise
    except (tf.errors.OpError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ModelError(f"the {role} cannot answer: {describe(error)}") from error
    probabilities = np.concatenate(batches)
    broken = int(np.sum(~np.isfinite(probabilities).all(axis=1)))
    if broken:
        raise ModelError(
            f"the {role}'s answers to {broken:,} of {len(split):,} images are not finite"
        )
    return probabilities


def _require_fit(predictor: saved_model.Predictor, role: str, spec: DataSpec) -> None:
    for what, received, expected in (
        ("takes images of shape", predictor.image_shape, tuple(spec.image_shape)),
        ("tells so many classes apart:", predictor.num_classes, spec.num_classes),
        ("has the classes", predictor.class_names, spec.class_names),
    ):
        # A model without a card has no names.
        if received != expected and received != ():
            raise ModelError(
                f"the {role} {what} {received}, data set {spec.dataset} has {expected}: "
                "it is a model of other data"
            )


def against_served(
    served: Served, student: np.ndarray, split: example_reader.Split, spec: DataSpec
) -> tuple[Served, np.ndarray | None]:
    """Compares the student with the model that served before it.

    Args:
        served: Which model, not compared yet.
        student: The student's probabilities.
        split: The test split.
        spec: Its specification.

    Returns:
        The comparison, or with its `problem`; and the served model's probabilities.
    """
    try:
        answers = ask(served.uri, "served model", split, spec)
    except ModelError as error:
        if not caused_by_models(error):
            raise
        return dataclasses.replace(served, problem=describe(error)), None
    right = student.argmax(axis=1) == split.labels
    result = comparison.paired(right, answers.argmax(axis=1) == split.labels)
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
    return compared, answers


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
