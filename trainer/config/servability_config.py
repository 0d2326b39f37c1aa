"""The section `servability`: budgets of the exported student."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from tfx_distill.trainer.config.section import (
    NUMBER,
    PositiveNumber,
    Rule,
    Section,
    Table,
)

# Images per request at which latency is measured.
BATCH_SIZES = (1, 64)
_SIZES = [str(size) for size in BATCH_SIZES]

_Latencies = Annotated[
    Table[PositiveNumber],
    Rule(
        f"milliseconds > 0 by batch size, {' or '.join(_SIZES)}",
        lambda bounds: set(bounds) <= set(_SIZES),
    ),
]


class ServabilityConfig(Section):
    """Budgets of the exported student; bounds are inclusive."""

    max_parameters: PositiveInt | None = Field(
        None, description="Largest number of weights; null: no bound"
    )
    max_bytes: PositiveInt | None = Field(
        None, description="Largest size on disk of what a server loads; null: no bound"
    )
    max_median_ms: _Latencies = Field(
        {}, description="Largest median latency by images per request: {1: 5, 64: 50}"
    )
    max_p95_ms: _Latencies = Field({}, description="The same for the 95th percentile")
    max_times_teacher: PositiveNumber | None = Field(
        2.0, description="Largest median latency, as a multiple of the teacher's"
    )
    examples: PositiveInt = Field(
        256, description="Test images to predict, evenly spaced"
    )
    # float32 rounds by some 1e-6; a tenth of the largest logit decides many images.
    skew_tolerance: Annotated[float, Field(ge=1e-6, le=0.1), NUMBER] = Field(
        1e-3,
        description="Difference from the trained model, and of answers to the same image "
        "in different requests, as a share of the largest logit",
    )
    timeout_s: PositiveNumber = Field(
        600.0, description="Seconds until serving is killed"
    )
