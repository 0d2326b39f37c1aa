"""The section `gate`: when the student is blessed, on the test split."""

from __future__ import annotations

import dataclasses

from tfx_distill.trainer.config.section import Section, require

MUST_NOT_BE_WORSE = "must_not_be_worse"
MUST_BE_BETTER = "must_be_better"
REPORT = "report"
_AGAINST_SERVED = (MUST_NOT_BE_WORSE, MUST_BE_BETTER, REPORT)
_MARGINS = ("margin", "class_margin", "served_margin")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateConfig(Section):
    """All must hold that are not null. Point bounds are inclusive."""

    # The lower 95 % bound of student - teacher must lie above minus the margin.
    margin: float = 0.005  # overall, in (0, 1)
    class_margin: float = 0.03  # of every class, in (0, 1)
    min_class_size: int = 100  # test images of every class, >= 1
    # On the measured values alone, in [0, 1]; null: no such bound.
    min_accuracy: float | None = 0.98  # overall
    max_accuracy_drop: float | None = 0.01  # below the teacher, overall
    min_class_accuracy: float | None = 0.95  # of every class
    max_class_accuracy_drop: float | None = 0.03  # below the teacher, every class
    min_agreement: float | None = None  # same answer as the teacher's
    max_calibration_error: float | None = None  # expected calibration error
    max_cross_entropy: float | None = None  # nats, >= 0
    # Against the student that was pushed before: what must be, to be blessed.
    against_served: str = MUST_NOT_BE_WORSE  # or "must_be_better", "report"
    served_margin: float | None = None  # as margin, for must_not_be_worse; null: margin

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in ("min_class_size", "against_served") or value is None:
                continue
            key = f"gate.{name}"
            if name == "max_cross_entropy":
                require(value >= 0, key, value, ">= 0")
            elif name in _MARGINS:
                require(0 < value < 1, key, value, "> 0 and < 1")
            else:
                require(0 <= value <= 1, key, value, "in [0, 1]")
        size, rule = self.min_class_size, self.against_served
        require(size >= 1, "gate.min_class_size", size, ">= 1")
        expected = "must_not_be_worse, must_be_better or report"
        require(rule in _AGAINST_SERVED, "gate.against_served", rule, expected)
