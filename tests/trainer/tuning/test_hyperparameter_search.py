"""The search finds what is good, within its budget, and tells what failed."""

import dataclasses

import numpy as np
import pytest
import small_data
from small_searches import MANY_RATES, RATE, STUDENT, UNITS, config

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.distillation import training
from tfx_distill.trainer.errors import DistillError, Interrupted
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.tuning import (
    hyperparameter_search,
    oracles,
    trial_training,
    trials,
)

LEARNING = ("bayesian", "hyperband")


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
