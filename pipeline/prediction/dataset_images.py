"""Single examples of a prepared data set, without reading a whole split."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfx_distill.components.tfds_example_gen import (
    dataset_contents,
    dataset_source,
    tfds_records,
)
from tfx_distill.components.tfds_example_gen.tfds_records import Piece, Shard
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data.data_spec import LABEL_FEATURE, DataSpec
from tfx_distill.trainer.data.example_reader import decode_examples
from tfx_distill.trainer.errors import DataError


@dataclasses.dataclass(frozen=True)
class Split:
    """The records of one split.

    Attributes:
        spec: The data set as a run would see it, without its fingerprint.
        name: `train`, `eval` or `test`.
        shards: Its records, in order.
    """

    spec: DataSpec
    name: str
    shards: tuple[Shard, ...]

    @property
    def title(self) -> str:
        return f"{self.spec.dataset} {self.spec.version}, split {self.name}"

    def __len__(self) -> int:
        return self.spec.num_examples[self.name]

    def read(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Reads and decodes only the examples at some indices.

        Args:
            indices: Of examples in the split, from 0, in any order.

        Returns:
            Images, uint8 `(len(indices), height, width, channels)` in 0–255, and
            labels, int64 `(len(indices),)`.

        Raises:
            DataError: If there is no such index, or its record is damaged.
        """
        for index in indices:
            if not 0 <= index < len(self):
                raise DataError(
                    f"--index {index}: split {self.name} of {self.spec.dataset} has "
                    f"{len(self)} images. Give numbers from 0 to {len(self) - 1}."
                )
        serialized = [
            next(tfds_records.read(self._shard_of(index))) for index in indices
        ]
        images = decode_examples(tf.constant(serialized, tf.string), self.spec).numpy()
        return images, np.array([_label(record) for record in serialized], np.int64)

    def _shard_of(self, index: int) -> Shard:
        """A shard of one record, which keeps its index for error messages."""
        shard = max(
            (shard for shard in self.shards if shard.first_record <= index),
            key=lambda shard: shard.first_record,
        )
        offset = index - shard.first_record
        for piece in shard.pieces:
            if offset < piece.take:
                break
            offset -= piece.take
        only = Piece(piece.path, piece.skip + offset, 1)
        return dataclasses.replace(shard, first_record=index, pieces=(only,))


def _label(serialized: bytes) -> int:
    features = tf.train.Example.FromString(serialized).features.feature
    return features[LABEL_FEATURE].int64_list.value[0]


def open_split(data: DataConfig, split: str) -> Split:
    """Opens a split of the data set, and prepares the data set if necessary.

    Args:
        data: Names data set, splits and image shape.
        split: `train`, `eval` or `test`, divided as in a run.

    Raises:
        DataError: If the data set is unavailable or has no such split.
    """
    names = list(data.splits.model_dump())
    if split not in names:
        raise DataError(f"--split {split}: give one of {', '.join(names)}.")
    builder = dataset_source.prepare(data)
    # A fingerprint requires reading all files, and is not shown here.
    spec = dataset_contents.data_spec(builder, data, data_fingerprint="not computed")
    shards = [s for s in dataset_contents.shards(builder, data) if s.split == split]
    return Split(spec, split, tuple(shards))
