"""Reading the record files of a prepared TFDS data set, in any of TFDS's file formats.

Knows the files and not their builder, so that a Beam worker needs no more than a `Piece`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf import message

# Records that a file hands over at once: one by one costs 60 us each.
_BATCH_SIZE = 512
_TFRECORD, _ARRAY_RECORD = "tfrecord", "array_record"
# The libraries of the other formats raise what they like.
_FILE_ERRORS = (
    tf.errors.OpError,
    OSError,
    IndexError,
    RuntimeError,
    ValueError,
)


class DamagedFile(Exception):
    """A file that cannot be read further.

    Attributes:
        count: Number of records that came before.
        reason: What is wrong, without a full stop.
    """

    def __init__(self, count: int, reason: str) -> None:
        super().__init__(reason)
        self.count, self.reason = count, reason


@dataclasses.dataclass(frozen=True)
class Piece:
    """Consecutive records of one file: `take` of them, after the first `skip`.

    Attributes:
        path: The file.
        skip: Number of records before it.
        take: Number of records.
        file_format: TFDS's name of the file's format.
    """

    path: str
    skip: int
    take: int
    file_format: str = _TFRECORD

    def records(self) -> Iterator[bytes]:
        """Yields the serialized records in order.

        Raises:
            DamagedFile: If the file is damaged, or ends before the last of them.
        """
        count = 0
        for batch_size in (_BATCH_SIZE, 1):
            # The batch with the broken record is lost whole: then go one by one.
            try:
                for batch in self._batches(count, batch_size):
                    yield from batch
                    count += len(batch)
                break
            except _FILE_ERRORS as error:
                if batch_size == 1:
                    text = " ".join(str(getattr(error, "message", error)).split())
                    reason = f"is truncated or corrupt ({text})"
                    raise DamagedFile(count, reason) from None
        if count != self.take:
            missing = self.take - count
            raise DamagedFile(count, f"ends here, {missing} records too early")

    def _batches(self, done: int, size: int) -> Iterator[list[bytes]]:
        skip, take = self.skip + done, self.take - done
        if self.file_format == _ARRAY_RECORD:
            yield from _array_record_batches(self.path, skip, take, size)
            return
        records = _dataset(self.path, self.file_format).skip(skip).take(take)
        for batch in records.batch(size).as_numpy_iterator():
            yield list(batch)


def _array_record_batches(
    path: str, skip: int, take: int, size: int
) -> Iterator[list[bytes]]:
    from array_record.python import array_record_data_source

    with array_record_data_source.ArrayRecordDataSource([path]) as source:
        end = min(skip + take, len(source))
        for start in range(skip, end, size):
            yield source.__getitems__(range(start, min(start + size, end)))


def _dataset(path: str, file_format: str) -> tf.data.Dataset:
    if file_format == _TFRECORD:
        return tf.data.TFRecordDataset(path)
    from tensorflow_datasets.core import file_adapters

    known = file_adapters.FileFormat(file_format)
    return file_adapters.ADAPTER_FOR_FORMAT[known].make_tf_data(path)


def update_digest(digest, piece: Piece) -> None:
    """Adds what records hold to a hash.

    Args:
        digest: A hash object of `hashlib`.
        piece: Records, each a `tf.train.Example`. Of a damaged file, the bytes count.
    """
    try:
        for serialized in piece.records():
            # TFDS writes features in an order that changes from record to record and
            # from one preparation of the same data to the next.
            example = tf.train.Example.FromString(serialized)
            digest.update(example.SerializeToString(deterministic=True))
    except (DamagedFile, message.DecodeError):
        with tf.io.gfile.GFile(piece.path, "rb") as file:
            digest.update(file.read())


def cut(pieces: list[Piece], start: int, end: int) -> Iterator[Piece]:
    """Yields what holds the records from `start` up to `end`, not included."""
    ends = itertools.accumulate(piece.take for piece in pieces)
    for piece, after in zip(pieces, ends, strict=True):
        position = after - piece.take
        first, last = max(start, position), min(end, after)
        if first < last:
            skip = piece.skip + first - position
            yield dataclasses.replace(piece, skip=skip, take=last - first)
