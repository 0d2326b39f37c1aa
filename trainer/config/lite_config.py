"""The section `lite`: the student as LiteRT files."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from tfx_distill.trainer.config.section import Items, Rule, Section, Share

INT8 = "int8"
LITE_FLAVOURS = ("float32", INT8)

_Flavours = Annotated[
    Items[str],
    Rule(
        "a list of float32 and int8, each at most once",
        lambda given: (
            set(given) <= set(LITE_FLAVOURS) and len(set(given)) == len(given)
        ),
    ),
]


class LiteConfig(Section):
    """The student as LiteRT (TensorFlow Lite) files."""

    flavours: _Flavours = Field(LITE_FLAVOURS, description="Files to write; []: none")
    calibration_examples: PositiveInt = Field(
        500, description="Training images that set the ranges of int8"
    )
    max_drop: Share = Field(
        0.01, description="Largest loss of accuracy of a file that is pushed"
    )
