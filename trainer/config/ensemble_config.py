"""The section `ensemble`: several teachers, and how their predictions are averaged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from tfx_distill.trainer.config.section import NUMBER, Items, Section, Table, require
from tfx_distill.trainer.config.training_config import DottedPath, TeacherConfig

MAX_TEACHERS = 9

# Beyond, a teacher counts for nothing in float32, and `size` should say so.
_TeacherWeight = Annotated[float, Field(ge=1e-6, le=1e6), NUMBER]


class AverageConfig(Section):
    """How the predictions of several teachers are averaged."""

    of: Literal["probabilities", "logits"] = Field(
        "probabilities", description="What is averaged"
    )
    weights: Items[_TeacherWeight] = Field(
        (), description="One weight for each teacher; empty: equal weights"
    )

    def normalized(self, num_teachers: int) -> list[float]:
        """One weight for each teacher, with the sum 1."""
        weights = self.weights or (1.0,) * num_teachers
        require(
            len(weights) == num_teachers,
            "ensemble.average.weights",
            list(self.weights),
            f"{num_teachers} numbers, one for each teacher",
        )
        return [weight / sum(weights) for weight in weights]


class EnsembleConfig(Section):
    """Several teachers whose predictions are averaged."""

    size: int = Field(
        1,
        ge=1,
        le=MAX_TEACHERS,
        description="Number of teachers; the n-th has the seed teacher.seed + n",
    )
    models: Items[DottedPath] = Field(
        (), description="An architecture for each teacher; empty: teacher.model"
    )
    members: Items[Table[Any]] = Field(
        (),
        description="Settings of each teacher over those of teacher, such as {from: "
        "PATH}; empty: as models says",
    )
    average: AverageConfig = Field(default_factory=AverageConfig)

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        if self.members:
            number = len(self.members)
            require(
                number <= MAX_TEACHERS, "members", number, f"{MAX_TEACHERS} or fewer"
            )
            require(not self.models, "models", list(self.models), "empty with members")
            expected = f"{number}, the number of members, or left out"
            require(self.size in (1, number), "size", self.size, expected)
            object.__setattr__(self, "size", number)
        expected = f"empty or {self.size} dotted paths, one for each teacher"
        fine = len(self.models) in (0, self.size)
        require(fine, "models", list(self.models), expected)
        self.average.normalized(self.size)
        return self

    def recipes(self, teacher: TeacherConfig) -> list[TeacherConfig]:
        """The recipe of each teacher: its own seed, and what its member says."""
        members = self.members or [{"model": model} for model in self.models]
        members = members or [{}] * self.size
        return [
            TeacherConfig.build(
                {**teacher.model_dump(), "seed": teacher.seed + number, **member},
                f"ensemble.members[{number}]",
            )
            for number, member in enumerate(members)
        ]
