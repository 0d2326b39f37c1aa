"""The sections `data` and `views`: which images are learned from, and in which copies."""

from __future__ import annotations

import dataclasses

from tfx_distill.trainer.config.section import Section, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitsConfig(Section):
    """Our splits as TFDS split expressions, such as `train[:90%]`."""

    train: str = "train[:90%]"  # what teacher and student learn from
    eval: str = "train[90%:]"  # watched while training; hyper-parameters chosen on it
    test: str = "test"  # what the gate decides on

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            require(
                bool(value.strip()),
                f"data.splits.{field.name}",
                value,
                "a TFDS split expression, as train[:90%]",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """Which examples, from where, cut how."""

    dataset: str = "mnist"  # TFDS name, `name/config:version` allowed
    data_dir: str | None = None  # prepared data sets; null: TFDS's own folder
    manual_dir: str | None = None  # original files; null: $DISTILL_MANUAL_DIR
    image_shape: tuple[int, ...] | None = None  # (h, w, c); null: the data set's
    splits: SplitsConfig = SplitsConfig()
    substitute: bool = True  # a local run may fall back from mnist to digits

    def __post_init__(self) -> None:
        require(bool(self.dataset.strip()), "data.dataset", self.dataset, "a TFDS name")
        shape = self.image_shape
        require(
            shape is None
            or (len(shape) == 3 and min(shape) > 0 and shape[2] in (1, 3)),
            "data.image_shape",
            shape,
            "[height, width, channels] with 1 or 3 channels",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewsConfig(Section):
    """Which copies of the training images the teacher answers beside the originals.

    An epoch of the student goes once over as many images as there are
    originals, each in one of its views: views cost teacher time only.
    """

    count: int = 4  # the original included, in [1, 64]
    max_shift: int = 2  # pixels each way, >= 0
    max_rotation: float = 0.0  # degrees each way, in [0, 180]
    seed: int = 0

    def __post_init__(self) -> None:
        require(1 <= self.count <= 64, "views.count", self.count, "in [1, 64]")
        require(self.max_shift >= 0, "views.max_shift", self.max_shift, ">= 0")
        require(
            0 <= self.max_rotation <= 180,
            "views.max_rotation",
            self.max_rotation,
            "in [0, 180]",
        )
        require(0 <= self.seed < 2**31, "views.seed", self.seed, "in [0, 2**31)")
