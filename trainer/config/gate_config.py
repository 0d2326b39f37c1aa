"""The section `gate`: when the student is blessed, on the test split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from tfx_distill.trainer.config.section import NUMBER, Section, Share

MUST_NOT_BE_WORSE: Literal["must_not_be_worse"] = "must_not_be_worse"
MUST_BE_BETTER: Literal["must_be_better"] = "must_be_better"
REPORT: Literal["report"] = "report"

_Margin = Annotated[float, Field(gt=0, lt=1), NUMBER]


class GateConfig(Section):
    """Bounds on the test split; null turns one off, point bounds are inclusive."""

    margin: _Margin = Field(
        0.005,
        description="The 95 % lower bound of student - teacher must exceed -margin",
    )
    class_margin: _Margin = Field(0.03, description="As margin, for each class")
    min_class_size: PositiveInt = Field(
        100, description="Minimum test images of each class"
    )
    min_accuracy: Share | None = Field(0.98, description="Lowest measured accuracy")
    max_accuracy_drop: Share | None = Field(
        0.01, description="Largest measured loss of accuracy against the teacher"
    )
    min_class_accuracy: Share | None = Field(
        0.95, description="Lowest measured accuracy in each class"
    )
    max_class_accuracy_drop: Share | None = Field(
        0.03, description="As max_accuracy_drop, for each class"
    )
    min_agreement: Share | None = Field(
        None, description="Lowest share of images with the teacher's prediction"
    )
    max_calibration_error: Share | None = Field(
        None, description="Largest expected calibration error, 15 bins"
    )
    max_cross_entropy: Annotated[float, Field(ge=0), NUMBER] | None = Field(
        None, description="Largest mean cross-entropy in nats"
    )
    against_served: Literal["must_not_be_worse", "must_be_better", "report"] = Field(
        MUST_NOT_BE_WORSE, description="Comparison with the student pushed before"
    )
    served_margin: _Margin | None = Field(
        None, description="Margin of must_not_be_worse; null: margin"
    )
