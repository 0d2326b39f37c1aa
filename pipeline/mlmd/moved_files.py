"""Files that were moved: where ML Metadata still looks for them, and how to tell it.

Needs neither TFX nor TensorFlow.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import Any

import ml_metadata

from tfx_distill.pipeline.mlmd.records import LIVE, ArtifactRecord

_ARTIFACTS = "artifacts"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relocation:
    """What a move changes in ML Metadata, or changed.

    Attributes:
        old: The folder that was moved.
        new: Where it is now.
        artifacts: Number of artifacts whose files were in it.
        properties: Number of properties that name a file or folder in it.
        missing: Number of these artifacts whose files are not at the new place.
        done: Whether ML Metadata has been changed.
    """

    old: str
    new: str
    artifacts: int
    properties: int
    missing: int
    done: bool

    def describe(self) -> str:
        """In a sentence or two."""
        verb = "now point" if self.done else "would point"
        text = (
            f"{self.artifacts} artifacts and {self.properties} properties {verb} to "
            f"{self.new} instead of {self.old}."
        )
        if self.missing:
            text += f" The files of {self.missing} of the artifacts are not there."
        return text


def relocate(
    store: ml_metadata.MetadataStore, old: str, new: str, *, really: bool
) -> Relocation:
    """Replaces a folder by another wherever ML Metadata names what is in it.

    All is changed in one transaction or nothing. What runs were configured with stays
    as it was.

    Args:
        store: ML Metadata.
        old: The absolute path that is recorded.
        new: The absolute path that holds these files now.
        really: Whether to change it; otherwise only count.
    """
    move = _Move(old.rstrip("/"), new.rstrip("/"))
    artifacts = [a for a in store.get_artifacts() if move.uri(a) | move.properties(a)]
    executions = [e for e in store.get_executions() if move.properties(e)]
    if really and (artifacts or executions):
        store.put_lineage_subgraph(
            executions=executions, artifacts=artifacts, contexts=[], event_edges=[]
        )
    return Relocation(
        old=move.old,
        new=move.new,
        artifacts=len(move.uris),
        properties=move.num_properties,
        missing=sum(not os.path.exists(uri) for uri in move.uris),
        done=really,
    )


class _Move:
    """Changes messages of ml_metadata, and counts what it changed."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new
        self.uris: list[str] = []
        self.num_properties = 0

    def uri(self, artifact: Any) -> bool:
        if not self._concerns(artifact.uri):
            return False
        artifact.uri = self._moved(artifact.uri)
        self.uris.append(artifact.uri)
        return True

    def properties(self, message: Any) -> bool:
        found = [
            value
            for values in (message.properties, message.custom_properties)
            for value in values.values()
            if self._concerns(value.string_value)
        ]
        for value in found:
            value.string_value = self._moved(value.string_value)
        self.num_properties += len(found)
        return bool(found)

    def _concerns(self, path: str) -> bool:
        return path == self.old or path.startswith(f"{self.old}/")

    def _moved(self, path: str) -> str:
        return self.new + path[len(self.old) :]


def missing_files(artifacts: Iterable[ArtifactRecord]) -> str:
    """Says that the files of artifacts are gone, and where they were; empty if not."""
    live = [a for a in artifacts if a.state == LIVE and os.path.isabs(a.uri)]
    gone = [a.uri for a in live if not os.path.exists(a.uri)]
    if not gone or len(gone) < len(live):
        return ""
    place = os.path.commonpath(list(_pipeline_dirs(gone)))
    return (
        f"Missing are the files of {len(gone)} artifacts, which were in {place}. If that "
        f"folder was moved: distill relocate {place} NEW"
    )


def _pipeline_dirs(uris: Iterable[str]) -> Iterator[str]:
    """The pipelines' folders, by their layout; else the artifacts' own."""
    for uri in uris:
        before, found, _ = uri.partition(f"/{_ARTIFACTS}/")
        yield before if found else os.path.dirname(uri)
