"""Plays a compiled pipeline on this machine, task by task, as a cluster would."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from tfx_distill.pipeline.config.kubeflow_config import SCHEMES
from tfx_distill.pipeline.runners.kubeflow.client import compiled
from tfx_distill.pipeline.runners.kubeflow.compiler import server_checks
from tfx_distill.pipeline.runners.kubeflow.compiler.package import (
    CompileError,
    Package,
    RehearsalError,
)
from tfx_distill.pipeline.runners.kubeflow.container import mounts
from tfx_distill.pipeline.runners.kubeflow.rehearsal import conditions, task_driver
from tfx_distill.pipeline.runners.kubeflow.rehearsal.bucket import Bucket
from tfx_distill.pipeline.runners.kubeflow.rehearsal.launcher import Finished, Launcher
from tfx_distill.pipeline.runners.kubeflow.rehearsal.ledger import Ledger
from tfx_distill.pipeline.runners.kubeflow.rehearsal.runtimes import (
    Processes,
    Runtime,
    containers,
)

RAN, CACHED, SKIPPED = "ran", "cached", "skipped"
_TITLE = re.compile(r"title: *(\S+)")
_ERROR = re.compile(r"^\S+ ERROR \S+: (.*)$", re.M)
# What buildah says after a container's own words.
_TOOLS_OWN = re.compile(r"(?:process exited|subprocess exited|Error: exit status).*")
_MAX_QUOTED = 300


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """What became of a task.

    Attributes:
        state: `ran`, `cached` or `skipped`.
        seconds: Wall clock.
        reads: Ids of the artifacts it read, by key.
        writes: Ids of the artifacts it made, by key.
        notes: What the launcher would only warn of.
    """

    state: str
    seconds: float = 0.0
    reads: dict[str, int] = dataclasses.field(default_factory=dict)
    writes: dict[str, int] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Result:
    """A rehearsal that ended well.

    Attributes:
        pipeline: Its name.
        run_dir: Folder with a folder for each task.
        tasks: In the order they ran.
        artifacts: By id: task, key, uri, type, metadata.
    """

    pipeline: str
    run_dir: str
    tasks: dict[str, TaskResult]
    artifacts: dict[int, dict[str, Any]]

    @property
    def blessed(self) -> bool | None:
        """What the gate said; None where there was none."""
        for artifact in self._of("tfx.ModelBlessing"):
            return bool(artifact["metadata"].get("blessed"))
        return None

    @property
    def reasons(self) -> list[str] | None:
        """Why nothing was pushed; None where no task pushes, or something was."""
        if self.pushed is not None or not list(self._of("tfx.PushedModel")):
            return None
        for kind in ("tfx.PushedModel", "tfx.ModelBlessing"):
            for artifact in self._of(kind):
                if artifact["metadata"].get("reason"):
                    return str(artifact["metadata"]["reason"]).split("; ")
        return []

    @property
    def pushed(self) -> dict[str, Any] | None:
        """The pushed student's artifact; None if nothing was pushed."""
        for artifact in self._of("tfx.PushedModel"):
            if artifact["metadata"].get("pushed"):
                return artifact
        return None

    def _of(self, kind: str) -> Iterator[dict[str, Any]]:
        yield from (a for a in self.artifacts.values() if a["type"] == kind)

    def to_json(self) -> str:
        value = {**dataclasses.asdict(self), "blessed": self.blessed}
        return json.dumps({**value, "pushed": self.pushed})


class Watcher(Protocol):
    """Who is told what a rehearsal does."""

    def task_started(self, task: str, index: int, total: int) -> None: ...

    def task_finished(self, task: str, result: TaskResult) -> None: ...

    def task_failed(self, task: str) -> None: ...


def version(text: str) -> tuple[int, int]:
    """`2.15` as numbers that can be compared."""
    major, minor = text.split(".")
    return int(major), int(minor)


def parameter_values(package: Package, texts: Mapping[str, str]) -> dict[str, Any]:
    """Reads `name=value` texts as a submit reads them.

    Raises:
        ConfigError: For an unknown name or a value of another type.
    """
    values = {}
    for name, text in texts.items():
        server_checks.require_parameter(package, name)
        values[name] = compiled.typed(name, text, package.parameters[name])
    return values


def rehearse(
    package: Package,
    work_dir: pathlib.Path,
    values: Mapping[str, Any],
    watcher: Watcher,
    *,
    version: tuple[int, int] = task_driver.LATEST_VERSION,
    pipeline_root: str | None = None,
    in_image: bool = False,
) -> Result:
    """Runs every task.

    Args:
        package: What `compile` wrote, and nothing else.
        work_dir: Keeps bucket, volumes and records from one rehearsal to the next.
        values: Run parameters that are not left at their defaults.
        watcher: Told of every task.
        version: Of Kubeflow Pipelines; 2.15 moved the executor's output file.
        pipeline_root: URI of artifacts; None: the package's, or the server's.
        in_image: Run the containers' images, by whichever tool has them.

    Raises:
        RehearsalError: For whatever would fail on the cluster as well.
    """
    server_checks.check(package)
    root = (
        pipeline_root
        or package.spec.get("defaultPipelineRoot")
        or task_driver.DEFAULT_ROOT
    )
    if not str(root).startswith(SCHEMES):
        raise CompileError(
            f"The pipeline root {root} must begin with {', '.join(SCHEMES)}."
        )
    work_dir = work_dir.absolute()
    work_dir.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(work_dir / "ledger.json")
    runtime: Runtime = Processes()
    if in_image:
        runtime = containers(package.images)
    bucket = Bucket(work_dir / "bucket")
    play = _Play(
        package,
        task_driver.Driver(package, ledger, values, root, version),
        Launcher(package, bucket, work_dir / "volumes", runtime),
        ledger,
        work_dir,
    )
    results = {}
    order = server_checks.order(package)
    try:
        for index, task in enumerate(order):
            watcher.task_started(task, index, len(order))
            try:
                results[task] = play.task(task)
            except BaseException:
                watcher.task_failed(task)
                raise
            ledger.save()
            watcher.task_finished(task, results[task])
    finally:
        runtime.close()
    ids = {i for result in results.values() for i in result.writes.values()}
    artifacts = {number: ledger.artifact(number) for number in sorted(ids)}
    return Result(package.name, str(play.run_dir), results, artifacts)


class _Play:
    """One run of all tasks."""

    def __init__(
        self,
        package: Package,
        driver_: task_driver.Driver,
        launcher: Launcher,
        ledger: Ledger,
        work_dir: pathlib.Path,
    ) -> None:
        self._package, self._driver = package, driver_
        self._launcher, self._ledger = launcher, ledger
        self._work_dir = work_dir
        self.run_dir = work_dir / "runs" / driver_.run_id

    def task(self, task: str) -> TaskResult:
        start = time.monotonic()
        try:
            inputs = self._driver.inputs(task)
        except task_driver.Skipped as upstream:
            return TaskResult(SKIPPED, notes=[f"{upstream} was skipped"])
        spec = self._package.tasks[task]
        condition = spec.get("triggerPolicy", {}).get("condition")
        if condition and not conditions.holds(condition, inputs):
            return TaskResult(SKIPPED, notes=[f"not {condition}"])
        reads = {
            key: int(value["artifacts"][0]["name"])
            for key, value in inputs["artifacts"].items()
        }
        if "importer" in self._package.executor(task):
            return TaskResult(RAN, reads=reads, writes=self._import(task))
        task_dir = self.run_dir / task
        outputs = self._driver.planned_outputs(task, self._launcher.mounts(task_dir))
        fingerprint = self._driver.fingerprint(task, inputs, outputs)
        writes = self._ledger.cached(fingerprint)
        if spec.get("cachingOptions", {}).get("enableCache") and writes is not None:
            self._driver.outputs[task] = writes
            return TaskResult(CACHED, time.monotonic() - start, reads, writes)
        finished = self._launcher.run(
            task, {"inputs": inputs, "outputs": outputs}, task_dir
        )
        if finished.status != 0:
            raise _failure(task, finished)
        writes = self._record(task, finished, outputs)
        self._driver.output_values[task] = finished.values
        self._ledger.remember(fingerprint, writes)
        seconds = time.monotonic() - start
        return TaskResult(RAN, seconds, reads, writes, finished.warnings)

    def _record(
        self, task: str, finished: Finished, outputs: Mapping[str, Any]
    ) -> dict[str, int]:
        writes = {}
        for key, artifact in finished.artifacts.items():
            (planned,) = outputs["artifacts"][key]["artifacts"]
            self._require_public(task, key, artifact)
            writes[key] = self._ledger.record(
                task, key, artifact["uri"], _kind(planned["type"]), artifact["metadata"]
            )
        self._driver.outputs[task] = writes
        return writes

    def _require_public(self, task: str, key: str, artifact: Mapping[str, Any]) -> None:
        """Refuses what would record a folder that is in this pod alone."""
        texts: list[str] = []

        def note(text: str) -> str:
            texts.append(text)
            return text

        mounts.mapped([artifact["uri"], artifact["metadata"]], note)
        for text in texts:
            if text.startswith("/") or str(self._work_dir) in text:
                raise RehearsalError(
                    f"{task} recorded a folder of its own container in {key}: {text}"
                )

    def _import(self, task: str) -> dict[str, int]:
        importer = self._package.executor(task)["importer"]
        uri = importer["artifactUri"].get("constant", "")
        if not isinstance(uri, str) or not self._launcher.has(uri):
            raise RehearsalError(
                f"{task} imports {uri}. A rehearsal reaches no object store: copy it to "
                f"{self._launcher.place(uri)}."
            )
        kind = _kind(importer.get("typeSchema", {}))
        definitions = self._package.component(task)["outputDefinitions"]["artifacts"]
        (key,) = definitions
        metadata = importer.get("metadata", {})
        writes = {key: self._ledger.record(task, key, uri, kind, metadata)}
        self._driver.outputs[task] = writes
        return writes


def _kind(schema: Mapping[str, Any]) -> str:
    if "schemaTitle" in schema:
        return str(schema["schemaTitle"])
    match = _TITLE.search(str(schema.get("instanceSchema", "")))
    return match[1] if match else "?"


def _failure(task: str, finished: Finished) -> RehearsalError:
    text = finished.log.read_text(encoding="utf-8", errors="replace")
    said = [_TOOLS_OWN.sub("", line).strip() for line in text.splitlines()]
    lines = _ERROR.findall(text) or [line for line in said if line] or ["nothing"]
    return RehearsalError(
        f"{task} ended with status {finished.status}: {lines[-1][:_MAX_QUOTED]} "
        f"Its log: {finished.log}"
    )
