"""Replaces configured settings by the hyperparameters that a search found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.section import Section, require
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
    kinds: dict[str, type[Section]] = {
        "student": StudentConfig,
        "distillation": DistillationConfig,
    }
    for key, value in values.items():
        if key.startswith(_TUNER_PREFIX):
            continue
        section, _, rest = key.partition(".")
        path = rest.split(".")
        # A section leaves out what is not used, so its fields say what there is.
        if section not in kinds or path[0] not in kinds[section].model_fields:
            known = ", ".join(f"{s}.{n}" for s in kinds for n in kinds[s].model_fields)
            raise ConfigError(f"Unknown hyperparameter {key}. Known are {known}.")
        sections[section] = _with(sections[section], path, value, key)
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


def _with(inside: Any, path: list[str], value: Any, key: str) -> Any:
    """A value within mappings and lists, such as an item `options.widths.0`.

    A list that is too short is filled up.
    """
    if not path:
        return value
    name, *rest = path
    if isinstance(inside, str):  # an object of Keras's, by its name alone
        inside = {"name": inside}
    if name.isdigit() and isinstance(inside or [], list | tuple):
        items, place = list(inside or ()), int(name)
        items += [value] * (place + 1 - len(items))
        items[place] = _with(items[place], rest, value, key)
        return items
    if name.isdigit() or not isinstance(inside or {}, dict):
        raise ConfigError(f"Unknown hyperparameter {key}.")
    inner = inside or {}
    return {**inner, name: _with(inner.get(name), rest, value, key)}
