"""What a prepared TFDS data set holds, as later steps must know it."""

from __future__ import annotations

import hashlib
import itertools
import json
import math

import numpy as np
import tensorflow_datasets as tfds

from tfx_distill.components.tfds_example_gen import tfds_records
from tfx_distill.components.tfds_example_gen.tfds_records import (
    Piece,
    RecordFormat,
    Shard,
)
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.errors import DataError

# One shard is one piece of work for Beam and one file of the output: large
# enough that its fixed costs vanish, small enough that workers share the rest.
_MAX_SHARD_RECORDS = 10_000
_MAX_SHARD_BYTES = 64 * 2**20


def full_name(builder: tfds.core.DatasetBuilder) -> str:
    """The data set's name, with its configuration if it has one."""
    config = builder.builder_config
    return f"{builder.name}/{config.name}" if config is not None else builder.name


def record_format(builder: tfds.core.DatasetBuilder) -> RecordFormat:
    """Finds image and label among the data set's features, whatever their names.

    Raises:
        DataError: If it has no image of 8-bit channels with one class as label.
    """
    name, info = full_name(builder), builder.info
    keys, features = info.supervised_keys, info.features
    if (
        not isinstance(features, tfds.features.FeaturesDict)
        or not isinstance(keys, tuple)
        or len(keys) != 2
        or not all(isinstance(key, str) and key in features for key in keys)
        or not isinstance(features[keys[0]], tfds.features.Image)
        or not isinstance(features[keys[1]], tfds.features.ClassLabel)
        or not features[keys[1]].num_classes
    ):
        raise DataError(
            f"Data set {name} is not one of images with a class each: its supervised "
            f"keys are {keys}, its features {_types(features)}. Choose a data.dataset "
            "whose supervised keys are an Image and a ClassLabel."
        )
    image, label = features[keys[0]], features[keys[1]]
    shape, dtype = tuple(image.shape), np.dtype(image.np_dtype).name
    if dtype != "uint8" or len(shape) != 3 or shape[2] not in (1, 3):
        raise DataError(
            f"Data set {name} has images of type {dtype} and shape {shape}, expected "
            "uint8 and (height, width, 1 or 3 channels). Choose another data.dataset."
        )
    if info.file_format != tfds.core.FileFormat.TFRECORD:
        raise DataError(
            f"Data set {name} in {builder.data_dir} is in {info.file_format.value} "
            "files, expected tfrecord. Set data.data_dir to another folder, where it "
            "will be prepared anew."
        )
    return RecordFormat(*keys, shape=shape, num_classes=label.num_classes)


def _types(features) -> str:
    if not isinstance(features, tfds.features.FeaturesDict):
        return type(features).__name__
    return ", ".join(
        f"{key} ({type(f).__name__})" for key, f in sorted(features.items())
    )


def shards(builder: tfds.core.DatasetBuilder, data: DataConfig) -> list[Shard]:
    """Cuts the splits into shards, the same ones for the same data."""
    size_bytes = sum(split.num_bytes for split in builder.info.splits.values())
    num_records = sum(split.num_examples for split in builder.info.splits.values())
    fitting = int(_MAX_SHARD_BYTES / max(1, size_bytes / num_records))
    max_records = max(1, min(_MAX_SHARD_RECORDS, fitting))
    declared = record_format(builder)
    by_split = _pieces_by_split(builder, data)
    all_records = sum(piece.take for pieces in by_split.values() for piece in pieces)
    result: list[Shard] = []
    first = 0
    for name, pieces in by_split.items():
        total = sum(piece.take for piece in pieces)
        number = math.ceil(total / max_records)
        bounds = [total * index // number for index in range(number + 1)]
        for index, (start, end) in enumerate(itertools.pairwise(bounds)):
            result.append(
                Shard(
                    dataset=full_name(builder),
                    split=name,
                    index=index,
                    num_chunks=number,
                    first_record=start,
                    first=first + start,
                    total=all_records,
                    record_format=declared,
                    pieces=tuple(_cut(pieces, start, end)),
                )
            )
        first += total
    return result


def _cut(pieces: list[Piece], start: int, end: int):
    """Yields what holds the records from `start` up to `end`, not included."""
    position = 0
    for piece in pieces:
        first = max(start, position)
        last = min(end, position + piece.take)
        if first < last:
            yield Piece(piece.path, piece.skip + first - position, last - first)
        position += piece.take


def _pieces_by_split(
    builder: tfds.core.DatasetBuilder, data: DataConfig
) -> dict[str, list[Piece]]:
    """Where the records of each of our splits lie, in order."""
    available = ", ".join(
        f"{name} ({split.num_examples} records)"
        for name, split in builder.info.splits.items()
    )
    result = {}
    for name, expression in data.splits:
        where = f"data.splits.{name}: {expression!r}"
        has = f"Data set {full_name(builder)} has {available}; write as train[:90%]."
        try:
            instructions = builder.info.splits[expression].file_instructions
        except (ValueError, KeyError, AssertionError):
            raise DataError(
                f"{where} is no TFDS split expression, or reaches beyond the split. {has}"
            ) from None
        pieces = [
            Piece(str(i.filename), i.skip, i.take) for i in instructions if i.take
        ]
        if not pieces:
            raise DataError(f"{where} selects no record. {has}")
        result[name] = pieces
    return result


def num_test_examples(builder: tfds.core.DatasetBuilder, data: DataConfig) -> int:
    """Number of images in our split `test`, before anything has read them.

    Raises:
        DataError: If one of the splits cannot be cut.
    """
    _pieces_by_split(builder, data)
    return builder.info.splits[data.splits.test].num_examples


def fingerprint(builder: tfds.core.DatasetBuilder) -> str:
    """Hashes what the data set holds: equal data, equal text, on any machine.

    Raises:
        DataError: If it is not one of images with a class each.
    """
    label = builder.info.features[record_format(builder).label_key]
    described = [full_name(builder), str(builder.version), label.names]
    digest = hashlib.sha256(json.dumps(described).encode())
    for name, split in sorted(builder.info.splits.items()):
        digest.update(f"\n{name} {split.shard_lengths}\n".encode())
        for path in split.filepaths:
            tfds_records.update_digest(digest, str(path))
    return digest.hexdigest()
