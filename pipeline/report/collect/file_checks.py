"""Whether a file holds values of the kinds that a report can show.

JSON that parses may still say `"a lot"` where a number belongs. Whoever wrote it, the
report must not end there: a section whose file is wrong says what is wrong instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tfx_distill.components.checks import VERDICT_FILE
from tfx_distill.pipeline.report.collect import readings

_MAX_SHOWN = 40


def verdict(folder: str, gate: str) -> dict[str, Any]:
    """A gate's verdict.

    Args:
        folder: Of the blessing.
        gate: Type of the blessing: `ModelBlessing` or `InfraBlessing`.

    Raises:
        ValueError: If a value is of a wrong kind; names it.
    """
    read = readings.load_json(folder, VERDICT_FILE)
    if not isinstance(read.get("blessed"), bool):
        raise _wrong("blessed", read.get("blessed"), "true or false")
    _list("reasons", read.get("reasons"))
    for index, check in enumerate(_list("checks", read.get("checks"))):
        _check(f"checks[{index}]", _mapping(f"checks[{index}]", check))
    if gate == "InfraBlessing":
        for name in ("student", "teacher"):
            _cost(name, _mapping(name, read.get(name) or {}))
        return read
    for name in ("num_examples", "agreement"):
        number(name, read.get(name), optional=True)
    for name in ("student", "teacher", "paired"):
        for slice_name, measured in _mapping(name, read.get(name) or {}).items():
            place = f"{name}.{slice_name}"
            numbers(place, measured, _mapping(place, measured))
    served = read.get("served")
    if served and not _mapping("served", served).get("problem"):
        names = ("difference", "low", "high", "p_value", "only_student", "only_served")
        numbers("served", served, names)
    return read


def number(name: str, value: Any, *, optional: bool = False) -> None:
    """Raises ValueError unless it is a finite number, or null where that may be."""
    if value is None and optional:
        return
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return
        except OverflowError:  # a whole number that no float holds
            pass
    raise _wrong(name, value, "a number or null" if optional else "a number")


def numbers(name: str, values: Any, keys: Any, *, optional: bool = False) -> None:
    """As `number`, of some values of a mapping."""
    found = _mapping(name, values)
    for key in keys:
        number(f"{name}.{key}", found.get(key), optional=optional)


def curve(name: str, found: Any) -> None:
    """As `number`, of a list."""
    for place, value in enumerate(_list(name, found)):
        number(f"{name}[{place}]", value)


def comparison(gained: Mapping[str, Any]) -> None:
    """Raises ValueError unless a comparison with a control is whole."""
    names = ("difference", "low", "high", "p_value", "num_examples")
    numbers("comparison", gained, names)
    for place, seed in enumerate(_list("seeds", gained.get("seeds"))):
        numbers(f"seeds[{place}]", seed, ("accuracy", "reference_accuracy"))


def _check(name: str, check: Mapping[str, Any]) -> None:
    number(f"{name}.bound", check.get("bound"))
    number(f"{name}.value", check.get("value"), optional=True)
    for key, kind, expected in (
        ("name", str, "text"),
        ("slice", str, "text"),
        ("ok", bool, "true or false"),
    ):
        if not isinstance(check.get(key), kind):
            raise _wrong(f"{name}.{key}", check.get(key), expected)


def _cost(name: str, cost: Mapping[str, Any]) -> None:
    numbers(name, cost, ("parameters", "bytes"), optional=True)
    latency = _mapping(f"{name}.latency", cost.get("latency") or {})
    for size, times in latency.items():
        place = f"{name}.latency.{size}"
        numbers(place, times, _mapping(place, times))


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(name, value, "an object")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(name, value, "a list")
    return value


def _wrong(name: str, value: Any, expected: str) -> ValueError:
    shown = repr(value)
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}…"
    return ValueError(f"{name} is {shown}, expected {expected}")
