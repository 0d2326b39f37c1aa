"""The search finds what is good, loses no trial, and reads no other search's."""

import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import small_data

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.distillation import training
from tfx_distill.trainer.errors import DistillError, Interrupted
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.tuning import (
    hyperparameter_search,
    oracles,
    trial_training,
    trial_workers,
    trials,
)

STUDENT = StudentConfig(model="small_data.dense", batch_size=16)
RATE = "student.learning_rate"
UNITS = "student.options.units"
LEARNING = ("bayesian", "hyperband")
TWO_RATES = {RATE: {"choices": [1e-5, 2e-2]}}
MANY_RATES = {RATE: {"min": 1e-3, "max": 1e-2, "sampling": "log"}}


def make_task(spec, train, evaluation, student=STUDENT):
    """A task whose teacher is right and sure."""
    data = {
        name: DistillationData(
            split=split,
            predictions=4 * np.eye(3, dtype=np.float32)[split.labels][None],
            views=ViewsConfig(count=1),
            digests=np.arange(len(split), dtype=np.uint64),
        )
        for name, split in (("train", train), ("eval", evaluation))
    }
    return trial_training.Task(
        data=data, spec=spec, student=student, distillation=DistillationConfig()
    )


@pytest.fixture
def task(spec, train, evaluation):
    return make_task(spec, train, evaluation)


@pytest.fixture
def trainings(monkeypatch):
    """The learning rates of the trials so far, which cost nothing here.

    What a search remembers does not depend on how an objective came about.
    """
    rates = []

    def train(task, values, epochs):
        rates.append(values[RATE])
        return 1 - abs(values[RATE] - 4e-3)

    monkeypatch.setattr(trial_training, "train", train)
    return rates


def config(space=TWO_RATES, **values):
    defaults = {"algorithm": "random", "max_trials": 2, "epochs": 8, "parallel": 1}
    return TuningConfig(space=space, **{**defaults, **values})


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


def broken(image_shape, num_classes, units=4):
    """An architecture that is there for 4 units only."""
    if units != 4:
        raise ValueError(f"no {units} units")
    return small_data.dense(image_shape, num_classes, units)


@pytest.mark.parametrize(
    "algorithm",
    ["random", *(pytest.param(a, marks=pytest.mark.slow) for a in LEARNING)],
)
def test_the_better_of_a_bad_and_a_good_rate_is_found(task, tmp_path, algorithm):
    found = hyperparameter_search.search(
        task, config(algorithm=algorithm), str(tmp_path)
    )
    assert found.best.values == {RATE: 2e-2}
    assert found.best.objective > 0.9
    assert {trial.values[RATE] for trial in found.trials} == {1e-5, 2e-2}


def test_the_objective_is_the_accuracy_on_eval(task, tmp_path, evaluation):
    found = hyperparameter_search.search(task, config(), str(tmp_path))
    student = task.student.replace(epochs=8, learning_rate=2e-2)
    trained = training.train_student(
        task.data["train"], task.data["eval"], task.spec, student,
        task.distillation,
    )  # fmt: skip
    answers = trained.model.predict(evaluation.images, verbose=0).argmax(1)
    assert found.best.objective == pytest.approx(np.mean(answers == evaluation.labels))


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_students_over_the_budget_are_recorded_and_not_trained(
    task, tmp_path, trainings, algorithm
):
    space = {**MANY_RATES, UNITS: {"choices": [4, 8, 16, 32]}}
    settings = config(space, algorithm=algorithm, max_trials=8, epochs=1)
    settings = settings.replace(max_parameters=8 * 65 + 9 * 3)
    found = hyperparameter_search.search(task, settings, str(tmp_path))
    ran = [trial for trial in found.trials if trial.status == trials.COMPLETED]
    refused = [trial for trial in found.trials if trial.status == trials.OVER_BUDGET]
    assert len(ran) == len(trainings) == 8
    assert len(ran) + len(refused) == len(found.trials)
    assert all(trial.values[UNITS] <= 8 for trial in ran)
    assert refused and all(trial.values[UNITS] > 8 for trial in refused)
    assert "tuning.max_parameters is 547" in refused[0].reason


def test_a_crashed_trial_is_recorded_with_its_reason_and_skipped(task, tmp_path):
    student = STUDENT.replace(model=f"{__name__}.broken")
    task = dataclasses.replace(task, student=student)
    space = {UNITS: {"choices": [3, 4, 5]}}
    found = hyperparameter_search.search(
        task, config(space, max_trials=3, epochs=1), str(tmp_path)
    )
    assert found.best.values == {UNITS: 4}
    failed = [trial for trial in found.ranking() if trial.status == trials.FAILED]
    assert len(failed) == 2
    assert {
        f"no {trial.values[UNITS]} units" in t.reason for t in failed for trial in [t]
    }
    assert found.ranking()[0] == found.best


def test_when_all_trials_crash_the_first_reason_is_told(task, tmp_path):
    student = STUDENT.replace(model=f"{__name__}.broken")
    task = dataclasses.replace(task, student=student)
    space = {UNITS: {"choices": [3, 5]}}
    with pytest.raises(
        DistillError, match="All 2 trials failed; the first one: .*units"
    ):
        hyperparameter_search.search(task, config(space), str(tmp_path))


def test_a_budget_below_every_student_is_told(task, tmp_path):
    settings = config({UNITS: {"choices": [4, 8]}}, max_parameters=100)
    with pytest.raises(DistillError, match="smallest one drawn has 275"):
        hyperparameter_search.search(task, settings, str(tmp_path))


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

sys.path += [os.getcwd(), os.path.dirname(os.getcwd())]
import small_data
import test_hyperparameter_search as searches
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


def test_hyperband_trains_as_long_as_it_says(task, tmp_path, trainings):
    settings = config(MANY_RATES, algorithm="hyperband", max_trials=10, epochs=3)
    found = hyperparameter_search.search(task, settings, str(tmp_path))
    assert {trial.epochs for trial in found.trials} == {1, 3}
    assert len(found.trials) == 10


def test_a_trial_trains_as_long_as_it_is_told_and_without_simulated_int8(
    task, monkeypatch
):
    original, seen = training.train_student, []

    def spy(train, evaluation, spec, student, *arguments, **options):
        seen.append(student)
        return original(train, evaluation, spec, student, *arguments, **options)

    monkeypatch.setattr(training, "train_student", spy)
    student = STUDENT.replace(quantization_aware_epochs=2)
    trial_training.train(dataclasses.replace(task, student=student), {RATE: 1e-2}, 3)
    assert (seen[0].epochs, seen[0].quantization_aware_epochs) == (3, 0)


def test_a_stop_while_a_student_is_built_ends_the_search(task, tmp_path, monkeypatch):
    def stop(*arguments):
        raise Interrupted("Stopped by SIGINT.")

    monkeypatch.setattr(small_data, "dense", stop)
    with pytest.raises(Interrupted):
        hyperparameter_search.search(task, config(), str(tmp_path))


def test_trials_survive_their_file(task, tmp_path, trainings):
    found = hyperparameter_search.search(
        task, config(epochs=1), str(tmp_path / "search")
    )
    found.save(str(tmp_path))
    assert trials.Trials.load(str(tmp_path)) == found


def test_the_best_of_equals_is_the_smaller_one():
    one, other = (
        trials.Trial(id=i, status=trials.COMPLETED, values={}, parameters=p,
                     objective=0.9)
        for i, p in (("1", 20), ("2", 10))
    )  # fmt: skip
    found = trials.Trials(algorithm="random", max_parameters=99, trials=(one, other))
    assert found.best == other


def test_the_default_space_is_mostly_within_the_default_budget():
    settings = TuningConfig().resolved(
        StudentConfig(), DistillationConfig(), ViewsConfig()
    )
    drawn = oracles.space(settings)
    assert set(settings.space) == {hp.name for hp in drawn.space}
    assert (
        architectures.build(
            "tfx_distill.trainer.models.architectures.student",
            (28, 28, 1),
            10,
            {"widths": [8, 16, 32]},
        ).count_params()
        <= settings.max_parameters
    )
