"""Every model's predictions for the test split, or why a model has none."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special
from tfx import types
from tfx.utils import path_utils

from tfx_distill.components import property_names
from tfx_distill.components.component_specs import (
    EXAMPLES,
    STUDENT_SIGNATURE,
    TEACHER_SIGNATURE,
)
from tfx_distill.components.evaluator.verdict import Served
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.components.private_copies import PrivateCopies
from tfx_distill.trainer import model_faults
from tfx_distill.trainer.config.config_errors import shown
from tfx_distill.trainer.data import example_reader, example_records
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import logits_files, teacher_logits
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import comparison, noninferiority
from tfx_distill.trainer.export.saved_model import Predictor, load_saved_model
from tfx_distill.trainer.export.signatures import SERVING_DEFAULT

_SERVED_BATCH = 256  # examples


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
        Log-probabilities in nats, float32 `(num_examples, num_classes)`, all finite.

    Raises:
        ModelError: If it fails, or its outputs are not finite.
    """
    found = special.log_softmax(predictor.logits(split.images), axis=1)
    broken = int(np.sum(~np.isfinite(found).all(axis=1)))
    if broken:
        raise ModelError(
            f"the {role}'s predictions for {broken:,} of {len(split):,} images are not "
            "finite"
        )
    return found


def classifier(predictor: Predictor, role: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function from images to predicted classes, which raises as `predict`."""

    def classify(images: np.ndarray) -> np.ndarray:
        labels = np.zeros(len(images), np.int32)
        return predict(predictor, role, Split(images, labels)).argmax(axis=1)

    return classify


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
    return special.log_softmax(logits[rows][:, 0], axis=1)


def require_serving(
    models: Mapping[str, types.Artifact], inputs: ExecutionInputs, split: str
) -> None:
    """Calls `serving_default`, as TFMA does, to find out whether a model fails there.

    Args:
        models: Model artifacts with this package's signatures, by role.
        inputs: The Evaluator's.
        split: Of the examples to call it with.

    Raises:
        ModelError: If a model fails, or lacks what TFMA reads.
    """
    files = example_reader.split_files(inputs.uri(EXAMPLES), split, inputs.spec)
    for role, model in models.items():
        loaded = load_saved_model(path_utils.serving_model_path(model.uri))
        # Not around the reading: damaged examples are no model's fault.
        for records in example_records.read_records(files).batch(_SERVED_BATCH):
            with model_faults.raised_by(f"{SERVING_DEFAULT} of the {role} fails"):
                serve = loaded.signatures[SERVING_DEFAULT]
                serve(examples=records)["probabilities"].numpy()


def _require_fit(predictor: Predictor, role: str, spec: DataSpec) -> None:
    for what, received, expected in (
        ("takes images of shape", predictor.image_shape, tuple(spec.image_shape)),
        ("has the number of classes", predictor.num_classes, spec.num_classes),
        ("has the classes", predictor.class_names, spec.class_names),
    ):
        # A model without a card has no names.
        if received != expected and received != ():
            raise ModelError(
                f"the {role} {what} {shown(received)}, data set {spec.dataset} has "
                f"{shown(expected)}: it is a model of other data"
            )


def against_served(
    served: Served,
    student: np.ndarray,
    split: Split,
    inputs: ExecutionInputs,
    copies: PrivateCopies,
    confidence: float,
) -> tuple[Served, np.ndarray | None]:
    """Compares the student with the model that served before it.

    Args:
        served: Which model, not compared yet.
        student: The student's log-probabilities.
        split: The test split.
        inputs: The Evaluator's.
        copies: Get one of the served model.
        confidence: Of both bounds.

    Returns:
        The comparison, or with its `problem`; and the served model's log-probabilities.
    """
    try:
        folder = copies.folder(served.uri, "served")
        predictor = load(inputs, folder, "served model")
        predictions = predict(predictor, "served model", split)
    except ModelError as error:
        return dataclasses.replace(served, problem=copies.told(str(error))), None
    right = student.argmax(axis=1) == split.labels
    served_right = predictions.argmax(axis=1) == split.labels
    return _compared(served, right, served_right, confidence), predictions


def _compared(
    served: Served, right: np.ndarray, served_right: np.ndarray, confidence: float
) -> Served:
    """With what the comparison of the correct answers says."""
    result = comparison.paired(right, served_right)
    counts, total = (result.only_first, result.only_second), len(right)
    return dataclasses.replace(
        served,
        accuracy=result.reference_accuracy,
        difference=result.difference,
        low=noninferiority.lower_bound(*counts, total, confidence),
        high=-noninferiority.lower_bound(*counts[::-1], total, confidence),
        only_student=result.only_first,
        only_served=result.only_second,
        p_value=result.p_value,
        churn=result.only_second / total,
    )


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
