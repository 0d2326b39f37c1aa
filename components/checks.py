"""A bound of a gate and what was measured: what every verdict is made of.

A verdict lies as `verdict.json` in the folder of its gate's blessing. Needs no
TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

OVERALL = "overall"
VERDICT_FILE = "verdict.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One bound of a gate.

    Attributes:
        name: The configuration key that sets the bound, such as `gate.min_accuracy`.
        slice: `overall`, or the name of a class.
        bound: Lowest allowed value, or highest.
        value: What was measured; None when it is missing or not finite.
        ok: Whether `value` keeps the bound.
        at_most: Whether `bound` is the highest allowed value.
    """

    name: str
    slice: str
    bound: float
    value: float | None
    ok: bool
    at_most: bool = False

    def describe(self) -> str:
        """The bound in one line, with how far the value misses it."""
        place = self.slice if self.slice == OVERALL else f"class {self.slice}"
        limit = f"must be at {'most' if self.at_most else 'least'} {_text(self.bound)}"
        if self.value is None:
            return f"{self.name}: no value {place}, {limit}"
        text = f"{self.name}: {_text(self.value)} {place}, {limit}"
        if self.ok:
            return text
        side = "over" if self.at_most else "short"
        return f"{text}: {_text(abs(self.bound - self.value))} {side}"


def save_verdict(verdict: Any, folder: str) -> None:
    """Writes a gate's decision, a dataclass, into its blessing's folder."""
    text = json.dumps(
        dataclasses.asdict(verdict), indent=2, sort_keys=True, allow_nan=False
    )
    with open(os.path.join(folder, VERDICT_FILE), "w", encoding="utf-8") as file:
        file.write(text)


def load_verdict(folder: str) -> dict[str, Any]:
    """The fields of a gate's decision, with its reasons and checks as they were."""
    with open(os.path.join(folder, VERDICT_FILE), encoding="utf-8") as file:
        fields: dict[str, Any] = json.load(file)
    fields["reasons"] = tuple(fields["reasons"])
    fields["checks"] = tuple(Check(**check) for check in fields["checks"])
    return fields


def _text(value: float) -> str:
    """Four decimals, or a whole number as it is: bytes and parameters are no shares."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}"
