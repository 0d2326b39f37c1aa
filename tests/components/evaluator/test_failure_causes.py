"""Which failures are a model's, and which the machine's or a person's."""

import errno

import pytest
import tensorflow as tf

from tfx_distill.components.evaluator import failure_causes
from tfx_distill.trainer.errors import ConfigError, DataError, Interrupted, ModelError


def _chained(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ModelError("No loadable model"),
        ValueError("no such signature"),
        OSError("SavedModel file does not exist"),
        FileNotFoundError(errno.ENOENT, "gone"),
        tf.errors.InvalidArgumentError(None, None, "shapes"),
        RuntimeError("Traceback (most recent call last):\nFailedPreconditionError: x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_models_failure(error):
    assert failure_causes.caused_by_models(error)


@pytest.mark.parametrize(
    "error",
    [
        Interrupted("Stopped by SIGTERM."),
        DataError("truncated"),
        ConfigError("margin"),
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "memory"),
        _chained(ModelError("No loadable model"), OSError(errno.EMFILE, "files")),
        _chained(ValueError("worker"), Interrupted("Stopped by SIGINT.")),
        RuntimeError("Traceback …\nOSError: [Errno 28] No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_of_the_machine_or_a_stop(error):
    assert not failure_causes.caused_by_models(error)


def test_a_repeated_traceback_is_told_by_its_last_line():
    error = RuntimeError(
        "Traceback (most recent call last):\n  File x\nOpError: shapes\n"
    )
    assert failure_causes.describe(error) == "RuntimeError: OpError: shapes"
