"""The one import name of the package.

Kubeflow demands that an artifact type's name is the path it is imported by, and allows
no more than `module.Class`: the types are therefore found here. TFX loads only when one
of them is asked for.
"""

import importlib
from typing import Any

_ARTIFACT_TYPES = (
    "ControlComparison",
    "LiteModels",
    "TeacherAnswers",
    "TeacherLogits",
)


def __getattr__(name: str) -> Any:
    if name not in _ARTIFACT_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    types = importlib.import_module("tfx_distill.components.artifact_types")
    return getattr(types, name)
