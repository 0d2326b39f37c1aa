"""The section `distillation`: the student's loss."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tfx_distill.trainer.config.section import (
    Items,
    PositiveNumber,
    Rule,
    Section,
    Share,
)

_Temperature = Annotated[
    PositiveNumber, Rule("a finite number > 0 (1 leaves targets unsoftened)")
]


class FeatureConfig(Section):
    """A pair of layers whose features are matched (FitNets, arXiv:1412.6550)."""

    teacher: str = Field(description="Layer name in the teacher's architecture")
    student: str = Field(description="Layer name in the student's architecture")
    weight: PositiveNumber = Field(
        1.0, description="Weight of the mean squared distance in the loss"
    )


class DistillationConfig(Section):
    """How the student learns from the teacher's predictions."""

    temperature: _Temperature = Field(
        4.0, description="Softmax temperature of the targets"
    )
    temperature_end: _Temperature | None = Field(
        None,
        description="Temperature at the last step, reached linearly; null: constant",
    )
    student_loss_weight: Share = Field(0.1, description="Weight of the hard-label loss")
    student_loss_weight_end: Share | None = Field(
        None, description="Weight at the last step, reached linearly; null: constant"
    )
    temperature_squared: bool = Field(
        True, description="Scale the soft-target loss by temperature**2"
    )
    features: Items[FeatureConfig] = Field(
        (), description="Pairs {teacher: LAYER, student: LAYER, weight: 1.0} to match"
    )
