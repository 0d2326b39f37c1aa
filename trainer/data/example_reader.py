"""Reads and decodes examples as arrays; errors name the broken record."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer import file_system, timeline
from tfx_distill.trainer.data import (
    augmentation,
    example_records,
    memory_limit,
    record_errors,
)
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.raw_images import NO_LABEL, UNLABELLED
from tfx_distill.trainer.data.streamed_arrays import StreamedImages
from tfx_distill.trainer.errors import DataError

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
        images: uint8 `(num_examples, height, width, channels)`, 0–255. Read them by
            slices or indices: a large split decodes them on access.
        labels: int32 `(num_examples,)`, class indices; `NO_LABEL` if unlabelled.
    """

    images: np.ndarray | StreamedImages
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @functools.cached_property
    def digests(self) -> np.ndarray:
        """uint64 `(num_examples,)`, `augmentation.digests` of the images."""
        if isinstance(self.images, StreamedImages):
            return self.images.digests
        return augmentation.digests(self.images)

    @functools.cached_property
    def distinct(self) -> np.ndarray:
        """Int `(num_images,)`, sorted: where each image occurs for the first time."""
        return np.sort(np.unique(self.digests, return_index=True)[1])


def spread(size: int, total: int) -> np.ndarray:
    """Places of some of many, evenly spread, int `(min(size, total),)`."""
    size = min(size, total)
    return np.arange(size) * total // max(size, 1)


def split_files(examples_dir: str, split: str, spec: DataSpec) -> list[str]:
    """The TFRecord files of a split of an Examples artifact, in record order.

    Raises:
        DataError: If there is none; names the splits that there are.
    """
    name = spec.split_name(split)
    files = sorted(tf.io.gfile.glob(os.path.join(examples_dir, f"Split-{name}", "*")))
    if files:
        return files
    found = file_system.names(examples_dir)
    splits = [name[len("Split-") :] for name in found if name.startswith("Split-")]
    raise DataError(
        f"Examples in {examples_dir} have no files of split {name}; their splits are "
        f"{', '.join(splits) or 'none'}. Name one of these, or run ExampleGen again."
    )


def load_split(examples_dir: str, split: str, spec: DataSpec) -> Split:
    """Reads and decodes a whole split, in the order of its records.

    Images that together exceed `memory_limit.max_bytes` are decoded once, to find
    those that do not decode, and again whenever they are needed.

    Args:
        examples_dir: Folder of an Examples artifact.
        split: One of `raw_images.ALL_SPLITS`.
        spec: What the examples must look like.

    Raises:
        DataError: If a record is truncated, an image does not decode or has another
            shape, a label is no class, or the number of records is not that of `spec`.
    """
    return _load(examples_dir, [split], spec)


@timeline.part("reading")
def _load(examples_dir: str, splits: Sequence[str], spec: DataSpec) -> Split:
    """Reads splits one after the other into one."""
    total = sum(spec.num_examples[split] for split in splits)
    result = Split(_images(splits[0], total, spec), np.empty((total,), np.int32))
    start = 0
    for split in splits:
        end = start + spec.num_examples[split]
        _read_into(result, slice(start, end), examples_dir, split, spec)
        start = end
    return result


def _read_into(
    result: Split, rows: slice, examples_dir: str, split: str, spec: DataSpec
) -> None:
    """Fills rows with a split."""
    files = split_files(examples_dir, split, spec)
    try:
        found = _fill(result, rows, _batches(files, split, spec)) - rows.start
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise record_errors.locate(files, split, spec, error) from None
    expected = rows.stop - rows.start
    if found != expected:
        raise record_errors.wrong_number(split, found, expected, spec)
    if split == UNLABELLED:
        return
    labels = result.labels[rows]
    wrong = (labels < 0) | (labels >= spec.num_classes)
    if wrong.any():
        record = int(wrong.argmax())
        raise record_errors.bad_label(split, record, int(labels[record]), spec)


def _fill(split: Split, rows: slice, batches: Iterable[tuple[Any, ...]]) -> int:
    """Fills rows of a split; returns where they end, or something beyond."""
    images = split.images
    position = rows.start
    for records, batch_images, batch_labels in batches:
        end = position + len(batch_labels)
        if end > rows.stop:
            return end
        if isinstance(images, StreamedImages):
            images.append(records, batch_images)
        else:
            images[position:end] = batch_images
        split.labels[position:end] = batch_labels
        position = end
    return position


def fits_in_memory(number: int, spec: DataSpec) -> bool:
    """Whether so many images of these examples are held in memory when decoded."""
    return number * math.prod(spec.image_shape) <= memory_limit.max_bytes()


def _images(split: str, number: int, spec: DataSpec) -> np.ndarray | StreamedImages:
    """An array in memory for a split's images, or one that streams them."""
    shape = number, *spec.image_shape
    is_small = fits_in_memory(number, spec)
    logger.info(
        "%s: %s images of %s MiB are %s, pipeline.images_in_memory_mb is %s",
        f"split {spec.split_name(split)}",
        f"{number:,}",
        f"{math.prod(shape) / 2**20:,.0f}",
        "held in memory" if is_small else "decoded when they are needed",
        f"{memory_limit.max_bytes() // 2**20:,}",
    )
    if is_small:
        return np.empty(shape, np.uint8)
    return StreamedImages(
        spec.image_shape, functools.partial(example_records.decode_examples, spec=spec)
    )


def load_splits(
    examples_dir: str, spec: DataSpec, *, unlabelled: bool = False
) -> dict[str, Split]:
    """Reads the two splits used for training, `train` and `eval`.

    Args:
        examples_dir: Folder of an Examples artifact.
        spec: As for `load_split`.
        unlabelled: Adds the images of the split `unlabelled`, if there is one, to
            those of `train`, after them.
    """
    return {
        name: _load(examples_dir, sources, spec)
        for name, sources in training_sources(spec, unlabelled=unlabelled).items()
    }


def training_sources(spec: DataSpec, *, unlabelled: bool) -> dict[str, list[str]]:
    """The splits of the examples that make up each of those that `load_splits` reads."""
    with_more = unlabelled and spec.num_examples.get(UNLABELLED)
    return {"train": ["train", *[UNLABELLED] * bool(with_more)], "eval": ["eval"]}


def image_batches(
    path: str, examples_dir: str, split: str, spec: DataSpec
) -> Iterator[np.ndarray]:
    """Decodes the images of one of a split's `split_files`; reads no labels.

    Yields:
        uint8 `(batch, height, width, channels)`, in the order of the records, of at most
        `memory_limit.batch_size` images.

    Raises:
        DataError: If a record is truncated, or an image does not decode or has another
            shape; names the split's first such record.
    """
    records = example_records.read_records([path])
    step = memory_limit.batch_size(spec.image_shape)
    images = records.map(
        lambda r: example_records.decode_image(
            example_records.parse_image(r, spec), spec
        ),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    try:
        yield from images.batch(step).prefetch(2).as_numpy_iterator()
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        files = split_files(examples_dir, split, spec)
        raise record_errors.locate(files, split, spec, error) from None


def load_sample(examples_dir: str, split: str, spec: DataSpec, size: int) -> np.ndarray:
    """Decodes some images of a split, evenly spread over its records.

    Args:
        examples_dir: Folder of an Examples artifact.
        split: As for `load_split`.
        spec: As for `load_split`.
        size: Number of images, >= 1; all when there are fewer.

    Returns:
        uint8 `(size, height, width, channels)`, the same for equal arguments.
    """
    records = sample_records(examples_dir, split, spec, size)
    return example_records.decode_examples(tf.constant(records), spec).numpy()


def sample_records(
    examples_dir: str, split: str, spec: DataSpec, size: int
) -> list[bytes]:
    """The serialized examples that `load_sample` decodes for equal arguments."""
    total = spec.num_examples[split]
    wanted = spread(size, total)
    records: list[bytes] = []
    first = 0
    step = memory_limit.batch_size(spec.image_shape)
    dataset = example_records.read_records(split_files(examples_dir, split, spec))
    for batch in dataset.batch(step).as_numpy_iterator():
        inside = wanted[(wanted >= first) & (wanted < first + len(batch))]
        records += list(batch[inside - first])
        first += len(batch)
    return records


def _batches(files: Sequence[str], split: str, spec: DataSpec):
    """Yields serialized examples, their images and labels, in order."""
    to_index = example_records.class_indices(spec)

    def decode(serialized):
        encoded, label = example_records.parse_record(serialized, split, spec)
        label = NO_LABEL if label is None else to_index(label)
        return serialized, example_records.decode_image(encoded, spec), label

    records = example_records.read_records(files)
    dataset = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    step = memory_limit.batch_size(spec.image_shape)
    return dataset.batch(step).prefetch(2).as_numpy_iterator()
