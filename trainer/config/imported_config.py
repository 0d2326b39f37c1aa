"""The section `teacher.imported`: how a teacher that exists already is used."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from tfx_distill.trainer.config.data_config import Fit, ImageShape
from tfx_distill.trainer.config.examples_config import SignatureConfig
from tfx_distill.trainer.config.section import Items, Table

# Teachers that are built by a function and get their weights from a file.
LIBRARIES = ("keras.applications.", "keras_hub.")


class ImportedConfig(SignatureConfig):
    """What a teacher that exists already takes and returns; null: found, or measured."""

    NAME: ClassVar[str] = "teacher.imported"

    weights: str | None = Field(
        None, description="Its weights, if teacher.from names a function"
    )
    options: Table[Any] = Field(
        {}, description="Arguments of that function, such as {alpha: 0.35}"
    )
    image_shape: ImageShape | None = Field(
        None, description="That it takes; null: its input's, or the data's"
    )
    fit: Fit = Field(
        "crop", description="How images are fitted to that shape, see data.fit"
    )
    interpolation: Literal["bilinear", "nearest", "bicubic"] = Field(
        "bilinear", description="How they are resized"
    )
    classes: Items[str] | str | None = Field(
        None,
        description="Its classes in the order of its outputs: a list, or a file with a "
        "name on each line or a JSON list; null: its own, or the data's",
    )
    mapping: Table[str] = Field(
        {},
        description="The data's class by the teacher's, by its name or its place from "
        "0; others are left out",
    )


def is_function(source: str | int | None) -> bool:
    """Whether `teacher.from` names a function of a library rather than files."""
    return isinstance(source, str) and source.startswith(LIBRARIES)
