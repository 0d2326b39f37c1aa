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
    """Bounds that all must hold; null turns one off. Point bounds are inclusive."""

    margin: _Margin = Field(
        0.005,
        description="The 95% lower bound of student - teacher must exceed -margin",
    )
    class_margin: _Margin = Field(0.03, description="The same for each class")
    min_class_size: PositiveInt = Field(
        100, description="Minimum test images of each class"
    )
    min_accuracy: Share | None = Field(0.98, description="Measured accuracy")
    max_accuracy_drop: Share | None = Field(0.01, description="Below the teacher")
    min_class_accuracy: Share | None = Field(0.95, description="Of each class")
    max_class_accuracy_drop: Share | None = Field(
        0.03, description="Below the teacher, for each class"
    )
    min_agreement: Share | None = Field(
        None, description="Share of images with the teacher's prediction"
    )
    max_calibration_error: Share | None = Field(
        None, description="Expected calibration error, 15 bins"
    )
    max_cross_entropy: Annotated[float, Field(ge=0), NUMBER] | None = Field(
        None, description="Mean cross-entropy in nats"
    )
    against_served: Literal["must_not_be_worse", "must_be_better", "report"] = Field(
        MUST_NOT_BE_WORSE, description="Than the student pushed before"
    )
    served_margin: _Margin | None = Field(
        None, description="Margin of must_not_be_worse; null: margin"
    )
