"""The configuration section `tuning`: how hyperparameters are searched, and where.

This module imports the standard library alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.section import Section, build, require
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.tuning import hyperparameters

ALGORITHMS = ("bayesian", "hyperband", "random")
DEFAULT_STUDENT = StudentConfig().model


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeConfig(Section):
    """Values of one key: from `min` to `max`, or one of `choices`."""

    min: Any = None  # a whole number searches whole numbers
    max: Any = None  # inclusive
    sampling: str = "linear"  # or "log"
    step: Any = None  # added, or multiplied with "log"; null: any value
    choices: tuple[Any, ...] = ()  # all numbers, all texts or all true or false

    @property
    def bounds(self) -> tuple[Any, ...]:
        """What a configuration must accept if it is to accept every value."""
        return self.choices or (self.min, self.max)

    def check(self, key: str) -> None:
        """Raises a `ConfigError` that names `key` unless there is a value to find."""
        if self.choices:
            kinds = {type(choice) for choice in self.choices}
            alike = kinds in ({int}, {float}, {int, float}, {str}, {bool})
            expected = "several different numbers, texts or booleans"
            several = 1 < len(self.choices) == len(set(self.choices))
            require(alike and several, f"{key}.choices", list(self.choices), expected)
            given = self.min, self.max, self.step
            require(given == (None,) * 3, key, given, "choices, or min and max")
            return
        for name in ("min", "max"):
            value = getattr(self, name)
            require(_is_number(value), f"{key}.{name}", value, "a finite number")
        require(self.min < self.max, f"{key}.min", self.min, f"< max, {self.max}")
        is_log = self.sampling == "log"
        require(
            is_log or self.sampling == "linear",
            f"{key}.sampling",
            self.sampling,
            "linear or log",
        )
        require(not is_log or self.min > 0, f"{key}.min", self.min, "> 0 with log")
        least = 1 if is_log else 0
        require(
            self.step is None or (_is_number(self.step) and self.step > least),
            f"{key}.step",
            self.step,
            f"null or > {least}",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuningConfig(Section):
    """How hyperparameters are searched."""

    algorithm: str = "bayesian"  # or "hyperband" or "random"
    max_trials: int = 20  # >= 1; students over the budget are not counted
    epochs: int = 4  # of a trial, >= 1; Hyperband's largest number
    parallel: int = 2  # trials at the same time, >= 1; on a GPU one after the other
    max_parameters: int = 10_000  # the largest student that is tried, >= 1
    seed: int = 0  # of the search; students have student.seed
    directory: str | None = None  # of unfinished searches; null: `tuning`
    # What is searched: ranges by configuration key. Empty: `default_space`.
    space: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            self.algorithm in ALGORITHMS,
            "tuning.algorithm",
            self.algorithm,
            "bayesian, hyperband or random",
        )
        for name in ("max_trials", "epochs", "parallel", "max_parameters"):
            value = getattr(self, name)
            require(value >= 1, f"tuning.{name}", value, ">= 1")
        require(0 <= self.seed < 2**31, "tuning.seed", self.seed, "in [0, 2**31)")
        object.__setattr__(self, "space", _flat(self.space))
        for key, values in self.ranges.items():
            values.check(f"tuning.space.{key}")

    @property
    def ranges(self) -> dict[str, RangeConfig]:
        """The space by configuration key."""
        return {
            key: build(RangeConfig, values, f"tuning.space.{key}")
            for key, values in self.space.items()
        }

    def resolved(
        self,
        student: StudentConfig,
        distillation: DistillationConfig,
        views: ViewsConfig,
    ) -> TuningConfig:
        """This section with its space written out and checked.

        Raises:
            ConfigError: If the space has a key that the configuration lacks, or a
                value that it refuses.
        """
        space = {}
        for key, values in (self.ranges or default_space(student, views)).items():
            where = f"tuning.space.{key}"
            expected = "left out: tuning.epochs decides"
            require(key != "student.epochs", where, values.bounds, expected)
            space[key] = _typed(key, values, student, distillation)
            if key == "student.views":
                most = max(values.bounds)
                require(most <= views.count, where, most, "at most views.count")
        plain = {key: _plain(values) for key, values in space.items()}
        return dataclasses.replace(self, space=plain)


def default_space(student: StudentConfig, views: ViewsConfig) -> dict[str, RangeConfig]:
    """What is searched unless one says otherwise: the recipe, and known widths."""
    space = {
        "distillation.temperature": RangeConfig(min=1.0, max=10.0, sampling="log"),
        "distillation.student_loss_weight": RangeConfig(min=0.0, max=0.5),
        "student.learning_rate": RangeConfig(min=0.002, max=0.03, sampling="log"),
        "student.batch_size": RangeConfig(choices=(128, 256, 512)),
    }
    if views.count > 1:
        space["student.views"] = RangeConfig(min=1, max=views.count)
    if student.model == DEFAULT_STUDENT:
        for place, values in enumerate(((4, 16, 4), (8, 24, 4), (16, 48, 8))):
            least, most, step = values
            space[f"student.options.widths.{place}"] = RangeConfig(
                min=least, max=most, step=step
            )
    return space


def _typed(
    key: str,
    values: RangeConfig,
    student: StudentConfig,
    distillation: DistillationConfig,
) -> RangeConfig:
    """The range with its values as the key's own type has them."""
    accepted = []
    for value in values.bounds:
        try:
            found = hyperparameters.apply({key: value}, student, distillation)
        except ConfigError as error:
            raise ConfigError(f"tuning.space.{key}: {error}") from None
        sections = dict(zip(("student", "distillation"), found, strict=True))
        section, name, *option = key.split(".")
        # An architecture's options have no type: a value stays as it is.
        accepted.append(value if option else getattr(sections[section], name))
    if {type(value) for value in accepted} == {int, float}:
        accepted = [float(value) for value in accepted]
    if values.choices:
        return dataclasses.replace(values, choices=tuple(accepted))
    least, most = accepted
    require(
        values.step is None or isinstance(least, float) or type(values.step) is int,
        f"tuning.space.{key}.step",
        values.step,
        "a whole number, as min and max",
    )
    return dataclasses.replace(values, min=least, max=most)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, dict[str, Any]]:
    """Nested keys, as `--set` makes them, joined by dots."""
    leaf_keys = {field.name for field in dataclasses.fields(RangeConfig)}
    flat: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        expected = "{min: ..., max: ...} or {choices: [...]}"
        is_mapping = isinstance(value, Mapping) and bool(value)
        require(is_mapping, f"tuning.space.{key}", value, expected)
        inner = {key: value} if leaf_keys & set(value) else _flat(value, f"{key}.")
        for path, leaf in inner.items():
            flat.setdefault(path, {}).update({k: _number(v) for k, v in leaf.items()})
    return flat


def _plain(values: RangeConfig) -> dict[str, Any]:
    """Only what differs from the defaults, so that it reads as a person writes it."""
    plain = {
        field.name: getattr(values, field.name)
        for field in dataclasses.fields(RangeConfig)
        if getattr(values, field.name) != field.default
    }
    if values.choices:
        plain["choices"] = list(values.choices)
    return plain


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text."""
    if isinstance(value, list | tuple):
        return [_number(item) for item in value]
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
