"""Trials train with the settings that a search ranges over, and keep what eval chose."""

import dataclasses

import numpy as np
import pytest
from small_searches import RATE, STUDENT, TWO_RATES, config, make_task

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.distillation import training
from tfx_distill.trainer.distillation.teacher_logits import TeacherInLoop
from tfx_distill.trainer.tuning import hyperparameter_search, trial_training
from tfx_distill.trainer.tuning.trial_workers import Workers


class SureTeacher:
    """Is right on the small data, and remembers what it has seen."""

    digest = "sure"

    def __init__(self):
        self.seen = 0

    def predict(self, images):
        self.seen += len(images)
        halves = [
            images[:, :, :4].mean(axis=(1, 2, 3)),
            images[:, :, 4:].mean(axis=(1, 2, 3)),
        ]
        left, right = (half > 100 for half in halves)
        return np.stack([left & ~right, right & ~left, left & right], axis=1) * 8.0


@pytest.fixture
def teacher():
    return SureTeacher()


@pytest.fixture
def task_in_loop(spec, train, evaluation, teacher):
    student = STUDENT.replace(augmentation=[{"name": "RandomRotation", "factor": 0.01}])
    task = make_task(spec, train, evaluation, student)
    fresh = dataclasses.replace(
        task.data["train"],
        predictions=TeacherInLoop(teacher),
        views=ViewsConfig(fresh=True, max_shift=0),
    )
    return dataclasses.replace(task, data={**task.data, "train": fresh})


@pytest.fixture
def students(monkeypatch):
    """Settings and result of each training so far."""
    found, real = [], training.train_student

    def train(*arguments, **options):
        found.append((arguments[3], real(*arguments, **options)))
        return found[-1][1]

    monkeypatch.setattr(training, "train_student", train)
    return found


def test_a_trial_trains_with_all_searched_settings(task, students):
    values = {
        "student.optimizer": {"name": "sgd"},
        "student.optimizer.momentum": 0.9,
        "student.warmup_share": 0.25,
        "student.class_weight": "balanced",
    }
    assert trial_training.train(task, values, epochs=8) > 0.8
    ((config, _),) = students
    assert config.optimizer.arguments == {"momentum": 0.9}
    assert (config.warmup_share, config.class_weight) == (0.25, "balanced")


def test_the_objective_is_that_of_the_epoch_that_is_kept(task, students):
    best = {"restore_best_weights": True}
    task = dataclasses.replace(task, student=STUDENT.replace(early_stopping=best))
    objective = trial_training.train(task, {RATE: 0.5}, epochs=6)
    ((_, trained),) = students
    assert len(trained.history["val_accuracy"]) == 6
    assert objective == max(trained.history["val_accuracy"])


def test_a_search_has_the_teacher_in_its_trials(task_in_loop, teacher, tmp_path):
    space = {**TWO_RATES, "student.augmentation.0.factor": {"choices": [0.01, 0.02]}}
    tuning = config(space, max_trials=4, epochs=2, parallel=2)
    with Workers(task_in_loop, 2) as workers:
        assert workers._pool is None  # the teacher is in this process alone
    found = hyperparameter_search.search(task_in_loop, tuning, str(tmp_path))
    assert teacher.seen >= 4 * 2 * 96
    assert {t.values["student.augmentation.0.factor"] for t in found.trials} == {
        0.01,
        0.02,
    }
    assert found.best.values[RATE] == 2e-2


def test_another_teacher_in_the_loop_is_another_search(task_in_loop, teacher):
    before = task_in_loop.digest(config())
    other = TeacherInLoop(teacher)
    other.digest = "other"
    train = dataclasses.replace(task_in_loop.data["train"], predictions=other)
    changed = dataclasses.replace(
        task_in_loop, data={**task_in_loop.data, "train": train}
    )
    assert changed.digest(config()) != before == task_in_loop.digest(config())
