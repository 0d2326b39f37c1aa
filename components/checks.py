"""A bound of a gate and what was measured: what every verdict is made of.

Needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses

OVERALL = "overall"


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


def _text(value: float) -> str:
    """Four decimals, or a whole number as it is: bytes and parameters are no shares."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}"
