"""Replaces configured settings by the hyperparameters that a search found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.section import require
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError

_TUNER_PREFIX = "tuner/"


def apply(
    values: Mapping[str, Any], student: StudentConfig, distillation: DistillationConfig
) -> tuple[StudentConfig, DistillationConfig]:
    """Replaces settings by found values.

    Args:
        values: By the configuration's own dotted keys, such as
            `distillation.temperature` and `student.learning_rate`. KerasTuner's own
            keys, such as `tuner/epochs`, are ignored.
        student: The student's recipe before the search.
        distillation: The distillation settings before the search.

    Raises:
        ConfigError: If a key is in neither section, or a value is out of range.
    """
    sections: dict[str, dict[str, Any]] = {
        "student": student.model_dump(),
        "distillation": distillation.model_dump(),
    }
    for key, value in values.items():
        if key.startswith(_TUNER_PREFIX):
            continue
        section, _, rest = key.partition(".")
        name, _, option = rest.partition(".")
        if name not in sections.get(section, {}):
            known = ", ".join(f"{s}.{n}" for s in sections for n in sections[s])
            raise ConfigError(f"Unknown hyperparameter {key}. Known are {known}.")
        if option:
            _set_option(sections[section][name], option, value, key)
        else:
            sections[section][name] = value
    return (
        StudentConfig.build(sections["student"]),
        DistillationConfig.build(sections["distillation"]),
    )


def require_views(student: StudentConfig, views: ViewsConfig) -> None:
    """Checks that the student does not draw from more views than there are."""
    require(
        student.views is None or student.views <= views.count or views.fresh,
        f"{student.section_name()}.views",
        student.views,
        f"at most views.count, {views.count}",
    )


def _set_option(options: Any, path: str, value: Any, key: str) -> None:
    """Sets an option of an architecture, or one item of it, such as `widths.0`."""
    name, _, index = path.partition(".")
    if not isinstance(options, dict) or (index and not index.isdigit()):
        raise ConfigError(f"Unknown hyperparameter {key}.")
    if not index:
        options[name] = value
        return
    items = list(options.get(name, ()))
    place = int(index)
    items += [value] * (place + 1 - len(items))
    items[place] = value
    options[name] = items
