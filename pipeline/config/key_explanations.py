"""What a configuration key means, and where its value comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfx_distill.pipeline.config import reference
from tfx_distill.pipeline.config.loader import Layer, load_layers, read_file
from tfx_distill.trainer.config import config_errors
from tfx_distill.trainer.config.section import WHOLE
from tfx_distill.trainer.errors import ConfigError

_ABSENT = object()


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeyExplanation:
    """One key of a configuration.

    Attributes:
        key: With its sections, as `student.epochs`.
        meaning: A line.
        accepted: Which values; follows "must be".
        value: In force.
        is_off: Whether the key's section is null, so that no value is in force.
        given: Source and value of each layer that has it, the lowest first; the last
            one is in force.
        run_parameter: Name of the parameter with which a run on Kubeflow sets it; empty
            if it cannot.
    """

    key: str
    meaning: str
    accepted: str
    value: Any
    is_off: bool
    given: tuple[tuple[str, Any], ...]
    run_parameter: str


def explain(
    file: str | None, overrides: Sequence[str], key: str
) -> list[KeyExplanation]:
    """Explains a key, or all keys of a section.

    Args:
        file: See `load_config`.
        overrides: See `load_config`.
        key: With its sections.

    Raises:
        ConfigError: If there is no such key, or the configuration is wrong.
    """
    config, layers = load_layers(file, overrides)
    root = reference.json_schema()
    resolved = config.model_dump(mode="json", context=WHOLE)
    layers = [Layer("default", read_file("default")), *layers]
    found = []
    for name, field in _fields(key, root):
        given = [(layer.source, _at(layer.values, name)) for layer in layers]
        value = _at(resolved, name)
        found.append(
            KeyExplanation(
                key=name,
                meaning=field["description"].partition("\n")[0].rstrip("."),
                accepted=config_errors.expected(field),
                value=None if value is _ABSENT else value,
                is_off=value is _ABSENT,
                given=tuple(pair for pair in given if pair[1] is not _ABSENT),
                run_parameter=(
                    name.replace(".", "_") if name in config.kubeflow.parameters else ""
                ),
            )
        )
    return found


def _fields(key: str, root: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Path and schema of a key, or of each key below a section."""
    here, at = root, ""
    for name in key.strip().split("."):
        inside = config_errors.section(here, root)
        known = inside.get("properties", {})
        if not known and inside.get("type") == "object":  # of the user's own keys
            break
        if name not in known:
            raise ConfigError(config_errors.unknown_key(name, known, at))
        here, at = known[name], f"{at}{name}."
    if "default" in here:
        yield key.strip(), here
        return
    for name in config_errors.section(here, root)["properties"]:
        yield from _fields(f"{at}{name}", root)


def _at(values: Any, key: str) -> Any:
    """The value at a path; `_ABSENT` if there is none."""
    for name in key.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return _ABSENT
        values = values[name]
    return values


def text(found: Sequence[KeyExplanation]) -> str:
    """One key in full; the keys of a section in a line each."""
    if len(found) > 1:
        rows = [
            (one.key, reference.flow(one.value), one.given[-1][0] if one.given else "")
            for one in found
        ]
        return "\n".join(_aligned(rows))
    (one,) = found
    lines = [
        f"{one.key}: {reference.flow(one.value)}",
        f"{one.meaning}. Accepted: {one.accepted}.",
        "",
        *_aligned([("  " + reference.flow(value), by) for by, value in one.given]),
        "",
        "None is in force: its section is null."
        if one.is_off
        else "The last one is in force.",
    ]
    if one.run_parameter:
        lines.append(
            f"A run on Kubeflow can set it: --param {one.run_parameter}=VALUE."
        )
    return "\n".join(lines)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [min(40, max(map(len, column))) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
