"""A TFDS data set as a source of images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from tfx_distill.components.tfds_example_gen import (
    dataset_contents,
    dataset_source,
    tfds_records,
)
from tfx_distill.components.tfds_example_gen.tfds_records import Shard, TfdsRecord
from tfx_distill.trainer.config.data_config import DataConfig


class TfdsSource:
    """See `raw_images.Source`; its order is the data set's."""

    cut: tuple[tuple[str, float], ...] = ()
    ignored: Mapping[str, int] = {}

    def __init__(self, data: DataConfig) -> None:
        """Prepares the data set.

        Raises:
            DataError: If that fails, it does not fit, or a split is empty or unknown.
        """
        self._builder = dataset_source.prepare(data)
        self._data = data
        self.dataset = dataset_source.full_name(self._builder)
        self.version = str(self._builder.version)
        # Once: where labels are text, it reads all records.
        self._format = dataset_contents.record_format(self._builder, data)
        self.declared_shape = self._format.shape
        self.class_names = self._format.class_names
        self.num_test = dataset_contents.num_test_examples(self._builder, data)

    def chunks(self, image_shape: tuple[int, int, int]) -> list[Shard]:
        del image_shape  # the files that there are say how large records are
        return self._shards()

    def items(self, split: str) -> tfds_records.Records:
        return tfds_records.Records([s for s in self._shards() if s.split == split])

    def sample(self, count: int) -> Iterator[TfdsRecord]:
        shards = self._shards()
        each = math.ceil(count / len(shards))
        for shard in shards:
            yield from tfds_records.beginning(shard, each).items()

    def fingerprint(self) -> str:
        return dataset_contents.fingerprint(self._builder, self.class_names)

    def _shards(self) -> list[Shard]:
        return dataset_contents.shards(self._builder, self._data, self._format)
