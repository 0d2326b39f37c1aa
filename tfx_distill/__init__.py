"""The one import name of the package, and its interface for notebooks.

Kubeflow demands that an artifact type's name is the path it is imported by, and allows
no more than `module.Class`: the types are therefore found here. What is named here loads
only when it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfx_distill.pipeline.notebook import Run, load_run, run, runs

    __all__ = ["Run", "load_run", "run", "runs"]

_ARTIFACT_TYPES = (
    "ControlComparison",
    "LiteModels",
    "TeacherAnswers",
    "TeacherLogits",
)
_INTERFACE = ("Run", "load_run", "run", "runs")


def __getattr__(name: str) -> Any:
    if name in _ARTIFACT_TYPES:
        module = "tfx_distill.components.artifact_types"
    elif name in _INTERFACE:
        module = "tfx_distill.pipeline.notebook"
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_INTERFACE])
