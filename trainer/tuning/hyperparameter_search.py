"""Searches hyperparameters by many short trainings on stored teacher predictions.

The objective is accuracy on the split `eval`. A distillation loss would not do: it
depends on the temperature and weights being searched.

An interrupted search resumes without KerasTuner's own files. The algorithms are
deterministic, so the search is replayed from its seed, with the finished trials taken
from the journal. No search reads what another one wrote.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import logging
import pathlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.errors import DistillError, Interrupted
from tfx_distill.trainer.progress import Progress, report, subtask
from tfx_distill.trainer.tuning import oracles, trial_training, trials
from tfx_distill.trainer.tuning.trial_training import Task
from tfx_distill.trainer.tuning.trial_workers import Wait, Workers
from tfx_distill.trainer.tuning.trials import Journal, Trial, Trials

logger = logging.getLogger(__name__)


def search(task: Task, tuning: TuningConfig, directory: str) -> Trials:
    """Starts a search, or resumes the same one where it was interrupted.

    Args:
        task: What all trials share.
        tuning: Algorithm, space (resolved) and budgets.
        directory: Parent of the folder that keeps an unfinished search.

    Returns:
        All trials, at least one with an objective. Call `forget` once they are saved.

    Raises:
        DistillError: If no student is within the budget, or all trials failed.
    """
    journal = Journal(_folder(task, tuning, directory))
    if len(journal):
        text = f"resuming after {len(journal)} trials of an interrupted search"
        logger.info("tuning: %s", text)
        progress = Progress("tuning", 0, tuning.max_trials, text, milestone=True)
        report(progress)
    with tempfile.TemporaryDirectory() as scratch:
        found = _Search(task, tuning, journal, scratch).run()
    if found.best is None:
        forget(task, tuning, directory)
        raise DistillError(_nothing_found(found))
    return found


def forget(task: Task, tuning: TuningConfig, directory: str) -> None:
    """Removes a search's journal: the same search then starts from the beginning."""
    shutil.rmtree(_folder(task, tuning, directory), ignore_errors=True)


def _folder(task: Task, tuning: TuningConfig, directory: str) -> pathlib.Path:
    """The search's own folder: any other search has another digest."""
    return pathlib.Path(directory) / task.digest(tuning)


class _Search:
    def __init__(
        self, task: Task, tuning: TuningConfig, journal: Journal, scratch: str
    ) -> None:
        self._task, self._tuning, self._journal = task, tuning, journal
        self._oracle = oracles.create(tuning, self._is_affordable, scratch)
        # KerasTuner's trial, and ours from the journal or what waits for it.
        self._running: collections.deque[tuple[Any, Trial | Wait]]
        self._running = collections.deque()
        self._done: list[Trial] = []
        self._num_trained, self._began = 0, 0.0
        self._over_budget: dict[str, Trial] = {}
        self._parameters: dict[str, int | None] = {}

    def run(self) -> Trials:
        self._began = time.monotonic()
        with Workers(self._task, self._tuning.parallel) as workers:
            while True:
                self._start(workers)
                if not self._running:
                    return self._trials()
                # In the order of their start, not of their end: the next proposal
                # must not depend on how fast a machine is.
                self._report_running()
                self._end(*self._running.popleft())

    def _start(self, workers: Workers) -> None:
        """Starts trials up to the limit, as long as KerasTuner proposes any."""
        while len(self._running) < self._tuning.parallel:
            proposed = oracles.next_trial(self._oracle)
            if proposed is None:
                return
            values = dict(proposed.hyperparameters.values)
            epochs = values.get("tuner/epochs", self._tuning.epochs)
            values = self._searched(values)
            found = self._journal.find(values, epochs)
            self._running.append((proposed, found or workers.start(values, epochs)))

    def _end(self, proposed: Any, result: Trial | Wait) -> None:
        """Waits for a trial and tells KerasTuner its objective."""
        number = str(len(self._done) + 1)
        if isinstance(result, Trial):
            trial = dataclasses.replace(result, id=number)
        else:
            with subtask(self._as_part):
                trial = result()
            trial = dataclasses.replace(
                trial, id=number, parameters=self._count(trial.values)
            )
            self._journal.add(trial)
            self._num_trained += 1
        self._done.append(trial)
        self._report_end(trial)
        oracles.end_trial(self._oracle, proposed, trial.objective)

    def _trials(self) -> Trials:
        return Trials(
            algorithm=self._tuning.algorithm,
            max_parameters=self._tuning.max_parameters,
            trials=(*self._done, *self._over_budget.values()),
        )

    def _is_affordable(self, values: dict[str, Any]) -> bool:
        values = self._searched(values)
        number, most = self._count(values), self._tuning.max_parameters
        # A student that cannot be built becomes a trial, which fails with a reason.
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
        """The searched keys alone, without KerasTuner's own, as JSON returns them."""
        searched = {key: values[key] for key in self._tuning.space}
        return json.loads(json.dumps(searched))

    def _count(self, values: dict[str, Any]) -> int | None:
        """Number of the student's weights; None if it cannot be built."""
        try:
            student, _ = trial_training.settings(self._task, values)
            key = json.dumps([student.model, student.options], sort_keys=True)
            if key not in self._parameters:
                self._parameters[key] = trial_training.count_parameters(
                    student, self._task.spec
                )
            return self._parameters[key]
        except Interrupted:
            raise
        except DistillError:
            return None

    def _as_part(self, progress: Progress) -> Progress:
        """Converts a trial's progress to that of the search."""
        number, total = len(self._done), self._tuning.max_trials
        shown = {k: v for k, v in progress.metrics.items() if k == "loss"}
        return Progress(
            "tuning",
            number * progress.total + progress.done,
            total * progress.total,
            f"trial {number + 1}/{total}, {progress.detail}{self._so_far()}",
            shown,
        )

    def _report_running(self) -> None:
        number, total = len(self._done), self._tuning.max_trials
        first, last = number + 1, number + len(self._running)
        which = f"trial {first}" if first == last else f"trials {first} to {last}"
        detail = f"{which}/{total}{self._so_far()}"
        report(Progress("tuning", number, total, detail))

    def _report_end(self, trial: Trial) -> None:
        number, total = len(self._done), self._tuning.max_trials
        what = trial.reason if trial.objective is None else f"{trial.objective:.4f}"
        detail = f"trial {number}/{total}: {what}{self._so_far()}"
        logger.info("tuning: %s %s", detail, trial.values)
        report(Progress("tuning", number, total, detail, milestone=True))

    def _so_far(self) -> str:
        """The best trial so far and the estimated time left."""
        text, best = "", self._trials().best
        if best is not None:
            text = f", best {best.objective:.4f} (trial {best.id})"
        left = self._tuning.max_trials - len(self._done)
        if self._num_trained and left:
            each = (time.monotonic() - self._began) / self._num_trained
            text += f", {_duration(each * left)} left"
        return text


def _nothing_found(found: Trials) -> str:
    """The reason why a search has no result."""
    failed = [trial for trial in found.trials if trial.status == trials.FAILED]
    if failed:
        return f"All {len(failed)} trials failed; the first one: {failed[0].reason}"
    smallest = min(trial.parameters or 0 for trial in found.trials)
    return (
        "No student from tuning.space is within tuning.max_parameters, "
        f"{found.max_parameters:,}; the smallest one drawn has {smallest:,} parameters. "
        "Raise the limit, or search smaller widths."
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
