"""One trial of a search: a short training on the teacher's stored predictions."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import training
from tfx_distill.trainer.distillation.teacher_logits import TeacherInLoop
from tfx_distill.trainer.errors import DistillError, Interrupted
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.tuning import hyperparameters
from tfx_distill.trainer.tuning.trials import COMPLETED, Trial

logger = logging.getLogger(__name__)

# Accuracy on the split `eval`, as Keras names it.
OBJECTIVE = "val_accuracy"

_ROWS = 1024  # hashed at once

# Part of the digest: increase it when equal settings no longer mean an equal search.
FORMAT_VERSION = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What every trial of a search shares: all inputs that decide its objective.

    Attributes:
        data: The splits `train` and `eval`, with the teacher's predictions.
        spec: Image shape and classes.
        student: The student's recipe before the search.
        distillation: The distillation settings before the search.
        feature_widths: Widths of the teacher's features in the predictions.
    """

    data: Mapping[str, DistillationData]
    spec: DataSpec
    student: StudentConfig
    distillation: DistillationConfig
    feature_widths: Sequence[int] = ()

    @property
    def has_teacher_in_loop(self) -> bool:
        """Whether the teacher predicts while students are trained."""
        return isinstance(self.data["train"].predictions, TeacherInLoop)

    def digest(self, tuning: TuningConfig) -> str:
        """SHA-256, in hexadecimal, of everything that decides a search's result.

        The teacher is represented by its predictions, or by its model if it predicts
        while students are trained.
        """
        settings = {
            "format_version": FORMAT_VERSION,
            "keras_tuner": importlib.metadata.version("keras-tuner"),
            "data_fingerprint": self.spec.fingerprint,
            "views": self.data["train"].views.model_dump(),
            "student": self.student.model_dump(),
            "student_code": architectures.recipe_digest(self.student),
            "distillation": self.distillation.model_dump(),
            "tuning": tuning.replace(directory=None).model_dump(),
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for _, split in sorted(self.data.items()):
            arrays: list[Any] = [split.split.digests, split.split.labels]
            if isinstance(split.predictions, TeacherInLoop):
                digest.update(split.predictions.digest.encode())
            else:
                arrays.append(split.stored_predictions())
            for array in arrays:
                for at in range(0, len(array), _ROWS):
                    rows = np.ascontiguousarray(array[at : at + _ROWS])
                    digest.update(rows.reshape(-1).data)
        return digest.hexdigest()


def attempt(task: Task, values: Mapping[str, Any], epochs: int) -> Trial:
    """Trains one student. If that fails, so does the trial, but not the search.

    Raises:
        Interrupted: If the run is being stopped.
        OSError: If the machine fails.
    """
    start = time.monotonic()
    try:
        objective = train(task, values, epochs)
        trial = Trial(
            status=COMPLETED, values=dict(values), epochs=epochs, objective=objective
        )
    except (Interrupted, OSError):  # such as a full disk: not the trial's fault
        raise
    except Exception as error:
        logger.exception("trial with %s failed", dict(values))
        trial = Trial.failed(values, epochs, _reason(error))
    return dataclasses.replace(trial, seconds=round(time.monotonic() - start, 3))


def train(task: Task, values: Mapping[str, Any], epochs: int) -> float:
    """Trains one student; returns the accuracy on `eval` of the weights it keeps.

    Raises:
        DistillError: If the student cannot be built or trained.
    """
    student, distillation = settings(task, values)
    # Simulated int8 refines a trained student; a trial is too short for that.
    student = student.replace(epochs=epochs, quantization_aware_epochs=0)
    # Frees the previous trial's graph; otherwise memory grows with every trial.
    keras.backend.clear_session()
    trained = training.train_student(
        task.data["train"],
        task.data["eval"],
        task.spec,
        student,
        distillation,
        feature_widths=task.feature_widths,
        task="training a trial",
        validate_last_only=True,
    )
    # One per epoch, or of the last one alone: see `validate_last_only`.
    measured = trained.history[OBJECTIVE]
    objective = measured[min(trained.epoch, len(measured)) - 1]
    if not math.isfinite(objective):
        raise DistillError(f"accuracy on eval is {objective}")
    return objective


def count_parameters(student: StudentConfig, spec: DataSpec) -> int:
    """Builds a student, without training it, and counts its weights."""
    model = architectures.build(
        student.model, spec.image_shape, spec.num_classes, student.options
    )
    return model.count_params()


def settings(
    task: Task, values: Mapping[str, Any]
) -> tuple[StudentConfig, DistillationConfig]:
    return hyperparameters.apply(values, task.student, task.distillation)


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    if isinstance(error, DistillError):
        return text
    return f"{type(error).__name__}: {text}"
