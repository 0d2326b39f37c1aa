"""A search that was stopped loses no trial, and reads no other search's."""

import dataclasses
import os
import signal
import subprocess
import sys

import pytest
from small_searches import MANY_RATES, STUDENT, config

from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.errors import Interrupted
from tfx_distill.trainer.tuning import (
    hyperparameter_search,
    trial_training,
    trial_workers,
)


def _interrupted(task, settings, folder, monkeypatch, after=1):
    """A search that was stopped while a trial ran."""
    original, count = trial_training.train, []

    def train(*arguments):
        count.append(1)
        if len(count) > after:
            raise Interrupted("Stopped by SIGTERM.")
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trial_training, "train", train)
        with pytest.raises(Interrupted):
            hyperparameter_search.search(task, settings, folder)


@pytest.mark.parametrize("parallel", [1, 2])
@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(
    task, tmp_path, trainings, monkeypatch, algorithm, parallel
):
    # Two are proposed at a time all the same.
    monkeypatch.setattr(trial_workers.loky, "cpu_count", lambda: 1)
    settings = config(
        MANY_RATES, algorithm=algorithm, max_trials=6, epochs=3, parallel=parallel
    )
    whole = hyperparameter_search.search(task, settings, str(tmp_path / "whole"))
    rates = list(trainings)
    trainings.clear()
    _interrupted(task, settings, str(tmp_path / "parts"), monkeypatch, after=4)
    parts = hyperparameter_search.search(task, settings, str(tmp_path / "parts"))
    assert trainings == rates

    def untimed(found):
        return [dataclasses.replace(trial, seconds=0) for trial in found.trials]

    assert untimed(parts) == untimed(whole)


@pytest.mark.slow
def test_a_trial_that_ran_when_the_process_was_killed_runs_again(
    task, tmp_path, trainings
):
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        cwd=os.path.dirname(__file__),
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    settings = config(MANY_RATES, max_trials=5, epochs=1)
    found = hyperparameter_search.search(task, settings, str(tmp_path))
    assert len(trainings) == 3
    assert [trial.id for trial in found.trials] == ["1", "2", "3", "4", "5"]


_KILLED = """
import os, signal, sys

sys.path.append(os.path.dirname(os.getcwd()))
import small_data
from small_searches import MANY_RATES, RATE, STUDENT, TWO_RATES, UNITS, config, make_task
import small_searches as searches
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import training
from tfx_distill.trainer.tuning import hyperparameter_search

spec = DataSpec(dataset="squares", version="1.0.0", image_shape=(8, 8, 1),
    class_names=("left", "right", "both"),
    num_examples={"train": 96, "eval": 24, "test": 24})
splits = small_data.squares(96, 1), small_data.squares(24, 2)
task = searches.make_task(spec, *splits)
original, count = training.train_student, []

def train(*arguments, **options):
    count.append(1)
    if len(count) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)

training.train_student = train
settings = searches.config(searches.MANY_RATES, max_trials=5, epochs=1)
hyperparameter_search.search(task, settings, sys.argv[1])
"""


def test_a_line_cut_by_the_kill_is_a_trial_that_runs_again(
    task, tmp_path, trainings, monkeypatch
):
    settings = config(MANY_RATES, max_trials=3, epochs=1)
    _interrupted(task, settings, str(tmp_path), monkeypatch)
    (journal,) = tmp_path.glob("*/trials.jsonl")
    journal.write_text(journal.read_text()[:-20])
    trainings.clear()
    hyperparameter_search.search(task, settings, str(tmp_path))
    assert len(trainings) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda task: {"spec": dataclasses.replace(task.spec, fingerprint="other")},
        lambda task: {"distillation": DistillationConfig(temperature=2.0)},
        lambda task: {"student": STUDENT.replace(seed=1)},
    ],
)
def test_another_search_does_not_go_on_with_this_one(
    task, tmp_path, trainings, monkeypatch, change
):
    settings = config(MANY_RATES, max_trials=2, epochs=1)
    _interrupted(task, settings, str(tmp_path), monkeypatch)
    trainings.clear()
    hyperparameter_search.search(
        dataclasses.replace(task, **change(task)), settings, str(tmp_path)
    )
    assert len(trainings) == 2


def test_a_finished_search_leaves_nothing_that_a_second_one_could_read(
    task, tmp_path, trainings
):
    settings = config(MANY_RATES, max_trials=2, epochs=1)
    for _ in range(2):
        hyperparameter_search.search(task, settings, str(tmp_path))
        hyperparameter_search.forget(task, settings, str(tmp_path))
    assert len(trainings) == 4
    assert list(tmp_path.iterdir()) == []
