"""The driver of a rehearsal: resolves a task's inputs and computes its cache key.

Modelled on kubeflow/pipelines, backend/src/v2/driver/{container,resolve,driver,cache}.go
and backend/src/v2/cacheutils/cache.go.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.container import executor_input
from tfx_distill.pipeline.runners.kubeflow.container.mounts import Mounts
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.rehearsal.bucket import Ledger

DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"


class Driver:
    """Resolves the inputs of one run's tasks.

    Args:
        package: The pipeline.
        ledger: Artifacts so far.
        values: Run parameters; missing ones have their defaults.
        pipeline_root: URI below which artifacts are stored.
    """

    def __init__(
        self,
        package: Package,
        ledger: Ledger,
        values: Mapping[str, Any],
        pipeline_root: str,
    ) -> None:
        self.package, self.ledger = package, ledger
        self._values = {
            name: values.get(name, parameter.get("defaultValue"))
            for name, parameter in package.parameters.items()
        }
        self.run_id = str(uuid.uuid4())
        self._root = f"{pipeline_root.rstrip('/')}/{package.name}/{self.run_id}"
        # IDs of outputs, by task that succeeded.
        self.outputs: dict[str, dict[str, int]] = {}

    def inputs(self, task: str) -> dict[str, Any]:
        """The part `inputs` of a task's ExecutorInput.

        Raises:
            RehearsalError: If a value is missing, or of a kind that is not imitated.
        """
        spec = self.package.tasks[task]
        if spec.get("triggerPolicy", {}).get("condition"):
            raise RehearsalError(
                f"{task} has a condition, which only Kubeflow evaluates. Compile the "
                "pipeline without it to rehearse the rest."
            )
        given = spec.get("inputs", {})
        return {
            "artifacts": {
                key: {"artifacts": [self._artifact(task, source)]}
                for key, source in given.get("artifacts", {}).items()
            },
            "parameterValues": {
                key: self._value(task, key, source)
                for key, source in given.get("parameters", {}).items()
            },
        }

    def _artifact(self, task: str, source: Mapping[str, Any]) -> dict[str, Any]:
        """An input as the driver passes it: without a type, with the server's metadata."""
        producer = source["taskOutputArtifact"]["producerTask"]
        key = source["taskOutputArtifact"]["outputArtifactKey"]
        number = self.outputs[producer].get(key)
        if number is None:
            raise RehearsalError(
                f"{task} needs {key} of {producer}, which created none."
            )
        artifact = self.ledger.artifact(number)
        server = {"display_name": artifact["key"], "store_session_info": "{}"}
        return {
            "name": str(number),
            "uri": artifact["uri"],
            "type": {"instanceSchema": ""},
            "metadata": {**artifact["metadata"], **server},
        }

    def _value(self, task: str, key: str, source: Mapping[str, Any]) -> Any:
        if "runtimeValue" in source:
            return source["runtimeValue"]["constant"]
        if "componentInputParameter" in source:
            return self._values[source["componentInputParameter"]]
        raise RehearsalError(f"{task}: the source of {key} is not supported here.")

    def planned_outputs(self, task: str, mounts: Mounts) -> dict[str, Any]:
        """The part `outputs`: where the task must write."""
        definitions = self.package.component(task).get("outputDefinitions", {})
        # The server's default, PUBLISH_LOGS=true.
        logs = {"artifactType": {"schemaTitle": "system.Artifact"}}
        wanted = {**definitions.get("artifacts", {}), executor_input.LOGS_KEY: logs}
        task_root = f"{self._root}/{task}/{uuid.uuid4()}"
        return {
            "artifacts": {
                key: {"artifacts": [_planned(key, spec, f"{task_root}/{key}")]}
                for key, spec in wanted.items()
            },
            # Since KFP 2.15; before, in /tmp/kfp_outputs.
            "outputFile": os.path.join(mounts.path(task_root), "output_metadata.json"),
        }

    def fingerprint(self, task: str, given: Mapping[str, Any]) -> str:
        """The server's cache key of a task; of its data, it has only artifact IDs."""
        given = copy.deepcopy(dict(given))
        del given["outputs"]["outputFile"]
        for _, artifact in executor_input.artifacts(given["outputs"]):
            del artifact["uri"]
        for _, artifact in executor_input.artifacts(given["inputs"]):
            name = artifact["name"]
            artifact.clear()
            artifact["name"] = name
        container = self.package.executor(task)["container"]
        words = container["image"], container["command"], container.get("args", [])
        claims = self.package.kubernetes(task).get("pvcMount", [])
        mounted = sorted({claim["constant"] for claim in claims})
        # The server looks entries up within one pipeline.
        key = [self.package.name, words, mounted, given]
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _planned(key: str, spec: Mapping[str, Any], uri: str) -> dict[str, Any]:
    metadata = spec.get("metadata", {})
    return {"name": key, "uri": uri, "type": spec["artifactType"], "metadata": metadata}
