"""Trials at the same time are the trials that they would be one after the other."""

import dataclasses
import multiprocessing
import os
import signal
import time

import psutil
import pytest
import small_data
from small_searches import MANY_RATES, RATE, STUDENT, UNITS, config

from tfx_distill.trainer.errors import Interrupted
from tfx_distill.trainer.tuning import (
    hyperparameter_search,
    trial_training,
    trial_workers,
    trials,
)

pytestmark = pytest.mark.slow


def fatal(image_shape, num_classes, units=4):
    """An architecture that kills its process unless it has 4 units.

    Not while the search itself counts its weights.
    """
    if units != 4 and multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return small_data.dense(image_shape, num_classes, units)


def _processes():
    """Of the workers; loky's own tracker of resources stays."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "popen_loky" in " ".join(child.cmdline())]


@pytest.fixture(autouse=True)
def cores(monkeypatch):
    """Enough of them, whatever this machine has."""
    monkeypatch.setattr(trial_workers.loky, "cpu_count", lambda: 2)


def test_two_at_a_time_find_what_one_after_the_other_finds(task, tmp_path):
    found = {}
    for parallel in (1, 2):
        settings = config(MANY_RATES, max_trials=4, epochs=4, parallel=parallel)
        found[parallel] = hyperparameter_search.search(
            task, settings, str(tmp_path)
        ).trials
    for one, other in zip(found[1], found[2], strict=True):
        assert one.values == other.values
        assert one.objective == pytest.approx(other.objective, abs=0.05)
    assert not _processes()


def test_a_trial_that_kills_its_process_fails_and_takes_no_other_with_it(
    task, tmp_path
):
    student = STUDENT.replace(model=f"{__name__}.fatal")
    task = dataclasses.replace(task, student=student)
    space = {UNITS: {"choices": [3, 4, 5]}, RATE: {"choices": [1e-3, 1e-2]}}
    settings = config(space, max_trials=6, epochs=1, parallel=2)
    found = hyperparameter_search.search(task, settings, str(tmp_path))
    ran = [trial for trial in found.trials if trial.status == trials.COMPLETED]
    assert [trial.values[UNITS] for trial in ran] == [4, 4]
    failed = [trial for trial in found.trials if trial.status == trials.FAILED]
    assert len(failed) == 4
    assert all("Its process died" in trial.reason for trial in failed)


def test_a_crash_in_a_process_is_a_failed_trial_with_its_reason(task, capfd):
    with trial_workers.Workers(task, 2) as workers:
        trial = workers.start({RATE: 1e-2, "student.options.depth": 2}, 1)()
    assert trial.status == trials.FAILED
    assert trial.objective is None
    assert "depth" in trial.reason
    # Its traceback goes where the process's errors go: to the run's log.
    assert "trial_training.py" in capfd.readouterr().err


def test_a_stop_ends_the_processes_too(task):
    def stop(*_):
        raise Interrupted("Stopped by SIGALRM.")

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with pytest.raises(Interrupted), trial_workers.Workers(task, 2) as workers:
            wait = workers.start({RATE: 1e-2}, 100_000)
            workers.start({RATE: 1e-3}, 1)()
            began = time.monotonic()
            signal.alarm(1)
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 30
    assert not _processes()


def _train_for_long(task, started):
    trial_workers.loky.cpu_count = lambda: 2
    with trial_workers.Workers(task, 2) as workers:
        workers.start({RATE: 1e-2}, 100_000)
        workers.start({RATE: 1e-3}, 1)()
        started.set()
        workers.start({RATE: 1e-3}, 100_000)()


def test_no_process_outlives_a_search_that_is_killed(task):
    spawning = multiprocessing.get_context("spawn")
    started = spawning.Event()
    search = spawning.Process(target=_train_for_long, args=(task, started))
    search.start()
    try:
        assert started.wait(120)
        workers = _processes()
        assert len(workers) == 2
    finally:
        search.kill()
    assert not psutil.wait_procs(workers, timeout=30)[1]


def test_a_processes_threads_are_its_share_of_the_cores(task, monkeypatch):
    prepared = []
    monkeypatch.setattr(trial_workers.loky, "cpu_count", lambda: 8)
    monkeypatch.setattr(
        trial_workers.loky,
        "ProcessPoolExecutor",
        lambda **values: prepared.append(values),
    )
    trial_workers.Workers(task, 3)
    assert prepared[0]["initargs"][1] == 2


def test_on_one_core_trials_run_here_one_after_the_other(task, monkeypatch):
    monkeypatch.setattr(trial_workers.loky, "cpu_count", lambda: 1)
    monkeypatch.setattr(trial_training, "train", lambda *_: os.getpid())
    with trial_workers.Workers(task, 2) as workers:
        assert workers.start({}, 1)().objective == os.getpid()


def test_on_a_gpu_trials_run_here_one_after_the_other(task, monkeypatch):
    monkeypatch.setattr(
        trial_workers.tf.config, "list_physical_devices", lambda kind: [kind]
    )
    monkeypatch.setattr(trial_training, "train", lambda *_: os.getpid())
    with trial_workers.Workers(task, 2) as workers:
        assert workers.start({}, 1)().objective == os.getpid()
