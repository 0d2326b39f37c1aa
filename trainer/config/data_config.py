"""The sections `data` and `views`: training images and their augmented copies."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt

from tfx_distill.trainer.config.section import Degrees, Items, Rule, Section, Seed

SplitExpression = Annotated[
    str, Rule("a TFDS split expression, such as train[:90%]", str.strip)
]
ImageShape = Annotated[
    Items[int],
    Rule(
        "[height, width, channels] with 1 or 3 channels",
        lambda shape: len(shape) == 3 and min(shape) > 0 and shape[2] in (1, 3),
    ),
]


class SplitsConfig(Section):
    """Our splits as TFDS split expressions."""

    train: SplitExpression = Field(
        "train[:90%]", description="Trains the teacher and the student"
    )
    eval: SplitExpression = Field(
        "train[90%:]",
        description="Evaluated after each epoch; choose hyperparameters on it",
    )
    test: SplitExpression = Field("test", description="The gate decides on it")


class DataConfig(Section):
    """Which data set, and how it is split."""

    dataset: Annotated[str, Rule("a TFDS name[/config][:version]", str.strip)] = Field(
        "mnist", description="Any TFDS image-classification data set"
    )
    data_dir: str | None = Field(
        None, description="Prepared data sets; null: ~/tensorflow_datasets"
    )
    manual_dir: str | None = Field(
        None, description="Downloaded original files; null: $DISTILL_MANUAL_DIR"
    )
    image_shape: ImageShape | None = Field(
        None, description="Size to resize images to; null: the data set's"
    )
    splits: SplitsConfig = Field(default_factory=SplitsConfig)
    substitute: bool = Field(
        True, description="A local run without MNIST falls back to digits"
    )


class ViewsConfig(Section):
    """Augmented copies of the training images; the teacher predicts each once.

    An epoch takes each image in one of its views, so views cost teacher time only.
    """

    count: int = Field(
        4, ge=1, le=64, description="Views of an image, the original included"
    )
    max_shift: NonNegativeInt = Field(2, description="Shift in pixels, each way")
    max_rotation: Degrees = Field(0.0, description="Rotation in degrees, each way")
    flip: bool = Field(False, description="Mirror half of the views left to right")
    seed: Seed = Field(0, description="Seed of shifts, rotations and flips")
