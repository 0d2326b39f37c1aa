"""Finds the model that serves now, before TFX decides on the cache.

The result becomes two execution properties. A student that is evaluated again, because
nothing else changed, is compared with the same model as before and comes from the cache:
its own push does not count.
"""

from __future__ import annotations

import logging
from typing import Any

from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.components import cache_driver, property_names
from tfx_distill.components.pusher import pushed_models
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.trainer import file_system
from tfx_distill.trainer.export import saved_model_files

logger = logging.getLogger(__name__)

LATEST = "latest"


class Driver(cache_driver.CacheDriver):
    """Resolves `served_model: latest` from ML Metadata.

    Kubeflow runs no drivers: there the model is given by its uri.
    """

    def run(
        self, execution_info: data_types.ExecutionInfo
    ) -> driver_output_pb2.DriverOutput:
        """Adds uri and artifact id of the served model, empty and 0 for none."""
        result = driver_output_pb2.DriverOutput()
        if execution_info.exec_properties.get(property_names.SERVED_MODEL) != LATEST:
            return result
        model_uri = artifact_utils.get_single_uri(execution_info.input_dict["model"])
        student_dir = path_utils.serving_model_path(model_uri)
        with self._mlmd_connection as handle:
            pushed = served(handle.store, execution_info.pipeline_info.id, student_dir)
        folder = pushed.folder if pushed else ""
        result.exec_properties[property_names.SERVED_MODEL_URI].string_value = folder
        result.exec_properties[property_names.SERVED_ARTIFACT_ID].int_value = (
            pushed.artifact_id if pushed else 0
        )
        return result


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
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    if context is None:
        return []
    artifacts = store.get_artifacts_by_context(context.id)
    return pushed_models.newest_first(
        (artifact.id, artifact.uri, _properties(artifact))
        for artifact in artifacts
        if artifact.type == pushed_models.TYPE_NAME
    )


def _properties(artifact: Any) -> dict[str, Any]:
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in artifact.custom_properties.items()
        if value.WhichOneof("value")
    }
