"""The sections of the configuration that executors read, with their checks.

Every default lives here or in `pipeline.config`, and nowhere else. Sections
are frozen and check themselves, so that a wrong value fails before TensorFlow
is even imported. This module imports the standard library alone.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from trainer.errors import ConfigError
from trainer.section import Section, require

MAX_TEACHERS = 9
MAX_SEEDS = 9
INT8 = "int8"
LITE_FLAVOURS = ("float32", INT8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitsConfig(Section):
    """Our splits as TFDS split expressions, such as `train[:90%]`."""

    train: str = "train[:90%]"  # what teacher and student learn from
    eval: str = "train[90%:]"  # watched while training; hyper-parameters chosen on it
    test: str = "test"  # what the gate decides on

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            require(
                bool(value.strip()),
                f"data.splits.{field.name}",
                value,
                "a TFDS split expression, as train[:90%]",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """Which examples, from where, cut how."""

    dataset: str = "mnist"  # TFDS name, `name/config:version` allowed
    data_dir: str | None = None  # prepared data sets; null: TFDS's own folder
    manual_dir: str | None = None  # original files; null: $DISTILL_MANUAL_DIR
    image_shape: tuple[int, ...] | None = None  # (h, w, c); null: the data set's
    splits: SplitsConfig = SplitsConfig()
    substitute: bool = True  # a local run may fall back from mnist to digits

    def __post_init__(self) -> None:
        require(bool(self.dataset.strip()), "data.dataset", self.dataset, "a TFDS name")
        shape = self.image_shape
        require(
            shape is None
            or (len(shape) == 3 and min(shape) > 0 and shape[2] in (1, 3)),
            "data.image_shape",
            shape,
            "[height, width, channels] with 1 or 3 channels",
        )


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

    model: str = "trainer.models.teacher"
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

    model: str = "trainer.models.student"
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

    model: str = "trainer.models.article_student"
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewsConfig(Section):
    """Which copies of the training images the teacher answers beside the originals.

    An epoch of the student goes once over as many images as there are
    originals, each in one of its views: views cost teacher time only.
    """

    count: int = 4  # the original included, in [1, 64]
    max_shift: int = 2  # pixels each way, >= 0
    max_rotation: float = 0.0  # degrees each way, in [0, 180]
    seed: int = 0

    def __post_init__(self) -> None:
        require(1 <= self.count <= 64, "views.count", self.count, "in [1, 64]")
        require(self.max_shift >= 0, "views.max_shift", self.max_shift, ">= 0")
        require(
            0 <= self.max_rotation <= 180,
            "views.max_rotation",
            self.max_rotation,
            "in [0, 180]",
        )
        require(0 <= self.seed < 2**31, "views.seed", self.seed, "in [0, 2**31)")


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteConfig(Section):
    """The student as LiteRT (TensorFlow Lite) files."""

    flavours: tuple[str, ...] = LITE_FLAVOURS  # of "float32", "int8"; empty: no files
    calibration_examples: int = 500  # training images that set int8's ranges, >= 1

    def __post_init__(self) -> None:
        given = self.flavours
        fine = set(given) <= set(LITE_FLAVOURS) and len(set(given)) == len(given)
        expected = "a list of float32 and int8, each at most once"
        require(fine, "lite.flavours", list(given), expected)
        number = self.calibration_examples
        require(number >= 1, "lite.calibration_examples", number, ">= 1")
