"""Reading the records of a prepared TFDS data set.

Knows the files and not TFDS, so that a Beam worker needs no more than a `Shard`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from google.protobuf import message

from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.data.raw_images import RawImage
from tfx_distill.trainer.errors import DataError

# Records that TensorFlow hands over at once: one by one costs 60 us each.
_BATCH_SIZE = 512
_FILE_ERRORS = (tf.errors.DataLossError, tf.errors.NotFoundError)


@dataclasses.dataclass(frozen=True)
class RecordFormat:
    """What the records of a data set look like.

    Attributes:
        image_key: Feature that holds the encoded image.
        label_key: Feature that holds the label.
        shape: (height, width, channels) in pixels; None: they vary.
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
    """The records that go into one file of the output; see `raw_images.Chunk`.

    Attributes:
        dataset: TFDS name.
        split: Name of our split.
        index: Number of this shard in its split, from 0.
        num_chunks: Number of shards in the split.
        first_record: Position of its first record in the split.
        first: Position of its first record among those of all splits.
        total: Number of records of all splits.
        record_format: What its records look like.
        pieces: Where the records are, in order.
    """

    dataset: str
    split: str
    index: int
    num_chunks: int
    first_record: int
    first: int
    total: int
    record_format: RecordFormat
    pieces: tuple[Piece, ...]

    @property
    def key(self) -> str:
        return f"{self.split}-{self.index:05d}"

    @property
    def size(self) -> int:
        return sum(piece.take for piece in self.pieces)

    def items(self) -> Iterator[TfdsRecord]:
        """Its records in order.

        Raises:
            DataError: Names data set, split and record where a file is damaged.
        """
        record = self.first_record
        for piece in self.pieces:
            for serialized in _serialized(piece, self, record):
                yield TfdsRecord(serialized, record, self)
                record += 1


class TfdsRecord(NamedTuple):
    """One record; see `raw_images.Item`."""

    serialized: bytes
    record: int  # its position in our split
    shard: Shard

    @property
    def name(self) -> str:
        return f"{self.shard.split}[{self.record}]"

    @property
    def size_bytes(self) -> int:
        return len(self.serialized)

    def open(self) -> RawImage:
        format_ = self.shard.record_format
        try:
            example = tf.train.Example.FromString(self.serialized)
        except message.DecodeError:
            raise UnreadableImage("it is not a tf.train.Example") from None
        features = example.features.feature
        images = features[format_.image_key].bytes_list.value
        labels = features[format_.label_key].int64_list.value
        for key, values in ((format_.image_key, images), (format_.label_key, labels)):
            if len(values) != 1:
                raise UnreadableImage(
                    f"feature {key} has {len(values)} values, not one"
                )
        if not 0 <= labels[0] < format_.num_classes:
            raise UnreadableImage(
                f"label {labels[0]} is outside 0 to {format_.num_classes - 1}"
            )
        return RawImage(images[0], labels[0], self.shard.split)


class Records(Sequence[TfdsRecord]):
    """The records of a split, each read when it is asked for."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards

    def __len__(self) -> int:
        return sum(shard.size for shard in self._shards)

    def __getitem__(self, index: Any) -> Any:
        shard = max(
            (shard for shard in self._shards if shard.first_record <= index),
            key=lambda shard: shard.first_record,
        )
        offset = index - shard.first_record
        for piece in shard.pieces:
            if offset < piece.take:
                break
            offset -= piece.take
        only = Piece(piece.path, piece.skip + offset, 1)
        one = dataclasses.replace(shard, first_record=index, pieces=(only,))
        return next(one.items())


def beginning(shard: Shard, count: int) -> Shard:
    """The shard's first records alone."""
    pieces = []
    for piece in shard.pieces:
        taken = min(count, piece.take)
        pieces.append(dataclasses.replace(piece, take=taken))
        count -= taken
    return dataclasses.replace(shard, pieces=tuple(p for p in pieces if p.take))


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
                # TFDS writes features in an order that changes from record to record
                # and from one preparation of the same data to the next.
                example = tf.train.Example.FromString(serialized)
                digest.update(example.SerializeToString(deterministic=True))
    except (*_FILE_ERRORS, message.DecodeError):
        with tf.io.gfile.GFile(path, "rb") as file:
            digest.update(file.read())


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
