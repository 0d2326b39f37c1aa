"""A rehearsal's records of artifacts and cached tasks, in place of ML Metadata."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError


class Ledger:
    """Artifacts by ID, and the outputs that the cache may reuse; saved in a file.

    Attributes:
        cache: IDs of a succeeded task's outputs, by its cache key and their keys.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._artifacts: list[dict[str, Any]] = []
        self.cache: dict[str, dict[str, int]] = {}
        if path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            self._artifacts, self.cache = saved["artifacts"], saved["cache"]

    def record(
        self, task: str, key: str, uri: str, kind: str, metadata: dict[str, Any]
    ) -> int:
        """Records an artifact as the launcher does; returns its ID.

        Raises:
            RehearsalError: For metadata that the launcher cannot record.
        """
        self._artifacts.append(
            {
                "task": task,
                "key": key,
                "uri": uri,
                "type": kind,
                "metadata": {
                    name: _stored(task, name, value) for name, value in metadata.items()
                },
            }
        )
        return len(self._artifacts)

    def artifact(self, number: int) -> dict[str, Any]:
        return self._artifacts[number - 1]

    def runtime_artifact(self, number: int) -> dict[str, Any]:
        """An input as the driver passes it: without a type, with the server's metadata."""
        artifact = self.artifact(number)
        return {
            "name": str(number),
            "uri": artifact["uri"],
            "type": {"instanceSchema": ""},
            "metadata": {
                **artifact["metadata"],
                "display_name": artifact["key"],
                "store_session_info": "{}",
            },
        }

    def save(self) -> None:
        saved = {"artifacts": self._artifacts, "cache": self.cache}
        self._path.write_text(json.dumps(saved, indent=1), encoding="utf-8")


def _stored(task: str, name: str, value: Any) -> Any:
    """A value as ML Metadata returns it."""
    if value is None:
        raise RehearsalError(
            f"{task} wrote {name}: null. The launcher cannot record that and fails."
        )
    if isinstance(value, list):
        return {"list": value}
    if isinstance(value, dict):
        return {"struct": value}
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
