"""All GPUs that there are, for one training."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

_F = TypeVar("_F", bound=Callable[..., Any])


def found() -> list[Any]:
    """The GPUs of this machine."""
    return tf.config.list_logical_devices("GPU")


def on_all_gpus(train: _F) -> _F:
    """Makes a function train on all GPUs, if there are several.

    Each step's batch is divided among them, so `batch_size` keeps its meaning. A trial
    of one step stays on one.
    """

    @functools.wraps(train)
    def trained(*arguments: Any, **options: Any) -> Any:
        several = found()
        if len(several) < 2 or options.get("is_trial"):
            return train(*arguments, **options)
        with tf.distribute.MirroredStrategy(several).scope():
            return train(*arguments, **options)

    return trained  # type: ignore[return-value]


def are_several() -> bool:
    """Whether the current training is on several."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1
