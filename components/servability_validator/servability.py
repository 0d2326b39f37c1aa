"""The servability gate's decision as data: what the exported student does and costs.

Needs no TensorFlow: commands that explain a decision read the file without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfx_distill.components.checks import Decision


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one exported model costs.

    Attributes:
        parameters: Number of weights; None when the model does not say.
        bytes: Size of what a server loads; None without a SavedModel.
        latency: Milliseconds of `predict_images` by number of images in a request
            (`1`, `64`), as `median_ms` and `p95_ms`; empty when not measured.
    """

    parameters: int | None = None
    bytes: int | None = None
    latency: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Servability(Decision):
    """Whether the exported student predicts as it was trained to, within its budget.

    Attributes also as in `Decision`.

    Attributes:
        student: What the student costs.
        teacher: What its teacher costs.
    """

    student: Measurement = Measurement()
    teacher: Measurement = Measurement()
