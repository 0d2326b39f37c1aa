"""Trials at the same time: each in a process of its own, on its share of the cores.

A student under 10,000 parameters keeps one core busy and gains little from a second
one: two trainings side by side take less time than one after the other. On a GPU they
would fight for its memory, and run one after the other here, in this process.
"""

from __future__ import annotations

import abc
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from typing import Any

import loky
import tensorflow as tf

from tfx_distill.trainer.tuning import trial_training
from tfx_distill.trainer.tuning.trial_training import Outcome, Task

# Waits for the end of a training that was started.
Wait = Callable[[], Outcome]


class Workers(contextlib.AbstractContextManager["Workers"], abc.ABC):
    """Trains students of one task. Leaving the context ends what still runs."""

    @abc.abstractmethod
    def start(self, values: Mapping[str, Any], epochs: int) -> Wait:
        """Starts a training, and returns what waits for its outcome."""


def employ(task: Task, number: int) -> Workers:
    """Workers for `number` trainings at a time, where that is of use."""
    number = min(number, loky.cpu_count())
    if number == 1 or tf.config.list_physical_devices("GPU"):
        return _Here(task)
    return _Processes(task, number)


class _Here(Workers):
    """Trains in this process, when somebody waits for it."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __exit__(self, *error: object) -> None:
        pass

    def start(self, values: Mapping[str, Any], epochs: int) -> Wait:
        return lambda: trial_training.attempt(self._task, values, epochs)


class _Processes(Workers):
    def __init__(self, task: Task, number: int) -> None:
        self._task, self._number = task, number
        self._pool = self._open(number)

    def __exit__(self, *error: object) -> None:
        _close(self._pool)

    def start(self, values: Mapping[str, Any], epochs: int) -> Wait:
        try:
            future = self._pool.submit(_attempt, dict(values), epochs)
        except BrokenExecutor:
            _close(self._pool)
            self._pool = self._open(self._number)
            future = self._pool.submit(_attempt, dict(values), epochs)

        def wait() -> Outcome:
            try:
                return future.result()
            except BrokenExecutor:
                # One of the trainings took all of them with it.
                return self._alone(values, epochs)

        return wait

    def _alone(self, values: Mapping[str, Any], epochs: int) -> Outcome:
        """Once more, with nobody else: if its process dies now, it is by itself."""
        pool = self._open(1)
        try:
            return pool.submit(_attempt, dict(values), epochs).result()
        except BrokenExecutor as error:
            cause = str(error).strip().split("\n")[0]
            reason = f"Its process died, perhaps for want of memory: {cause}"
            return Outcome(objective=None, seconds=0.0, reason=reason)
        finally:
            _close(pool)

    def _open(self, number: int) -> loky.ProcessPoolExecutor:
        num_threads = max(1, loky.cpu_count() // number)
        return loky.ProcessPoolExecutor(
            max_workers=number,
            timeout=None,
            initializer=_prepare,
            initargs=(self._task, num_threads, os.getpid()),
        )


def _close(pool: loky.ProcessPoolExecutor) -> None:
    pool.shutdown(wait=True, kill_workers=True)


# Of a worker's process: what all of its trainings share.
_tasks: list[Task] = []


def _prepare(task: Task, num_threads: int, parent: int) -> None:
    # Ctrl-C reaches all processes of a terminal; the search ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    _tasks.append(task)


def _end_with(parent: int) -> None:
    """Ends this process when the search's is gone: who was killed ends no workers."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _attempt(values: Mapping[str, Any], epochs: int) -> Outcome:
    return trial_training.attempt(_tasks[-1], values, epochs)
