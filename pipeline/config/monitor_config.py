"""The section `monitor`: when what arrives in production differs too much."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from tfx_distill.trainer.config.section import NUMBER, Section, Share


class MonitorConfig(Section):
    """When `distill monitor` reports drift; a difference must also be significant."""

    NAME: ClassVar[str] = "monitor"

    sample: PositiveInt = Field(
        1000, description="Images to compare, drawn at random if there are more"
    )
    min_images: PositiveInt = Field(
        100, description="Fewer readable images are too few to compare, an error"
    )
    false_alarms: Annotated[float, Field(gt=0, lt=1), NUMBER] = Field(
        0.05, description="Probability of an alarm, by any check, where nothing changed"
    )
    pixels: Share = Field(
        0.02,
        description="Jensen-Shannon divergence from which pixel statistics matter",
    )
    confidence: Share = Field(0.02, description="The same for the student's confidence")
    classes: Share = Field(
        0.05, description="Change of a predicted class's share (L-infinity)"
    )
    disagreement: Share = Field(
        0.02, description="Change of the share on which teacher and student disagree"
    )
    accuracy: Share = Field(0.02, description="Change of the accuracy, with labels")
    calibration: Share = Field(
        0.02, description="Jensen-Shannon divergence of confidence minus correctness"
    )
