"""The component that makes a teacher of a model that exists already."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import component_specs
from tfx_distill.components.component_specs import ExamplesArguments
from tfx_distill.components.imported_teacher import executor
from tfx_distill.trainer.config.imported_config import ImportedConfig


class ImportedTeacherSpec(component_spec.ComponentSpec):
    """Typed interface of `ImportedTeacher`."""

    PARAMETERS = {
        **component_specs.EXAMPLES_PARAMETERS,
        **component_specs.parameters("imported"),
        **component_specs.parameters("function", optional=True),
    }
    INPUTS = {
        **component_specs.EXAMPLES_INPUTS,
        **component_specs.channels(source=standard_artifacts.Model),
    }
    OUTPUTS = component_specs.channels(model=standard_artifacts.Model)


class ImportedTeacher(base_component.BaseComponent):
    """Adapts a model that exists already to the examples, and measures it on `eval`.

    Component `outputs` contains:
     - `model`: Channel of type `standard_artifacts.Model`, with the signatures of
       a teacher that was trained here.

    A model near chance fails the node: it is fed other pixels than it was trained on,
    or its outputs are taken for other classes. The message names the likely mistake.
    """

    SPEC_CLASS = ImportedTeacherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        source: types.BaseChannel,
        imported: ImportedConfig | None = None,
        function: str | None = None,
        **arguments: Unpack[ExamplesArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            source: Channel of Model, from an Importer: a `.keras` file, the folder of a
                SavedModel, or the weights of `function`.
            imported: What the model takes and returns, with `classes` as a list.
            function: One of keras.applications or KerasHub.
            **arguments: See `ExamplesArguments`.
        """
        spec = component_specs.build(
            ImportedTeacherSpec,
            examples=examples,
            source=source,
            imported=imported or ImportedConfig(),
            function=function,
            **arguments,
        )
        super().__init__(spec=spec)
