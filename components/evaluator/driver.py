"""Finds the model that serves now, and earlier attempts, before TFX asks its cache.

The result becomes execution properties. A student that is evaluated again, because
nothing else changed, is compared with the same model as before and comes from the cache:
its own push does not count.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.components import cache_driver, property_names
from tfx_distill.components.evaluator import attempts
from tfx_distill.components.pusher import pushed_models
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.gate_config import CORRECTED, GateConfig
from tfx_distill.trainer.export import saved_model_files

logger = logging.getLogger(__name__)

LATEST = "latest"
BLESSING = "ModelBlessing"


class Driver(cache_driver.CacheDriver):
    """Resolves `served_model: latest` from ML Metadata.

    Kubeflow runs no drivers: there the model is given by its uri.
    """

    def run(
        self, execution_info: data_types.ExecutionInfo
    ) -> driver_output_pb2.DriverOutput:
        """Adds uri and artifact id of the served model, empty and 0 for none."""
        result = driver_output_pb2.DriverOutput()
        properties = execution_info.exec_properties
        wants_served = properties.get(property_names.SERVED_MODEL) == LATEST
        counts = _counts_attempts(properties)
        if not (wants_served or counts):
            return result
        model_uri = artifact_utils.get_single_uri(execution_info.input_dict["model"])
        student_dir = path_utils.serving_model_path(model_uri)
        name = execution_info.pipeline_info.id
        with self._mlmd_connection as handle:
            if wants_served:
                _add_served(result, served(handle.store, name, student_dir))
            if counts:
                tested = _tested_before(handle.store, name, student_dir)
                found = json.dumps(tested, sort_keys=True)
                result.exec_properties[
                    property_names.TESTED_BEFORE
                ].string_value = found
        return result


def _add_served(
    result: driver_output_pb2.DriverOutput, pushed: PushedModel | None
) -> None:
    folder = pushed.folder if pushed else ""
    result.exec_properties[property_names.SERVED_MODEL_URI].string_value = folder
    result.exec_properties[property_names.SERVED_ARTIFACT_ID].int_value = (
        pushed.artifact_id if pushed else 0
    )


def _counts_attempts(properties: Mapping[str, Any]) -> bool:
    gate = properties.get("gate")
    return bool(gate) and GateConfig.from_json(str(gate)).attempts == CORRECTED


def _tested_before(store: Any, pipeline_name: str, student_dir: str) -> dict[str, int]:
    """See `attempts.before`."""
    is_there = any(file_system.files(student_dir))
    digest = saved_model_files.content_digest(student_dir) if is_there else ""
    found = [a for a in _artifacts(store, pipeline_name) if a.type == BLESSING]
    return attempts.before(sorted(found, key=lambda one: one.id), digest)


def served(store: Any, pipeline_name: str, student_dir: str) -> PushedModel | None:
    """The newest pushed model of a pipeline that is not this student.

    A version whose folder is gone is not served: the one before it counts. Of several
    versions with the same content, as a rollback leaves them, it is the first: with the
    newest, another run would judge the student that was rolled back once more and push
    it again.

    Args:
        store: ML Metadata.
        pipeline_name: Whose models.
        student_dir: Folder of the student's SavedModel.
    """
    found, found_digest, student_digest = None, "", None
    for model in _pushed(store, pipeline_name):
        if not any(file_system.files(model.folder)):
            if found is None:
                logger.warning("The pushed version %s is gone", model.folder)
            continue
        if student_digest is None:
            is_there = any(file_system.files(student_dir))
            # An executor can say that the student is gone; a driver that raises
            # leaves its execution running for ever in ML Metadata.
            student_digest = is_there and saved_model_files.content_digest(student_dir)
        digest = model.recorded_digest or saved_model_files.content_digest(model.folder)
        if found is None:
            if digest != student_digest:
                found, found_digest = model, digest
        elif digest == found_digest:
            found = model
    return found


def _pushed(store: Any, pipeline_name: str) -> list[PushedModel]:
    """What a pipeline pushed, the newest first."""
    return pushed_models.newest_first(
        (artifact.id, artifact.uri, _properties(artifact))
        for artifact in _artifacts(store, pipeline_name)
        if artifact.type == pushed_models.TYPE_NAME
    )


def _artifacts(store: Any, pipeline_name: str) -> list[Any]:
    """All of a pipeline."""
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    return [] if context is None else store.get_artifacts_by_context(context.id)


def _properties(artifact: Any) -> dict[str, Any]:
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in artifact.custom_properties.items()
        if value.WhichOneof("value")
    }
