"""KerasTuner's search algorithms, restricted to students within a budget.

KerasTuner would count a student over the budget as a failed trial and learn nothing
from it: its Bayesian search then proposes the same student again.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles

from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import RangeConfig, TuningConfig
from tfx_distill.trainer.tuning import hyperparameters
from tfx_distill.trainer.tuning.trial_training import OBJECTIVE

# Decides whether a student with these values may become a trial.
Accepts = Callable[[dict[str, Any]], bool]

_MAX_DRAWS = 500
_MAX_PROPOSALS = 5


def create(config: TuningConfig, accepts: Accepts, directory: str) -> Any:
    """Creates the oracle of a search.

    Args:
        config: Algorithm, space and budgets.
        accepts: Called before a student becomes a trial.
        directory: Folder for KerasTuner's own files, which nothing reads again.
    """
    kinds = {
        "random": _Random,
        "bayesian": _Bayesian,
        "hyperband": _Hyperband,
    }
    arguments: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, "max"),
        "hyperparameters": space(config),
        "allow_new_entries": False,
        # KerasTuner treats the seed 0 as none and draws one.
        "seed": config.seed + 1,
        # Failed trials never end the search early.
        "max_consecutive_failed_trials": config.max_trials + 1,
    }
    if config.algorithm == "hyperband":
        # Sweeps repeat until the number of trials is reached.
        arguments |= {"max_epochs": config.epochs, "hyperband_iterations": None}
    if config.algorithm == "bayesian":
        # KerasTuner's default, 3 per dimension, could use up all of the trials.
        most = 3 * len(config.space)
        arguments["num_initial_points"] = max(3, min(most, config.max_trials // 3))
    oracle = kinds[config.algorithm](**arguments)
    oracle.max_trials = config.max_trials
    oracle.accepts = accepts
    oracle.verbose = 0
    oracle._set_project_dir(directory, "oracle")
    return oracle


def space(config: TuningConfig) -> keras_tuner.HyperParameters:
    """The space in KerasTuner's terms."""
    result = keras_tuner.HyperParameters()
    for key, values in config.space.items():
        _declare(result, key, values)
    return result


def first(
    config: TuningConfig, student: StudentConfig, distillation: DistillationConfig
) -> tuple[StudentConfig, DistillationConfig]:
    """The settings with the first value of each dimension, which they may need."""
    return hyperparameters.apply(space(config).values, student, distillation)


def with_each_name(
    config: TuningConfig, student: StudentConfig, distillation: DistillationConfig
) -> Iterator[StudentConfig]:
    """The student with each string that a search tries in objects of Keras's.

    Other settings have the first value of their dimension.
    """
    first_values = space(config).values
    for key, values in config.space.items():
        if key.startswith(("student.optimizer", "student.augmentation")):
            for choice in values.choices:
                if isinstance(choice, str):
                    found = {**first_values, key: choice}
                    yield hyperparameters.apply(found, student, distillation)[0]


def _declare(
    result: keras_tuner.HyperParameters, key: str, values: RangeConfig
) -> None:
    if values.choices:
        result.Choice(key, list(values.choices))
        return
    declare = result.Int if isinstance(values.min, int) else result.Float
    declare(key, values.min, values.max, step=values.step, sampling=values.sampling)


def next_trial(oracle: Any) -> Any | None:
    """The next trial to run, or None.

    None ends the search unless trials are running: their results may lead to more.
    """
    # KerasTuner returns the same trial again to a tuner that has one.
    tuner = f"tuner-{len(oracle.trials)}"
    with _warnings_suppressed():
        trial = oracle.create_trial(tuner)
    return trial if trial.status == "RUNNING" else None


def end_trial(oracle: Any, trial: Any, objective: float | None) -> None:
    """Tells the oracle a trial's objective; None if the trial failed."""
    with _warnings_suppressed():
        if objective is None:
            trial.status = "FAILED"
        else:
            oracle.update_trial(trial.trial_id, {OBJECTIVE: objective})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)


@contextlib.contextmanager
def _warnings_suppressed() -> Iterator[None]:
    """Suppresses scikit-learn's warnings on its fit and Python's on KerasTuner."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Budgeted(keras_tuner.Oracle):
    """Draws again until a student is accepted."""

    accepts: Accepts

    def _random_values(self) -> dict[str, Any] | None:
        for _ in range(_MAX_DRAWS):
            values = super()._random_values()
            if values is None or self.accepts(values):
                return values
        return None


class _Random(_Budgeted, oracles.RandomSearchOracle):
    pass


class _Hyperband(_Budgeted, oracles.HyperbandOracle):
    pass


class _Bayesian(_Budgeted, oracles.BayesianOptimizationOracle):
    """Treats rejected and failed students as equal to the worst one trained."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._rejected: list[dict[str, Any]] = []

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        for _ in range(_MAX_PROPOSALS):
            found = super().populate_space(trial_id)
            values = found["values"]
            if values is None:
                return found
            found["values"] = values = self._clipped(values)
            if self._duplicate(values):
                break
            if self.accepts(values):
                return found
            self._rejected.append(values)
        return self._random_populate_space()

    def _clipped(self, values: dict[str, Any]) -> dict[str, Any]:
        """KerasTuner's proposals may exceed an integer's maximum by one."""
        most = {
            hp.name: getattr(hp, "max_value", None) for hp in self._nonfixed_space()
        }
        return {
            key: value if most[key] is None else min(value, most[key])
            for key, value in values.items()
        }

    def _vectorize_trials(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = super()._vectorize_trials()
        failed = [
            trial.hyperparameters.values
            for trial in self.trials.values()
            if trial.status == "FAILED"
        ]
        rows = [
            [hp.value_to_prob(values[hp.name]) for hp in self._nonfixed_space()]
            for values in (*failed, *self._rejected)
        ]
        if not rows:
            return x, y
        # KerasTuner minimizes here, so the highest value is the worst.
        return np.vstack([x, rows]), np.append(y, np.full(len(rows), y.max()))
