"""What the verdicts of all gates consist of: bounds, and what was measured.

A verdict is the file `verdict.json` in the folder of its gate's blessing. Needs no
TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from tfx_distill.trainer import json_files

D = TypeVar("D", bound="Decision")

OVERALL = "overall"
SLICES = "gate.slices."  # begins the names of their checks
VERDICT_FILE = "verdict.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One bound of a gate.

    Attributes:
        name: The configuration key that sets the bound, such as `gate.min_accuracy`.
        slice: `overall`, the name of a class, or that of a slice in `gate.slices`.
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

    @classmethod
    def of(
        cls,
        name: str,
        slice_name: str,
        bound: int | float,
        value: int | float | None,
        *,
        at_most: bool = False,
        tolerance: float = 0.0,
    ) -> Check:
        """Checks a value; one that is missing fails."""
        ok = value is not None and (
            value <= bound + tolerance if at_most else value >= bound - tolerance
        )
        return cls(
            name=name,
            slice=slice_name,
            bound=bound,
            value=value,
            ok=ok,
            at_most=at_most,
        )

    @property
    def headroom(self) -> int | float | None:
        """How far the value is within the bound, < 0 outside; None without a value."""
        if self.value is None:
            return None
        return self.bound - self.value if self.at_most else self.value - self.bound

    def describe(self) -> str:
        """The bound in one line, and by how much the value misses it."""
        kind = "slice" if self.name.startswith(SLICES) else "class"
        place = self.slice if self.slice == OVERALL else f"{kind} {self.slice}"
        limit = f"must be at {'most' if self.at_most else 'least'} {_text(self.bound)}"
        if self.value is None:
            return f"{self.name}: no value {place}, {limit}"
        text = f"{self.name}: {_text(self.value)} {place}, {limit}"
        if self.ok:
            return text
        side = "over" if self.at_most else "short"
        return f"{text}: {_text(abs(self.bound - self.value))} {side}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bound:
    """One bound on all images, or the same bound on every class.

    Attributes:
        worst: The failed check with the least headroom, or the check with the least.
        num_checks: On how many slices it was checked.
        num_failed: On how many of them it failed.
    """

    worst: Check
    num_checks: int
    num_failed: int

    @property
    def ok(self) -> bool:
        return not self.num_failed

    def describe(self) -> str:
        """As `Check.describe` of the worst, and how many classes failed as well."""
        text = self.worst.describe()
        if self.num_failed < 2:
            return text
        return f"{text}; the worst of {self.num_failed:,} classes that failed"


def bounds(checks: Sequence[Check]) -> list[Bound]:
    """Checks of the same bound together; failed bounds first, then those on all images."""
    groups: dict[tuple[bool, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.slice != OVERALL, check.name), []).append(check)
    found = [
        Bound(
            worst=min(group, key=_least),
            num_checks=len(group),
            num_failed=sum(not check.ok for check in group),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda one: (one.ok, one.worst.slice != OVERALL))


def refusals(checks: Sequence[Check]) -> list[str]:
    """A line for each bound that failed, on however many classes."""
    return [bound.describe() for bound in bounds(checks) if not bound.ok]


def by_headroom(checks: Sequence[Check]) -> list[Check]:
    """Failed checks first, and the nearest to its bound first among them."""
    return sorted(checks, key=_least)


def _least(check: Check) -> tuple[bool, float]:
    headroom = -math.inf if check.headroom is None else check.headroom
    return check.ok, headroom


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a summary tells besides a verdict's own fields: see `Decision.summary`."""

    bounds: tuple[Bound, ...] = ()


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

    def summary(self) -> str:
        """The verdict as JSON for ML Metadata: each bound once, only overall metrics.

        It is a text, since Kubeflow turns numbers into doubles and fails on null.

        Raises:
            ValueError: If a number is not finite.
        """
        found = bounds(self.checks)
        fields = {name: _overall(value) for name, value in vars(self).items()}
        fields |= {"checks": [bound.worst for bound in found], "bounds": found}
        return json.dumps(
            fields, default=dataclasses.asdict, sort_keys=True, allow_nan=False
        )


def _overall(value: Any) -> Any:
    """Of values by slice, those of all images."""
    is_by_slice = isinstance(value, Mapping) and OVERALL in value
    return {OVERALL: value[OVERALL]} if is_by_slice else value


def _text(value: int | float) -> str:
    """An integer as it is: bytes and parameters are not shares."""
    return f"{value:,}" if isinstance(value, int) else decimals(value)


def decimals(value: float) -> str:
    """Four decimals, or as many as are needed to tell a number below 1 from 1."""
    places = 4
    while abs(value) < 1 == abs(round(value, places)):
        places += 1
    return f"{value:.{places}f}"
