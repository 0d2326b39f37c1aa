"""The content of an artifact's files as plain values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfx_distill.components.checks import decimals
from tfx_distill.pipeline.short_text import clean

MAX_ROWS = 40  # of a table; the files have all


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of plain values under column names."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Payload:
    """What users want to see of an artifact's files.

    Attributes:
        kind: What was read, such as `verdict`; empty if nothing was.
        facts: Single values by name.
        tables: Everything else.
        problem: Why something could not be read; empty otherwise.
    """

    kind: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    problem: str = ""


def short(value: Any) -> str:
    """A value in readable form."""
    if value is None:
        return ""
    if isinstance(value, float):
        return decimals(value) if 1e-3 <= abs(value) < 1e4 else f"{value:.4g}"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return clean(str(value))
