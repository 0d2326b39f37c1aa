"""Which failures are a model's own."""

import errno

import pytest
import tensorflow as tf

from tfx_distill.trainer import model_faults
from tfx_distill.trainer.errors import ConfigError, DataError, Interrupted, ModelError


def _chained(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no such signature"),
        OSError("SavedModel file does not exist"),
        FileNotFoundError(errno.ENOENT, "gone"),
        tf.errors.InvalidArgumentError(None, None, "shapes"),
        tf.errors.DataLossError(None, None, "truncated"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_model_raises_is_its_own_fault(error):
    expected = pytest.raises(ModelError, match="^The model fails: .*Repair it")
    with expected, model_faults.raised_by("The model fails", "Repair it."):
        raise error
    assert not model_faults.is_machine_fault(error)


def test_what_is_known_to_be_a_models_stays_so():
    error = ModelError("No loadable model")
    assert model_faults.is_model_fault(error)
    with pytest.raises(ModelError) as caught, model_faults.raised_by("The model fails"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [
        Interrupted("Stopped by SIGTERM."),
        DataError("truncated"),
        ConfigError("margin"),
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "memory"),
        tf.errors.UnavailableError(None, None, "server"),
        _chained(ModelError("No loadable model"), OSError(errno.EMFILE, "files")),
        _chained(ValueError("worker"), Interrupted("Stopped by SIGINT.")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_of_the_machine_or_a_stop_is_not(error):
    assert not model_faults.is_model_fault(error)
    assert model_faults.is_machine_fault(error)


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.UnknownError(None, None, "driver"),
        ImportError("no such library"),
        type("Own", (Exception,), {})(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_known_to_be_a_models_passes_as_it_is(error):
    with pytest.raises(type(error)) as raised, model_faults.raised_by("It fails"):
        raise error
    assert raised.value is error
