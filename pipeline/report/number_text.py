"""How a report writes numbers: one form for pages, charts and tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tfx_distill.components.checks import decimals

if TYPE_CHECKING:  # SciPy, which it loads, takes a second
    from tfx_distill.pipeline.report.collect.intervals import Interval

UNKNOWN = "–"


def count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """A share in [0, 1], or another number near 1, as `decimals`."""
    return UNKNOWN if value is None else decimals(value)


def signed(value: float | None) -> str:
    """A difference of shares, with its sign and four decimals."""
    # The sum makes -0.0 of a rounding error 0.0.
    return UNKNOWN if value is None else f"{round(value, 4) + 0.0:+.4f}"


def ends(interval: Interval | None, is_difference: bool = False) -> str:
    """Both ends of an interval."""
    if interval is None or interval.low is None or interval.high is None:
        return UNKNOWN
    write = signed if is_difference else share
    return f"{write(interval.low)} to {write(interval.high)}"


def with_ends(interval: Interval | None, is_difference: bool = False) -> str:
    """A value, and its interval in parentheses if there is one."""
    if interval is None:
        return UNKNOWN
    text = (signed if is_difference else share)(interval.value)
    written = ends(interval, is_difference)
    return text if written == UNKNOWN else f"{text} ({written})"


def size(value: int | None) -> str:
    """A number of bytes."""
    if value is None:
        return UNKNOWN
    return f"{value:,} B" if value < 1000 else f"{value / 1000:,.1f} kB"


def number(value: float | None) -> str:
    """A bound or a value: integers as they are, shares with four decimals."""
    if value is None:
        return "missing"
    return f"{value:,}" if isinstance(value, int) else decimals(value)


def setting(value: Any) -> str:
    """A value of a configuration, as a YAML or JSON file has it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
