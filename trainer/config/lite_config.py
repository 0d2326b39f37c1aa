"""The section `lite`: the student as LiteRT files."""

from __future__ import annotations

import dataclasses

from tfx_distill.trainer.config.section import Section, require

INT8 = "int8"
LITE_FLAVOURS = ("float32", INT8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteConfig(Section):
    """The student as LiteRT (TensorFlow Lite) files."""

    flavours: tuple[str, ...] = LITE_FLAVOURS  # of "float32", "int8"; empty: no files
    calibration_examples: int = 500  # training images that set int8's ranges, >= 1

    def __post_init__(self) -> None:
        given = self.flavours
        fine = set(given) <= set(LITE_FLAVOURS) and len(set(given)) == len(given)
        expected = "a list of float32 and int8, each at most once"
        require(fine, "lite.flavours", list(given), expected)
        number = self.calibration_examples
        require(number >= 1, "lite.calibration_examples", number, ">= 1")
