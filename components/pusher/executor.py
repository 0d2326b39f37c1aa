"""TFX's Pusher executor, made to push a version whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from tfx import types
from tfx.components.pusher import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from trainer.errors import ModelError

LITE_MODELS_KEY = "lite_models"
# Servers ignore `assets.extra`.
_LITE_DIR = os.path.join("assets.extra", "lite")


class Executor(tfx_executor.Executor):
    """Pushes the blessed student and, where there are some, its LiteRT files.

    Inputs `model`, `model_blessing`, `lite_models`; output `pushed_model`.

    TFX's own executor copies file by file into the folder that a server watches.
    Here it copies into a hidden folder beside it, which becomes the new version
    by one rename. Versions only grow.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        key = standard_component_specs.PUSH_DESTINATION_KEY
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[key], destination)
        serving_dir = destination.filesystem.base_directory
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if "://" in serving_dir or not self.CheckBlessing(input_dict):
            # Object stores have no rename: TFX writes saved_model.pb last there.
            super().Do(input_dict, output_dict, exec_properties)
            if pushed.get_int_custom_property("pushed"):
                folder = pushed.get_string_custom_property("pushed_destination")
                _add_lite_models(input_dict, folder)
            return
        os.makedirs(serving_dir, exist_ok=True)
        staging_dir = tempfile.mkdtemp(prefix=".staging-", dir=serving_dir)
        try:
            destination.filesystem.base_directory = staging_dir
            staged = {**exec_properties, key: proto_utils.proto_to_json(destination)}
            super().Do(input_dict, output_dict, staged)
            (staged_version,) = os.listdir(staging_dir)
            _add_lite_models(input_dict, os.path.join(staging_dir, staged_version))
            version = _next_version(serving_dir, int(staged_version))
            pushed_dir = os.path.join(serving_dir, str(version))
            os.rename(os.path.join(staging_dir, staged_version), pushed_dir)
        finally:
            shutil.rmtree(staging_dir, ignore_errors=True)
        self._MarkPushed(
            pushed, pushed_destination=pushed_dir, pushed_version=str(version)
        )


def _add_lite_models(
    input_dict: dict[str, list[types.Artifact]], version_dir: str
) -> None:
    if input_dict.get(LITE_MODELS_KEY):
        source = artifact_utils.get_single_uri(input_dict[LITE_MODELS_KEY])
        if not fileio.exists(source):  # TFX would take it for an empty folder
            raise ModelError(
                f"The LiteRT files in {source} are gone. "
                "Run again with --set pipeline.cache=false to make them once more."
            )
        for name in fileio.listdir(source):
            target = os.path.join(version_dir, _LITE_DIR, name)
            io_utils.copy_file(os.path.join(source, name), target)


def _next_version(serving_dir: str, proposed: int) -> int:
    """`proposed`, or the first number above every version that is there."""
    versions = [int(name) for name in os.listdir(serving_dir) if name.isdigit()]
    return max([proposed, *(version + 1 for version in versions)])
