"""Measures a LiteRT file on a split."""

from __future__ import annotations

import numpy as np

from tfx_distill.trainer import timeline
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.evaluation.lite_scores import LiteScore
from tfx_distill.trainer.export.lite import LitePredictor
from tfx_distill.trainer.progress import Progress, report

_BATCH = 256
_TIMED = 64  # different images


@timeline.part("testing")
def score(
    content: bytes,
    split: Split,
    saved_model_classes: np.ndarray,
    flavour: str,
    max_drop: float,
) -> LiteScore:
    """Measures a converted model.

    Args:
        content: Of a `.tflite` file.
        split: What it is measured on.
        saved_model_classes: int64 `(num_examples,)`, the SavedModel's predictions.
        flavour: Names it in progress messages.
        max_drop: See `LiteScore`.
    """
    predictor = LitePredictor(content)
    classes = np.empty(len(split), np.int64)
    for start in range(0, len(split), _BATCH):
        end = min(start + _BATCH, len(split))
        classes[start:end] = predictor.predict(split.images[start:end])["class"]
        report(Progress(f"scoring {flavour}", end, len(split), f"scoring {flavour}"))
    num_right, num_student = (
        int(np.sum(found == split.labels)) for found in (classes, saved_model_classes)
    )
    return LiteScore(
        accuracy=num_right / len(split),
        drop=(num_student - num_right) / len(split),
        max_drop=max_drop,
        agreement=float(np.mean(classes == saved_model_classes)),
        bytes=len(content),
        latency_ms=predictor.latency_ms(split.images[:_TIMED]),
        input=predictor.input,
        output=predictor.output,
    )
