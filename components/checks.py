"""What the verdicts of all gates consist of: bounds, and what was measured.

A verdict is the file `verdict.json` in the folder of its gate's blessing. Needs no
TensorFlow.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TypeVar

from tfx_distill.trainer import json_files

D = TypeVar("D", bound="Decision")

OVERALL = "overall"
VERDICT_FILE = "verdict.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One bound of a gate.

    Attributes:
        name: The configuration key that sets the bound, such as `gate.min_accuracy`.
        slice: `overall`, or the name of a class.
        bound: The limit. An int is a number of bytes, parameters or images.
        value: What was measured; None when it is missing or not finite.
        ok: Whether `value` is within the bound.
        at_most: Whether `bound` is the highest allowed value, not the lowest.
    """

    name: str
    slice: str
    bound: int | float
    value: int | float | None
    ok: bool
    at_most: bool = False

    def describe(self) -> str:
        """The bound in one line, and by how much the value misses it."""
        place = self.slice if self.slice == OVERALL else f"class {self.slice}"
        limit = f"must be at {'most' if self.at_most else 'least'} {_text(self.bound)}"
        if self.value is None:
            return f"{self.name}: no value {place}, {limit}"
        text = f"{self.name}: {_text(self.value)} {place}, {limit}"
        if self.ok:
            return text
        side = "over" if self.at_most else "short"
        return f"{text}: {_text(abs(self.bound - self.value))} {side}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What every gate's verdict says.

    Attributes:
        blessed: Whether the student may be pushed.
        reasons: Why not, one line each; empty when blessed.
        checks: Every bound.
        split: The split whose images were used.
        num_examples: Number of these images.
    """

    blessed: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    split: str = ""
    num_examples: int = 0

    def save(self, folder: str) -> None:
        """Writes the verdict into the folder of the gate's blessing."""
        json_files.save(self, os.path.join(folder, VERDICT_FILE))

    @classmethod
    def load(cls: type[D], folder: str) -> D:
        """Reads what `save` wrote; errors as `json_files.load`."""
        return json_files.load(cls, os.path.join(folder, VERDICT_FILE))


def _text(value: int | float) -> str:
    """Four decimals, or an integer as it is: bytes and parameters are not shares."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}"
