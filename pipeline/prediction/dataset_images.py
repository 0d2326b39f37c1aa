"""Single images of a data set, as a run would see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfx_distill.components.example_gen import sources
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import (
    canonical_images,
    example_records,
    label_choice,
    shape_choice,
)
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.raw_images import SPLITS, Item, Source
from tfx_distill.trainer.errors import DataError


@dataclasses.dataclass(frozen=True)
class Split:
    """The images of one split.

    Attributes:
        spec: The data set as a run would see it, without its fingerprint.
        name: `train`, `eval` or `test`.
        items: Its images, not opened.
    """

    spec: DataSpec
    name: str
    items: Sequence[Item]

    @property
    def title(self) -> str:
        return (
            f"{self.spec.dataset} {self.spec.version}".strip() + f", split {self.name}"
        )

    def __len__(self) -> int:
        return len(self.items)

    def read(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Reads and decodes only the images at some indices.

        Args:
            indices: Of images in the split, from 0, in any order.

        Returns:
            Images, uint8 `(len(indices), height, width, channels)` in 0–255, and
            labels, int64 `(len(indices),)`.

        Raises:
            DataError: If there is no such index, or its image is damaged.
        """
        for index in indices:
            if not 0 <= index < len(self):
                raise DataError(
                    f"--index {index}: split {self.name} of {self.spec.dataset} has "
                    f"{len(self)} images. Give numbers from 0 to {len(self) - 1}."
                )
        records = [self._record(self.items[index]) for index in indices]
        encoded, labels = zip(*records, strict=True)
        images = [example_records.decode_image(e, self.spec).numpy() for e in encoded]
        return np.stack(images), np.array(labels, np.int64)

    def _record(self, item: Item) -> tuple[bytes, int]:
        fact, encoded = canonical_images.canonical(item, _form(self.spec))
        if fact.bad:
            raise DataError(
                f"Data set {self.spec.dataset}: {fact.name} cannot be shown "
                f"({fact.bad}). Repair or remove it, or choose another image."
            )
        return encoded, fact.label


def _form(spec: DataSpec) -> Form:
    return Form(spec.image_shape, spec.fit or "crop")


def open_split(data: DataConfig, split: str) -> Split:
    """Opens a split of the data set, and prepares the data set if necessary.

    Args:
        data: Names data set, splits and image shape.
        split: `train`, `eval` or `test`, divided as in a run.

    Raises:
        DataError: If the data set is unavailable or has no such split.
    """
    if split not in SPLITS:
        raise DataError(f"--split {split}: give one of {', '.join(SPLITS)}.")
    source = sources.open_source(data)
    shape, _ = shape_choice.choose(source, data)
    spec = DataSpec(
        dataset=source.dataset,
        version=source.version,
        image_shape=shape,
        class_names=source.class_names,
        num_examples={},
        fit=data.fit,
        # It requires reading all files, and is not shown here.
        fingerprint="not computed",
    )
    items = _items(source, split, data, spec)
    return Split(
        dataclasses.replace(spec, num_examples={split: len(items)}), split, items
    )


def _items(
    source: Source, split: str, data: DataConfig, spec: DataSpec
) -> Sequence[Item]:
    """The images of a split as a run has them.

    Where pixels or labels decide on the split, or bad ones are skipped, all are decoded.
    """
    cut = [name for name, _ in source.cut]
    is_cut = bool(cut) and split in ("train", *cut)
    items = source.items("train" if is_cut else split)
    loses_labels = split == "train" and data.labels_per_class is not None
    if not is_cut and not data.max_bad_share and not loses_labels:
        return items
    form = label_choice.form(source, data, spec.image_shape)
    converted = canonical_images.convert(items, form)
    kept = [i for i, (fact, _) in enumerate(converted) if fact.split == split]
    return _Chosen(items, kept)


@dataclasses.dataclass(frozen=True)
class _Chosen(Sequence[Item]):
    """Some of a source's images, not opened."""

    items: Sequence[Item]
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        return self.items[self.places[index]]
