"""Checks a file of answers and writes it as a teacher's logits."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from tfx import types
from tfx.dsl.components.base import base_executor

from tfx_distill.components import property_names
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.components.teacher_logits.executor import describe
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.examples_config import LOGITS, PROBABILITIES
from tfx_distill.trainer.data import image_keys
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import answers_file, logits_files
from tfx_distill.trainer.distillation.answers_file import Answers
from tfx_distill.trainer.distillation.keyed_answers import KeyedAnswers
from tfx_distill.trainer.distillation.logits_files import FileAuthor, Shard
from tfx_distill.trainer.errors import DataError

logger = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Inputs `examples`, `answers`; output `teacher_logits`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        views = ViewsConfig.from_json(exec_properties["views"])
        answers, author = _read(inputs, exec_properties.get("answers_kind"))
        keys = image_keys.load(inputs.uri("examples"))
        keyed = KeyedAnswers(answers, keys, inputs.spec.class_names)
        notices = list(_first_notices(keyed, views))
        splits = inputs.training_splits(unlabelled=True)
        splits["test"] = inputs.split("test")
        shards = {n: _shards(keyed, n, s, notices) for n, s in splits.items()}
        (artifact,) = output_dict["teacher_logits"]
        logits_files.save(artifact.uri, shards, author, views, inputs.spec.fingerprint)
        _describe(artifact, inputs, author, keyed.accuracy)
        _tell(artifact, notices)


def _read(inputs: ExecutionInputs, kind: str | None) -> tuple[Answers, FileAuthor]:
    """Reads the file that was imported, and no other of its name.

    Raises:
        DataError: As `answers_file.read`, or if the file has changed since.
    """
    file = inputs.artifact("answers")
    digest = file_system.digest(file.uri)
    imported = file.get_string_custom_property(property_names.CONTENT_DIGEST)
    if imported and imported != digest:
        raise DataError(
            f"teacher.answers: {file.uri} has changed since the run began. Run again."
        )
    answers = answers_file.read(file.uri, kind, inputs.spec.class_names)
    values = LOGITS if answers.kind == LOGITS else PROBABILITIES
    return answers, FileAuthor(inputs.spec.num_classes, [values], digest)


def _first_notices(keyed: KeyedAnswers, views: ViewsConfig) -> Iterator[str]:
    if keyed.num_unknown:
        yield (
            f"teacher.answers: {keyed.num_unknown:,} answers have a key of no image and "
            "are not used."
        )
    if views.count > 1:
        yield (
            f"teacher.answers: each of an image's {views.count} views gets the answer to "
            "its original; views.count=1 trains on originals alone."
        )


def _shards(
    keyed: KeyedAnswers, name: str, split: Split, notices: list[str]
) -> Iterator[Shard]:
    """Yields a split's logits, after a notice where they are ambiguous."""
    if number := keyed.num_inconsistent(name, split):
        notices.append(
            f"teacher.answers: {number:,} images of {name} have an equal one with "
            "another answer; the first one's is used for all."
        )
    yield from keyed.shards(name, split)


def _describe(
    artifact: types.Artifact,
    inputs: ExecutionInputs,
    author: FileAuthor,
    accuracy: float,
) -> None:
    describe(artifact, author, inputs.spec, num_views=1)
    path = inputs.uri("answers")
    artifact.set_string_custom_property(property_names.ANSWERS_FILE, path)
    artifact.set_float_custom_property("eval_accuracy", accuracy)


def _tell(artifact: types.Artifact, notices: list[str]) -> None:
    """Logs what the user should know; a local run shows the artifact's property."""
    for notice in notices:
        logger.warning("%s", notice)
    artifact.set_string_custom_property(property_names.NOTICES, json.dumps(notices))
