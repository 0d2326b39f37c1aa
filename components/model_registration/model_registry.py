"""Registers versions in a Kubeflow Model Registry, by its REST API v1alpha3.

A version is a registered model, a model version of it, and a model artifact with its URI.
Each is looked for before it is created, so that a registration that stopped half-way is
completed by repeating it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.json_service import JsonService

_API = "/api/model_registry/v1alpha3"

Property = str | float | bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Version:
    """A version to register.

    Attributes:
        model: Name of the registered model.
        name: Its version.
        uri: Where its SavedModel is.
        properties: Metrics and lineage by name.
        run: ID of the run that pushed it; empty if unknown.
    """

    model: str
    name: str
    uri: str
    properties: Mapping[str, Property]
    run: str = ""


def register(service: JsonService, version: Version) -> str:
    """Registers a version, or finds it registered; returns the ID of its ModelVersion.

    Raises:
        DistillError: If the registry refuses, or has this version of another place.
    """
    properties = {name: _typed(value) for name, value in version.properties.items()}
    model = _found_or_created(service, "registered_model", {"name": version.model}, {})
    key = {"name": version.name, "parentResourceId": model["id"]}
    registered = _found_or_created(
        service,
        "model_version",
        key,
        {"registeredModelId": model["id"], "customProperties": properties},
    )
    artifact = _found_or_created(
        service,
        "model_artifact",
        {"name": version.name, "parentResourceId": registered["id"]},
        {
            "artifactType": "model-artifact",
            "uri": version.uri,
            "modelFormatName": "tensorflow",
            "modelFormatVersion": "2",
            "modelSourceKind": "tfx-distill",
            "modelSourceClass": "run",
            "modelSourceId": version.run,
            "customProperties": properties,
        },
        f"model_versions/{registered['id']}/artifacts",
    )
    if artifact.get("uri") != version.uri:
        raise DistillError(
            f"Version {version.name} of {version.model} is registered with the URI "
            f"{artifact.get('uri')}, expected {version.uri}. Set registry.model to a name "
            "of this pipeline's own, or delete that version."
        )
    return str(registered["id"])


def _found_or_created(
    service: JsonService,
    kind: str,
    key: Mapping[str, str],
    fields: Mapping[str, Any],
    collection: str = "",
) -> dict[str, Any]:
    """The one of a kind with a name, which is created unless it is there.

    Args:
        service: The registry.
        kind: Such as `model_version`.
        key: What it is found by: its name, and its parent's ID.
        fields: What it is created with, beside its name.
        collection: Path of all of its kind; empty: the plural of `kind`.
    """
    found = service.get(f"{_API}/{kind}", key)
    if found is None:
        body = {"name": key["name"], **fields}
        created = service.post(f"{_API}/{collection or kind + 's'}", body)
        # Another one may have been quicker.
        found = created or service.get(f"{_API}/{kind}", key)
    if not found or not found.get("id"):
        raise DistillError(
            f"The model registry gave no ID for the {kind} {key['name']}, expected one. "
            "Check that registry.url is that of a Kubeflow Model Registry."
        )
    return found


def _typed(value: Property) -> dict[str, Any]:
    """A MetadataValue; its integers have 32 bits, so that every number is a double."""
    if isinstance(value, bool):
        return {"metadataType": "MetadataBoolValue", "bool_value": value}
    if isinstance(value, str):
        return {"metadataType": "MetadataStringValue", "string_value": value}
    return {"metadataType": "MetadataDoubleValue", "double_value": float(value)}
