"""Finds the model that serves now, before TFX decides on the cache.

The answer becomes two execution properties. A student that is asked about a second
time, because nothing else changed, is compared with the same model as the first time,
and comes from the cache: its own push does not count.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from tfx_distill.components import cache_driver, property_names
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
        folder = _folder(pushed) if pushed else ""
        result.exec_properties[property_names.SERVED_MODEL_URI].string_value = folder
        result.exec_properties[property_names.SERVED_ARTIFACT_ID].int_value = (
            pushed.id if pushed else 0
        )
        return result


def served(
    store: Any, pipeline_name: str, student_dir: str
) -> metadata_store_pb2.Artifact | None:
    """The newest pushed model of a pipeline that is not this student.

    A version whose folder is gone serves nobody: the one before it counts. Of several
    versions of one content, as a rollback leaves them, it is the first: were it the
    newest, to run again would judge the student that was rolled back once more, and
    push it.

    Args:
        store: ML Metadata.
        pipeline_name: Whose models.
        student_dir: Folder of the student's SavedModel.
    """
    found, found_digest, student_digest = None, "", None
    for artifact in _pushed(store, pipeline_name):
        if not os.path.isdir(_folder(artifact)):
            if found is None:
                folder = _folder(artifact)
                logger.warning("Version %s was pushed, and its folder is gone", folder)
            continue
        if student_digest is None:
            student_digest = _digest_of(student_dir)
        digest = _digest(artifact)
        if found is None:
            if digest != student_digest:
                found, found_digest = artifact, digest
        elif digest == found_digest:
            found = artifact
    return found


def _pushed(store: Any, pipeline_name: str) -> list[metadata_store_pb2.Artifact]:
    """What a pipeline pushed, the newest first."""
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    name = standard_artifacts.PushedModel.TYPE_NAME
    pushed_type = [kind.id for kind in store.get_artifact_types() if kind.name == name]
    if context is None:
        return []
    return sorted(
        (
            artifact
            for artifact in store.get_artifacts_by_context(context.id)
            if artifact.type_id in pushed_type
            and artifact.custom_properties[property_names.PUSHED].int_value
        ),
        key=lambda artifact: artifact.id,
        reverse=True,
    )


def _folder(artifact: metadata_store_pb2.Artifact) -> str:
    return artifact.custom_properties[property_names.PUSHED_DESTINATION].string_value


def _digest(artifact: metadata_store_pb2.Artifact) -> str:
    """Of the pushed model: as the Pusher noted it, or of its folder."""
    noted = artifact.custom_properties[property_names.MODEL_DIGEST].string_value
    return noted or _digest_of(_folder(artifact))


def _digest_of(model_dir: str) -> str:
    return saved_model_files.content_digest(model_dir)
