"""Runs a compiled pipeline on this machine, task by task, as a cluster would."""

from __future__ import annotations

import pathlib
import re
import time
from collections.abc import Mapping
from typing import Any, Protocol

from tfx_distill.pipeline.runners.kubeflow import run_request
from tfx_distill.pipeline.runners.kubeflow.compiler import server_checks
from tfx_distill.pipeline.runners.kubeflow.container import mounts
from tfx_distill.pipeline.runners.kubeflow.container.executor_input import (
    artifacts,
    type_name,
)
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.rehearsal import task_driver
from tfx_distill.pipeline.runners.kubeflow.rehearsal.bucket import Bucket, Ledger
from tfx_distill.pipeline.runners.kubeflow.rehearsal.launcher import (
    ContainerResult,
    Launcher,
)
from tfx_distill.pipeline.runners.kubeflow.rehearsal.rehearsal_result import (
    CACHED,
    RAN,
    Result,
    TaskResult,
)
from tfx_distill.pipeline.runners.kubeflow.rehearsal.runtimes import (
    Processes,
    Runtime,
    containers,
)
from tfx_distill.pipeline.runners.kubeflow.task_order import task_order

_ERROR = re.compile(r"^\S+ ERROR \S+: (.*)$", re.M)
# What buildah prints after a container's own output.
_TOOL_OUTPUT = re.compile(r"(?:process exited|subprocess exited|Error: exit status).*")
_MAX_QUOTED = 300
# The entry point in files that earlier versions compiled.
_OLD_ENTRY_POINT = "pipeline.runners.kubeflow.entrypoint"


class Watcher(Protocol):
    """Is told what a rehearsal does."""

    def task_started(self, task: str, index: int, total: int) -> None: ...

    def task_finished(self, task: str, result: TaskResult) -> None: ...

    def task_failed(self, task: str) -> None: ...


def rehearse(
    package: Package,
    work_dir: pathlib.Path,
    values: Mapping[str, Any],
    watcher: Watcher,
    *,
    pipeline_root: str | None = None,
    in_image: bool = False,
) -> Result:
    """Runs every task.

    Args:
        package: The compiled pipeline.
        work_dir: Keeps bucket, volumes and records for later rehearsals.
        values: Run parameters; missing ones have their defaults.
        watcher: Told of every task.
        pipeline_root: URI of artifacts; None: the package's, or the server's.
        in_image: Run the containers' images, with any tool that has them.

    Raises:
        RehearsalError: For whatever would also fail on the cluster.
    """
    server_checks.check(package)
    commands = [item["command"] for _, item in package.containers()]
    if not in_image and any(_OLD_ENTRY_POINT in words for words in commands):
        raise RehearsalError(
            f"{package.path} was compiled by an earlier version, whose code is not "
            "installed here. Compile it again, or rehearse it in its image with --image."
        )
    root = pipeline_root or package.pipeline_root or task_driver.DEFAULT_ROOT
    run_request.require_root(root)
    runtime: Runtime = containers(package.images) if in_image else Processes()
    work_dir = work_dir.absolute()
    work_dir.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(work_dir / "ledger.json")
    driver = task_driver.Driver(package, ledger, values, root)
    try:
        return _Run(driver, runtime, work_dir).tasks(watcher)
    finally:
        runtime.close()


class _Run:
    """One run of all tasks."""

    def __init__(
        self, driver: task_driver.Driver, runtime: Runtime, work_dir: pathlib.Path
    ) -> None:
        self._driver, self._work_dir = driver, work_dir
        self._package, self._ledger = driver.package, driver.ledger
        self._bucket = Bucket(work_dir / "bucket")
        volumes_dir = work_dir / "volumes"
        self._launcher = Launcher(self._package, self._bucket, volumes_dir, runtime)
        self._run_dir = work_dir / "runs" / driver.run_id

    def tasks(self, watcher: Watcher) -> Result:
        results = {}
        order = task_order(self._package.tasks)
        for index, task in enumerate(order):
            watcher.task_started(task, index, len(order))
            try:
                results[task] = self._task(task)
            except BaseException:
                watcher.task_failed(task)
                raise
            self._driver.outputs[task] = results[task].writes
            self._ledger.save()
            watcher.task_finished(task, results[task])
        ids = {i for result in results.values() for i in result.writes.values()}
        made = {number: self._ledger.artifact(number) for number in sorted(ids)}
        return Result(self._package.name, str(self._run_dir), results, made)

    def _task(self, task: str) -> TaskResult:
        start = time.monotonic()
        inputs = self._driver.inputs(task)
        if "importer" in self._package.executor(task):
            return TaskResult(RAN, writes=self._import(task))
        reads = {key: int(artifact["name"]) for key, artifact in artifacts(inputs)}
        task_dir = self._run_dir / task
        outputs = self._driver.planned_outputs(task, self._launcher.mounts(task_dir))
        given = {"inputs": inputs, "outputs": outputs}
        cache_key = self._driver.fingerprint(task, given)
        writes = self._ledger.cache.get(cache_key)
        cached = self._package.tasks[task].get("cachingOptions", {})
        if cached.get("enableCache") and writes is not None:
            return TaskResult(CACHED, time.monotonic() - start, reads, writes)
        result = self._launcher.run(task, given, task_dir)
        if result.status != 0:
            raise _failure(task, result)
        writes = self._record(task, result, dict(artifacts(outputs)))
        self._ledger.cache[cache_key] = writes
        seconds = time.monotonic() - start
        return TaskResult(RAN, seconds, reads, writes, result.warnings)

    def _record(
        self, task: str, result: ContainerResult, planned: Mapping[str, Any]
    ) -> dict[str, int]:
        writes = {}
        for key, made in result.artifacts.items():
            uri, metadata = made["uri"], made["metadata"]
            for text in mounts.strings([uri, metadata]):
                # A path that exists only in this pod.
                if text.startswith("/") or str(self._work_dir) in text:
                    raise RehearsalError(
                        f"{task} recorded a path of its own container in {key}: {text}"
                    )
            kind = type_name(planned[key]["type"])
            writes[key] = self._ledger.record(task, key, uri, kind, metadata)
        return writes

    def _import(self, task: str) -> dict[str, int]:
        importer = self._package.executor(task)["importer"]
        uri = str(importer["artifactUri"].get("constant", ""))
        path = self._bucket.path(uri)
        if not path.exists():
            raise RehearsalError(
                f"{task} imports {uri}. A rehearsal cannot reach object stores: copy it "
                f"to {path}."
            )
        kind = type_name(importer.get("typeSchema", {}))
        (key,) = self._package.component(task)["outputDefinitions"]["artifacts"]
        metadata = importer.get("metadata", {})
        return {key: self._ledger.record(task, key, uri, kind, metadata)}


def _failure(task: str, result: ContainerResult) -> RehearsalError:
    text = result.log.read_text(encoding="utf-8", errors="replace")
    own = [_TOOL_OUTPUT.sub("", line).strip() for line in text.splitlines()]
    lines = _ERROR.findall(text) or [line for line in own if line] or ["no output"]
    return RehearsalError(
        f"{task} ended with status {result.status}: {lines[-1][:_MAX_QUOTED]} "
        f"Its log: {result.log}"
    )
