"""The driver of a rehearsal: resolves a task's inputs and computes its cache key.

Modelled on kubeflow/pipelines, backend/src/v2/driver/{container,resolve,driver,cache}.go
and backend/src/v2/cacheutils/cache.go.
"""

from __future__ import annotations

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
from tfx_distill.pipeline.runners.kubeflow.rehearsal.ledger import Ledger

DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"
LATEST_VERSION = (2, 17)
# Since this version, the executor's output file is among its artifacts.
_OUTPUT_FILE_MOVED = (2, 15)


class Skipped(Exception):
    """A task that this one needs was skipped."""


class Driver:
    """Resolves the inputs of one run's tasks."""

    def __init__(
        self,
        package: Package,
        ledger: Ledger,
        values: Mapping[str, Any],
        pipeline_root: str,
        version: tuple[int, int],
    ) -> None:
        """Starts a run.

        Args:
            package: The pipeline.
            ledger: Artifacts so far.
            values: Run parameters; missing ones have their defaults.
            pipeline_root: URI below which artifacts are stored.
            version: Version of Kubeflow Pipelines.
        """
        self.package, self.ledger = package, ledger
        self._values = {
            name: values.get(name, parameter.get("defaultValue"))
            for name, parameter in package.parameters.items()
        }
        self._version = version
        self.run_id = str(uuid.uuid4())
        self._root = f"{pipeline_root.rstrip('/')}/{package.name}/{self.run_id}"
        # IDs of outputs, and output parameters, by task that succeeded.
        self.outputs: dict[str, dict[str, int]] = {}
        self.output_values: dict[str, dict[str, Any]] = {}

    def inputs(self, task: str) -> dict[str, Any]:
        """The part `inputs` of a task's ExecutorInput.

        Raises:
            Skipped: If a task it depends on did not run.
            RehearsalError: If a value is missing.
        """
        spec = self.package.tasks[task]
        for needed in spec.get("dependentTasks", []):
            if needed not in self.outputs:
                raise Skipped(needed)
        artifacts, values = {}, {}
        for key, source in spec.get("inputs", {}).get("artifacts", {}).items():
            output = source["taskOutputArtifact"]
            made = self.outputs.get(output["producerTask"])
            if made is None:
                raise Skipped(output["producerTask"])
            if output["outputArtifactKey"] not in made:
                raise RehearsalError(
                    f"{task} needs {output['outputArtifactKey']} of "
                    f"{output['producerTask']}, which created none."
                )
            number = made[output["outputArtifactKey"]]
            artifacts[key] = {"artifacts": [self.ledger.runtime_artifact(number)]}
        for key, source in spec.get("inputs", {}).get("parameters", {}).items():
            values[key] = self._value(task, key, source)
        return {"artifacts": artifacts, "parameterValues": values}

    def _value(self, task: str, key: str, source: Mapping[str, Any]) -> Any:
        if "runtimeValue" in source:
            return source["runtimeValue"]["constant"]
        if "componentInputParameter" in source:
            return self._values[source["componentInputParameter"]]
        if "taskOutputParameter" in source:
            output = source["taskOutputParameter"]
            made = self.output_values.get(output["producerTask"])
            if made is None:
                raise Skipped(output["producerTask"])
            return made[output["outputParameterKey"]]
        raise RehearsalError(f"{task}: the source of {key} is not supported here.")

    def planned_outputs(self, task: str, mounts: Mounts) -> dict[str, Any]:
        """The part `outputs`: where the task must write."""
        definitions = self.package.component(task).get("outputDefinitions", {})
        artifacts = {
            key: (value["artifactType"], value.get("metadata", {}))
            for key, value in definitions.get("artifacts", {}).items()
        }
        # The server's default, PUBLISH_LOGS=true.
        artifacts[executor_input.LOGS_KEY] = ({"schemaTitle": "system.Artifact"}, {})
        task_root = f"{self._root}/{task}/{uuid.uuid4()}"
        temporary = os.path.join(mounts.root, "tmp")
        if self._version >= _OUTPUT_FILE_MOVED:
            file = os.path.join(mounts.path(task_root), "output_metadata.json")
        else:
            file = os.path.join(temporary, "kfp_outputs", "output_metadata.json")
        return {
            "artifacts": {
                key: {
                    "artifacts": [
                        {
                            "name": key,
                            "uri": f"{task_root}/{key}",
                            "type": kind,
                            "metadata": metadata,
                        }
                    ]
                }
                for key, (kind, metadata) in artifacts.items()
            },
            "parameters": {
                key: {"outputFile": os.path.join(temporary, "kfp", "outputs", key)}
                for key in definitions.get("parameters", {})
            },
            "outputFile": file,
        }

    def fingerprint(self, task: str, inputs: Mapping[str, Any], outputs: Any) -> str:
        """The server's cache key of a task; of its data, it has only artifact IDs."""
        container = self.package.executor(task)["container"]
        claims = self.package.kubernetes(task).get("pvcMount", [])
        definitions = self.package.component(task).get("outputDefinitions", {})
        key = {
            "inputArtifactNames": {
                name: {"artifactNames": [a["name"] for a in value["artifacts"]]}
                for name, value in inputs["artifacts"].items()
            },
            "inputParameterValues": inputs["parameterValues"],
            "outputArtifactsSpec": {
                name: {k: v for k, v in value["artifacts"][0].items() if k != "uri"}
                for name, value in outputs["artifacts"].items()
            },
            "outputParametersSpec": {
                name: value.get("parameterType", "")
                for name, value in definitions.get("parameters", {}).items()
            },
            "containerSpec": {
                "image": container["image"],
                "cmdArgs": [*container["command"], *container.get("args", [])],
                "pvcNames": sorted({claim["constant"] for claim in claims}),
            },
            # The server looks entries up within one pipeline.
            "pipeline": self.package.name,
        }
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
