"""Frozen sections of a configuration, made from plain values and checked.

This module imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from tfx_distill.trainer.errors import ConfigError

T = TypeVar("T")


def require(condition: bool, key: str, received: Any, expected: str) -> None:
    """Raises a `ConfigError` in one line unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{key} must be {expected}, received {received!r}.")


def build(cls: type[T], values: Mapping[str, Any] | None, where: str = "") -> T:
    """Makes the frozen dataclass `cls` from plain YAML or JSON values.

    Args:
        cls: A dataclass whose fields are sections, numbers, strings, booleans,
            tuples or mappings.
        values: Its values by field name; a field left out keeps its default.
        where: Dotted path of the section, for error messages.

    Raises:
        ConfigError: For an unknown key (names the nearest), a value of another
            type, or one that the section itself refuses.
    """
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{where or 'The configuration'} must be a mapping of keys, "
            f"received {values!r}."
        )
    hints = typing.get_type_hints(cls)
    fields = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    arguments = {}
    for name, value in values.items():
        if name not in fields:
            raise ConfigError(
                _unknown_key(f"{prefix}{name}", str(name), fields, prefix)
            )
        arguments[name] = _convert(value, hints[name], f"{prefix}{name}")
    return cls(**arguments)


def _unknown_key(key: str, name: str, known: set[str], prefix: str) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    if near:
        return f"Unknown configuration key {key}. Did you mean {prefix}{near[0]}?"
    keys = ", ".join(sorted(known))
    return f"Unknown configuration key {key}. Keys here: {keys}."


def _convert(value: Any, hint: Any, key: str) -> Any:
    """Checks one value against its annotation; lists become tuples."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        hint = next(arg for arg in args if arg is not type(None))
        return _convert(value, hint, key)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, key)
    if origin is tuple:
        require(isinstance(value, list | tuple), key, value, "a list")
        item = args[0]
        return tuple(_convert(v, item, f"{key}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        require(isinstance(value, Mapping), key, value, "a mapping")
        return {str(k): _convert(v, args[1], f"{key}.{k}") for k, v in value.items()}
    return _convert_scalar(value, hint, key)


def _convert_scalar(value: Any, hint: Any, key: str) -> Any:
    if hint is Any:
        return value
    if hint is float:
        if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text.
            with contextlib.suppress(ValueError):
                value = float(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        require(is_number and math.isfinite(value), key, value, "a finite number")
        return float(value)
    if hint is int:
        require(
            isinstance(value, int) and not isinstance(value, bool),
            key,
            value,
            "a whole number",
        )
    elif hint is bool:
        require(isinstance(value, bool), key, value, "true or false")
    elif hint is str:
        require(isinstance(value, str), key, value, "text")
    return value


class Section:
    """A part of the configuration that travels to executors as JSON."""

    def to_json(self) -> str:
        """Returns JSON with sorted keys: equal sections have equal text."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls: type[T], text: str) -> T:
        return build(cls, json.loads(text))
