"""The component that takes a teacher's answers from a file, in place of a model."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import artifact_types, component_specs
from tfx_distill.components.imported_logits import executor
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.training_config import AnswersKind


class ImportedLogitsSpec(component_spec.ComponentSpec):
    """Typed interface of `ImportedLogits`."""

    PARAMETERS = {
        **component_specs.parameters("views"),
        **component_specs.parameters("answers_kind", optional=True),
    }
    INPUTS = component_specs.channels(
        examples=standard_artifacts.Examples, answers=artifact_types.TeacherAnswers
    )
    OUTPUTS = component_specs.channels(teacher_logits=artifact_types.TeacherLogits)


class ImportedLogits(base_component.BaseComponent):
    """Joins a file of answers to the examples, by the key of each image.

    Component `outputs` contains:
     - `teacher_logits`: Channel of type `TeacherLogits`, for the originals of all
       splits; every view of an image gets the answer to its original.
    """

    SPEC_CLASS = ImportedLogitsSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        answers: types.BaseChannel,
        views: ViewsConfig,
        answers_kind: AnswersKind | None = None,
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of an ExampleGen of this package, which
                writes the images' keys beside them.
            answers: Channel of TeacherAnswers: an Importer's, of one file.
            views: Augmented copies of the training images, which the student sees.
            answers_kind: What the file has; None: as it says itself.
        """
        spec = component_specs.build(
            ImportedLogitsSpec,
            examples=examples,
            answers=answers,
            views=views,
            answers_kind=answers_kind,
        )
        super().__init__(spec=spec)
