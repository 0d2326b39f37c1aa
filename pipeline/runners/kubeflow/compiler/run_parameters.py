"""Configuration keys that each run may override.

Executors read whole sections as JSON. A run parameter `student_epochs` becomes an
additional input `student__epochs` of every task that reads the section `student`; the
entry point then writes its value into the section. So the section keeps its format, and
the server's cache takes the value into account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx_distill.components.property_names import SERVED_MODEL
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import ConfigError

_SEPARATOR = "__"
_CUSTOM_CONFIG = "custom_config"  # of TFX's Trainer: sections by name, as JSON
_ASSISTANT = "assistant"
_SECTIONS = ("teacher", "student", _ASSISTANT, "distillation")

# Stands for the newest version on the volume of served models.
LATEST = "latest"


def defaults(config: PipelineConfig) -> dict[str, Any]:
    """Default of every run parameter: `kubeflow.parameters` and the served model.

    Raises:
        ConfigError: For a key that a run cannot override.
    """
    values = {}
    for key in config.kubeflow.parameters:
        section, _, name = key.partition(".")
        value = getattr(getattr(config, section, None), name, None)
        if section not in _SECTIONS or not isinstance(value, bool | int | float | str):
            _reject(
                key,
                "a number, string or boolean that is set, in teacher, student, "
                "assistant or distillation",
            )
        if name == "model":
            _reject(key, "not an architecture, whose code is part of the cache key")
        if section == "teacher" and config.teacher.answers:
            _reject(key, "no key of a teacher that is trained by nobody")
        num_models = config.ensemble.size if section == "teacher" else config.seeds
        if name == "seed" and num_models > 1:
            _reject(key, f"not a seed, of which there are {num_models}")
        values[key] = value
    # An input of the Evaluator that is in no section: what serves before the run.
    lasts = config.kubeflow.volumes.serving or file_system.is_remote(config.serving_dir)
    values[SERVED_MODEL] = LATEST if lasts else ""
    return values


def _reject(key: str, expected: str) -> None:
    raise ConfigError(
        f"kubeflow.parameters names {key}, expected {expected}. "
        "Remove it, and compile with --set instead."
    )


def add(package: Package, values: Mapping[str, Any]) -> None:
    """Turns configuration keys into run parameters.

    Args:
        package: Its PipelineSpec is changed in place.
        values: As `defaults` returns them.
    """
    for key, value in values.items():
        section, dot, name = key.partition(".")
        for task in package.tasks:
            place = _input_of_section(package.tasks[task], section)
            if place is not None:
                input_name = place + _SEPARATOR + name if dot else place
                _connect(package, task, input_name, key.replace(".", "_"), value)


def _input_of_section(task: Mapping[str, Any], section: str) -> str | None:
    """The task's input that holds the section; None if the task does not read it."""
    inputs = task.get("inputs", {}).get("parameters", {})
    values = {
        name: value["runtimeValue"]["constant"]
        for name, value in inputs.items()
        if "runtimeValue" in value
    }
    if section == "teacher":
        custom = json.loads(values.get(_CUSTOM_CONFIG) or "null") or {}
        return section if section in custom else None
    if section in ("student", _ASSISTANT):
        is_assistant = values.get("role") == _ASSISTANT
        is_read = "student" in values and is_assistant == (section == _ASSISTANT)
        return "student" if is_read else None
    return section if section in values else None


def _connect(
    package: Package, task: str, input_name: str, parameter: str, default: Any
) -> None:
    """Makes a run parameter an input of a task."""

    def parameters(owner: dict[str, Any], key: str) -> dict[str, Any]:
        return owner.setdefault(key, {}).setdefault("parameters", {})

    kind = {"parameterType": _kind(default)}
    parameters(package.component(task), "inputDefinitions")[input_name] = kind
    source = {"componentInputParameter": parameter}
    parameters(package.tasks[task], "inputs")[input_name] = source
    root = parameters(package.spec["root"], "inputDefinitions")
    root[parameter] = {**kind, "defaultValue": default}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "NUMBER_INTEGER"
    return "NUMBER_DOUBLE" if isinstance(value, float) else "STRING"


def applied(values: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Returns what executors read: run parameters written into their sections.

    Args:
        values: A task's inputs by name, as the launcher passes them: every number is
            a double.
        kinds: `parameterType` of each.
    """
    result = {name: value for name, value in values.items() if _SEPARATOR not in name}
    for name, value in values.items():
        place, separator, key = name.partition(_SEPARATOR)
        if not separator:
            continue
        if kinds.get(name) == "NUMBER_INTEGER":
            value = int(value)
        if place in result:
            result[place] = _patched(result[place], key, value)
        else:
            custom = json.loads(result[_CUSTOM_CONFIG])
            custom[place] = _patched(custom[place], key, value)
            result[_CUSTOM_CONFIG] = json.dumps(custom)
    return result


def _patched(section: str, key: str, value: Any) -> str:
    # As `Section.to_json` writes it: equal values have equal text.
    return json.dumps({**json.loads(section), key: value}, sort_keys=True)
