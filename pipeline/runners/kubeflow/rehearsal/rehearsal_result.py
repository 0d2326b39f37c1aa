"""The outcome of a rehearsal: its tasks and their artifacts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tfx_distill.components import property_names, refusal_reasons

RAN, CACHED = "ran", "cached"


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """The outcome of a task.

    Attributes:
        state: `ran` or `cached`.
        seconds: Wall clock.
        reads: IDs of the artifacts it read, by key.
        writes: IDs of the artifacts it created, by key.
        notes: Problems for which the launcher only warns.
    """

    state: str
    seconds: float = 0.0
    reads: dict[str, int] = dataclasses.field(default_factory=dict)
    writes: dict[str, int] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Result:
    """A rehearsal that succeeded.

    Attributes:
        pipeline: Its name.
        run_dir: Folder with a folder for each task.
        tasks: In the order they ran.
        artifacts: By ID: task, key, uri, type, metadata.
    """

    pipeline: str
    run_dir: str
    tasks: dict[str, TaskResult]
    artifacts: dict[int, dict[str, Any]]

    @property
    def blessed(self) -> bool | None:
        """The gate's verdict; None without a gate."""
        for metadata in self._metadata("tfx.ModelBlessing"):
            return bool(metadata.get(property_names.BLESSED))
        return None

    @property
    def pushed(self) -> dict[str, Any] | None:
        """The artifact of the pushed student; None if nothing was pushed."""
        for artifact in self.artifacts.values():
            is_push = artifact["type"] == "tfx.PushedModel"
            if is_push and artifact["metadata"].get(property_names.PUSHED):
                return artifact
        return None

    @property
    def reasons(self) -> list[str] | None:
        """Why nothing was pushed; None if something was, or if no task pushes."""
        pushes = self._metadata("tfx.PushedModel")
        if self.pushed is not None or not pushes:
            return None
        for metadata in (*pushes, *self._metadata("tfx.ModelBlessing")):
            if metadata.get(property_names.REASON):
                return refusal_reasons.separate(metadata[property_names.REASON])
        return []

    def _metadata(self, kind: str) -> list[dict[str, Any]]:
        return [a["metadata"] for a in self.artifacts.values() if a["type"] == kind]

    def to_json(self) -> str:
        value = {**dataclasses.asdict(self), "blessed": self.blessed}
        return json.dumps({**value, "pushed": self.pushed})
