"""The component that tries all models before the first is trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import component_specs
from tfx_distill.components.component_specs import ExamplesArguments
from tfx_distill.components.model_check import executor
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.lite_config import LiteConfig
from tfx_distill.trainer.config.training_config import (
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.models import architectures, keras_objects
from tfx_distill.trainer.tuning import oracles


class ModelCheckSpec(component_spec.ComponentSpec):
    """No output: nodes that must wait for the check name it as an upstream node."""

    PARAMETERS = {
        **component_specs.EXAMPLES_PARAMETERS,
        **component_specs.parameters("models", "lite"),
        **component_specs.parameters("tuning", optional=True),
        # Read by TFX's cache alone: other code is another model.
        **component_specs.parameters("code"),
    }
    INPUTS = {
        **component_specs.EXAMPLES_INPUTS,
        **component_specs.channels(
            optional=True, hyperparameters=standard_artifacts.HyperParameters
        ),
    }
    OUTPUTS: dict[str, component_spec.ChannelParameter] = {}


class ModelCheck(base_component.BaseComponent):
    """Fails if a model could not be trained, exported, served or converted.

    It tries every model on eight images, in seconds. Teacher and student try their
    own model as well; this node does it before the teacher is trained. Call
    `add_upstream_node(check)` on the teacher.
    """

    SPEC_CLASS = ModelCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        teachers: Sequence[TeacherConfig],
        student: StudentConfig,
        distillation: DistillationConfig | None = None,
        lite: LiteConfig | None = None,
        assistant: StudentConfig | None = None,
        tuning: TuningConfig | None = None,
        hyperparameters: types.BaseChannel | None = None,
        **arguments: Unpack[ExamplesArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            teachers: Architectures and recipes; empty for a teacher of other origin.
            student: The student's.
            distillation: Names the features that are matched.
            lite: LiteRT formats that the student will be converted to.
            assistant: The assistant's architecture and recipe.
            tuning: A search, whose first values the student gets here.
            hyperparameters: Channel of HyperParameters, which the student will get.
            **arguments: See `ExamplesArguments`.
        """
        teachers = _distinct(teachers)
        distillation = distillation or DistillationConfig()
        if tuning:
            for tried in oracles.with_each_name(tuning, student, distillation):
                keras_objects.require_known(tried)
        super().__init__(
            spec=component_specs.build(
                ModelCheckSpec,
                examples=examples,
                hyperparameters=hyperparameters,
                models=_models(teachers, student, assistant, distillation),
                lite=lite or LiteConfig(flavours=()),
                tuning=tuning,
                code=_code([*teachers, student, *filter(None, [assistant])]),
                **arguments,
            )
        )


def _code(configs: Sequence[TeacherConfig | StudentConfig]) -> str:
    """The digests of what the recipes run, once all their names are known."""
    for config in configs:
        keras_objects.require_known(config)
    return json.dumps([architectures.recipe_digest(c) for c in configs])


def _distinct(teachers: Sequence[TeacherConfig]) -> list[TeacherConfig]:
    """Without members of an ensemble that differ in nothing that is tried."""
    return list({_text(_architecture(one)): one for one in teachers}.values())


# Settings that a trial uses, if they are there.
_TRIED = ("files", "optimizer", "class_weight", "augmentation", "early_stopping")


def _models(
    teachers: Sequence[TeacherConfig],
    student: StudentConfig,
    assistant: StudentConfig | None,
    distillation: DistillationConfig,
) -> str:
    models = {
        "teachers": [_architecture(config) for config in teachers],
        "student": _architecture(student),
        "assistant": _architecture(assistant) if assistant else None,
        "distillation": {"features": distillation.features},
    }
    return _text(models)


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, default=dict, sort_keys=True)


def _architecture(config: TrainingConfig) -> dict[str, Any]:
    """Without what does not change the trial, such as epochs: it stays cached."""
    values: dict[str, Any] = {"model": config.model, "options": config.options}
    given = config.model_dump()
    values |= {key: given[key] for key in _TRIED if key in given}
    if isinstance(config, StudentConfig) and config.quantization_aware_epochs:
        values["quantization_aware_epochs"] = 1
    return values
