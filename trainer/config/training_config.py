"""How each model is trained: `teacher`, `student`, `assistant`, `ensemble`."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from tfx_distill.trainer.config.section import Section, require

MAX_TEACHERS = 9
MAX_SEEDS = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig(Section):
    """How one model is trained; the base of the teacher's and student's sections."""

    model: str = ""  # dotted path: f(image_shape, num_classes) -> Keras model, logits
    options: dict[str, Any] = dataclasses.field(default_factory=dict)  # passed to it
    epochs: int = 5  # >= 1
    batch_size: int = 128  # examples in a step, >= 1
    learning_rate: float = 1e-3  # Adam's, > 0; the highest of a schedule
    schedule: str = "cosine"  # "cosine" (to zero) or "constant"
    shuffle: bool = True  # false: examples in file order
    seed: int = 0  # of weights, order and augmentation

    _SECTION: typing.ClassVar[str] = ""

    def __post_init__(self) -> None:
        section = self._SECTION
        require(
            "." in self.model,
            f"{section}.model",
            self.model,
            "the dotted path of a function, as my_package.models.my_model",
        )
        require(self.epochs >= 1, f"{section}.epochs", self.epochs, ">= 1")
        require(self.batch_size >= 1, f"{section}.batch_size", self.batch_size, ">= 1")
        require(
            0 < self.learning_rate < 10,
            f"{section}.learning_rate",
            self.learning_rate,
            "> 0 and < 10",
        )
        require(
            self.schedule in ("cosine", "constant"),
            f"{section}.schedule",
            self.schedule,
            "cosine or constant",
        )
        require(0 <= self.seed < 2**31, f"{section}.seed", self.seed, "in [0, 2**31)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeacherConfig(TrainingConfig):
    """The teacher: trained on labels."""

    model: str = "tfx_distill.trainer.models.architectures.teacher"
    epochs: int = 8
    batch_size: int = 256
    learning_rate: float = 4e-3
    max_shift: int = 2  # random shifts while training, pixels each way, >= 0
    max_rotation: float = 0.0  # as max_shift, degrees, in [0, 180]

    _SECTION: typing.ClassVar[str] = "teacher"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.max_shift >= 0, "teacher.max_shift", self.max_shift, ">= 0")
        require(
            0 <= self.max_rotation <= 180,
            "teacher.max_rotation",
            self.max_rotation,
            "in [0, 180]",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudentConfig(TrainingConfig):
    """The student: trained on the teacher's answers."""

    model: str = "tfx_distill.trainer.models.architectures.student"
    epochs: int = 14
    batch_size: int = 256
    learning_rate: float = 12e-3
    quantization_aware_epochs: int = 0  # the last so many, in [0, epochs]
    views: int | None = None  # how many of the views are drawn from; null: all

    _SECTION: typing.ClassVar[str] = "student"

    def __post_init__(self) -> None:
        super().__post_init__()
        number = self.quantization_aware_epochs
        key = f"{self._SECTION}.quantization_aware_epochs"
        expected = f"in [0, {self.epochs}], the number of epochs"
        require(0 <= number <= self.epochs, key, number, expected)
        require(
            self.views is None or self.views >= 1,
            f"{self._SECTION}.views",
            self.views,
            "null or >= 1",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AssistantConfig(StudentConfig):
    """A model between teacher and student (Mirzadeh et al. 2020, arXiv:1902.03393)."""

    model: str = "tfx_distill.trainer.models.architectures.article_student"
    learning_rate: float = 4e-3

    _SECTION: typing.ClassVar[str] = "assistant"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AverageConfig(Section):
    """How the answers of several teachers become one."""

    of: str = "probabilities"  # or "logits"
    weights: tuple[float, ...] = ()  # one for each teacher, > 0; empty: equal

    def __post_init__(self) -> None:
        require(
            self.of in ("probabilities", "logits"),
            "ensemble.average.of",
            self.of,
            "probabilities or logits",
        )
        require(
            all(weight > 0 for weight in self.weights),
            "ensemble.average.weights",
            self.weights,
            "numbers > 0",
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnsembleConfig(Section):
    """How many teachers are trained, and how they answer as one."""

    size: int = 1  # number of teachers, in [1, 9]; the n-th has teacher.seed + n
    models: tuple[str, ...] = ()  # an architecture for each; empty: teacher.model
    average: AverageConfig = AverageConfig()

    def __post_init__(self) -> None:
        require(1 <= self.size <= MAX_TEACHERS, "ensemble.size", self.size, "in [1, 9]")
        require(
            len(self.models) in (0, self.size),
            "ensemble.models",
            list(self.models),
            f"empty or {self.size} dotted paths, one for each teacher",
        )
        self.average.normalized(self.size)
