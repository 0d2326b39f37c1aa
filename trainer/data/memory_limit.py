"""When arrays are held in memory, and when they are streamed.

A variable of the environment, because it reaches every process of a run and is no part
of any cache key: both ways give the same values.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence

from tfx_distill.trainer.config.section import require

VARIABLE = "DISTILL_IMAGES_IN_MEMORY_MB"
DEFAULT_MB = 1024

_MAX_BATCH = 512
# Activations of a first layer with 32 float32 channels then take 256 MiB.
_PIXELS_PER_BATCH = 2**21


def max_bytes() -> int:
    """Size in bytes up to which an array is held in memory.

    Raises:
        ConfigError: If the variable is not a number.
    """
    given = os.environ.get(VARIABLE, str(DEFAULT_MB))
    require(given.isdecimal(), VARIABLE, given, "a whole number of MiB")
    return int(given) * 2**20


def variables(size_mb: int) -> dict[str, str]:
    """The environment of another process with this size in MiB."""
    return {} if size_mb == DEFAULT_MB else {VARIABLE: str(size_mb)}


@contextlib.contextmanager
def limited_to(size_mb: int) -> Iterator[None]:
    """Sets the size in MiB, for this process and those that it starts meanwhile."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(size_mb)
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before


def batch_size(image_shape: Sequence[int]) -> int:
    """Number of images to decode or predict at once.

    Args:
        image_shape: (height, width, channels) in pixels.
    """
    return max(1, min(_MAX_BATCH, _PIXELS_PER_BATCH // math.prod(image_shape[:2])))
