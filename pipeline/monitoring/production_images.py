"""Images that arrived in production: a sample, brought to a model's form.

Files of any format that ExampleGen reads, in folders or single, and the images of
TFRecord files of `tf.train.Example`s. Labels are read where there are some: the folder of
a file, if it is called like a class, or the label of a record.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.data import canonical_images, example_records, image_listing
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.image_source import ImageFile
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.data.raw_images import NO_LABEL, Item, RawImage
from tfx_distill.trainer.errors import DataError

T = TypeVar("T")
_SPLIT = "production"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Production:
    """A sample of what arrived.

    Attributes:
        found: Number of all images.
        images: uint8 `(num_images, height, width, channels)` in 0–255.
        labels: int64 `(num_images,)`; None unless all images have one.
        unreadable: Name and reason of each image of the sample that cannot be used.
    """

    found: int
    images: np.ndarray
    labels: np.ndarray | None
    unreadable: tuple[tuple[str, str], ...]


def read(paths: Sequence[str], spec: DataSpec, size: int, seed: int) -> Production:
    """Reads a random sample.

    Args:
        paths: Folders, image files and TFRecord files.
        spec: The data of the model that gets them.
        size: Most images.
        seed: Random seed.

    Raises:
        DataError: If a TFRecord file is damaged.
    """
    items, found = _sample(_items(paths, spec), size, seed)
    form = Form(spec.image_shape, spec.fit or "crop")
    images, labels, unreadable = [], [], []
    for fact, encoded in canonical_images.convert(items, form):
        reason = fact.bad or _other_size(fact.height, fact.width, spec)
        if reason:
            unreadable.append((fact.name, reason))
            continue
        images.append(example_records.decode_image(encoded, spec).numpy())
        labels.append(fact.label)
    known = NO_LABEL not in labels
    return Production(
        found=found,
        images=np.reshape(np.array(images, np.uint8), (-1, *spec.image_shape)),
        labels=np.array(labels, np.int64) if labels and known else None,
        unreadable=tuple(unreadable),
    )


def _other_size(height: int, width: int, spec: DataSpec) -> str:
    """Why the served model takes no such image, if it does not."""
    wanted = tuple(spec.image_shape[:2])
    if spec.fit is not None or (height, width) == wanted:
        return ""
    return f"{width}x{height} pixels, the model takes {wanted[1]}x{wanted[0]} alone"


def _sample(items: Iterable[T], size: int, seed: int) -> tuple[list[T], int]:
    """A random sample of unknown many, in their order, and how many there are."""
    rng, found = random.Random(seed), 0
    kept: list[tuple[int, T]] = []
    for found, item in enumerate(items, start=1):
        if len(kept) < size:
            kept.append((found, item))
        elif (place := rng.randrange(found)) < size:
            kept[place] = found, item
    return [item for _, item in sorted(kept, key=lambda pair: pair[0])], found


def _items(paths: Sequence[str], spec: DataSpec) -> Iterator[Item]:
    labels = {name: label for label, name in enumerate(spec.class_names)}
    for path in paths:
        if os.path.isdir(path):
            ignored: collections.Counter[str] = collections.Counter()
            for entry in image_listing.files(path, ignored):
                yield _file(os.path.relpath(entry.path, path), path, labels)
        elif "tfrecord" in os.path.basename(path):
            yield from _records(path, spec)
        else:
            yield _file(os.path.basename(path), os.path.dirname(path), labels)


def _file(relative: str, root: str, labels: dict[str, int]) -> ImageFile:
    path = os.path.join(root, relative)
    folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
    label = labels.get(folder, NO_LABEL)
    return ImageFile(root, relative, label, _SPLIT, os.path.getsize(path))


@dataclasses.dataclass(frozen=True)
class _Record:
    """One record of a TFRecord file; see `raw_images.Item`."""

    name: str
    serialized: bytes
    spec: DataSpec

    @property
    def size_bytes(self) -> int:
        return len(self.serialized)

    def open(self) -> RawImage:
        try:
            example = tf.train.Example.FromString(self.serialized)
        except Exception:  # protobuf's DecodeError is not always a ValueError
            raise UnreadableImage("is no tf.train.Example") from None
        features = example.features.feature
        images = features[self.spec.image_feature].bytes_list.value
        if len(images) != 1:
            raise UnreadableImage(f"has no feature {self.spec.image_feature}")
        return RawImage(images[0], self._label(features), _SPLIT)

    def _label(self, features: Any) -> int:
        given = features[self.spec.label_feature]
        if self.spec.string_labels and given.bytes_list.value:
            name = given.bytes_list.value[0].decode(errors="replace")
            names = self.spec.class_names
            return names.index(name) if name in names else NO_LABEL
        values = given.int64_list.value
        known = len(values) == 1 and 0 <= values[0] < self.spec.num_classes
        return values[0] if known else NO_LABEL


def _records(path: str, spec: DataSpec) -> Iterator[_Record]:
    name = os.path.basename(path)
    try:
        records = example_records.read_records([path]).as_numpy_iterator()
        for number, serialized in enumerate(records):
            yield _Record(f"{name}[{number}]", serialized, spec)
    except tf.errors.OpError as error:
        raise DataError(
            f"{path} cannot be read as a TFRecord file ({error.message}). Give one that "
            "is complete; a compressed one must end in .gz."
        ) from None
