"""Paths at which a container sees object stores and volumes.

The launcher of Kubeflow Pipelines copies artifacts to folders named after their URI's
scheme. In rehearsals and tests, `DISTILL_MOUNT_ROOT` stands for `/`.

This module imports only the standard library.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

ROOT_VARIABLE = "DISTILL_MOUNT_ROOT"
VOLUMES_VARIABLE = "DISTILL_VOLUMES"
# Folder of the model versions that a model server sees.
SERVING_VARIABLE = "DISTILL_SERVING_DIR"

# A folder that a pod may write to and that is lost with it.
SCRATCH_DIR = "/tmp/distill"
CLAIM_SCHEME = "pvc://"

_FOLDERS = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it, by their names alone."""
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


@dataclasses.dataclass(frozen=True)
class Mounts:
    """Converts URIs to paths and back.

    Attributes:
        root: Folder that stands for `/`.
        volumes: URI by mount path, such as `{"/data": "pvc://distill-data"}`; an empty
            URI means that the folder is lost with the pod.
    """

    root: str = "/"
    volumes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Mounts:
        environment = os.environ if environment is None else environment
        volumes = json.loads(environment.get(VOLUMES_VARIABLE) or "{}")
        return cls(environment.get(ROOT_VARIABLE) or "/", volumes)

    def path(self, uri: str) -> str:
        """Where the launcher puts an artifact; `uri` itself outside an object store."""
        for scheme, folder in _FOLDERS.items():
            if uri.startswith(scheme):
                return os.path.join(self.root, folder, uri[len(scheme) :])
        return uri

    def uri(self, path: str) -> str:
        """The inverse of `path`."""
        for scheme, folder in _FOLDERS.items():
            prefix = os.path.join(self.root, folder) + "/"
            if path.startswith(prefix):
                return scheme + path[len(prefix) :]
        return path

    def under_root(self, path: str) -> str:
        """Moves a path on a volume below `root`; returns other paths unchanged."""
        if self._volume_of(path) is None or self.root == "/":
            return path
        return os.path.join(self.root, path.lstrip("/"))

    def claim_uri(self, path: str) -> str:
        """The URI of a path on a volume; empty if it is lost with the pod."""
        root = self.root.rstrip("/")
        if path.startswith(f"{root}/"):
            path = path[len(root) :]
        volume = self._volume_of(path)
        if volume is None:
            return path
        uri = self.volumes[volume]
        return uri + path[len(volume) :] if uri else ""

    def _volume_of(self, path: str) -> str | None:
        found = [volume for volume in self.volumes if is_within(path, volume)]
        return max(found, key=len, default=None)


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Applies `change` to every string in a value, also within strings of JSON.

    Strings of JSON without a slash stay whole, since they contain no path.
    """
    if isinstance(value, Mapping):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mapped(item, change) for item in value]
    if not isinstance(value, str):
        return value
    if value[:1] in ("{", "[") and "/" in value:
        try:
            inner = json.loads(value)
        except ValueError:
            return change(value)
        outer = mapped(inner, change)
        # An unchanged string stays the same, to the byte.
        return value if outer == inner else json.dumps(outer, sort_keys=True)
    return change(value)


def strings(value: Any) -> list[str]:
    """Returns the strings that `mapped` would change."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    mapped(value, note)
    return found
