"""Trials in parallel: each in its own process, on its share of the cores.

A student under 10,000 parameters keeps one core busy and gains little from a second,
so two trainings in parallel finish sooner than two in sequence. On a GPU they would
compete for its memory: there, trials run in sequence in this process. So do those of a
teacher that predicts in their training: it is in this process alone.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future
from typing import Any

import loky
import tensorflow as tf

from tfx_distill.trainer.tuning import trial_training
from tfx_distill.trainer.tuning.trial_training import Task
from tfx_distill.trainer.tuning.trials import Trial

# Waits until a started training has ended.
Wait = Callable[[], Trial]


class Workers(contextlib.AbstractContextManager["Workers"]):
    """Trains students of one task. Leaving the context ends running trainings."""

    def __init__(self, task: Task, number: int) -> None:
        """Starts the processes, if they are of use.

        Args:
            task: The task of all trainings.
            number: Maximum number of trainings in parallel, at least 1.
        """
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._task = task
        alone = on_gpu or task.has_teacher_in_loop
        self._number = 1 if alone else min(number, loky.cpu_count())
        self._pool: Any = self._open(self._number) if self._number > 1 else None

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            _close(self._pool)

    def start(self, values: Mapping[str, Any], epochs: int) -> Wait:
        """Starts a training, and returns what waits for its result.

        Without processes, the training runs when the result is waited for.
        """
        if self._pool is None:
            return functools.partial(trial_training.attempt, self._task, values, epochs)
        future = self._submit(values, epochs)

        def wait() -> Trial:
            try:
                return future.result()
            except BrokenExecutor:
                # A process that dies breaks the pool for all trainings in it.
                return self._retry_alone(values, epochs)

        return wait

    def _submit(self, values: Mapping[str, Any], epochs: int) -> Future[Trial]:
        try:
            return self._pool.submit(_attempt, dict(values), epochs)
        except BrokenExecutor:
            _close(self._pool)
            self._pool = self._open(self._number)
            return self._pool.submit(_attempt, dict(values), epochs)

    def _retry_alone(self, values: Mapping[str, Any], epochs: int) -> Trial:
        """Trains again in a pool of one: if that process dies, the trial is to blame."""
        pool = self._open(1)
        try:
            return pool.submit(_attempt, dict(values), epochs).result()
        except BrokenExecutor as error:
            cause = str(error).strip().split("\n")[0]
            return Trial.failed(
                values, epochs, f"Its process died, perhaps out of memory: {cause}"
            )
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


# In a worker process: the task that all of its trainings share.
_tasks: list[Task] = []


def _prepare(task: Task, num_threads: int, parent: int) -> None:
    # Ctrl-C reaches all processes of a terminal; the search ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    _tasks.append(task)


def _exit_with(parent: int) -> None:
    """Ends this process when its parent is gone: a killed search ends no workers."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _attempt(values: Mapping[str, Any], epochs: int) -> Trial:
    return trial_training.attempt(_tasks[-1], values, epochs)
