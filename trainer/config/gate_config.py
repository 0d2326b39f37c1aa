"""The section `gate`: when the student is blessed, on the test split."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, PositiveInt, model_validator
from typing_extensions import Self

from tfx_distill.trainer.config.section import (
    NUMBER,
    Items,
    Rule,
    Section,
    Share,
    Table,
    require,
)

MUST_NOT_BE_WORSE: Literal["must_not_be_worse"] = "must_not_be_worse"
MUST_BE_BETTER: Literal["must_be_better"] = "must_be_better"
REPORT: Literal["report"] = "report"
CORRECTED: Literal["corrected"] = "corrected"

AUTO: Literal["auto"] = "auto"

Kind = Literal["noise", "blur", "brightness", "contrast", "jpeg", "shift", "rotation"]
BALANCED_ACCURACY = "balanced_accuracy"
MACRO_F1 = "macro_f1"
_TOP_K = re.compile(r"top_([2-9]|[1-9]\d{1,3})_accuracy")
KINDS: tuple[Kind, ...] = get_args(Kind)

NonEmpty = Annotated[str, Field(min_length=1)]
_Margin = Annotated[float, Field(gt=0, lt=1), NUMBER]
_Auto = Literal["auto"]


def is_metric(name: str) -> bool:
    """Whether a further metric has this name: top_K_accuracy with K from 2 on."""
    return name in (BALANCED_ACCURACY, MACRO_F1) or top_k(name) is not None


def top_k(name: str) -> int | None:
    """K of a metric `top_K_accuracy`; None for others."""
    found = _TOP_K.fullmatch(name)
    return int(found[1]) if found else None


class MetricConfig(Section):
    """Bounds on a further metric of all images."""

    min: Share | None = Field(None, description="Lowest measured value")
    margin: _Margin | None = Field(
        None,
        description="The 95 % lower bound of student - teacher must exceed -margin",
    )


class SliceConfig(Section):
    """Some of the test images, and bounds on them."""

    by: NonEmpty = Field(
        description="brightness in [0, 1], size in pixels, or a feature of the records"
    )
    above: float | None = Field(None, description="Lowest value, exclusive")
    below: float | None = Field(None, description="Highest value, exclusive")
    equals: int | str | None = Field(None, description="The only value")
    margin: _Margin | None = Field(
        None,
        description="The 95 % lower bound of student - teacher must exceed -margin",
    )
    min_accuracy: Share | None = Field(None, description="Lowest measured accuracy")
    min_images: PositiveInt = Field(1, description="Minimum number of images")

    @model_validator(mode="after")
    def _check(self) -> Self:
        limits = {"above": self.above, "below": self.below}
        given = [name for name, limit in limits.items() if limit is not None]
        expected = "null with equals, and given without it"
        fine = bool(given) != (self.equals is not None)
        require(fine, "above and below", ", ".join(given) or None, expected)
        return self


class CorruptionsConfig(Section):
    """Corrupted copies of test images, five strengths of each kind."""

    kinds: Items[Kind] = Field(KINDS, description="What is done to them")
    examples: PositiveInt = Field(1000, description="Test images, evenly spaced")
    margin: _Margin | None = Field(
        None,
        description="As gate.margin, of the mean accuracy over all corruptions",
    )
    min_accuracy: Share | None = Field(
        None, description="Lowest mean accuracy over all corruptions"
    )


class GateConfig(Section):
    """Bounds on the test split; null turns one off, auto fits one to the split."""

    NAME: ClassVar[str] = "gate"

    margin: _Margin | _Auto = Field(
        AUTO,
        description="The 95 % lower bound of student - teacher must exceed -margin; "
        "what auto is, distill data check tells",
    )
    class_margin: _Margin | _Auto | None = Field(
        AUTO, description="As margin, for each class"
    )
    min_class_size: PositiveInt | _Auto = Field(
        AUTO,
        description="Minimum test images of each class; auto: smaller ones have no bound",
    )
    min_accuracy: Share | _Auto | None = Field(
        AUTO,
        description="Lowest measured accuracy; auto: that of always the same answer",
    )
    max_accuracy_drop: Share | None = Field(
        None, description="Largest measured loss of accuracy against the teacher"
    )
    min_class_accuracy: Share | None = Field(
        None, description="Lowest measured accuracy in each class"
    )
    max_class_accuracy_drop: Share | None = Field(
        None, description="As max_accuracy_drop, for each class"
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

    max_churn: Share | None = Field(
        None,
        description="Largest share of images that only the served student classified "
        "correctly",
    )
    decided_by: NonEmpty | None = Field(
        None, description="Who replaces a served student that cannot be compared"
    )
    reason: NonEmpty | None = Field(None, description="Why; both are recorded")
    attempts: Literal["report", "corrected"] = Field(
        REPORT,
        description="Students tested on the same images are counted; corrected: each "
        "further one is held to a higher confidence",
    )
    metrics: Annotated[
        Table[MetricConfig],
        Rule(
            "bounds by metric: balanced_accuracy, macro_f1 or top_K_accuracy",
            lambda given: all(map(is_metric, given)),
        ),
    ] = Field({}, description="{macro_f1: {min: 0.9, margin: 0.02}, top_5_accuracy: …}")
    slices: Table[SliceConfig] = Field(
        {},
        description="By name: {dark: {by: brightness, below: 0.2, margin: 0.1}}",
    )
    corruptions: CorruptionsConfig | None = Field(
        None, description="A test on corrupted images; {}: with its defaults"
    )

    @model_validator(mode="after")
    def _check_decision(self) -> Self:
        given = (self.decided_by is None, self.reason is None)
        expected = "given together, both or none"
        require(
            given[0] == given[1], "decided_by and reason", self.decided_by, expected
        )
        return self

    @model_validator(mode="before")
    @classmethod
    def _auto_is_empty(cls, values: Any) -> Any:
        return {} if values == AUTO else values


class ResolvedGate(GateConfig):
    """The bounds for one test split: nothing is `auto` any more.

    Attributes:
        skips_small_classes: Whether a class below `min_class_size` has no bound; else
            it refuses the student.
    """

    margin: _Margin
    class_margin: _Margin | None
    min_class_size: PositiveInt
    min_accuracy: Share | None
    skips_small_classes: bool = False
