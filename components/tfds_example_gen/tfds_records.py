"""Reading the records of a prepared TFDS data set, each checked at the door.

Encoded images pass through as they are; they are decoded only to see whether
they can be. Knows the files and not TFDS, so that a Beam worker needs no more
than a `Shard`.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf import message
from PIL import Image

from tfx_distill.trainer.data.data_spec import IMAGE_FEATURE, LABEL_FEATURE
from tfx_distill.trainer.errors import DataError

# Records that TensorFlow hands over at once: one by one costs 60 us each.
_BATCH_SIZE = 512
_CHANNELS = {"L": 1, "RGB": 3}  # by Pillow's name of a pixel format
_FILE_ERRORS = (tf.errors.DataLossError, tf.errors.NotFoundError)
_ADVICE = "Repair or remove it in the data set, then run again."


@dataclasses.dataclass(frozen=True)
class RecordFormat:
    """What every record of a data set must look like.

    Attributes:
        image_key: Feature that holds the encoded image.
        label_key: Feature that holds the label.
        shape: (height, width, channels) in pixels; None: whatever it is.
        num_classes: Labels are in [0, num_classes).
    """

    image_key: str
    label_key: str
    shape: tuple[int | None, int | None, int]
    num_classes: int


@dataclasses.dataclass(frozen=True)
class Piece:
    """Consecutive records of one file: `take` of them, after the first `skip`."""

    path: str
    skip: int
    take: int


@dataclasses.dataclass(frozen=True)
class Shard:
    """The records that go into one file of the output.

    Attributes:
        dataset: TFDS name.
        split: Name of our split.
        index: Number of this shard in its split, from 0.
        num_shards: Number of shards in the split.
        first_record: Position of its first record in the split.
        record_format: What each record must look like.
        pieces: Where the records are, in order.
    """

    dataset: str
    split: str
    index: int
    num_shards: int
    first_record: int
    record_format: RecordFormat
    pieces: tuple[Piece, ...]


def read(shard: Shard) -> Iterator[bytes]:
    """Yields the shard's records in order, as serialized `tf.train.Example`s.

    Each has exactly the features `image` and `label`.

    Raises:
        DataError: Names data set, split and record for the first record that
            cannot be read, does not decode, or has another shape or label than
            declared.
    """
    record = shard.first_record
    for piece in shard.pieces:
        for serialized in _serialized(piece, shard, record):
            try:
                yield checked(serialized, shard.record_format)
            except DataError as error:
                raise DataError(f"{_where(shard, record)}: {error} {_ADVICE}") from None
            record += 1


def checked(serialized: bytes, record_format: RecordFormat) -> bytes:
    """Returns the record with exactly `image` and `label`, if it is sound.

    Raises:
        DataError: Says what is wrong with it, not where it is.
    """
    try:
        example = tf.train.Example.FromString(serialized)
    except message.DecodeError:
        raise DataError("it is not a tf.train.Example.") from None
    features = example.features.feature
    image_key, label_key = record_format.image_key, record_format.label_key
    images = features[image_key].bytes_list.value
    labels = features[label_key].int64_list.value
    for key, values in ((image_key, images), (label_key, labels)):
        if len(values) != 1:
            raise DataError(f"feature {key} has {len(values)} values, expected one.")
    if not 0 <= labels[0] < record_format.num_classes:
        raise DataError(
            f"label {labels[0]} is outside 0 to {record_format.num_classes - 1}."
        )
    _check_image(images[0], record_format.shape)
    if (image_key, label_key, len(features)) != (IMAGE_FEATURE, LABEL_FEATURE, 2):
        example = tf.train.Example()
        example.features.feature[IMAGE_FEATURE].bytes_list.value.append(images[0])
        example.features.feature[LABEL_FEATURE].int64_list.value.append(labels[0])
    return _canonical(example)


def update_digest(digest, path: str) -> None:
    """Adds what a file's records hold to a hash.

    Args:
        digest: A hash object of `hashlib`.
        path: A TFRecord file of `tf.train.Example`s. Of a broken one, the bytes
            count.
    """
    try:
        for batch in tf.data.TFRecordDataset(path).batch(_BATCH_SIZE):
            for serialized in batch.numpy():
                digest.update(_canonical(tf.train.Example.FromString(serialized)))
    except (*_FILE_ERRORS, message.DecodeError):
        with tf.io.gfile.GFile(path, "rb") as file:
            digest.update(file.read())


def _canonical(example: tf.train.Example) -> bytes:
    # TFDS writes features in an order that changes from record to record and
    # from one preparation of the same data to the next.
    return example.SerializeToString(deterministic=True)


def _check_image(encoded: bytes, shape: tuple[int | None, int | None, int]) -> None:
    try:
        with Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")) as image:
            image.load()  # opening reads the header alone
    except Exception as error:  # Pillow's decoders raise whatever they meet
        detail = "neither PNG nor JPEG"
        if not isinstance(error, Image.UnidentifiedImageError):
            detail = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"image does not decode ({detail}).") from None
    height, width, channels = shape
    if height not in (None, image.height) or width not in (None, image.width):
        raise DataError(
            f"image is {image.height}x{image.width} pixels, "
            f"expected {height or 'any'}x{width or 'any'}."
        )
    if _CHANNELS.get(image.mode) != channels:
        expected = next(mode for mode, n in _CHANNELS.items() if n == channels)
        raise DataError(
            f"image has pixels of format {image.mode}, expected {expected} "
            f"({channels} x 8 bits)."
        )


def _serialized(piece: Piece, shard: Shard, first_record: int) -> Iterator[bytes]:
    """Yields the raw records of one piece; `first_record` is its first in the split."""
    records = tf.data.TFRecordDataset(piece.path).skip(piece.skip).take(piece.take)
    count = 0
    try:
        for batch in records.batch(_BATCH_SIZE).as_numpy_iterator():
            yield from batch
            count += len(batch)
    except _FILE_ERRORS:
        # The batch with the broken record is lost whole: go one by one up to it.
        try:
            for serialized in records.skip(count).as_numpy_iterator():
                yield serialized
                count += 1
        except _FILE_ERRORS as error:
            raise DataError(
                f"{_where(shard, first_record + count)}: the file {piece.path} is "
                f"truncated or corrupt ({' '.join(str(error.message).split())}). "
                f"{_prepare_again(piece)}"
            ) from None
    if count != piece.take:
        raise DataError(
            f"{_where(shard, first_record + count)}: the file {piece.path} ends here, "
            f"{piece.take - count} records too early. {_prepare_again(piece)}"
        )


def _prepare_again(piece: Piece) -> str:
    folder = piece.path.rpartition("/")[0]
    return f"Delete the folder {folder}, then run again to prepare it afresh."


def _where(shard: Shard, record: int) -> str:
    return f"Data set {shard.dataset}, split {shard.split}, record {record}"
