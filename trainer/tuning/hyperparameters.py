"""KerasTuner's hyperparameters laid over the configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.section import build, require
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError

_TUNERS_OWN = "tuner/"


def apply(
    values: Mapping[str, Any], student: StudentConfig, distillation: DistillationConfig
) -> tuple[StudentConfig, DistillationConfig]:
    """Replaces settings by the values a search found.

    Args:
        values: By the configuration's own dotted keys, such as
            `distillation.temperature` and `student.learning_rate`. What KerasTuner
            keeps for itself among them, such as `tuner/epochs`, is left out.
        student: The student's recipe without the search.
        distillation: The distillation's settings without the search.

    Raises:
        ConfigError: For a key outside the two sections, or a value out of range.
    """
    sections: dict[str, dict[str, Any]] = {
        "student": dataclasses.asdict(student),
        "distillation": dataclasses.asdict(distillation),
    }
    for key, value in values.items():
        if key.startswith(_TUNERS_OWN):
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
        build(StudentConfig, sections["student"], "student"),
        build(DistillationConfig, sections["distillation"], "distillation"),
    )


def require_views(student: StudentConfig, views: ViewsConfig) -> None:
    """Refuses a student that draws from more views than there are."""
    require(
        student.views is None or student.views <= views.count,
        f"{student._SECTION}.views",
        student.views,
        f"at most views.count, {views.count}",
    )


def _set_option(options: Any, path: str, value: Any, key: str) -> None:
    """Sets `widths.0` and the like within an architecture's options."""
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
