"""Searching hyperparameters: many short trainings on answers that are there already.

The objective is accuracy on the split `eval`. A distillation loss would not do: it
depends on the temperature and weights that are searched.

An interrupted search goes on without KerasTuner's own files: its algorithms are
deterministic, so the search is played again from its seed, and the journal
answers for the trials that it holds. Nothing is read that another search wrote.
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
from tfx_distill.trainer.progress import Progress, inside, report
from tfx_distill.trainer.tuning import oracles, trial_training, trial_workers, trials
from tfx_distill.trainer.tuning.trial_training import Task
from tfx_distill.trainer.tuning.trial_workers import Wait, Workers
from tfx_distill.trainer.tuning.trials import Journal, Trial, Trials

logger = logging.getLogger(__name__)


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Running:
    """A trial from its proposal to its end.

    Attributes:
        proposed: KerasTuner's trial.
        values: By configuration key.
        epochs: Of its training.
        outcome: Waits for it; or what the journal holds.
    """

    proposed: Any
    values: dict[str, Any]
    epochs: int
    outcome: Wait | Trial


class _Search:
    def __init__(
        self, task: Task, tuning: TuningConfig, journal: Journal, scratch: str
    ) -> None:
        self._task, self._tuning, self._journal = task, tuning, journal
        self._oracle = oracles.create(tuning, self._is_affordable, scratch)
        self._running: collections.deque[_Running] = collections.deque()
        self._done: list[Trial] = []
        self._num_trained, self._began = 0, 0.0
        self._over_budget: dict[str, Trial] = {}
        self._parameters: dict[str, int | None] = {}

    def run(self) -> Trials:
        self._began = time.monotonic()
        with trial_workers.employ(self._task, self._tuning.parallel) as workers:
            while True:
                self._start(workers)
                if not self._running:
                    return self._trials()
                # In the order of their start, whichever is ready first: what is
                # proposed next must not depend on how fast a machine is.
                self._report_running()
                self._end(self._running.popleft())

    def _start(self, workers: Workers) -> None:
        """Starts as many trials as may run, unless KerasTuner has none to propose."""
        while len(self._running) < self._tuning.parallel:
            proposed = oracles.next_trial(self._oracle)
            if proposed is None:
                return
            values = dict(proposed.hyperparameters.values)
            epochs = values.get("tuner/epochs", self._tuning.epochs)
            values = self._searched(values)
            outcome = self._journal.find(values, epochs) or workers.start(
                values, epochs
            )
            self._running.append(
                _Running(
                    proposed=proposed, values=values, epochs=epochs, outcome=outcome
                )
            )

    def _end(self, running: _Running) -> None:
        known = running.outcome
        trial = known if isinstance(known, Trial) else self._await(running, known)
        trial = dataclasses.replace(trial, id=str(len(self._done) + 1))
        self._done.append(trial)
        self._report_end(trial)
        oracles.end_trial(self._oracle, running.proposed, trial.objective)

    def _await(self, running: _Running, wait: Wait) -> Trial:
        """Waits for a training, and keeps what came of it."""
        with inside(self._as_part):
            outcome = wait()
        number = len(self._done) + 1
        if outcome.objective is None:
            logger.error("trial %d failed\n%s", number, outcome.traceback)
        trial = Trial(
            id=str(number),
            status=trials.FAILED if outcome.objective is None else trials.COMPLETED,
            values=running.values,
            parameters=self._count(running.values),
            objective=outcome.objective,
            epochs=running.epochs,
            seconds=outcome.seconds,
            reason=outcome.reason,
        )
        self._journal.add(trial)
        self._num_trained += 1
        return trial

    def _trials(self) -> Trials:
        return Trials(
            algorithm=self._tuning.algorithm,
            max_parameters=self._tuning.max_parameters,
            trials=(*self._done, *self._over_budget.values()),
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
        report(Progress("tuning", number, total, detail, milestone=True), always=True)

    def _so_far(self) -> str:
        """The best trial, and the time left if it goes on like this."""
        text, best = "", self._trials().best
        if best is not None:
            text = f", best {best.objective:.4f} (trial {best.id})"
        left = self._tuning.max_trials - len(self._done)
        if self._num_trained and left:
            each = (time.monotonic() - self._began) / self._num_trained
            text += f", {_duration(each * left)} left"
        return text


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


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
