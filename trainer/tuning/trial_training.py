"""One trial of a search: a short training on answers that are there already."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import time
import traceback
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
from tfx_distill.trainer.errors import DistillError, Interrupted
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.tuning import hyperparameters

# A training's accuracy on `eval`, as Keras names it.
OBJECTIVE = "val_accuracy"

# Of the journal: raise it when the same settings mean another search.
FORMAT_VERSION = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What is searched for whom: all that decides a trial's objective.

    Attributes:
        data: The splits `train` and `eval`, joined with the teacher's answers.
        spec: Of the examples.
        student: The student's recipe without the search.
        distillation: The distillation's settings without the search.
        feature_widths: Of the teacher's features in the answers.
    """

    data: Mapping[str, DistillationData]
    spec: DataSpec
    student: StudentConfig
    distillation: DistillationConfig
    feature_widths: Sequence[int] = ()

    def digest(self, tuning: TuningConfig) -> str:
        """SHA-256 of everything that decides what a search finds, hexadecimal.

        The teacher is in it by its answers.
        """
        settings = {
            "format_version": FORMAT_VERSION,
            "keras_tuner": importlib.metadata.version("keras-tuner"),
            "data_fingerprint": self.spec.fingerprint,
            "views": dataclasses.asdict(self.data["train"].views),
            "student": dataclasses.asdict(self.student),
            "student_code": architectures.source_digest(self.student.model),
            "distillation": dataclasses.asdict(self.distillation),
            "tuning": dataclasses.asdict(dataclasses.replace(tuning, directory=None)),
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for _, split in sorted(self.data.items()):
            for array in (split.digests, split.split.labels, split.predictions):
                digest.update(np.ascontiguousarray(array).reshape(-1).data)
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a trial's training.

    Attributes:
        objective: Accuracy on the split `eval` after the last epoch, in [0, 1];
            None: it crashed.
        seconds: Wall time.
        reason: Why it crashed, in a line.
        traceback: Where.
    """

    objective: float | None
    seconds: float
    reason: str = ""
    traceback: str = ""


def attempt(task: Task, values: Mapping[str, Any], epochs: int) -> Outcome:
    """Trains one student; a crash is its outcome, unless the run itself is stopped."""
    start = time.monotonic()
    objective, reason, where = None, "", ""
    try:
        objective = train(task, values, epochs)
    except Interrupted:
        raise
    except Exception as error:
        reason, where = _reason(error), traceback.format_exc()
    return Outcome(
        objective=objective,
        seconds=round(time.monotonic() - start, 3),
        reason=reason,
        traceback=where,
    )


def train(task: Task, values: Mapping[str, Any], epochs: int) -> float:
    """Trains one student; returns its accuracy on `eval` after the last epoch.

    Raises:
        DistillError: If the student cannot be built or trained.
    """
    student, distillation = settings(task, values)
    # Simulated int8 is for a trained student; trials are too short for both.
    student = dataclasses.replace(student, epochs=epochs, quantization_aware_epochs=0)
    # What the trial before left behind; else memory grows from trial to trial.
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
    objective = trained.history[OBJECTIVE][-1]
    if not math.isfinite(objective):
        raise DistillError(f"accuracy on eval is {objective}")
    return objective


def count_parameters(student: StudentConfig, spec: DataSpec) -> int:
    """Number of weights of a student, which is built for it and not trained."""
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
