"""Parts of the components' specifications that repeat.

Every parameter is a string, which every runner carries: settings travel as JSON.
"""

from __future__ import annotations

from typing import Any, TypedDict, TypeVar

from tfx import types
from tfx.types import component_spec, standard_artifacts

from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.examples_config import ExamplesConfig, SignatureConfig
from tfx_distill.trainer.config.section import Section

S = TypeVar("S", bound=component_spec.ComponentSpec)

EXAMPLES, SCHEMA, EXAMPLES_CONFIG = "examples", "schema", "examples_config"
TEACHER_SIGNATURE, STUDENT_SIGNATURE = "teacher_signature", "student_signature"


class ExamplesArguments(TypedDict, total=False):
    """Optional arguments of components that read examples.

    Attributes:
        examples_config: Names of features and splits, if TfdsExampleGen did not
            write the examples.
        schema: Channel of Schema, the source of what `examples_config` leaves out.
    """

    examples_config: ExamplesConfig | None
    schema: types.BaseChannel | None


class TeacherArguments(ExamplesArguments, total=False):
    """Optional arguments of components that run one teacher or several.

    Attributes:
        teacher_signature: How to call a teacher of another origin, if its signatures
            are ambiguous.
        average: How several teachers are averaged.
    """

    teacher_signature: SignatureConfig | None
    average: AverageConfig


class ModelsArguments(ExamplesArguments, total=False):
    """Optional arguments of components that run a teacher and a student.

    Attributes:
        teacher_signature: As for `TeacherArguments`.
        student_signature: The same for the student.
    """

    teacher_signature: SignatureConfig | None
    student_signature: SignatureConfig | None


def parameters(
    *names: str, optional: bool = False
) -> dict[str, component_spec.ExecutionParameter]:
    """Execution parameters by name."""
    return {
        name: component_spec.ExecutionParameter(type=str, optional=optional)
        for name in names
    }


def channels(
    *, optional: bool = False, **kinds: type[types.Artifact]
) -> dict[str, component_spec.ChannelParameter]:
    """Inputs or outputs by name, each of one type of artifact."""
    return {
        name: component_spec.ChannelParameter(type=kind, optional=optional)
        for name, kind in kinds.items()
    }


EXAMPLES_INPUTS = {
    **channels(examples=standard_artifacts.Examples),
    **channels(schema=standard_artifacts.Schema, optional=True),
}
EXAMPLES_PARAMETERS = parameters(EXAMPLES_CONFIG, optional=True)
TEACHER_PARAMETERS = parameters(EXAMPLES_CONFIG, TEACHER_SIGNATURE, optional=True)
MODELS_PARAMETERS = parameters(
    EXAMPLES_CONFIG, TEACHER_SIGNATURE, STUDENT_SIGNATURE, optional=True
)


def build(kind: type[S], **values: Any) -> S:
    """Makes a specification: sections as JSON, and a new channel for each output.

    A value that is None is not given, and so is no part of the cache key.
    """
    plain = {
        name: value.to_json() if isinstance(value, Section) else value
        for name, value in values.items()
    }
    outputs = {
        name: types.Channel(type=output.type) for name, output in kind.OUTPUTS.items()
    }
    return kind(**plain, **outputs)
