"""What every executor needs of its inputs: folders, examples and models."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_distill.components import property_names
from tfx_distill.components.checks import VERDICT_FILE, Decision
from tfx_distill.components.component_specs import (
    EXAMPLES,
    EXAMPLES_CONFIG,
    SCHEMA,
    TEACHER_SIGNATURE,
)
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.examples_config import ExamplesConfig, SignatureConfig
from tfx_distill.trainer.data import example_reader, spec_resolver
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files
from tfx_distill.trainer.export.saved_model import Predictor
from tfx_distill.trainer.models import teacher_files
from tfx_distill.trainer.models.teacher_files import TeacherFiles
from tfx_distill.trainer.models.teachers import Teachers

Artifacts = dict[str, list[types.Artifact]]


class ExecutionInputs:
    """The inputs of one execution, read when first needed."""

    def __init__(self, input_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._input_dict, self._properties = input_dict, exec_properties

    def moved(self, artifacts: Artifacts) -> ExecutionInputs:
        """The same inputs; the files of some artifacts are elsewhere."""
        moved = ExecutionInputs({**self._input_dict, **artifacts}, self._properties)
        moved.spec = self.spec
        return moved

    def identity(self) -> list[Any]:
        """All that decides the outputs, as JSON: an artifact's files never change."""
        uris = {key: [a.uri for a in found] for key, found in self._input_dict.items()}
        return [uris, self._properties]

    def has(self, key: str) -> bool:
        """Whether an optional input was given."""
        return bool(self._input_dict.get(key))

    def artifact(self, key: str) -> types.Artifact:
        """The only artifact of an input."""
        return artifact_utils.get_single_instance(self._input_dict[key])

    def uri(self, key: str) -> str:
        """Folder of the only artifact of an input."""
        return artifact_utils.get_single_uri(self._input_dict[key])

    def model_dir(self, key: str) -> str:
        """Folder of the SavedModel in a Model artifact."""
        return path_utils.serving_model_path(self.uri(key))

    @functools.cached_property
    def spec(self) -> DataSpec:
        """What the examples look like.

        Raises:
            DataError: As `spec_resolver.resolve`.
        """
        schema = None
        if self.has(SCHEMA):
            path = io_utils.get_only_uri_in_dir(self.uri(SCHEMA))
            schema = io_utils.SchemaReader().read(path)
        config = ExamplesConfig.from_json(self._properties.get(EXAMPLES_CONFIG) or "{}")
        examples = self.artifact(EXAMPLES)
        # As TFX's ExampleGens note it.
        fingerprint = examples.get_string_custom_property("input_fingerprint")
        return spec_resolver.resolve(
            examples.uri,
            config,
            schema,
            dataset=examples.name or examples.uri,
            fingerprint=fingerprint,
        )

    def split(self, name: str) -> example_reader.Split:
        """All examples of a split: `train`, `eval` or `test`."""
        return example_reader.load_split(self.uri(EXAMPLES), name, self.spec)

    def training_splits(self, *, unlabelled: bool) -> dict[str, example_reader.Split]:
        """The splits `train` and `eval`, see `example_reader.load_splits`."""
        uri = self.uri(EXAMPLES)
        return example_reader.load_splits(uri, self.spec, unlabelled=unlabelled)

    def sample(self, split: str, size: int) -> np.ndarray:
        """Some images of a split, see `example_reader.load_sample`."""
        uri = self.uri(EXAMPLES)
        return example_reader.load_sample(uri, split, self.spec, size)

    def signature(self, key: str) -> SignatureConfig:
        """A parameter of `signature_parameters`, or the default."""
        return SignatureConfig.from_json(self._properties.get(key) or "{}")

    def predictor(self, model_dir: str, key: str) -> Predictor:
        """A model, anyone's, for these examples; see `teacher_files.predictor`."""
        uri, signature = self.uri(EXAMPLES), self.signature(key)
        return teacher_files.predictor(model_dir, signature, uri, "test", self.spec)

    def teacher_files(self, layers: Sequence[str] = ()) -> TeacherFiles:
        """The teachers of the input `teacher_model`, not loaded yet."""
        artifacts = self._input_dict["teacher_model"]
        return TeacherFiles(
            tuple(
                path_utils.serving_model_path(artifact.uri) for artifact in artifacts
            ),
            AverageConfig.from_json(self._properties["average"]),
            tuple(layers),
            self.signature(TEACHER_SIGNATURE),
            self.uri(EXAMPLES),
            self.spec,
        )

    def teachers(self, layers: Sequence[str] = ()) -> Teachers:
        """Loads them, see `TeacherFiles.load`."""
        return self.teacher_files(layers).load()


def servable(
    predictor: Predictor, model: types.Artifact, folder: str
) -> types.Artifact:
    """A Model artifact with this package's signatures: the model's own, or a copy.

    Args:
        predictor: The model, loaded.
        model: Its artifact.
        folder: Gets the copy of a model that was adapted.
    """
    if not predictor.is_adapted:
        return model
    predictor.save(path_utils.serving_model_dir(folder))
    return at(model, folder)


def at(artifact: types.Artifact, folder: str) -> types.Artifact:
    """The same artifact with its files in another folder."""
    # `copy_from` aborts the process on maps that protobuf 3.20 has not synchronized.
    message = metadata_store_pb2.Artifact.FromString(
        artifact.mlmd_artifact.SerializeToString()
    )
    copy = type(artifact)()
    copy.set_mlmd_artifact(message)
    copy.uri = folder
    return copy


def note_verdict(blessing: types.Artifact, verdict: Decision) -> None:
    """Writes a verdict into its blessing's folder, and what it says into ML Metadata.

    The file is not believed without: it lies where others can write.
    """
    verdict.save(blessing.uri)
    digest = file_system.digest(os.path.join(blessing.uri, VERDICT_FILE))
    blessing.set_string_custom_property(property_names.VERDICT, verdict.summary())
    blessing.set_string_custom_property(property_names.VERDICT_DIGEST, digest)


def note_digest(blessing: types.Artifact, model_dir: str, *, required: bool) -> None:
    """Notes which files a gate judged, so that the Pusher notices a change.

    Args:
        blessing: Gets the digest as a property.
        model_dir: Folder of the SavedModel.
        required: Whether it is blessed; a model without files is refused without.

    Raises:
        ModelError: If `required` and there are no files.
    """
    try:
        digest = saved_model_files.content_digest(model_dir)
    except ModelError:
        if required:
            raise
        return
    blessing.set_string_custom_property(property_names.MODEL_DIGEST, digest)
