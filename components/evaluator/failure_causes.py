"""Whether an exception is the models' fault or the machine's.

A student that cannot be evaluated is refused, and the refusal is an artifact. A full
disk or a stopped run says nothing about the student: then the node fails, so that the
next run tries again and no refusal is cached.
"""

from __future__ import annotations

import errno

import tensorflow as tf

from tfx_distill.trainer.errors import DistillError, ModelError, causes

_ENVIRONMENT_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ESTALE,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.ETIMEDOUT,
}
_ENVIRONMENT = (
    MemoryError,
    ImportError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.PermissionDeniedError,
)
# Beam repeats what it cannot raise again as the text of a RuntimeError.
_ENVIRONMENT_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    "Cannot allocate memory",
    "Too many open files",
    "ResourceExhaustedError",
    "MemoryError",
    "tfx_distill.trainer.errors.Interrupted",
)


def caused_by_models(error: Exception) -> bool:
    """Whether a model, and not the machine or a person, made the evaluation fail."""
    for cause in causes(error):
        if isinstance(cause, _ENVIRONMENT):
            return False
        if isinstance(cause, DistillError) and not isinstance(cause, ModelError):
            return False
        if isinstance(cause, OSError) and cause.errno in _ENVIRONMENT_ERRNOS:
            return False
        if not isinstance(cause, Exception):  # KeyboardInterrupt, SystemExit
            return False
        if any(text in str(cause) for text in _ENVIRONMENT_TEXTS):
            return False
    return True


def describe(error: Exception) -> str:
    """The failure in one line."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    if isinstance(error, ModelError):
        return lines[0]
    # The end of a repeated traceback is the error itself.
    is_repeated = bool(lines) and lines[0].startswith("Traceback")
    text = (lines[-1] if is_repeated else lines[0]) if lines else "no message"
    return f"{type(error).__name__}: {text[:300]}"
