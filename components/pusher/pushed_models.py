"""What was pushed, as ML Metadata recorded it. Needs neither TFX nor TensorFlow."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.trainer.export import saved_model_files

TYPE_NAME = "PushedModel"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushedModel:
    """One version in a serving folder.

    Attributes:
        artifact_id: Id of its artifact in ML Metadata.
        uri: The artifact's folder, which holds a copy.
        version: Its number.
        folder: Its folder in the serving folder.
        recorded_digest: Digest of its content; empty where the push recorded none.
        manifest_digest: Of its manifest; empty where the push wrote none.
        rolled_back_to: The earlier version whose content it has; empty for the push
            of a run.
        rolled_back_from: The version that it replaced.
        rolled_back_by: Who asked for the rollback.
        reason: Why.
    """

    artifact_id: Any
    uri: str
    version: str
    folder: str
    recorded_digest: str = ""
    manifest_digest: str = ""
    rolled_back_to: str = ""
    rolled_back_from: str = ""
    rolled_back_by: str = ""
    reason: str = ""

    def is_in(self, serving_dir: str) -> bool:
        """Whether its folder is a version's folder in a serving folder."""
        parent, name = os.path.split(self.folder)
        return parent == serving_dir and name.isdigit()

    def digest(self) -> str:
        """Digest of its content: as recorded, or of the copy that ML Metadata keeps."""
        return self.recorded_digest or saved_model_files.content_digest(self.uri)


def newest_first(
    artifacts: Iterable[tuple[Any, str, Mapping[str, Any]]],
) -> list[PushedModel]:
    """The pushed ones among PushedModel artifacts: a gate may have refused a student.

    Args:
        artifacts: Id, uri and properties of each.
    """
    found = [_pushed(*artifact) for artifact in artifacts]
    return sorted(filter(None, found), key=lambda m: m.artifact_id, reverse=True)


def _pushed(
    artifact_id: Any, uri: str, properties: Mapping[str, Any]
) -> PushedModel | None:
    if not properties.get(property_names.PUSHED):
        return None

    def text(name: str, default: Any = "") -> str:
        return str(properties.get(name, default))

    return PushedModel(
        artifact_id=artifact_id,
        uri=uri,
        version=text(property_names.PUSHED_VERSION, artifact_id),
        folder=text(property_names.PUSHED_DESTINATION),
        recorded_digest=text(property_names.MODEL_DIGEST),
        manifest_digest=text(property_names.MANIFEST_DIGEST),
        rolled_back_to=text(property_names.ROLLED_BACK_TO),
        rolled_back_from=text(property_names.ROLLED_BACK_FROM),
        rolled_back_by=text(property_names.ROLLED_BACK_BY),
        reason=text(property_names.REASON),
    )
