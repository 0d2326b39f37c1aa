"""The sections `data` and `views`: images, and their augmented copies."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, NonNegativeInt, PositiveInt

from tfx_distill.trainer.config.dataset_name import dataset_name
from tfx_distill.trainer.config.section import (
    NUMBER,
    Degrees,
    Folder,
    Items,
    LocalPath,
    Rule,
    Section,
    Seed,
    Share,
)

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


Fit = Literal["crop", "pad", "stretch"]
OverlapOfEvalAndTest = Literal["eval_test"]
(EVAL_TEST,) = get_args(OverlapOfEvalAndTest)

# Both together leave a part to train on.
CutShare = Annotated[float, Field(gt=0, le=0.4), NUMBER]


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
    unlabelled: (
        Annotated[str, Rule("a TFDS split expression, or a folder", str.strip)] | None
    ) = Field(
        None,
        description="Further images, whose labels are not read, for the student; with "
        "data.images: a folder",
    )


class DataConfig(Section):
    """Which data set, and how it is split."""

    dataset: Annotated[str, Rule("a TFDS name[/config][:version]", str.strip)] = Field(
        "mnist", description="Any TFDS image-classification data set"
    )
    images: Folder | None = Field(
        None,
        description="Your images: a folder of classes, or a CSV or JSON-lines file; "
        "null: data.dataset",
    )
    data_dir: LocalPath | None = Field(
        None, description="Prepared data sets; null: ~/tensorflow_datasets"
    )
    manual_dir: LocalPath | None = Field(
        None, description="Downloaded original files; null: $DISTILL_MANUAL_DIR"
    )
    image_feature: str | None = Field(
        None, description="Of a TFDS data set; null: its supervised key or only image"
    )
    label_feature: str | None = Field(
        None,
        description="Class label, text or integer; null: its supervised key or only one",
    )
    image_shape: ImageShape | None = Field(
        None, description="Size of all images; null: theirs, or chosen from theirs"
    )
    fit: Fit = Field(
        "crop",
        description="How images of another shape are fitted: cut out the centre, add "
        "black borders, or change the proportions",
    )
    splits: SplitsConfig = Field(default_factory=SplitsConfig)
    labels_per_class: PositiveInt | None = Field(
        None,
        description="Number of images of each class in train that keep their label; "
        "null: all",
    )
    eval_share: CutShare = Field(
        0.1, description="Cut out of the training images if data.images has no eval"
    )
    test_share: CutShare = Field(
        0.1, description="Cut out of the training images if data.images has no test"
    )
    strict: bool = Field(
        False, description="Refuse images that need conversion, also when serving"
    )
    max_bad_share: Share = Field(
        0.0, description="Largest share of unreadable images to skip"
    )
    allow_overlap: bool | OverlapOfEvalAndTest = Field(
        False,
        description="Accept the same image in several splits; eval_test: only in these "
        "two, neither of which is trained on",
    )
    allow_conflicts: bool = Field(
        False, description="Accept the same image with several labels"
    )
    substitute: bool = Field(
        True, description="A local run without MNIST falls back to digits"
    )

    @property
    def name(self) -> str:
        """What the data set is called."""
        return dataset_name(self.images, self.dataset)


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
    fresh: bool = Field(
        False,
        description="New views in every epoch, which the teacher predicts during the "
        "student's training; count is then not used",
    )
    seed: Seed = Field(0, description="Seed of shifts, rotations and flips")
