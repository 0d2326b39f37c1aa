"""The section `tuning`: how hyperparameters are searched, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PositiveInt,
    model_validator,
)
from typing_extensions import Self

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.section import (
    NUMBER,
    Folder,
    Items,
    Rule,
    Section,
    Seed,
    ShortSection,
    require,
)
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.tuning import hyperparameters

_DEFAULT_STUDENT = StudentConfig.model_fields["model"].default
_Bound = Annotated[int | float, Rule("a finite number"), NUMBER]


class RangeConfig(ShortSection):
    """Values of one key: from `min` to `max`, or one of `choices`."""

    min: _Bound | None = Field(None, description="An integer searches integers")
    max: _Bound | None = Field(None, description="Inclusive")
    sampling: Literal["linear", "log"] = "linear"
    step: _Bound | None = Field(
        None, description="Added, or multiplied with log; null: any value"
    )
    choices: Items[Annotated[bool | int | float | str, NUMBER]] = ()

    @property
    def bounds(self) -> tuple[Any, ...]:
        """What a configuration must accept if it is to accept every value."""
        return self.choices or (self.min, self.max)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.choices:
            self._check_choices()
        else:
            self._check_bounds()
        return self

    def _check_choices(self) -> None:
        kinds = {type(choice) for choice in self.choices}
        alike = kinds in ({int}, {float}, {int, float}, {str}, {bool})
        expected = "several different numbers, strings or booleans"
        several = 1 < len(self.choices) == len(set(self.choices))
        require(alike and several, "choices", list(self.choices), expected)
        given = self.min, self.max, self.step
        require(given == (None,) * 3, "", given, "choices, or min and max")

    def _check_bounds(self) -> None:
        least, most, step = self.min, self.max, self.step
        require(least is not None, "min", least, "a finite number")
        require(most is not None, "max", most, "a finite number")
        assert least is not None and most is not None
        require(least < most, "min", least, f"< max, {most}")
        is_log = self.sampling == "log"
        require(not is_log or least > 0, "min", least, "> 0 with log")
        lowest = 1 if is_log else 0
        require(step is None or step > lowest, "step", step, f"null or > {lowest}")


def _flat(values: Any, prefix: str = "") -> Any:
    """Nested keys, as `--set` makes them, joined by dots."""
    if not isinstance(values, Mapping):
        return values
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, RangeConfig):
            flat[key] = value
            continue
        expected = "{min: ..., max: ...} or {choices: [...]}"
        require(isinstance(value, Mapping) and bool(value), key, value, expected)
        is_range = set(RangeConfig.model_fields) & set(value)
        for path, leaf in (
            {key: value} if is_range else _flat(value, f"{key}.")
        ).items():
            flat[path] = {**flat.get(path, {}), **leaf}
    return flat


class TuningConfig(Section):
    """How hyperparameters are searched."""

    algorithm: Literal["bayesian", "hyperband", "random"] = Field(
        "bayesian", description="KerasTuner's algorithm"
    )
    max_trials: PositiveInt = Field(
        20, description="Maximum trained students; fewer if the space is exhausted"
    )
    epochs: PositiveInt = Field(
        4, description="Epochs per trial; for hyperband of the longest"
    )
    parallel: PositiveInt = Field(
        2, description="Trials at the same time; on a GPU one after the other"
    )
    max_parameters: PositiveInt = Field(
        10_000, description="Larger students are listed, not trained"
    )
    seed: Seed = Field(0, description="Seed of the search; trials use student.seed")
    directory: Folder | None = Field(
        None,
        description="Keeps unfinished searches; null: tuning in the pipeline's folder",
    )
    space: Annotated[dict[str, RangeConfig], BeforeValidator(_flat)] = Field(
        {}, description="Ranges by configuration key; empty: the default space"
    )

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
        for key, values in (self.space or default_space(student, views)).items():
            where = f"tuning.space.{key}"
            expected = "left out: tuning.epochs decides"
            require(key != "student.epochs", where, values.bounds, expected)
            space[key] = _typed(key, values, student, distillation)
            if key == "student.views":
                most = max(values.bounds)
                require(most <= views.count, where, most, "at most views.count")
        return self.replace(space=space)


def default_space(student: StudentConfig, views: ViewsConfig) -> dict[str, RangeConfig]:
    """The default search space: the recipe, and the widths of the default student."""
    space = {
        "distillation.temperature": RangeConfig(min=1.0, max=10.0, sampling="log"),
        "distillation.student_loss_weight": RangeConfig(min=0.0, max=0.5),
        "student.learning_rate": RangeConfig(min=0.002, max=0.03, sampling="log"),
        "student.batch_size": RangeConfig(choices=(128, 256, 512)),
    }
    if views.count > 1:
        space["student.views"] = RangeConfig(min=1, max=views.count)
    if student.model == _DEFAULT_STUDENT:
        for place, (least, most, step) in enumerate(
            ((4, 16, 4), (8, 24, 4), (16, 48, 8))
        ):
            key = f"student.options.widths.{place}"
            space[key] = RangeConfig(min=least, max=most, step=step)
    return space


def _typed(
    key: str,
    values: RangeConfig,
    student: StudentConfig,
    distillation: DistillationConfig,
) -> RangeConfig:
    """The range with its values as the key's own type has them."""
    section, name, *option = key.split(".")
    accepted = []
    for value in values.bounds:
        try:
            found = hyperparameters.apply({key: value}, student, distillation)
        except ConfigError as error:
            raise ConfigError(f"tuning.space.{key}: {error}") from None
        own = dict(zip(("student", "distillation"), found, strict=True))[section]
        taken = getattr(own, name)
        # Options have no type, and an optimizer is a section: a value stays as it is.
        accepted.append(value if option or isinstance(taken, Section) else taken)
    if {type(value) for value in accepted} == {int, float}:
        accepted = [float(value) for value in accepted]
    if values.choices:
        return values.replace(choices=tuple(accepted))
    least, most = accepted
    require(
        values.step is None or isinstance(least, float) or type(values.step) is int,
        f"tuning.space.{key}.step",
        values.step,
        "an integer, as min and max",
    )
    return values.replace(min=least, max=most)
