"""Writes the splits of a TFDS data set as TFX Examples, on Beam."""

from __future__ import annotations

import json
from collections.abc import Sequence

import apache_beam as beam
import tensorflow as tf
from tfx import types
from tfx.components.example_gen import base_example_gen_executor, write_split
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs

from tfx_distill.components import property_names
from tfx_distill.components.tfds_example_gen import (
    dataset_contents,
    dataset_source,
    shards,
    tfds_records,
)
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data.data_spec import DataSpec

DATA_KEY = "data"
EXAMPLES_KEY = standard_component_specs.EXAMPLES_KEY


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """Writes the examples. Output `examples`; property `data`, a DataConfig.

    Files lie and are named as those of TFX's own ExampleGens. Those shuffle
    their records in passing; this one keeps the order, so that the same data
    set gives the same files, and hands Beam whole shards, not single records.
    """

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:
        """Turns `Shard`s into `Examples`: a shard with its checked records."""
        return beam.ParDo(shards.ReadShard())

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        data = DataConfig.from_json(exec_properties[DATA_KEY])
        builder = dataset_source.prepare(data)
        spec = dataset_contents.data_spec(
            builder, data, exec_properties.get(property_names.DATA_FINGERPRINT, "")
        )
        work = dataset_contents.shards(builder, data)
        artifact = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        splits = list(spec.num_examples)
        artifact.split_names = artifact_utils.encode_split_names(splits)
        self._write(work, artifact)
        spec.save(artifact.uri)
        _describe(artifact, spec)

    def _write(
        self, work: Sequence[tfds_records.Shard], artifact: types.Artifact
    ) -> None:
        for split in artifact_utils.decode_split_names(artifact.split_names):
            tf.io.gfile.makedirs(artifact_utils.get_split_uri([artifact], split))
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(work)
                | "ToWorkers" >> beam.Reshuffle()
                | "Read" >> self.GetInputSourceToExamplePTransform()
                | "Write" >> beam.ParDo(shards.WriteShard(artifact.uri))
            )
        shards.raise_first_error(artifact.uri, work)


def _describe(artifact: types.Artifact, spec: DataSpec) -> None:
    """Puts into ML Metadata what people ask of examples."""
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    gzip = write_split.to_file_format_str(example_gen_pb2.FORMAT_TFRECORDS_GZIP)
    examples_utils.set_file_format(artifact, gzip)
    properties = {
        property_names.DATASET: spec.dataset,
        property_names.DATASET_VERSION: spec.version,
        "image_shape": "x".join(map(str, spec.image_shape)),
        "class_names": json.dumps(spec.class_names),
        property_names.NUM_EXAMPLES: json.dumps(spec.num_examples),
        property_names.DATA_FINGERPRINT: spec.fingerprint,
    }
    for key, value in properties.items():
        artifact.set_string_custom_property(key, value)
