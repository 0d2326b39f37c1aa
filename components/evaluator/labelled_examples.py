"""Examples with string labels, rewritten for TFMA, whose metrics take class indices."""

from __future__ import annotations

import os

import tensorflow as tf
from tfx import types

from tfx_distill.components import execution_inputs
from tfx_distill.trainer import file_system
from tfx_distill.trainer.data import example_reader, example_records
from tfx_distill.trainer.data.data_spec import DataSpec

LABEL_FEATURE = "tfx_distill_class_index"


def write(
    examples: types.Artifact, spec: DataSpec, split: str, folder: str
) -> types.Artifact:
    """Copies a split, each record with its class index as a further feature.

    Args:
        examples: The Examples artifact.
        spec: Its specification, with string labels.
        split: `train`, `eval` or `test`.
        folder: Gets the copy.

    Returns:
        The artifact of the copy, which has this split alone.
    """
    split_dir = os.path.join(folder, f"Split-{spec.split_name(split)}")
    file_system.make_folder(split_dir)
    path = os.path.join(split_dir, "data_tfrecord-00000-of-00001.gz")
    files = example_reader.split_files(examples.uri, split, spec)
    records = example_records.read_records(files)
    to_index = example_records.class_indices(spec)
    labels = records.map(lambda record: example_records.parse_example(record, spec)[1])
    indices = labels.map(to_index)
    # Protocol buffers are merged by joining them, without parsing either.
    added = [_serialized(index) for index in range(spec.num_classes)]
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        both = tf.data.Dataset.zip((records, indices))
        for record, index in both.as_numpy_iterator():
            writer.write(record + added[index])
    return execution_inputs.at(examples, folder)


def _serialized(index: int) -> bytes:
    example = tf.train.Example()
    example.features.feature[LABEL_FEATURE].int64_list.value.append(index)
    return example.SerializeToString()
