"""How good, how small and how quick each LiteRT file is; and where they lie."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

import numpy as np

from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.export.lite import LitePredictor, TensorInfo
from tfx_distill.trainer.progress import Progress, report

_FILE_NAME = "scores.json"
_BATCH = 256


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
    """

    accuracy: float
    agreement: float
    bytes: int
    latency_ms: float
    input: TensorInfo
    output: TensorInfo


def score(
    content: bytes, split: Split, saved_model_classes: np.ndarray, flavour: str
) -> LiteScore:
    """Measures a converted model.

    Args:
        content: Of a `.tflite` file.
        split: What it is measured on.
        saved_model_classes: int64 `(num_examples,)`, the SavedModel's answers.
        flavour: What progress is called by.
    """
    predictor = LitePredictor(content)
    classes = np.empty(len(split), np.int64)
    for start in range(0, len(split), _BATCH):
        end = min(start + _BATCH, len(split))
        classes[start:end] = predictor.predict(split.images[start:end])["class"]
        report(Progress(f"scoring {flavour}", end, len(split), f"scoring {flavour}"))
    return LiteScore(
        accuracy=float(np.mean(classes == split.labels)),
        agreement=float(np.mean(classes == saved_model_classes)),
        bytes=len(content),
        latency_ms=predictor.latency_ms(split.images),
        input=predictor.input,
        output=predictor.output,
    )


def file_path(folder: str, flavour: str) -> str:
    """Where the file of a flavour lies."""
    return os.path.join(folder, f"{flavour}.tflite")


def save(scores: Mapping[str, LiteScore], folder: str) -> None:
    """Writes scores by flavour beside the files."""
    plain = {flavour: dataclasses.asdict(score) for flavour, score in scores.items()}
    with open(os.path.join(folder, _FILE_NAME), "w", encoding="utf-8") as file:
        json.dump(plain, file, indent=2)


def load(folder: str) -> dict[str, LiteScore]:
    """Scores by flavour, as `save` wrote them."""
    with open(os.path.join(folder, _FILE_NAME), encoding="utf-8") as file:
        plain = json.load(file)
    return {flavour: _score(values) for flavour, values in plain.items()}


def _score(values: dict) -> LiteScore:
    for name in ("input", "output"):
        info = values[name]
        values[name] = TensorInfo(**{**info, "shape": tuple(info["shape"])})
    return LiteScore(**values)
