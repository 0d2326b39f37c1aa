"""What is wrong with the records of a split: errors that name the record."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfx_distill.trainer.data import example_records
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError


def locate(
    files: Sequence[str], split: str, spec: DataSpec, error: Exception
) -> DataError:
    """Reads a split's files record by record to find the one that is broken."""
    where = f"Data set {spec.dataset}, split {spec.split_name(split)}"
    advice = "Repair or remove it in the data set, then run again."
    record = -1
    try:
        for record, serialized in enumerate(example_records.read_records(files)):
            encoded, _ = example_records.parse_record(serialized, split, spec)
            try:
                image = tf.io.decode_image(encoded, expand_animations=False)
            except tf.errors.InvalidArgumentError:
                return DataError(
                    f"{where}, record {record}: the image does not decode. Expected a "
                    f"PNG or JPEG file. {advice}"
                )
            if spec.fit is None and tuple(image.shape) != tuple(spec.image_shape):
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
            f"{where}, record {record}: no features {spec.image_feature} and "
            f"{spec.label_feature}. {advice}"
        )
    return DataError(f"{where} cannot be read: {error}")


def bad_label(split: str, record: int, label: int, spec: DataSpec) -> DataError:
    """An error for a record whose label is no class."""
    received, expected = f"label {label}", f"0 to {spec.num_classes - 1}"
    if spec.string_labels:
        received, expected = "unknown label", f"one of {', '.join(spec.class_names)}"
    return DataError(
        f"Data set {spec.dataset}, split {spec.split_name(split)}, record {record}: "
        f"{received}, expected {expected}. Correct it in the data set, then run again."
    )


def wrong_number(split: str, found: int, expected: int, spec: DataSpec) -> DataError:
    """An error for a split with more or fewer records than its specification says."""
    return DataError(
        f"Split {spec.split_name(split)} holds {found} records or more, expected "
        f"{expected} (data_spec.json). Run ExampleGen again with caching off."
    )
