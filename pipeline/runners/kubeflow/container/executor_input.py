"""Converts the launcher's input to what TFX's executors take, and their output back.

TFX's own entry point fails on Kubeflow Pipelines for three reasons: it tries to import
an artifact class for the extra output `executor-logs`, it needs the types that the
server leaves empty, and it opens URIs that only the launcher can open. So it gets a
converted input, and its output is converted back.
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
from tfx_distill.pipeline.runners.kubeflow.compiler import run_parameters
from tfx_distill.pipeline.runners.kubeflow.container import upload_checks
from tfx_distill.pipeline.runners.kubeflow.container.mounts import Mounts, mapped
from tfx_distill.pipeline.runners.kubeflow.schema_titles import type_name

LOGS_KEY = "executor-logs"
# The server's own metadata, which TFX would read as properties of the artifact.
_SERVER_METADATA = ("display_name", "store_session_info")
_SYSTEM = "system."
# TFX stores these in files, all others in folders.
_VALUE_TYPES = ("String", "Integer", "Float", "Boolean", "JsonValue", "Bytes")


class ExecutorInput:
    """One task's input: as the launcher passes it, and as TFX takes it."""

    def __init__(
        self,
        given: Mapping[str, Any],
        inputs_spec: Mapping[str, Any],
        mounts: Mounts,
        serving_dir: str | None = None,
    ) -> None:
        """Takes the launcher's input.

        Args:
            given: The ExecutorInput that the launcher puts in place of `{{$}}`.
            inputs_spec: The component's inputs as compiled.
            mounts: Where artifacts and volumes are.
            serving_dir: Folder of the versions that a model server sees.
        """
        self._given, self._mounts = given, mounts
        self._spec, self._serving_dir = inputs_spec, serving_dir

    @property
    def output_file(self) -> str:
        """Where the launcher expects the executor's output.

        KFP names a local file, Vertex AI an object, which it mounts.
        """
        return self._mounts.path(self._given.get("outputs", {}).get("outputFile", ""))

    @property
    def given(self) -> Mapping[str, Any]:
        """As the launcher passes it."""
        return self._given

    @property
    def output_keys(self) -> set[str]:
        return set(self._given.get("outputs", {}).get("artifacts", {}))

    def path(self, part: str, key: str) -> str:
        """The folder or file of the input or output `key`; `part` says which."""
        found = artifacts(self._given.get(part, {}))
        return next(self._path(artifact) for name, artifact in found if name == key)

    def public(self, text: str) -> str:
        """A text with URIs in place of the paths of artifacts."""
        return self._outside("")(text)

    def for_tfx(self) -> dict[str, Any]:
        """The ExecutorInput for TFX's entry point."""
        result = copy.deepcopy(dict(self._given))
        inputs = result.setdefault("inputs", {})
        declared = self._spec.get("artifacts", {})
        for key, artifact in artifacts(inputs):
            remote, artifact["uri"] = artifact.get("uri", ""), self._path(artifact)
            artifact["name"] = _id(artifact)
            # Always: the server gives an empty type, or one in its own format.
            if key in declared:
                artifact["type"] = dict(declared[key]["artifactType"])
            artifact["metadata"] = {
                # Executors compare these with paths that they are given. A version is
                # where servers see it.
                name: value
                if name == property_names.PUSHED_DESTINATION
                else mapped(_unwrapped(value), self._mounts.path)
                for name, value in artifact.get("metadata", {}).items()
                if name not in _SERVER_METADATA and value is not None
            }
            if artifact["uri"] != remote:
                artifact["metadata"][property_names.REMOTE_URI] = remote
        inputs["parameterValues"] = self._values(inputs.get("parameterValues", {}))
        outputs = result.setdefault("outputs", {})
        outputs["artifacts"] = {
            key: value
            for key, value in outputs.get("artifacts", {}).items()
            if not is_servers(value)
        }
        outputs["outputFile"] = self.output_file
        for _, artifact in artifacts(outputs):
            artifact["uri"] = self._path(artifact)
        return result

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters with the run's values in their sections, and paths of this pod."""
        kinds = {
            name: spec.get("parameterType", "")
            for name, spec in self._spec.get("parameters", {}).items()
        }
        under_root = self._mounts.under_root
        values = dict(mapped(run_parameters.applied(given, kinds), under_root))
        served = values.get(property_names.SERVED_MODEL)
        if self._serving_dir and served == run_parameters.LATEST:
            # In a local run, the Evaluator's driver finds it.
            found = versions.at(under_root(self._serving_dir)).newest()
            values[property_names.SERVED_MODEL_URI] = found
        return values

    def make_folders(self) -> None:
        """Creates the output folders; the launcher creates only their parents."""
        for _, artifact in artifacts(self._given.get("outputs", {})):
            path, kind = self._path(artifact), type_name(artifact.get("type", {}))
            is_file = kind.rpartition(".")[2] in _VALUE_TYPES or kind.startswith(
                _SYSTEM
            )
            os.makedirs(os.path.dirname(path) if is_file else path, exist_ok=True)

    def for_launcher(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """The ExecutorOutput for the launcher, without paths of this container."""
        result = copy.deepcopy(dict(written))
        uris = {
            key: artifact["uri"]
            for key, artifact in artifacts(self._given.get("outputs", {}))
        }
        inputs = artifacts(self._given.get("inputs", {}))
        ids = {_number_for_tfx(id_): id_ for _, a in inputs if (id_ := _id(a))}
        for key, artifact in artifacts(result):
            artifact["uri"] = uris.get(key, artifact.get("uri", ""))
            own = artifact["uri"]
            metadata = artifact.get("metadata", {})
            upload_checks.require_finite(key, metadata)
            upload_checks.require_no_links(key, self._path(artifact))
            artifact["metadata"] = {
                name: ids[value]
                if isinstance(value, int | float) and value in ids
                else mapped(value, self._outside(own))
                for name, value in metadata.items()
                if value is not None  # the launcher fails on null
            }
        return result

    def _outside(self, own_uri: str) -> Callable[[str], str]:
        """Returns a function that replaces paths of this container by URIs."""
        known = {
            self._path(artifact): artifact["uri"]
            for part in ("inputs", "outputs")
            for _, artifact in artifacts(self._given.get(part, {}))
        }

        def change(text: str) -> str:
            for path in sorted(known, key=len, reverse=True):
                if path and path != known[path]:
                    text = text.replace(path, known[path])
            if text.startswith("/"):
                # A folder that is lost with the pod was copied to the artifact itself.
                return self._mounts.claim_uri(self._mounts.uri(text)) or own_uri
            return text

        return change

    def _path(self, artifact: Mapping[str, Any]) -> str:
        custom = artifact.get("customPath")
        return str(custom) if custom else self._mounts.path(artifact.get("uri", ""))


def is_servers(output: Mapping[str, Any]) -> bool:
    """Whether an output is of a type of the server's, which TFX cannot import."""
    kinds = (type_name(a.get("type", {})) for a in output.get("artifacts", []))
    return any(kind.startswith(_SYSTEM) for kind in kinds)


def artifacts(part: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields key and artifact of all `inputs` or `outputs`."""
    for key, values in part.get("artifacts", {}).items():
        for artifact in values.get("artifacts", []):
            yield key, artifact


def _id(artifact: Mapping[str, Any]) -> str:
    """What tells an input from others, from which TFX derives its number.

    It is the name, a number of ML Metadata. Servers without that have `artifactId`;
    the name is the key of an output there, the same for teacher and student.
    """
    return str(artifact.get("artifactId") or artifact.get("name", ""))


def _number_for_tfx(name: str) -> float:
    """The ID that TFX derives from an artifact's name, rounded to a double."""
    return float(int(hashlib.sha256(name.encode()).hexdigest(), 16) % (1 << 63))


def _unwrapped(value: Any) -> Any:
    """Undoes the server's `{"list": [...]}` and `{"struct": {...}}`."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, inner),) = value.items()
        if (kind == "list" and isinstance(inner, list)) or (
            kind == "struct" and isinstance(inner, Mapping)
        ):
            return inner
    return value


def read(text: str) -> dict[str, Any]:
    """Parses one of the two JSON arguments."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, received {text[:80]}")
    return value
