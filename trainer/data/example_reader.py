"""Reads and decodes examples as arrays; errors name the broken record."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer import file_system
from tfx_distill.trainer.data import augmentation, image_fitting, memory_limit
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.streamed_arrays import StreamedImages
from tfx_distill.trainer.errors import DataError

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
        images: uint8 `(num_examples, height, width, channels)`, 0–255. Read them by
            slices or indices: a large split decodes them on access.
        labels: int32 `(num_examples,)`, class indices.
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
        split: `train`, `eval` or `test`.
        spec: What the examples must look like.

    Raises:
        DataError: If a record is truncated, an image does not decode or has another
            shape, a label is no class, or the number of records is not that of `spec`.
    """
    files = split_files(examples_dir, split, spec)
    expected = spec.num_examples[split]
    result = Split(_images(split, spec), np.empty((expected,), np.int32))
    try:
        position = _fill(result, _batches(files, spec))
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise _locate(files, split, spec, error) from None
    if position != expected:
        raise DataError(
            f"Split {spec.split_name(split)} holds {position} records or more, expected "
            f"{expected} (data_spec.json). Run ExampleGen again with caching off."
        )
    wrong = (result.labels < 0) | (result.labels >= spec.num_classes)
    if wrong.any():
        record = int(wrong.argmax())
        raise _bad_label(split, record, int(result.labels[record]), spec)
    return result


def _fill(split: Split, batches: Iterable[tuple[Any, ...]]) -> int:
    """Fills a split from the beginning; returns the number of records, or too many."""
    images = split.images
    position = 0
    for records, batch_images, batch_labels in batches:
        end = position + len(batch_labels)
        if end > len(split):
            return end
        if isinstance(images, StreamedImages):
            images.append(records, batch_images)
        else:
            images[position:end] = batch_images
        split.labels[position:end] = batch_labels
        position = end
    return position


def _images(split: str, spec: DataSpec) -> np.ndarray | StreamedImages:
    """An array in memory for a split's images, or one that streams them."""
    shape = spec.num_examples[split], *spec.image_shape
    size, limit = math.prod(shape), memory_limit.max_bytes()
    is_small = size <= limit
    logger.info(
        "%s: %s images of %s MiB are %s, pipeline.images_in_memory_mb is %s",
        f"split {spec.split_name(split)}",
        f"{shape[0]:,}",
        f"{size / 2**20:,.0f}",
        "held in memory" if is_small else "decoded when they are needed",
        f"{limit // 2**20:,}",
    )
    if is_small:
        return np.empty(shape, np.uint8)
    return StreamedImages(
        spec.image_shape, functools.partial(decode_examples, spec=spec)
    )


def load_splits(examples_dir: str, spec: DataSpec) -> dict[str, Split]:
    """Reads the two splits used for training, `train` and `eval`."""
    return {name: load_split(examples_dir, name, spec) for name in ("train", "eval")}


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
    return decode_examples(tf.constant(records), spec).numpy()


def sample_records(
    examples_dir: str, split: str, spec: DataSpec, size: int
) -> list[bytes]:
    """The serialized examples that `load_sample` decodes for equal arguments."""
    total = spec.num_examples[split]
    size = min(size, total)
    wanted = np.arange(size) * total // max(size, 1)
    records: list[bytes] = []
    first = 0
    step = memory_limit.batch_size(spec.image_shape)
    dataset = read_records(split_files(examples_dir, split, spec)).batch(step)
    for batch in dataset.as_numpy_iterator():
        inside = wanted[(wanted >= first) & (wanted < first + len(batch))]
        records += list(batch[inside - first])
        first += len(batch)
    return records


def decode_image(encoded: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """Decodes one image as training and serving both do.

    Args:
        encoded: Scalar string, a PNG or JPEG file.
        spec: Says the shape, and how an image of another one is fitted.

    Returns:
        uint8 `(height, width, channels)` in 0–255.
    """
    # channels=0 keeps those of the file: what to do with others is not the decoder's
    # choice, and the one for GIF and BMP knows no grey.
    image = tf.io.decode_image(encoded, channels=0, expand_animations=False)
    if spec.fit is not None:
        return image_fitting.convert(image, spec.image_shape, spec.fit)
    with tf.control_dependencies(
        [tf.debugging.assert_equal(tf.shape(image), spec.image_shape, "image shape")]
    ):
        return tf.ensure_shape(tf.identity(image), spec.image_shape)


def decode_examples(serialized: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """Decodes the images of serialized examples, which need no label.

    Args:
        serialized: string `(batch,)`, `tf.train.Example`s.
        spec: Names the image's feature; see `decode_image`.

    Returns:
        uint8 `(batch, height, width, channels)` in 0–255.
    """
    features = {spec.image_feature: tf.io.FixedLenFeature([], tf.string)}
    encoded = tf.io.parse_example(serialized, features)[spec.image_feature]
    signature = tf.TensorSpec(spec.image_shape, tf.uint8)
    return tf.map_fn(
        lambda e: decode_image(e, spec), encoded, fn_output_signature=signature
    )


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """The serialized records of TFRecord files, in order."""
    compression = "GZIP" if files[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(list(files), compression_type=compression)


def parse_example(serialized: tf.Tensor, spec: DataSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Image file and label of one serialized example.

    Returns:
        string scalar, and int64 or string scalar, as the examples have it.
    """
    label_type = tf.string if spec.string_labels else tf.int64
    features = {
        spec.image_feature: tf.io.FixedLenFeature([], tf.string),
        spec.label_feature: tf.io.FixedLenFeature([], label_type),
    }
    parsed = tf.io.parse_single_example(serialized, features)
    return parsed[spec.image_feature], parsed[spec.label_feature]


def _batches(files: Sequence[str], spec: DataSpec):
    """Yields serialized examples, their images and labels, in order."""
    to_index = class_indices(spec)

    def decode(serialized):
        encoded, label = parse_example(serialized, spec)
        return serialized, decode_image(encoded, spec), to_index(label)

    dataset = read_records(files).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    step = memory_limit.batch_size(spec.image_shape)
    return dataset.batch(step).prefetch(2).as_numpy_iterator()


def class_indices(spec: DataSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from labels to class indices; -1 for a name that is no class."""
    if not spec.string_labels:
        return lambda label: label
    names, indices = list(spec.class_names), list(range(spec.num_classes))
    rows = tf.lookup.KeyValueTensorInitializer(names, indices, tf.string, tf.int64)
    return tf.lookup.StaticHashTable(rows, -1).lookup


def _locate(
    files: Sequence[str], split: str, spec: DataSpec, error: Exception
) -> DataError:
    """Reads the records one by one to find the one that is broken."""
    where = f"Data set {spec.dataset}, split {spec.split_name(split)}"
    advice = "Repair or remove it in the data set, then run again."
    record = -1
    try:
        for record, serialized in enumerate(read_records(files)):
            encoded, _ = parse_example(serialized, spec)
            try:
                image = tf.io.decode_image(encoded, expand_animations=False)
            except tf.errors.InvalidArgumentError:
                return DataError(
                    f"{where}, record {record}: the image does not decode. Expected a "
                    f"PNG or JPEG file. {advice}"
                )
            if spec.fit is None and tuple(image.shape) != tuple(spec.image_shape):
                return DataError(
                    f"{where}, record {record}: image of shape {tuple(image.shape)}, "
                    f"expected {tuple(spec.image_shape)}. {advice}"
                )
    except tf.errors.DataLossError:
        return DataError(
            f"{where}, record {record + 1}: truncated or corrupt. {advice}"
        )
    except tf.errors.InvalidArgumentError:
        return DataError(
            f"{where}, record {record}: no features {spec.image_feature} and "
            f"{spec.label_feature}. {advice}"
        )
    return DataError(f"{where} cannot be read: {error}")


def _bad_label(split: str, record: int, label: int, spec: DataSpec) -> DataError:
    received, expected = f"label {label}", f"0 to {spec.num_classes - 1}"
    if spec.string_labels:
        received, expected = "unknown label", f"one of {', '.join(spec.class_names)}"
    return DataError(
        f"Data set {spec.dataset}, split {spec.split_name(split)}, record {record}: "
        f"{received}, expected {expected}. Correct it in the data set, then run again."
    )
