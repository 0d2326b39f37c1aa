"""The configuration section `servability`: what the exported student must keep to.

This module imports the standard library alone.
"""

from __future__ import annotations

import dataclasses
import math

from tfx_distill.trainer.config.section import Section, require

# Numbers of images in one request whose latency is measured.
BATCH_SIZES = (1, 64)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServabilityConfig(Section):
    """Budgets of the exported student, and how it is asked. Bounds are inclusive."""

    max_parameters: int | None = None  # null: no bound; else >= 1
    max_bytes: int | None = None  # of what a server loads; null: no bound
    # Milliseconds by batch size, such as {1: 5, 64: 50}; {}: no bound.
    max_median_ms: dict[str, float] = dataclasses.field(default_factory=dict)
    max_p95_ms: dict[str, float] = dataclasses.field(default_factory=dict)
    max_times_teacher: float | None = 2.0  # median over the teacher's; null: no bound
    examples: int = 256  # test images that are asked, evenly spread, >= 1
    skew_tolerance: float = 1e-3  # of the largest logit, > 0
    timeout_s: float = 600.0  # of the process that serves, > 0

    def __post_init__(self) -> None:
        for name in ("max_parameters", "max_bytes"):
            value = getattr(self, name)
            fine = value is None or value >= 1
            require(fine, f"servability.{name}", value, "null or >= 1")
        for name in ("max_median_ms", "max_p95_ms"):
            self._check_latencies(f"servability.{name}", getattr(self, name))
        for name in ("max_times_teacher", "skew_tolerance", "timeout_s"):
            value = getattr(self, name)
            fine = (value is None and name == "max_times_teacher") or (
                value is not None and 0 < value < math.inf
            )
            require(fine, f"servability.{name}", value, "> 0")
        require(self.examples >= 1, "servability.examples", self.examples, ">= 1")

    def _check_latencies(self, key: str, bounds: dict[str, float]) -> None:
        known = [str(size) for size in BATCH_SIZES]
        expected = f"milliseconds > 0 by batch size, {' or '.join(known)}"
        fine = set(bounds) <= set(known) and all(ms > 0 for ms in bounds.values())
        require(fine, key, bounds, expected)
