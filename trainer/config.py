"""The sections of the configuration that executors read, with their checks.

Every default lives here or in `pipeline.config`, and nowhere else. Sections
are frozen and check themselves, so that a wrong value fails before TensorFlow
is even imported. This module imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from trainer.errors import ConfigError

T = TypeVar("T")


def require(condition: bool, key: str, received: Any, expected: str) -> None:
    """Raises a `ConfigError` in one line unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{key} must be {expected}, received {received!r}.")


def build(cls: type[T], values: Mapping[str, Any] | None, where: str = "") -> T:
    """Makes the frozen dataclass `cls` from plain YAML or JSON values.

    Args:
        cls: A dataclass whose fields are sections, numbers, strings, booleans,
            tuples or mappings.
        values: Its values by field name; a field left out keeps its default.
        where: Dotted path of the section, for error messages.

    Raises:
        ConfigError: For an unknown key (names the nearest), a value of another
            type, or one that the section itself refuses.
    """
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{where or 'The configuration'} must be a mapping of keys, "
            f"received {values!r}."
        )
    hints = typing.get_type_hints(cls)
    fields = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    arguments = {}
    for name, value in values.items():
        if name not in fields:
            raise ConfigError(
                _unknown_key(f"{prefix}{name}", str(name), fields, prefix)
            )
        arguments[name] = _convert(value, hints[name], f"{prefix}{name}")
    return cls(**arguments)


def _unknown_key(key: str, name: str, known: set[str], prefix: str) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    if near:
        return f"Unknown configuration key {key}. Did you mean {prefix}{near[0]}?"
    keys = ", ".join(sorted(known))
    return f"Unknown configuration key {key}. Keys here: {keys}."


def _convert(value: Any, hint: Any, key: str) -> Any:
    """Checks one value against its annotation; lists become tuples."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        hint = next(arg for arg in args if arg is not type(None))
        return _convert(value, hint, key)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, key)
    if origin is tuple:
        require(isinstance(value, list | tuple), key, value, "a list")
        item = args[0]
        return tuple(_convert(v, item, f"{key}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        require(isinstance(value, Mapping), key, value, "a mapping")
        return {str(k): _convert(v, args[1], f"{key}.{k}") for k, v in value.items()}
    return _convert_scalar(value, hint, key)


def _convert_scalar(value: Any, hint: Any, key: str) -> Any:
    if hint is Any:
        return value
    if hint is float:
        if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text.
            with contextlib.suppress(ValueError):
                value = float(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        require(is_number, key, value, "a number")
        return float(value)
    if hint is int:
        require(
            isinstance(value, int) and not isinstance(value, bool),
            key,
            value,
            "a whole number",
        )
    elif hint is bool:
        require(isinstance(value, bool), key, value, "true or false")
    elif hint is str:
        require(isinstance(value, str), key, value, "text")
    return value


class Section:
    """A part of the configuration that travels to executors as JSON."""

    def to_json(self) -> str:
        """Returns JSON with sorted keys: equal sections have equal text."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls: type[T], text: str) -> T:
        return build(cls, json.loads(text))


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
    epochs: int = 6
    batch_size: int = 256
    learning_rate: float = 4e-3
    max_shift: int = 2  # random shifts while training, pixels each way, >= 0

    _SECTION: typing.ClassVar[str] = "teacher"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.max_shift >= 0, "teacher.max_shift", self.max_shift, ">= 0")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudentConfig(TrainingConfig):
    """The student: trained on the teacher's answers."""

    model: str = "trainer.models.student"
    epochs: int = 12
    learning_rate: float = 8e-3

    _SECTION: typing.ClassVar[str] = "student"


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
class GateConfig(Section):
    """When the student is blessed, on the test split. All bounds are inclusive."""

    min_accuracy: float = 0.98  # overall, in [0, 1]
    max_accuracy_drop: float = 0.01  # below the teacher, overall, in [0, 1]
    min_class_accuracy: float = 0.95  # of every class, in [0, 1]
    max_class_accuracy_drop: float = 0.03  # below the teacher, every class, in [0, 1]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            require(0 <= value <= 1, f"gate.{field.name}", value, "in [0, 1]")
