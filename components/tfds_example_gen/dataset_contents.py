"""What a prepared TFDS data set holds, as later steps must know it."""

from __future__ import annotations

import hashlib
import itertools
import json
import math

import tensorflow_datasets as tfds

from tfx_distill.components.tfds_example_gen import dataset_source, record_files
from tfx_distill.components.tfds_example_gen import record_format as format_finder
from tfx_distill.components.tfds_example_gen.record_files import Piece
from tfx_distill.components.tfds_example_gen.record_format import RecordFormat
from tfx_distill.components.tfds_example_gen.tfds_records import Shard
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data.raw_images import UNLABELLED
from tfx_distill.trainer.errors import DataError

# One shard is one piece of work for Beam and one file of the output: large
# enough that its fixed costs vanish, small enough that workers share the rest.
_MAX_SHARD_RECORDS = 10_000
_MAX_SHARD_BYTES = 64 * 2**20


def record_format(builder: tfds.core.DatasetBuilder, data: DataConfig) -> RecordFormat:
    """What the data set's records look like; see `record_format.find`."""

    def pieces() -> list[Piece]:
        by_split = _pieces_by_split(builder, data)
        by_split.pop(UNLABELLED, None)  # no label of it is read, not even for classes
        return [piece for pieces in by_split.values() for piece in pieces]

    return format_finder.find(builder, data, pieces)


def shards(
    builder: tfds.core.DatasetBuilder, data: DataConfig, declared: RecordFormat
) -> list[Shard]:
    """Cuts the splits into shards, the same ones for the same data.

    Args:
        builder: Of a prepared data set.
        data: Says the splits.
        declared: What `record_format` returned.
    """
    size_bytes = sum(split.num_bytes for split in builder.info.splits.values())
    num_records = sum(split.num_examples for split in builder.info.splits.values())
    fitting = int(_MAX_SHARD_BYTES / max(1, size_bytes / num_records))
    max_records = max(1, min(_MAX_SHARD_RECORDS, fitting))
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
                    dataset=dataset_source.full_name(builder),
                    split=name,
                    index=index,
                    num_chunks=number,
                    first_record=start,
                    first=first + start,
                    total=all_records,
                    record_format=declared,
                    pieces=tuple(record_files.cut(pieces, start, end)),
                )
            )
        first += total
    return result


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
        if expression is None:
            continue
        where = f"data.splits.{name}: {expression!r}"
        known = f"Data set {dataset_source.full_name(builder)} has {available}"
        has = f"{known}; write as train[:90%]."
        try:
            instructions = builder.info.splits[expression].file_instructions
        except (ValueError, KeyError, AssertionError):
            raise DataError(
                f"{where} is no TFDS split expression, or reaches beyond the split. {has}"
            ) from None
        file_format = builder.info.file_format.value
        pieces = [
            Piece(str(i.filename), i.skip, i.take, file_format)
            for i in instructions
            if i.take
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


def fingerprint(builder: tfds.core.DatasetBuilder, class_names: tuple[str, ...]) -> str:
    """Hashes what the data set holds: equal data, equal text, on any machine."""
    described = [dataset_source.full_name(builder), str(builder.version), class_names]
    digest = hashlib.sha256(json.dumps(described).encode())
    file_format = builder.info.file_format.value
    for name, split in sorted(builder.info.splits.items()):
        digest.update(f"\n{name} {split.shard_lengths}\n".encode())
        for path, length in zip(split.filepaths, split.shard_lengths, strict=True):
            piece = Piece(str(path), 0, length, file_format)
            record_files.update_digest(digest, piece)
    return digest.hexdigest()
