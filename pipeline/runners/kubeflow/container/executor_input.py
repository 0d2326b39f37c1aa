"""What the launcher hands to a container, as TFX's executors take it, and back.

TFX's own entry point fails three times on Kubeflow Pipelines: it takes the extra
output `executor-logs` for an artifact to import the class of, expects types that the
server leaves empty, and opens URIs that only the launcher can. So it is given another
input, and what it writes is written again.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.components.pusher import versions
from tfx_distill.pipeline.runners.kubeflow.compiler import parameters
from tfx_distill.pipeline.runners.kubeflow.container.mounts import Mounts, mapped

LOGS_KEY = "executor-logs"
# The server's own; TFX would take them for properties of the artifact.
_FOREIGN_METADATA = ("display_name", "store_session_info")
# TFX keeps these in files, all others in folders.
_VALUE_TYPES = ("String", "Integer", "Float", "Boolean", "JsonValue", "Bytes")


class ExecutorInput:
    """One task's input: as it came, and as TFX takes it."""

    def __init__(
        self,
        given: Mapping[str, Any],
        inputs_spec: Mapping[str, Any],
        mounts: Mounts,
        serving_dir: str | None = None,
    ) -> None:
        """Reads what the launcher gives.

        Args:
            given: The ExecutorInput that stands for `{{$}}`.
            inputs_spec: The component's inputs as they were compiled.
            mounts: Where artifacts and volumes are.
            serving_dir: Folder of the versions that a model server sees.
        """
        self._given, self._mounts = given, mounts
        self._spec, self._serving_dir = inputs_spec, serving_dir

    @property
    def output_file(self) -> str:
        """Where the executor's output is expected.

        The launcher names a local file; Vertex AI an object, which it mounts.
        """
        return self._mounts.path(self._given.get("outputs", {}).get("outputFile", ""))

    def for_tfx(self) -> dict[str, Any]:
        """The ExecutorInput that TFX's entry point gets."""
        result = copy.deepcopy(dict(self._given))
        inputs = result.setdefault("inputs", {})
        declared = self._spec.get("artifacts", {})
        for key, artifact in _artifacts(inputs):
            artifact["uri"] = self._path(artifact)
            # Always: the server gives an empty type, or one in a form of its own.
            if key in declared:
                artifact["type"] = dict(declared[key]["artifactType"])
            artifact["metadata"] = {
                # Executors compare these with paths that they are given.
                name: mapped(_unwrapped(value), self._mounts.path)
                for name, value in artifact.get("metadata", {}).items()
                if name not in _FOREIGN_METADATA and value is not None
            }
        kinds = {
            name: spec.get("parameterType", "")
            for name, spec in self._spec.get("parameters", {}).items()
        }
        values = parameters.applied(inputs.get("parameterValues", {}), kinds)
        values = mapped(values, self._mounts.here)
        if (
            self._serving_dir
            and values.get(parameters.SERVED_MODEL) == parameters.LATEST
        ):
            # What the driver finds in a local run.
            found = versions.newest(self._mounts.here(self._serving_dir))
            values[property_names.SERVED_MODEL_URI] = found
        inputs["parameterValues"] = values
        outputs = result.setdefault("outputs", {})
        outputs.get("artifacts", {}).pop(LOGS_KEY, None)
        outputs["outputFile"] = self.output_file
        for _, artifact in _artifacts(outputs):
            artifact["uri"] = self._path(artifact)
        return result

    def make_folders(self) -> None:
        """Makes what executors expect to be there: the launcher makes parents alone."""
        for key, artifact in _artifacts(self._given.get("outputs", {})):
            if key != LOGS_KEY:
                path = self._path(artifact)
                is_file = _title(artifact).rpartition(".")[2] in _VALUE_TYPES
                os.makedirs(os.path.dirname(path) if is_file else path, exist_ok=True)

    def for_launcher(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """The ExecutorOutput that the launcher gets: no path of this container in it."""
        result = copy.deepcopy(dict(written))
        uris = {
            key: artifact["uri"]
            for key, artifact in _artifacts(self._given.get("outputs", {}))
        }
        ids = {
            _number_for_tfx(artifact["name"]): artifact["name"]
            for _, artifact in _artifacts(self._given.get("inputs", {}))
            if artifact.get("name")
        }
        for key, artifact in _artifacts(result):
            artifact["uri"] = uris.get(key, artifact.get("uri", ""))
            own = artifact["uri"]
            metadata = artifact.get("metadata", {})
            artifact["metadata"] = {
                name: ids[value]
                if isinstance(value, int | float) and value in ids
                else mapped(value, self._outside(own))
                for name, value in metadata.items()
                if value is not None  # the launcher fails on null
            }
        return result

    def _outside(self, own_uri: str) -> Callable[[str], str]:
        """What turns a text with a path of this container into one for everybody."""
        known = {
            self._path(artifact): artifact["uri"]
            for part in ("inputs", "outputs")
            for _, artifact in _artifacts(self._given.get(part, {}))
        }

        def change(text: str) -> str:
            for path in sorted(known, key=len, reverse=True):
                if path and path != known[path]:
                    text = text.replace(path, known[path])
            if text.startswith("/"):
                # What is lost with the pod is, where it was copied, the artifact itself.
                return self._mounts.claimed(self._mounts.uri(text)) or own_uri
            return text

        return change

    def _path(self, artifact: Mapping[str, Any]) -> str:
        custom = artifact.get("customPath")
        return str(custom) if custom else self._mounts.path(artifact.get("uri", ""))


def _artifacts(part: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, values in part.get("artifacts", {}).items():
        for artifact in values.get("artifacts", []):
            yield key, artifact


def _number_for_tfx(name: str) -> float:
    """The id that TFX gives an artifact of that name, as far as a double holds it."""
    return float(int(hashlib.sha256(name.encode()).hexdigest(), 16) % (1 << 63))


def _unwrapped(value: Any) -> Any:
    """The server keeps lists and mappings as `{"list": [...]}`, `{"struct": {...}}`."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, inner),) = value.items()
        if (kind == "list" and isinstance(inner, list)) or (
            kind == "struct" and isinstance(inner, Mapping)
        ):
            return inner
    return value


def _title(artifact: Mapping[str, Any]) -> str:
    kind = artifact.get("type", {})
    if "schemaTitle" in kind:
        return str(kind["schemaTitle"])
    first = str(kind.get("instanceSchema", "")).partition("\n")[0]
    return first.partition("title:")[2].strip()


def read(text: str) -> dict[str, Any]:
    """Parses one of the two JSON arguments."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, received {text[:80]}")
    return value
