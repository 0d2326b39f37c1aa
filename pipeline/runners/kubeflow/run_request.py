"""A request to run a package, with a checked value for every run parameter."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import math
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.config.kubeflow_config import SCHEMES, is_root
from tfx_distill.pipeline.runners.kubeflow import server_names
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.trainer.errors import ConfigError

VALUE_TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """What to run, and how.

    Attributes:
        package: The compiled pipeline, read from a file.
        arguments: Value of every run parameter.
        experiment: Its name; None: the pipeline's name.
        pipeline_root: URI of artifacts; None: the server's.
        service_account: Of the containers; None: the server's.
    """

    package: Package
    arguments: Mapping[str, Any]
    experiment: str | None = None
    pipeline_root: str | None = None
    service_account: str | None = None


def require_root(uri: str) -> None:
    """Rejects a pipeline root that KFP cannot use.

    Raises:
        ConfigError: In one line.
    """
    if not is_root(uri):
        raise ConfigError(
            f"The pipeline root {uri} must begin with {', '.join(SCHEMES)}, without a "
            "query such as ?region=, with which KFP ignores the root's credentials. The "
            "ConfigMap kfp-launcher of your namespace takes region and endpoint."
        )


def is_of_type(value: Any, kind: str) -> bool:
    """Whether a value has a parameterType; a boolean is not a number."""
    if isinstance(value, bool):
        return kind == "BOOLEAN"
    return isinstance(value, VALUE_TYPES.get(kind, ()))


def arguments(package: Package, given: Mapping[str, str]) -> dict[str, Any]:
    """Returns every parameter's value: the given one, or the file's default.

    Args:
        package: Defines the parameters.
        given: Values by name; lists and structs as JSON.

    Raises:
        ConfigError: If a name is unknown, a value has another type, or a parameter has
            neither a default nor a value.
    """
    definitions = package.parameters
    values = {
        name: definition["defaultValue"]
        for name, definition in definitions.items()
        if "defaultValue" in definition
    }
    for name, text in given.items():
        if name not in definitions:
            raise ConfigError(_unknown(package, name))
        values[name] = _parsed(name, text, definitions[name])
        server_names.require_literal(f"--param {name}", values[name])
    missing = [
        name
        for name, definition in definitions.items()
        if name not in values and not definition.get("isOptional")
    ]
    if missing:
        options = " ".join(f"--param {name}=VALUE" for name in missing)
        raise ConfigError(
            f"{package.path} has no default for {', '.join(missing)}. Add {options}."
        )
    return values


def _unknown(package: Package, name: str) -> str:
    near = difflib.get_close_matches(name, package.parameters, n=1)
    known = ", ".join(sorted(package.parameters)) or "none"
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"--param: there is no {name!r}; the run parameters of {package.path} are: "
        f"{known}.{hint}"
    )


def _parsed(name: str, text: str, definition: Mapping[str, Any]) -> Any:
    kind = definition.get("parameterType", "STRING")
    value: Any = None
    with contextlib.suppress(ValueError):
        if kind == "STRING":
            value = text
        elif kind == "NUMBER_INTEGER":
            value = int(text)
        elif kind == "NUMBER_DOUBLE":
            value = float(text)
        else:
            value = json.loads(text.lower() if kind == "BOOLEAN" else text)
    is_finite = not isinstance(value, float) or math.isfinite(value)  # as JSON demands
    if not is_of_type(value, kind) or not is_finite:
        raise ConfigError(f"--param {name}: received {text!r}, expected {kind}.")
    return value
