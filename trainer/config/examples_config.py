"""How to read examples that any ExampleGen wrote, and models that anyone exported."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfx_distill.trainer.config.data_config import ImageShape
from tfx_distill.trainer.config.section import Items, Section

ROLES = ("train", "eval", "test", "unlabelled")
LOGITS: Literal["logits"] = "logits"
PROBABILITIES: Literal["probabilities"] = "probabilities"
# log(0) is not finite; this is the smallest probability that Keras's losses know, too.
PROBABILITY_FLOOR = 1e-7
PixelRange = Literal["0-255", "0-1", "-1-1", "caffe", "torch"]


class ExamplesConfig(Section):
    """Where image, label and splits are in an Examples artifact.

    What is not given comes from `data_spec.json`, which TfdsExampleGen writes, or from
    the schema and the first record.
    """

    image_feature: str | None = Field(
        None, description="Feature with one PNG or JPEG file"
    )
    label_feature: str | None = Field(
        None, description="Feature with the class: int64 index or string name"
    )
    train_split: str = Field("train", description="Trains the student", min_length=1)
    eval_split: str = Field(
        "eval", description="Evaluated after each epoch", min_length=1
    )
    test_split: str = Field("test", description="The gates decide on it", min_length=1)
    unlabelled_split: str = Field(
        "unlabelled",
        description="Optional; the student learns from its images, no label is read",
        min_length=1,
    )
    image_shape: ImageShape | None = Field(
        None, description="Size to resize images to; null: the first image's"
    )
    class_names: Items[str] = Field(
        (), description="Names in the order of the model's outputs"
    )

    @property
    def split_names(self) -> dict[str, str]:
        """The name of each split in the artifact, by ours."""
        return {role: getattr(self, f"{role}_split") for role in ROLES}


class SignatureConfig(Section):
    """How a model is called; null: found, or refused where there is doubt."""

    signature: str | None = Field(None, description="Its name, as serving_default")
    output: str | None = Field(
        None, description="The output with one value for each class"
    )
    output_values: Literal["logits", "probabilities"] | None = Field(
        None, description="What these values are"
    )
    pixel_range: PixelRange | None = Field(
        None,
        description="Of float images as input; caffe and torch: less ImageNet's means, "
        "as keras.applications' modes of these names",
    )
    channel_order: Literal["rgb", "bgr"] | None = Field(
        None, description="Of colour images as input; null: rgb, with caffe bgr"
    )
