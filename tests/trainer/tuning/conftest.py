"""A task to search for, and trials that cost nothing."""

import pytest
from small_searches import RATE, make_task

from tfx_distill.trainer.tuning import trial_training


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
