"""The precision of a training: float32, or bfloat16 with weights in float32.

Processors and GPUs with units for bfloat16 compute a training step in half the time.
Without them it takes longer, so `auto` asks for the units first, and then measures.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import pathlib
import timeit
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import keras
import tensorflow as tf

from tfx_distill.trainer import model_faults
from tfx_distill.trainer.config.training_config import (
    AUTO_PRECISION,
    FLOAT32,
    MIXED_BFLOAT16,
)
from tfx_distill.trainer.errors import ModelError

logger = logging.getLogger(__name__)

_FLAGS = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}  # x86-64 and ARM
_GPU_CAPABILITY = (8, 0)  # Ampere
# It must be worth that results are others than those of other machines.
_WORTHWHILE = 0.8
_REPEATS = 5

_T = TypeVar("_T")


@functools.cache
def of_this_machine() -> str:
    """What this machine trains in unless the configuration decides."""
    if not has_units():
        return FLOAT32
    seconds = {dtype: _seconds_of_a_step(dtype) for dtype in ("float32", "bfloat16")}
    logger.info("Seconds of a convolution's step: %s", seconds)
    is_faster = seconds["bfloat16"] < _WORTHWHILE * seconds["float32"]
    return MIXED_BFLOAT16 if is_faster else FLOAT32


def has_units(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Whether the GPUs, or else the processor, compute in bfloat16."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = map(tf.config.experimental.get_device_details, gpus)
        found = [one.get("compute_capability", (0, 0)) for one in details]
        return min(found) >= _GPU_CAPABILITY
    try:
        return not _FLAGS.isdisjoint(pathlib.Path(cpuinfo).read_text().split())
    except OSError:  # no Linux
        return False


def _seconds_of_a_step(dtype: str) -> float:
    """How long a convolution takes forwards and backwards, in the best of some tries."""
    images = tf.ones((128, 14, 14, 32), dtype)
    kernel = tf.ones((3, 3, 32, 64), dtype)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            values = tf.nn.relu(tf.nn.conv2d(images, kernel, 1, "SAME"))
        changes = tape.gradient(values, [images, kernel])
        return [tf.reduce_sum(change) for change in changes]

    def done() -> list[Any]:
        return [value.numpy() for value in step()]

    done()
    return min(timeit.repeat(done, number=1, repeat=_REPEATS))


def chosen(asked: str | None, build: Callable[[], keras.Model]) -> str:
    """What a model is trained in.

    Args:
        asked: What the configuration says; None is float32.
        build: Makes the model: with `auto`, one that does not work in bfloat16 is trained
            in float32.
    """
    if asked != AUTO_PRECISION:
        return asked or FLOAT32
    if of_this_machine() == FLOAT32:
        return FLOAT32
    try:
        apart(lambda: _require_step(MIXED_BFLOAT16, build))
    except ModelError as error:
        logger.info("Trained in float32: %s", error)
        return FLOAT32
    return MIXED_BFLOAT16


def _require_step(precision: str, build: Callable[[], keras.Model]) -> None:
    """Makes the model, and a gradient through it: some operations have none.

    Raises:
        ModelError: If the model cannot do that.
    """
    with computing_in(precision):
        model = build()
        (given,) = model.inputs
        images = tf.zeros([1, *given.shape[1:]], given.dtype)
        with (
            model_faults.raised_by(f"The model fails in {precision}"),
            tf.GradientTape() as tape,
        ):
            loss = tf.reduce_sum(tf.cast(model(images, training=True), tf.float32))
            tape.gradient(loss, model.trainable_variables)


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers that are made meanwhile compute so, unless their code says otherwise."""
    before = keras.config.dtype_policy()
    if precision != FLOAT32:  # which a user's module may have changed
        keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def in_float32(model: keras.Model, build: Callable[[], keras.Model]) -> keras.Model:
    """The same model, computing in float32, so that it is served and converted so."""
    same = apart(build)
    same.set_weights(model.get_weights())
    return same


def apart(work: Callable[[], _T]) -> _T:
    """Works in a thread, where Keras counts the names of layers from the beginning.

    Otherwise `conv2d` of a model would become `conv2d_1`, and its features could not be
    found by the names that the model has on its own.
    """
    policy = keras.config.dtype_policy()

    def alike() -> _T:
        keras.config.set_dtype_policy(policy)
        return work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(alike).result()
