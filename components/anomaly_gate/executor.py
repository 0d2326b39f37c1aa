"""Reads ExampleValidator's findings, and fails if there are any."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from google.protobuf import message
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs

from tfx_distill.trainer.errors import DataError

ANOMALIES_KEY = standard_component_specs.ANOMALIES_KEY

# As TFX's ExampleValidator names it, whose module loads TensorFlow.
_FILE_NAME = "SchemaDiff.pb"
_MAX_LISTED = 5
_ADVICE = (
    "Nothing was trained. Repair the data, or correct the schema if the data are right."
)


class Executor(base_executor.BaseExecutor):
    """Raises a `DataError` for any anomaly. Input `anomalies`; no output."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(input_dict[ANOMALIES_KEY])
        splits = artifact_utils.decode_split_names(artifact.split_names)
        if not splits:
            raise DataError(f"Anomalies in {artifact.uri} name no split. Validate one.")
        found = [
            f"split {split}, {text}"
            for split in splits
            for text in _descriptions(_read(artifact, split))
        ]
        if found:
            raise _error(found)


def _error(found: list[str]) -> DataError:
    more = f" And {len(found) - _MAX_LISTED} more." * (len(found) > _MAX_LISTED)
    return DataError(
        f"The examples do not match their schema: "
        f"{'; '.join(found[:_MAX_LISTED])}.{more} {_ADVICE}"
    )


def _read(artifact: types.Artifact, split: str) -> anomalies_pb2.Anomalies:
    folder = artifact_utils.get_split_uri([artifact], split)
    path = os.path.join(folder, _FILE_NAME)
    with contextlib.suppress(message.DecodeError):
        # TensorFlow's file system raises an error of its own for a file that is not there.
        if fileio.exists(path):
            with fileio.open(path, "rb") as file:
                return anomalies_pb2.Anomalies.FromString(file.read())
    raise DataError(
        f"Split {split} has no readable anomalies file at {path}. "
        "Run ExampleValidator again."
    )


def _descriptions(anomalies: anomalies_pb2.Anomalies) -> Iterator[str]:
    """Yields "feature label: short description (long description)" for each."""
    if anomalies.data_missing:
        yield "no data: the split is empty"
    if anomalies.HasField("dataset_anomaly_info"):
        yield f"the whole data set: {_text(anomalies.dataset_anomaly_info)}"
    for feature, info in sorted(anomalies.anomaly_info.items()):
        yield f"feature {feature}: {_text(info)}"


def _text(info: anomalies_pb2.AnomalyInfo) -> str:
    return f"{info.short_description} ({info.description.strip().rstrip('.')})"
