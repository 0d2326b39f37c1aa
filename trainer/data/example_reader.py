"""Examples as arrays: reading, decoding, and naming the record that is broken."""

from __future__ import annotations

import dataclasses
import glob
import math
import os
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.data.data_spec import IMAGE_FEATURE, LABEL_FEATURE, DataSpec
from tfx_distill.trainer.errors import DataError

_FEATURES = {
    IMAGE_FEATURE: tf.io.FixedLenFeature([], tf.string),
    LABEL_FEATURE: tf.io.FixedLenFeature([], tf.int64),
}
_READ_BATCH = 1024
# Above this, a split lies in a temporary file that is mapped into memory.
_MAX_BYTES_IN_MEMORY = 4 * 2**30


@dataclasses.dataclass(frozen=True)
class Split:
    """One decoded split.

    Attributes:
        images: uint8 `(num_examples, height, width, channels)`, 0–255.
        labels: int32 `(num_examples,)`, class indices.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def split_files(examples_dir: str, split: str) -> list[str]:
    """The TFRecord files of a split of an Examples artifact, in record order."""
    return sorted(glob.glob(os.path.join(examples_dir, f"Split-{split}", "*")))


def load_split(files: Sequence[str], split: str, spec: DataSpec) -> Split:
    """Reads and decodes a whole split, in the order of its records.

    Args:
        files: TFRecord files of `tf.train.Example`s with `image` and `label`.
        split: Name of the split, for error messages and its expected size.
        spec: What the examples must look like.

    Raises:
        DataError: Names split and record when a record is truncated, an image
            does not decode or has another shape, or a label is no class; or
            when the number of records is not the one in `spec`.
    """
    expected = spec.num_examples[split]
    images = _allocate((expected, *spec.image_shape))
    labels = np.empty((expected,), np.int32)
    position = 0
    try:
        for batch_images, batch_labels in _batches(files, spec):
            end = position + len(batch_labels)
            if end > expected:
                position = end
                break
            images[position:end] = batch_images
            labels[position:end] = batch_labels
            position = end
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise _locate(files, split, spec, error) from None
    if position != expected:
        raise DataError(
            f"Split {split} holds {position} records or more, its data_spec says "
            f"{expected}. Run ExampleGen again with caching off."
        )
    outside = np.flatnonzero((labels < 0) | (labels >= spec.num_classes))
    if outside.size:
        record = int(outside[0])
        raise _bad_label(split, record, int(labels[record]), spec)
    return Split(images, labels)


def load_splits(examples_dir: str, spec: DataSpec) -> dict[str, Split]:
    """Reads the two splits that models are trained with, `train` and `eval`."""
    return {
        name: load_split(split_files(examples_dir, name), name, spec)
        for name in ("train", "eval")
    }


def load_sample(
    files: Sequence[str], split: str, spec: DataSpec, size: int
) -> np.ndarray:
    """Decodes some images of a split, evenly spread over its records.

    Args:
        files: As for `load_split`.
        split: As for `load_split`.
        spec: As for `load_split`.
        size: Number of images, >= 1; all when there are fewer.

    Returns:
        uint8 `(size, height, width, channels)`, the same for equal arguments.
    """
    size = min(size, spec.num_examples[split])
    images = _allocate((size, *spec.image_shape))
    position = 0
    for batch in _sampled(files, spec.num_examples[split], size):
        images[position : position + len(batch)] = decode_examples(batch, spec)
        position += len(batch)
    return images[:position]


def sample_records(
    files: Sequence[str], split: str, spec: DataSpec, size: int
) -> list[bytes]:
    """The serialized examples that `load_sample` decodes for equal arguments."""
    size = min(size, spec.num_examples[split])
    batches = _sampled(files, spec.num_examples[split], size)
    return [record for batch in batches for record in batch]


def _sampled(files: Sequence[str], total: int, size: int) -> Iterator[np.ndarray]:
    """Batches of `size` serialized examples, evenly spread over `total` records."""
    wanted = np.arange(size) * total // max(size, 1)
    first = 0
    for batch in _records(files).batch(_READ_BATCH).as_numpy_iterator():
        inside = wanted[(wanted >= first) & (wanted < first + len(batch))]
        if inside.size:
            yield batch[inside - first]
        first += len(batch)


def decode_image(encoded: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """Decodes one image as training and serving both do.

    Args:
        encoded: Scalar string, a PNG or JPEG file.
        spec: Says the shape, and whether to resize to it.

    Returns:
        uint8 `(height, width, channels)` in 0–255.
    """
    height, width, channels = spec.image_shape
    # channels=0 keeps those of the file: a colour image among grey ones is an
    # error to report, not something to convert in silence.
    image = tf.io.decode_image(encoded, channels=0, expand_animations=False)
    if spec.resize:
        image = tf.image.resize(image, (height, width), antialias=True)
        image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
    with tf.control_dependencies(
        [tf.debugging.assert_equal(tf.shape(image), spec.image_shape, "image shape")]
    ):
        return tf.ensure_shape(tf.identity(image), (height, width, channels))


def decode_examples(serialized: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """Decodes a batch of serialized examples that need only have an `image`.

    Args:
        serialized: string `(batch,)`, `tf.train.Example`s.
        spec: See `decode_image`.

    Returns:
        uint8 `(batch, height, width, channels)` in 0–255.
    """
    features = {IMAGE_FEATURE: _FEATURES[IMAGE_FEATURE]}
    encoded = tf.io.parse_example(serialized, features)[IMAGE_FEATURE]
    signature = tf.TensorSpec(spec.image_shape, tf.uint8)
    return tf.map_fn(
        lambda e: decode_image(e, spec), encoded, fn_output_signature=signature
    )


def _records(files: Sequence[str]) -> tf.data.Dataset:
    if not files:
        raise DataError("A split has no files. Run ExampleGen again with caching off.")
    compression = "GZIP" if files[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(list(files), compression_type=compression)


def _batches(files: Sequence[str], spec: DataSpec):
    def decode(serialized):
        parsed = tf.io.parse_single_example(serialized, _FEATURES)
        return decode_image(parsed[IMAGE_FEATURE], spec), parsed[LABEL_FEATURE]

    dataset = _records(files).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(_READ_BATCH).prefetch(2).as_numpy_iterator()


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    if math.prod(shape) <= _MAX_BYTES_IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # the mapping keeps it until it is freed
        return np.memmap(file, np.uint8, mode="w+", shape=shape)


def _locate(
    files: Sequence[str], split: str, spec: DataSpec, error: Exception
) -> DataError:
    """Reads the records one by one to say which of them cannot be used."""
    where = f"Data set {spec.dataset}, split {split}"
    advice = "Repair or remove it in the data set, then run again."
    record = -1
    try:
        for record, serialized in enumerate(_records(files)):
            parsed = tf.io.parse_single_example(serialized, _FEATURES)
            encoded = parsed[IMAGE_FEATURE]
            try:
                image = tf.io.decode_image(encoded, expand_animations=False)
            except tf.errors.InvalidArgumentError:
                return DataError(
                    f"{where}, record {record}: the image does not decode. Expected a "
                    f"PNG or JPEG file. {advice}"
                )
            if not spec.resize and tuple(image.shape) != tuple(spec.image_shape):
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
            f"{where}, record {record}: no features {IMAGE_FEATURE} and {LABEL_FEATURE}. "
            f"{advice}"
        )
    return DataError(f"{where} cannot be read: {error}")


def _bad_label(split: str, record: int, label: int, spec: DataSpec) -> DataError:
    return DataError(
        f"Data set {spec.dataset}, split {split}, record {record}: label {label}, "
        f"expected 0 to {spec.num_classes - 1}. Correct it in the data set, then run again."
    )
