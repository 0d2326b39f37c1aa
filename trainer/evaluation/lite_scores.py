"""How accurate, small and fast each LiteRT file is, and where the files are.

Needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from tfx_distill.trainer import file_system, json_files

FILE_NAME = "scores.json"


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """Input or output of a LiteRT file.

    Attributes:
        dtype: NumPy's name, such as `uint8`.
        shape: With the batch, which is 1.
        scale: Real value of one step, > 0; None when not quantized.
        zero_point: The integer that represents 0; None when not quantized.
    """

    dtype: str
    shape: tuple[int, ...]
    scale: float | None
    zero_point: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteScore:
    """One LiteRT file, measured with LiteRT's interpreter.

    Attributes:
        accuracy: On the split, in [0, 1].
        agreement: Share of its images with the class that the SavedModel gives.
        bytes: Size of the file.
        latency_ms: Median milliseconds for one image, one thread.
        input: What it takes.
        output: What it gives.
        drop: What the SavedModel's accuracy on the same images is above this one; None
            in files of earlier versions.
        max_drop: The largest drop of a file that is pushed, `lite.max_drop`.
    """

    accuracy: float
    agreement: float
    bytes: int
    latency_ms: float
    input: TensorInfo
    output: TensorInfo
    drop: float | None = None
    max_drop: float = 1.0

    @property
    def ok(self) -> bool:
        """Whether it is accurate enough to be pushed."""
        return self.drop is None or self.drop <= self.max_drop


def file_path(folder: str, flavour: str) -> str:
    """Path of the file of a flavour."""
    return os.path.join(folder, f"{flavour}.tflite")


def save(scores: Mapping[str, LiteScore], folder: str) -> None:
    """Writes scores by flavour beside the files."""
    plain = {flavour: dataclasses.asdict(score) for flavour, score in scores.items()}
    with file_system.open_file(os.path.join(folder, FILE_NAME), "w") as file:
        json.dump(plain, file, indent=2)


def load(folder: str) -> dict[str, LiteScore]:
    """Scores by flavour, as `save` wrote them; errors as `json_files.load`."""
    return json_files.load(dict[str, LiteScore], os.path.join(folder, FILE_NAME))
