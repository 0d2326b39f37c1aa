"""The section `distillation`: what a student is trained on."""

from __future__ import annotations

import dataclasses

from tfx_distill.trainer.config.section import Section, require
from tfx_distill.trainer.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureConfig(Section):
    """One pair of layers whose features are to be alike (FitNets, arXiv:1412.6550)."""

    teacher: str  # layer name in the teacher's architecture
    student: str  # layer name in the student's
    weight: float = 1.0  # of the mean squared distance in the loss, > 0

    def __post_init__(self) -> None:
        require(self.weight > 0, "distillation.features.weight", self.weight, "> 0")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillationConfig(Section):
    """How the student learns from the teacher's answers."""

    temperature: float = 4.0  # softmax temperature, > 0
    temperature_end: float | None = None  # reached linearly at the end; null: constant
    student_loss_weight: float = 0.1  # share of the hard-label loss, in [0, 1]
    student_loss_weight_end: float | None = None  # as temperature_end
    temperature_squared: bool = True  # scale soft-target loss by temperature**2
    features: tuple[FeatureConfig, ...] = ()

    def __post_init__(self) -> None:
        for name in ("temperature", "temperature_end"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(
                    f"distillation.{name} must be > 0, received {value}. "
                    "Use 1 for unsoftened targets."
                )
        for name in ("student_loss_weight", "student_loss_weight_end"):
            value = getattr(self, name)
            require(
                value is None or 0 <= value <= 1,
                f"distillation.{name}",
                value,
                "in [0, 1]",
            )
