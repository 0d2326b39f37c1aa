"""The section `distillation`: the student's loss."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tfx_distill.trainer.config.section import (
    NUMBER,
    Items,
    Section,
    Share,
)

# Far below 0.1, softened logits overflow and targets become votes; far above 100, they
# become equal for all classes. Either way nothing of the teacher is left to learn.
_Temperature = Annotated[float, Field(ge=0.1, le=100), NUMBER]
# Beyond, float32 keeps nothing of the smaller of two losses that are added.
_Weight = Annotated[float, Field(ge=1e-6, le=1e6), NUMBER]


class FeatureConfig(Section):
    """A pair of layers whose features are matched (FitNets, arXiv:1412.6550)."""

    teacher: str = Field(description="Layer name in the teacher's architecture")
    student: str = Field(description="Layer name in the student's architecture")
    weight: _Weight = Field(
        1.0, description="Weight of the mean squared distance in the loss"
    )


class DistillationConfig(Section):
    """How the student learns from the teacher's predictions."""

    temperature: _Temperature = Field(
        4.0,
        description="Softmax temperature of the targets; 1 leaves them as they are, "
        "0.1 makes them votes, 100 makes them equal",
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
