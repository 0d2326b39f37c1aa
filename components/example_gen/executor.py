"""Writes the images of any source as TFX Examples, on Beam, and says what they are."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence

import apache_beam as beam
from tfx import types
from tfx.components.example_gen import write_split
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs

from tfx_distill.components import property_names
from tfx_distill.components.example_gen import chunk_work, sources
from tfx_distill.trainer import timeline
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import (
    data_findings,
    data_report,
    image_keys,
    label_choice,
    shape_choice,
)
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.raw_images import SPLITS, Chunk, Source

logger = logging.getLogger(__name__)

DATA_KEY = "data"
EXAMPLES_KEY = standard_component_specs.EXAMPLES_KEY


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the examples. Output `examples`; property `data`, a DataConfig.

    Files lie and are named as those of TFX's own ExampleGens. Those shuffle their
    records in passing; this one keeps the source's order, so that equal data give equal
    files, and hands Beam whole chunks, not single records.
    """

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        data = DataConfig.from_json(exec_properties[DATA_KEY])
        artifact = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        source = sources.open_source(data)
        report = self._write(source, data, artifact)
        report.save(artifact.uri)
        data_findings.require_usable(report, data)
        for notice in data_findings.notices(report, data):
            logger.warning("%s", notice)
        known = exec_properties.get(property_names.DATA_FINGERPRINT)
        spec = _spec(source, report, data, known or source.fingerprint())
        spec.save(artifact.uri)
        _describe(artifact, spec, report)

    def _write(
        self, source: Source, data: DataConfig, artifact: types.Artifact
    ) -> DataReport:
        image_shape, shape_chosen = shape_choice.choose(source, data)
        chunks = source.chunks(image_shape)
        chunk_work.make_folders(artifact.uri, SPLITS)
        self._run(chunks, artifact.uri, label_choice.form(source, data, image_shape))
        facts = chunk_work.take_facts(artifact.uri, chunks)
        keys = image_keys.table(facts, source.class_names)
        image_keys.save(keys, os.path.join(artifact.uri, image_keys.FILE_NAME))
        return data_report.make(
            facts, source, data, image_shape, shape_chosen=shape_chosen
        )

    @timeline.part("reading")
    def _run(self, chunks: Sequence[Chunk], uri: str, form: Form) -> None:
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Chunks" >> beam.Create(chunks)
                | "ToWorkers" >> beam.Reshuffle()
                | "Write" >> beam.ParDo(chunk_work.WriteChunk(uri, form))
            )


def _spec(
    source: Source, report: DataReport, data: DataConfig, fingerprint: str
) -> DataSpec:
    return DataSpec(
        dataset=source.dataset,
        version=source.version,
        image_shape=report.image_shape,  # type: ignore[arg-type]
        class_names=source.class_names,
        num_examples=report.num_examples,
        fit=None if data.strict else data.fit,
        fingerprint=fingerprint,
    )


def _describe(artifact: types.Artifact, spec: DataSpec, report: DataReport) -> None:
    """Puts into ML Metadata what people ask of examples."""
    artifact.split_names = artifact_utils.encode_split_names(list(spec.num_examples))
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
        "conversions": json.dumps(report.conversions),
        "skipped": str(len(report.bad)),
        "overlaps": json.dumps({k: e.number for k, e in report.overlaps.items()}),
    }
    for key, value in properties.items():
        artifact.set_string_custom_property(key, value)
