"""Finds the files of teachers that exist already. Needs no TensorFlow."""

from __future__ import annotations

import os

from tfx_distill.pipeline.config import teacher_source
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.config.teacher_source import TeacherSource
from tfx_distill.pipeline.runners.local import stored_artifacts
from tfx_distill.trainer.config.imported_config import is_function
from tfx_distill.trainer.config.training_config import TeacherConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.export import saved_model_files

_KEY = "teacher.from"
_ADVICE = (
    "`distill artifacts --type Model` lists models. For one of another pipeline, give "
    "its folder."
)


def check(config: PipelineConfig) -> None:
    """Rejects a teacher whose files do not exist, in one line; `find` checks artifacts.

    Raises:
        ConfigError: If a file or folder does not exist or is unreadable.
    """
    answers = config.teacher.answers
    if answers is not None and not os.path.isfile(answers):
        raise ConfigError(
            f"teacher.answers: there is no file {answers}. `distill data keys` lists the "
            "images that it must answer."
        )
    for teacher in _teachers(config):
        if teacher is not None and not isinstance(teacher.source, int):
            teacher_source.plan(teacher, _path(teacher))


def find(config: PipelineConfig) -> list[TeacherSource | None]:
    """The source of each teacher, in the order of the ensemble; None: it is trained.

    Raises:
        DistillError: As `check`, or if an artifact does not exist or is no model.
    """
    return [
        _source(config, teacher) if teacher else None for teacher in _teachers(config)
    ]


def _teachers(config: PipelineConfig) -> list[TeacherConfig | None]:
    recipes = config.ensemble.recipes(config.teacher)
    return [None if recipe.source is None else recipe for recipe in recipes]


def _source(config: PipelineConfig, teacher: TeacherConfig) -> TeacherSource:
    if isinstance(teacher.source, int):
        kinds = "Model", "PushedModel"
        path = stored_artifacts.uri(config, _KEY, teacher.source, kinds, _ADVICE)
    else:
        path = _path(teacher)
    digest = saved_model_files.source_digest(path)
    return teacher_source.plan(teacher, path, digest)


def _path(teacher: TeacherConfig) -> str:
    """The teacher's file or folder: of a function, its weights."""
    given, key = str(teacher.source), _KEY
    if is_function(given):
        given, key = str(teacher.imported.weights), "teacher.imported.weights"
    path = os.path.abspath(os.path.expanduser(given))
    if not os.path.exists(path):
        raise ConfigError(
            f"{key}: there is no file or folder {path}. Give a .keras file, the folder of "
            "a SavedModel or of a pushed version, or keras.applications.NAME with "
            "teacher.imported.weights."
        )
    return path
