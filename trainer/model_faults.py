"""Which failures are a model's own, and which are the machine's.

A gate refuses a model for what the model itself raised, and TFX keeps the refusal in
its cache. Everything else fails the node, so that the next run tries again: a full disk,
a lost worker or a mistake in this package says nothing about a model. So the question is
asked only where a model is loaded or called, and only the kinds of errors that a model
can cause count against it.

Needs no TensorFlow: its errors are told by their names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tfx_distill.trainer.errors import DistillError, ModelError, causes, first_line

_MODELS_KINDS = {
    *("ValueError", "TypeError", "LookupError", "AttributeError", "ArithmeticError"),
    *("AssertionError", "RuntimeError"),
    # TensorFlow's, without those of a full, stopped or unreachable machine.
    *("InvalidArgumentError", "FailedPreconditionError", "NotFoundError"),
    *("UnimplementedError", "OutOfRangeError", "DataLossError"),
    "ConverterError",  # LiteRT's
}
_MACHINES_KINDS = {
    *("MemoryError", "ResourceExhaustedError", "UnavailableError", "AbortedError"),
    *("CancelledError", "DeadlineExceededError", "PermissionDeniedError"),
}


@contextlib.contextmanager
def raised_by(what: str, advice: str = "") -> Iterator[None]:
    """Turns what a model raises when it is loaded or called into a `ModelError`.

    Args:
        what: What fails, such as `The model in FOLDER fails`.
        advice: A sentence on what to do.

    Raises:
        ModelError: If the model is at fault. Other errors pass.
    """
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        if not is_model_fault(error):
            raise
        text = f"{what}: {first_line(error)[:400]} {advice}"
        raise ModelError(text.strip()) from error


def is_model_fault(error: BaseException) -> bool:
    """Whether an error that a model raised when it was called is its own fault."""
    return _can_be_models(error) and not is_machine_fault(error)


def is_machine_fault(error: BaseException) -> bool:
    """Whether the machine stopped the work: no memory or disk, no access, an end.

    For code of the user's, which may raise anything of its own.
    """
    return any(_is_machines(cause) for cause in causes(error))


def _can_be_models(error: BaseException) -> bool:
    if isinstance(error, DistillError):
        return isinstance(error, ModelError)
    if isinstance(error, OSError):
        # TensorFlow's, of a SavedModel that is missing or damaged; or a missing file.
        return error.errno is None or isinstance(error, FileNotFoundError)
    return bool(_kinds(error) & _MODELS_KINDS)


def _is_machines(error: BaseException) -> bool:
    if isinstance(error, DistillError):
        return not isinstance(error, ModelError)
    if isinstance(error, OSError):
        return not isinstance(error, FileNotFoundError) and error.errno is not None
    is_end = not isinstance(error, Exception)  # KeyboardInterrupt, SystemExit
    return is_end or bool(_kinds(error) & _MACHINES_KINDS)


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
