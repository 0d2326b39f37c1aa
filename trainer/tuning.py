"""Searching hyperparameters: many short trainings on answers that are there already.

The objective is accuracy on the split `eval`. A distillation loss would not do: it
depends on the temperature and weights that are searched.

An interrupted search goes on without KerasTuner's own files: its algorithms are
deterministic, so the search is played again from its seed, and the journal
answers for the trials that it holds. Nothing is read that another search wrote.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import math
import pathlib
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from trainer import hyperparameters, models, oracles, training, trials
from trainer.batches import Lesson
from trainer.config import DistillationConfig, StudentConfig
from trainer.data_spec import DataSpec
from trainer.errors import DistillError, Interrupted
from trainer.progress import Progress, inside, report
from trainer.trials import Journal, Trial, Trials
from trainer.tuning_config import TuningConfig

logger = logging.getLogger(__name__)

# Of the journal: raise it when the same settings mean another search.
FORMAT_VERSION = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What is searched for whom: all that decides a trial's objective.

    Attributes:
        lessons: The splits `train` and `eval`, joined with the teacher's answers.
        spec: Of the examples.
        student: The student's recipe without the search.
        distillation: The distillation's settings without the search.
        feature_widths: Of the teacher's features in the answers.
    """

    lessons: Mapping[str, Lesson]
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
            "views": dataclasses.asdict(self.lessons["train"].views),
            "student": dataclasses.asdict(self.student),
            "student_code": models.source_digest(self.student.model),
            "distillation": dataclasses.asdict(self.distillation),
            "tuning": dataclasses.asdict(dataclasses.replace(tuning, directory=None)),
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for _, lesson in sorted(self.lessons.items()):
            for array in (lesson.names, lesson.split.labels, lesson.answers):
                digest.update(np.ascontiguousarray(array).reshape(-1).data)
        return digest.hexdigest()


def search(task: Task, tuning: TuningConfig, directory: str) -> Trials:
    """Searches, or goes on with the same search where it was interrupted.

    Args:
        task: What is searched for.
        tuning: How; its space written out.
        directory: Where an unfinished search is kept, in a folder of its own.

    Returns:
        All trials; at least one has an objective. Once they are kept, `forget` the
        search.

    Raises:
        DistillError: If no student is within the budget, or all trials failed.
    """
    journal = Journal(_folder(task, tuning, directory))
    if len(journal):
        text = f"going on after {len(journal)} trials of an interrupted search"
        logger.info("tuning: %s", text)
        progress = Progress("tuning", 0, tuning.max_trials, text, milestone=True)
        report(progress, always=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = _Search(task, tuning, journal, scratch).run()
    if found.best is None:
        forget(task, tuning, directory)
        raise DistillError(_nothing_found(found))
    return found


def forget(task: Task, tuning: TuningConfig, directory: str) -> None:
    """Removes what a search keeps to go on with: the same one then starts afresh."""
    shutil.rmtree(_folder(task, tuning, directory), ignore_errors=True)


def _folder(task: Task, tuning: TuningConfig, directory: str) -> pathlib.Path:
    """Of this search alone: another one has another digest."""
    return pathlib.Path(directory) / task.digest(tuning)


class _Search:
    def __init__(
        self, task: Task, tuning: TuningConfig, journal: Journal, scratch: str
    ) -> None:
        self._task, self._tuning, self._journal = task, tuning, journal
        self._oracle = oracles.create(tuning, self._is_affordable, scratch)
        self._done: list[Trial] = []
        self._trained: list[Trial] = []
        self._over_budget: dict[str, Trial] = {}
        self._parameters: dict[str, int | None] = {}

    def run(self) -> Trials:
        while proposed := oracles.next_trial(self._oracle):
            values = dict(proposed.hyperparameters.values)
            epochs = values.get("tuner/epochs", self._tuning.epochs)
            values = self._searched(values)
            trial = self._journal.find(values, epochs)
            if trial is None:
                trial = self._train(values, epochs)
                self._journal.add(trial)
                self._trained.append(trial)
            trial = dataclasses.replace(trial, id=str(len(self._done) + 1))
            self._done.append(trial)
            self._report_end(trial)
            oracles.end_trial(self._oracle, proposed, trial.objective)
        return self._trials()

    def _trials(self) -> Trials:
        return Trials(
            algorithm=self._tuning.algorithm,
            max_parameters=self._tuning.max_parameters,
            trials=(*self._done, *self._over_budget.values()),
        )

    def _train(self, values: dict[str, Any], epochs: int) -> Trial:
        """One trial; a crash is its result, unless the run itself is stopped."""
        start = time.monotonic()
        objective, reason = None, ""
        try:
            with inside(self._as_part):
                objective = train(self._task, values, epochs)
        except Interrupted:
            raise
        except Exception as error:
            logger.exception("trial %d failed", len(self._done) + 1)
            reason = _reason(error)
        return Trial(
            id=str(len(self._done) + 1),
            status=trials.FAILED if objective is None else trials.COMPLETED,
            values=values,
            parameters=self._count(values),
            objective=objective,
            epochs=epochs,
            seconds=round(time.monotonic() - start, 3),
            reason=reason,
        )

    def _is_affordable(self, values: dict[str, Any]) -> bool:
        values = self._searched(values)
        number, most = self._count(values), self._tuning.max_parameters
        # A student that cannot be built becomes a trial, and fails with its reason.
        if number is None or number <= most:
            return True
        key = json.dumps(values, sort_keys=True)
        self._over_budget.setdefault(
            key,
            Trial(
                id=f"over-{len(self._over_budget) + 1}",
                status=trials.OVER_BUDGET,
                values=values,
                parameters=number,
                reason=f"{number:,} parameters, tuning.max_parameters is {most:,}",
            ),
        )
        return False

    def _searched(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Without what KerasTuner adds for itself, and as JSON gives it back."""
        searched = {key: values[key] for key in self._tuning.space}
        return json.loads(json.dumps(searched))

    def _count(self, values: dict[str, Any]) -> int | None:
        """Number of the student's weights; None when it cannot be built."""
        try:
            student, _ = _settings(self._task, values)
            key = json.dumps([student.model, student.options], sort_keys=True)
            if key not in self._parameters:
                self._parameters[key] = count_parameters(student, self._task.spec)
            return self._parameters[key]
        except Interrupted:
            raise
        except DistillError:
            return None

    def _as_part(self, progress: Progress) -> Progress:
        """A training's progress as that of the search."""
        number, total = len(self._done), self._tuning.max_trials
        shown = {k: v for k, v in progress.metrics.items() if k == "loss"}
        return Progress(
            "tuning",
            number * progress.total + progress.done,
            total * progress.total,
            f"trial {number + 1}/{total}, {progress.detail}{self._so_far()}",
            shown,
        )

    def _report_end(self, trial: Trial) -> None:
        number, total = len(self._done), self._tuning.max_trials
        what = trial.reason if trial.objective is None else f"{trial.objective:.4f}"
        detail = f"trial {number}/{total}: {what}{self._so_far()}"
        logger.info("tuning: %s %s", detail, trial.values)
        report(Progress("tuning", number, total, detail, milestone=True), always=True)

    def _so_far(self) -> str:
        """The best trial, and the time left by the mean of those that were trained."""
        text, best = "", self._trials().best
        if best is not None:
            text = f", best {best.objective:.4f} (trial {best.id})"
        left = self._tuning.max_trials - len(self._done)
        if self._trained and left:
            mean = sum(trial.seconds for trial in self._trained) / len(self._trained)
            text += f", {_duration(mean * left)} left"
        return text


def train(task: Task, values: Mapping[str, Any], epochs: int) -> float:
    """Trains one student; returns its accuracy on `eval` after the last epoch.

    Raises:
        DistillError: If the student cannot be built or trained.
    """
    student, distillation = _settings(task, values)
    # Simulated int8 is for a trained student; trials are too short for both.
    student = dataclasses.replace(student, epochs=epochs, quantization_aware_epochs=0)
    # What the trial before left behind; else memory grows from trial to trial.
    keras.backend.clear_session()
    trained = training.train_student(
        task.lessons["train"],
        task.lessons["eval"],
        task.spec,
        student,
        distillation,
        feature_widths=task.feature_widths,
        task="training a trial",
        only_last=True,
    )
    objective = trained.history[oracles.OBJECTIVE][-1]
    if not math.isfinite(objective):
        raise DistillError(f"accuracy on eval is {objective}")
    return objective


def count_parameters(student: StudentConfig, spec: DataSpec) -> int:
    """Number of weights of a student, which is built for it and not trained."""
    model = models.build(
        student.model, spec.image_shape, spec.num_classes, student.options
    )
    return model.count_params()


def _settings(
    task: Task, values: Mapping[str, Any]
) -> tuple[StudentConfig, DistillationConfig]:
    return hyperparameters.apply(values, task.student, task.distillation)


def _nothing_found(found: Trials) -> str:
    """Why a search has no result."""
    failed = [trial for trial in found.trials if trial.status == trials.FAILED]
    if failed:
        return f"All {len(failed)} trials failed, the first one: {failed[0].reason}"
    smallest = min(trial.parameters or 0 for trial in found.trials)
    return (
        f"No student in tuning.space has at most {found.max_parameters:,} parameters, the "
        f"smallest that was drawn has {smallest:,}. Raise tuning.max_parameters, or search "
        "smaller widths."
    )


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    if isinstance(error, DistillError):
        return text
    return f"{type(error).__name__}: {text}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
