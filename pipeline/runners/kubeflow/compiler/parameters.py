"""Keys of the configuration that each run may set to another value.

Executors take whole sections as JSON. A run parameter `student_epochs` goes to every
task that reads the section `student`, as an input `student__epochs` of its own; the
entry point puts its value into the section. So the section keeps its one form, and
the server's cache sees the value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from typing import Any

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.errors import ConfigError

_SEPARATOR = "__"
_CUSTOM_CONFIG = "custom_config"  # of TFX's Trainer: sections by name, as JSON
_ASSISTANT = "assistant"
_SECTIONS = ("teacher", "student", _ASSISTANT, "distillation")

# What serves before this run: an input of the Evaluator that is no section's. `latest`
# is the newest version on the volume of served models.
SERVED_MODEL = "served_model"
LATEST = "latest"


def defaults(config: PipelineConfig) -> dict[str, Any]:
    """Value of every run parameter: those of `kubeflow.parameters`, and what serves.

    Raises:
        ConfigError: For a key that cannot be set by run.
    """
    values = {}
    for key in config.kubeflow.parameters:
        section, _, name = key.partition(".")
        value = getattr(getattr(config, section, None), name, None)
        if section not in _SECTIONS or not isinstance(value, bool | int | float | str):
            _refuse(
                key,
                "a number, text or truth value that is set, in teacher, student, "
                "assistant or distillation",
            )
        if name == "model":
            _refuse(key, "not an architecture, whose code decides on the cache")
        many = config.ensemble.size if section == "teacher" else config.seeds
        if name == "seed" and many > 1:
            _refuse(key, f"not a seed, of which there are {many}")
        values[key] = value
    values[SERVED_MODEL] = LATEST if config.kubeflow.volumes.serving else ""
    return values


def _refuse(key: str, expected: str) -> None:
    raise ConfigError(
        f"kubeflow.parameters names {key}, expected {expected}. "
        "Leave it out, and compile with --set instead."
    )


def run_name(key: str) -> str:
    """What a run calls the key `student.epochs`: names there are Python's."""
    return key.replace(".", "_")


def add(spec: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
    """Makes run parameters of keys of the configuration.

    Args:
        spec: The PipelineSpec, changed in place.
        values: As `defaults` returns them.
    """
    for key, value in values.items():
        section, dot, name = key.partition(".")
        for task, component in _tasks(spec):
            place = _place(task, section)
            if place is not None:
                input_name = place + _SEPARATOR + name if dot else place
                _connect(spec, task, component, input_name, run_name(key), value)


def _tasks(spec: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    tasks = spec["root"]["dag"]["tasks"].values()
    return [(task, spec["components"][task["componentRef"]["name"]]) for task in tasks]


def _constants(task: Mapping[str, Any]) -> dict[str, Any]:
    inputs = task.get("inputs", {}).get("parameters", {})
    return {
        name: value["runtimeValue"]["constant"]
        for name, value in inputs.items()
        if "runtimeValue" in value
    }


def _place(task: Mapping[str, Any], section: str) -> str | None:
    """The task's input that holds the section; None: it does not read it."""
    values = _constants(task)
    role = values.get("role", "student")
    if section == "teacher":
        custom = json.loads(values.get(_CUSTOM_CONFIG) or "null") or {}
        return section if section in custom else None
    if section in ("student", _ASSISTANT):
        is_assistant = role == _ASSISTANT
        return (
            "student"
            if "student" in values and is_assistant == (section == _ASSISTANT)
            else None
        )
    return section if section in values else None


def _connect(spec, task, component, input_name, parameter, default) -> None:
    """Lets a run parameter be an input of a task."""
    kind = {"parameterType": _kind(default)}
    component.setdefault("inputDefinitions", {}).setdefault("parameters", {})[
        input_name
    ] = kind
    task.setdefault("inputs", {}).setdefault("parameters", {})[input_name] = {
        "componentInputParameter": parameter
    }
    root = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    root[parameter] = {**kind, "defaultValue": default}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "NUMBER_INTEGER"
    return "NUMBER_DOUBLE" if isinstance(value, float) else "STRING"


def applied(values: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """What executors read: values of runs put into the sections they belong to.

    Args:
        values: A task's inputs by name, as the launcher gives them: every number is
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
