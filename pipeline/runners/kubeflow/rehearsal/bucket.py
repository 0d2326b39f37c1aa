"""What stays of a rehearsal: an object store in a folder, and the records of artifacts."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError


class Bucket:
    """Objects by URI, `minio://BUCKET/KEY`, `s3://…` or `gs://…`; no empty folders."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def path(self, uri: str) -> pathlib.Path:
        """The file of an object, or the folder of all objects below the URI."""
        return self.folder / uri.replace("://", "/")

    def upload(self, source: pathlib.Path, uri: str) -> None:
        _copy(source, self.path(uri))

    def download(self, uri: str, target: pathlib.Path) -> None:
        _copy(self.path(uri), target)


class Ledger:
    """Artifacts by ID, and the outputs that the cache may reuse; saved in a file.

    Attributes:
        cache: IDs of a succeeded task's outputs, by its cache key and their keys.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        saved = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self._artifacts: list[dict[str, Any]] = saved.get("artifacts", [])
        self.cache: dict[str, dict[str, int]] = saved.get("cache", {})

    def record(
        self, task: str, key: str, uri: str, kind: str, metadata: dict[str, Any]
    ) -> int:
        """Records an artifact as the launcher does; returns its ID.

        Raises:
            RehearsalError: For metadata that the launcher cannot record.
        """
        kept = {name: _stored(task, name, value) for name, value in metadata.items()}
        artifact = {"task": task, "key": key, "uri": uri, "type": kind}
        self._artifacts.append({**artifact, "metadata": kept})
        return len(self._artifacts)

    def artifact(self, number: int) -> dict[str, Any]:
        return self._artifacts[number - 1]

    def save(self) -> None:
        saved = {"artifacts": self._artifacts, "cache": self.cache}
        self._path.write_text(json.dumps(saved, indent=1), encoding="utf-8")


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    for path in filter(pathlib.Path.is_file, [source, *source.rglob("*")]):
        copy = target / path.relative_to(source)  # the target itself for a single file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _stored(task: str, name: str, value: Any) -> Any:
    """A value as ML Metadata returns it."""
    if value is None:
        raise RehearsalError(
            f"{task} wrote {name}: null. The launcher cannot record that and fails."
        )
    if isinstance(value, list | dict):
        return {"list" if isinstance(value, list) else "struct": value}
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_whole else value
