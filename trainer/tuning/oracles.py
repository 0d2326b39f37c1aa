"""KerasTuner's search algorithms, kept to students within a budget.

KerasTuner would count a student that is too large as a failed trial and learn
nothing from it: its Bayesian search then proposes the same student again.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles

from tfx_distill.trainer.config.tuning_config import RangeConfig, TuningConfig
from tfx_distill.trainer.tuning.trial_training import OBJECTIVE

# Whether a student with these values may be tried.
Accepts = Callable[[dict[str, Any]], bool]

_MAX_DRAWS = 500
_MAX_PROPOSALS = 5


def create(config: TuningConfig, accepts: Accepts, directory: str) -> Any:
    """Makes the oracle of a search.

    Args:
        config: Its algorithm and space.
        accepts: Asked before a student becomes a trial.
        directory: Where KerasTuner keeps files that nobody reads again.
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
        # KerasTuner takes the seed 0 for none and draws one.
        "seed": config.seed + 1,
        # A crashed trial never ends the search; all of them do, at its end.
        "max_consecutive_failed_trials": config.max_trials + 1,
    }
    if config.algorithm == "hyperband":
        # As many sweeps as there are trials.
        arguments |= {"max_epochs": config.epochs, "hyperband_iterations": None}
    if config.algorithm == "bayesian":
        # KerasTuner's default, 3 for each dimension, would be all of 20 trials.
        most = 3 * len(config.space)
        arguments["num_initial_points"] = max(3, min(most, config.max_trials // 3))
    oracle = kinds[config.algorithm](**arguments)
    oracle.max_trials = config.max_trials
    oracle.accepts = accepts
    oracle.verbose = 0
    oracle._set_project_dir(directory, "oracle")
    return oracle


def space(config: TuningConfig) -> keras_tuner.HyperParameters:
    """The space as KerasTuner declares it."""
    result = keras_tuner.HyperParameters()
    for key, values in config.ranges.items():
        _declare(result, key, values)
    return result


def _declare(
    result: keras_tuner.HyperParameters, key: str, values: RangeConfig
) -> None:
    if values.choices:
        result.Choice(key, list(values.choices))
        return
    declare = result.Int if isinstance(values.min, int) else result.Float
    declare(key, values.min, values.max, step=values.step, sampling=values.sampling)


def next_trial(oracle: Any) -> Any | None:
    """The next trial to run; None when there is none.

    Then the search is over, unless trials still run: their ends may lead to more.
    """
    # KerasTuner gives a tuner that has a trial the same one again.
    tuner = f"tuner-{len(oracle.trials)}"
    with _quietly():
        trial = oracle.create_trial(tuner)
    return trial if trial.status == "RUNNING" else None


def end_trial(oracle: Any, trial: Any, objective: float | None) -> None:
    """Tells the oracle of a trial's objective; None: it crashed."""
    with _quietly():
        if objective is None:
            trial.status = "FAILED"
        else:
            oracle.update_trial(trial.trial_id, {OBJECTIVE: objective})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without scikit-learn's remarks on the fit, and Python's on KerasTuner's code."""
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
    """Learns from refused and crashed students too: as from the worst that ran."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._refused: list[dict[str, Any]] = []

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
            self._refused.append(values)
        return self._random_populate_space()

    def _clipped(self, values: dict[str, Any]) -> dict[str, Any]:
        """KerasTuner's proposals may lie one above a whole number's maximum."""
        most = {
            hp.name: getattr(hp, "max_value", None) for hp in self._nonfixed_space()
        }
        return {
            key: value if most[key] is None else min(value, most[key])
            for key, value in values.items()
        }

    def _vectorize_trials(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = super()._vectorize_trials()
        crashed = [
            trial.hyperparameters.values
            for trial in self.trials.values()
            if trial.status == "FAILED"
        ]
        rows = [
            [hp.value_to_prob(values[hp.name]) for hp in self._nonfixed_space()]
            for values in (*crashed, *self._refused)
        ]
        if not rows:
            return x, y
        # KerasTuner minimizes here: the highest is the worst.
        return np.vstack([x, rows]), np.append(y, np.full(len(rows), y.max()))
