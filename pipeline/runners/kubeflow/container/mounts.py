"""Where a container sees what lies elsewhere: object stores and volumes.

The launcher of Kubeflow Pipelines copies artifacts to folders named by their URI's
scheme. Everything below `DISTILL_MOUNT_ROOT` instead of `/` is for rehearsals and tests.

This module imports the standard library alone.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

ROOT_VARIABLE = "DISTILL_MOUNT_ROOT"
VOLUMES_VARIABLE = "DISTILL_VOLUMES"
# Where the versions are that a model server sees, for whoever asks what serves.
SERVING_VARIABLE = "DISTILL_SERVING_DIR"

# What a pod may write and lose.
SCRATCH_DIR = "/tmp/distill"
CLAIM_SCHEME = "pvc://"

_FOLDERS = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}


@dataclasses.dataclass(frozen=True)
class Mounts:
    """Paths of URIs, and URIs of paths.

    Attributes:
        root: Folder that stands for `/`.
        volumes: URI by the path it is mounted at, such as
            `{"/data": "pvc://distill-data"}`; empty URI: lost with the pod.
    """

    root: str = "/"
    volumes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Mounts:
        environment = os.environ if environment is None else environment
        volumes = json.loads(environment.get(VOLUMES_VARIABLE) or "{}")
        return cls(environment.get(ROOT_VARIABLE) or "/", volumes)

    def path(self, uri: str) -> str:
        """Where the launcher puts an artifact; `uri` itself if it is no store's."""
        for scheme, folder in _FOLDERS.items():
            if uri.startswith(scheme):
                return os.path.join(self.root, folder, uri[len(scheme) :])
        return uri

    def uri(self, path: str) -> str:
        """The reverse of `path`."""
        for scheme, folder in _FOLDERS.items():
            prefix = os.path.join(self.root, folder) + "/"
            if path.startswith(prefix):
                return scheme + path[len(prefix) :]
        return path

    def here(self, path: str) -> str:
        """Where a path of the container lies under `root`, if it is on a volume."""
        if self._volume_of(path) is None or self.root == "/":
            return path
        return os.path.join(self.root, path.lstrip("/"))

    def claimed(self, path: str) -> str:
        """The URI of a path on a volume; empty for one that is lost with the pod."""
        if self.root != "/" and path.startswith(self.root.rstrip("/") + "/"):
            path = path[len(self.root.rstrip("/")) :]
        volume = self._volume_of(path)
        if volume is None:
            return path
        uri = self.volumes[volume]
        return uri + path[len(volume) :] if uri else ""

    def _volume_of(self, path: str) -> str | None:
        for volume in sorted(self.volumes, key=len, reverse=True):
            if path == volume or path.startswith(f"{volume}/"):
                return volume
        return None


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Applies `change` to every text in a value, also inside texts that are JSON."""
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
        # Untouched texts stay as they are, to the byte.
        return value if outer == inner else json.dumps(outer, sort_keys=True)
    return change(value)
