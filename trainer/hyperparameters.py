"""KerasTuner's hyperparameters laid over the configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trainer.config import DistillationConfig, StudentConfig, build
from trainer.errors import ConfigError


def apply(
    values: Mapping[str, Any], student: StudentConfig, distillation: DistillationConfig
) -> tuple[StudentConfig, DistillationConfig]:
    """Replaces settings by the values a search found.

    Args:
        values: By the configuration's own dotted keys, such as
            `distillation.temperature` and `student.learning_rate`.
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
        section, _, name = key.partition(".")
        if name not in sections.get(section, {}):
            known = ", ".join(f"{s}.{n}" for s in sections for n in sections[s])
            raise ConfigError(f"Unknown hyperparameter {key}. Known are {known}.")
        sections[section][name] = value
    return (
        build(StudentConfig, sections["student"], "student"),
        build(DistillationConfig, sections["distillation"], "distillation"),
    )
