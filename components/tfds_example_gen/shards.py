"""What Beam's workers do: read a shard, write a file.

Imports no TFX: a worker process that starts up loads this module.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import tensorflow as tf

from tfx_distill.components.tfds_example_gen import tfds_records
from tfx_distill.trainer.errors import DataError

_ERROR_SUFFIX = ".error"


@dataclasses.dataclass(frozen=True)
class Examples:
    """A shard with its records, or with what is wrong with one of them."""

    shard: tfds_records.Shard
    records: tuple[bytes, ...] = ()
    error: str = ""


class ReadShard(beam.DoFn):
    """Turns a `Shard` into `Examples`."""

    def process(self, shard: tfds_records.Shard) -> Iterator[Examples]:
        try:
            yield Examples(shard, tuple(tfds_records.read(shard)))
        except DataError as error:
            # Beam would bring it back inside a traceback inside a RuntimeError.
            yield Examples(shard, error=str(error))


class WriteShard(beam.DoFn):
    """Writes `Examples` as a file, or their error as a note in its place."""

    def __init__(self, examples_uri: str) -> None:
        self._examples_uri = examples_uri

    def process(self, examples: Examples) -> None:
        path = file_path(self._examples_uri, examples.shard)
        if examples.error:
            with tf.io.gfile.GFile(path + _ERROR_SUFFIX, "w") as file:
                file.write(examples.error)
            return
        # Runners may do one piece of work twice, and at the same time.
        temporary = f"{path}.{os.getpid()}-{id(self):x}.tmp"
        with tf.io.TFRecordWriter(temporary, "GZIP") as writer:
            for record in examples.records:
                writer.write(record)
        tf.io.gfile.rename(temporary, path, overwrite=True)


def file_path(examples_uri: str, shard: tfds_records.Shard) -> str:
    """The shard's file, named as TFX's own ExampleGens name theirs."""
    name = f"data_tfrecord-{shard.index:05d}-of-{shard.num_shards:05d}.gz"
    return os.path.join(examples_uri, f"Split-{shard.split}", name)


def raise_first_error(examples_uri: str, shards: Iterable[tfds_records.Shard]) -> None:
    """Raises the `DataError` of the first of `shards` that has one.

    The same one each time, whatever the order in which Beam did them.
    """
    for shard in shards:
        path = file_path(examples_uri, shard) + _ERROR_SUFFIX
        if tf.io.gfile.exists(path):
            with tf.io.gfile.GFile(path) as file:
                raise DataError(file.read())
