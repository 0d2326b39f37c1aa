"""The second gate's decision as data: what the exported student does and costs.

Needs no TensorFlow: who asks for the reason reads this file alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfx_distill.components.checks import Check, load_verdict, save_verdict


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
class Servability:
    """Whether the exported student answers as it was trained to, within its budget.

    Attributes:
        blessed: Whether the student may be pushed.
        reasons: Why not, one line each; empty when blessed.
        checks: Every bound that was looked at.
        split: The split whose images were asked.
        num_examples: How many of them.
        student: What the student costs.
        teacher: What its teacher costs.
    """

    blessed: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    split: str = ""
    num_examples: int = 0
    student: Measurement = Measurement()
    teacher: Measurement = Measurement()

    def save(self, folder: str) -> None:
        save_verdict(self, folder)

    @classmethod
    def load(cls, folder: str) -> Servability:
        fields = load_verdict(folder)
        for whose in ("student", "teacher"):
            fields[whose] = Measurement(**fields[whose])
        return cls(**fields)
