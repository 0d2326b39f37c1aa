"""TFX's Pusher executor, made to push a version whole or not at all."""

from __future__ import annotations

import json
import logging
import os
import time
from typing import Any

from tfx import types
from tfx.components.pusher import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import (
    INFRA_BLESSING_KEY,
    MODEL_BLESSING_KEY,
    MODEL_KEY,
    PUSH_DESTINATION_KEY,
    PUSHED_MODEL_KEY,
)
from tfx.utils import io_utils, proto_utils

from tfx_distill.components import property_names, refusal_reasons
from tfx_distill.components.pusher import blessings, manifest, push_lines, versions
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files

logger = logging.getLogger(__name__)

LITE_MODELS_KEY = "lite_models"
# Servers ignore `assets.extra`.
_LITE_DIR = os.path.join(saved_model_files.EXTRA_DIR, "lite")

Artifacts = dict[str, list[types.Artifact]]


class Executor(tfx_executor.Executor):
    """Pushes the blessed student and its LiteRT files, if any.

    Inputs `model`, `model_blessing`, `infra_blessing`, `lite_models`; output
    `pushed_model`.

    TFX's own executor checks that some model was blessed, and copies file by file
    into the folder that a server watches. Here the blessings must be this model's;
    the copy is made where no server looks, and `versions` makes it appear whole.
    Versions only grow. The artifact says why nothing was pushed.
    """

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        pushed = artifact_utils.get_single_instance(output_dict[PUSHED_MODEL_KEY])
        digest = _digest(self.GetModelPath(input_dict))
        reasons = blessings.refusals(
            artifact_utils.get_single_instance(input_dict[MODEL_KEY]),
            digest,
            _optional(input_dict, MODEL_BLESSING_KEY),
            _optional(input_dict, INFRA_BLESSING_KEY),
        )
        if reasons:
            self._refuse(pushed, reasons)
        else:
            pushed.set_string_custom_property(property_names.MODEL_DIGEST, digest)
            self._push(input_dict, output_dict, exec_properties, pushed, digest)

    def _refuse(self, pushed: types.Artifact, reasons: list[str]) -> None:
        for reason in reasons:
            logger.warning(push_lines.NOT_PUSHED, reason)
        self._MarkNotPushed(pushed)
        text = refusal_reasons.joined(reasons)
        pushed.set_string_custom_property(property_names.REASON, text)

    def _push(
        self,
        input_dict: Artifacts,
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
        pushed: types.Artifact,
        digest: str,
    ) -> None:
        _require_made_from(input_dict, digest)
        key = PUSH_DESTINATION_KEY
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[key], destination)
        serving = versions.at(destination.filesystem.base_directory)
        with serving.opened(int(time.time())) as new:
            destination.filesystem.base_directory = new.staging_dir
            staged = {**exec_properties, key: proto_utils.proto_to_json(destination)}
            super().Do(input_dict, output_dict, staged)
            (name,) = os.listdir(new.staging_dir)
            staged_dir = os.path.join(new.staging_dir, name)
            self._complete(staged_dir, digest, input_dict, pushed)
            version = serving.publish(staged_dir, new)
        self._MarkPushed(
            pushed,
            pushed_destination=serving.folder(version),
            pushed_version=str(version),
        )
        logger.info(push_lines.PUSHED, version, serving.path)

    def _complete(
        self,
        version_dir: str,
        digest: str,
        input_dict: Artifacts,
        pushed: types.Artifact,
    ) -> None:
        """Adds the LiteRT files and the manifest to a copy of the student."""
        # Of the copy: what was blessed is what gets served.
        if saved_model_files.content_digest(version_dir) != digest:
            raise ModelError(
                f"The student in {self.GetModelPath(input_dict)} changed while it was "
                "copied; nothing was pushed. Let no other process write there, and run "
                "again."
            )
        _add_lite_models(input_dict, version_dir)
        pushed.set_string_custom_property(
            property_names.MANIFEST_DIGEST, manifest.write(version_dir)
        )


def _digest(model_dir: str) -> str:
    if not fileio.exists(model_dir):
        raise ModelError(
            f"The student in {model_dir} is gone. "
            "Run again with --set pipeline.cache=false to train it again."
        )
    return saved_model_files.content_digest(model_dir)


def _optional(input_dict: Artifacts, key: str) -> types.Artifact | None:
    found = input_dict.get(key)
    return artifact_utils.get_single_instance(found) if found else None


def _require_made_from(input_dict: Artifacts, digest: str) -> None:
    """Refuses LiteRT files of another student."""
    if not input_dict.get(LITE_MODELS_KEY):
        return
    source = artifact_utils.get_single_instance(input_dict[LITE_MODELS_KEY])
    if source.get_string_custom_property(property_names.MODEL_DIGEST) != digest:
        raise ModelError(
            f"The LiteRT files in {source.uri} were not made from this student; nothing "
            "was pushed. Run again with --set pipeline.cache=false to convert it again."
        )


def _add_lite_models(input_dict: Artifacts, version_dir: str) -> None:
    """Copies the LiteRT files that LiteConverter measured and allowed."""
    if not input_dict.get(LITE_MODELS_KEY):
        return
    source = artifact_utils.get_single_instance(input_dict[LITE_MODELS_KEY])
    digests = source.get_string_custom_property(property_names.FILE_DIGESTS)
    for name, digest in json.loads(digests).items():
        path = os.path.join(source.uri, name)
        target = os.path.join(version_dir, _LITE_DIR, name)
        is_there = fileio.exists(path)
        if is_there:
            io_utils.copy_file(path, target)
        # Of the copy: what was measured is what gets served.
        if not is_there or file_system.digest(target) != digest:
            raise ModelError(
                f"{path} is {'not what was measured' if is_there else 'gone'}; nothing "
                "was pushed. Run again with --set pipeline.cache=false to convert the "
                "student again."
            )
