"""The records of a prepared TFDS data set as images that are not opened yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from google.protobuf import message

from tfx_distill.components.tfds_example_gen import record_format
from tfx_distill.components.tfds_example_gen.record_files import DamagedFile, Piece
from tfx_distill.components.tfds_example_gen.record_format import RecordFormat
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.data.raw_images import NO_LABEL, UNLABELLED, RawImage
from tfx_distill.trainer.errors import DataError


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
            try:
                for serialized in piece.records():
                    yield TfdsRecord(serialized, record, self)
                    record += 1
            except DamagedFile as error:
                raise _damaged(self, record, piece, error) from None


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
        images = example.features.feature[format_.image_key].bytes_list.value
        if len(images) != 1:
            raise UnreadableImage(
                f"feature {format_.image_key} has {len(images)} values, not one"
            )
        split = self.shard.split
        if split == UNLABELLED:
            return RawImage(images[0], NO_LABEL, split)
        label = format_.index(record_format.label_of(example, format_.label_key))
        return RawImage(images[0], label, split)


class Records(Sequence[TfdsRecord]):
    """The records of a split, each read when it is asked for."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards

    def __len__(self) -> int:
        return sum(shard.size for shard in self._shards)

    def __iter__(self) -> Iterator[TfdsRecord]:
        for shard in self._shards:  # one by one would open a file for each record
            yield from shard.items()

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
        only = dataclasses.replace(piece, skip=piece.skip + offset, take=1)
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


def _damaged(shard: Shard, record: int, piece: Piece, error: DamagedFile) -> DataError:
    folder = piece.path.rpartition("/")[0]
    return DataError(
        f"Data set {shard.dataset}, split {shard.split}, record {record}: the file "
        f"{piece.path} {error.reason}. Delete the folder {folder}, then run again to "
        "prepare it afresh."
    )
