"""TFX's Evaluator executor, made to fail closed."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import logging
import os
from typing import Any

import numpy as np
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, proto_utils

from tfx_distill.components import private_copies, property_names, refusal_reasons
from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator import (
    attempts,
    eval_config,
    further_tests,
    gate_decision,
    inference,
    labelled_examples,
    margin_check,
    verdict,
)
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.execution_inputs import (
    Artifacts,
    ExecutionInputs,
    note_verdict,
    servable,
)
from tfx_distill.components.private_copies import PrivateCopies
from tfx_distill.trainer import timeline
from tfx_distill.trainer.config.gate_config import GateConfig, ResolvedGate
from tfx_distill.trainer.data import image_values
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export.saved_model import Predictor

logger = logging.getLogger(__name__)

SPLIT = "test"
_ROLES = {"model": "student", "baseline_model": "teacher"}
_LOGITS = "teacher_logits"
_URI_PROPERTIES = {
    "model": constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY,
    "baseline_model": constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY,
}


class Executor(tfx_executor.Executor):
    """Evaluates student against teacher.

    Inputs `model`, `examples`, and `baseline_model` or `teacher_logits`.

    TFX's own executor drops every comparison without a word when no baseline
    arrives, and leaves the blessing out when no bound is configured. Here both
    mean: not blessed, and the blessing says why. So does what a model raises when it
    is loaded or called; everything else fails the node, and nothing is cached.
    """

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        keys_dir = inputs.uri("examples")
        outcome = private_copies.judge(
            inputs,
            blessing,
            _ROLES,
            SPLIT,
            work=functools.partial(self._judge, output_dict, exec_properties, keys_dir),
            refused=lambda reason: verdict.refused(f"the evaluation failed: {reason}"),
            folder=os.path.join(self._get_tmp_dir(), "judged"),
        )
        _name_models(blessing, inputs)
        _bless(blessing, dataclasses.replace(outcome, overlaps=_overlaps(inputs)))

    def _judge(
        self,
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
        keys_dir: str,
        inputs: ExecutionInputs,
        copies: PrivateCopies,
    ) -> verdict.Verdict:
        spec = inputs.spec
        if not spec.num_examples.get(SPLIT):
            return verdict.refused(f"the split {spec.split_name(SPLIT)} is empty")
        split = inputs.split(SPLIT)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        images = hashlib.sha256(np.sort(split.digests).tobytes()).hexdigest()
        blessing.set_string_custom_property(property_names.TEST_IMAGES, images)
        gate, notes = _fitted(exec_properties, split, spec)
        attempt = attempts.number(gate, exec_properties, images)
        if not (inputs.has("baseline_model") or inputs.has(_LOGITS)):
            return verdict.refused("there is no teacher to compare the student with")
        models = _loaded(inputs)
        evaluation_dir = artifact_utils.get_single_uri(output_dict["evaluation"])
        folders = inputs.uri("examples"), keys_dir
        evidence = _evidence(
            gate,
            split,
            models,
            inputs,
            copies,
            exec_properties,
            confidence=attempts.confidence(attempt),
            values=image_values.Values(split, SPLIT, *folders, spec),
            evaluation_dir=evaluation_dir,
        )
        self._analyze(gate, models, inputs, output_dict, exec_properties)
        evidence.predictions.save(evaluation_dir)
        decided = gate_decision.decide(gate, evidence)
        notes += (*attempts.notes(attempt), *_decision(gate, decided.served, blessing))
        return dataclasses.replace(decided, notes=notes)

    @timeline.part("analysis")
    def _analyze(
        self,
        gate: ResolvedGate,
        models: dict[str, Predictor],
        inputs: ExecutionInputs,
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs TFMA on models with probabilities and examples with class indices."""
        # Without the schema, which TFMA would take for that of the model's inputs.
        given = {"examples": [inputs.artifact("examples")]}
        for key, predictor in models.items():
            folder = os.path.join(self._get_tmp_dir(), key)
            given[key] = [servable(predictor, inputs.artifact(key), folder)]
        label_feature = inputs.spec.label_feature
        if inputs.spec.string_labels:
            label_feature = labelled_examples.LABEL_FEATURE
            folder = os.path.join(self._get_tmp_dir(), "examples")
            examples = inputs.artifact("examples")
            given["examples"] = [
                labelled_examples.write(examples, inputs.spec, SPLIT, folder)
            ]
        config = eval_config.eval_config(gate, label_feature)
        properties = {
            **exec_properties,
            "eval_config": proto_utils.proto_to_json(config),
            "example_splits": json.dumps([inputs.spec.split_name(SPLIT)]),
        }
        try:
            super().Do(given, output_dict, properties)
        except Exception:
            # Beam tells what a worker raised, and what became of a worker, alike.
            inference.require_serving(
                {_ROLES[key]: given[key][0] for key in models}, inputs, SPLIT
            )
            raise


def _loaded(inputs: ExecutionInputs) -> dict[str, Predictor]:
    """The models that there are, by input."""
    return {
        key: inference.load(inputs, inputs.model_dir(key), role)
        for key, role in _ROLES.items()
        if inputs.has(key)
    }


def _fitted(
    exec_properties: dict[str, Any], split: Split, spec: DataSpec
) -> tuple[ResolvedGate, tuple[str, ...]]:
    """The bounds for the split, and what was fitted, in lines."""
    counts = np.bincount(split.labels, minlength=spec.num_classes).tolist()
    gate = GateConfig.from_json(exec_properties["gate"])
    found = margin_check.fitted(gate, dict(zip(spec.class_names, counts, strict=True)))
    for line in found.lines:  # on a cluster, nobody told them before
        logger.info(line)
    return found.gate, found.lines


def _name_models(blessing: types.Artifact, inputs: ExecutionInputs) -> None:
    """Notes the models themselves: the copies that were judged are gone."""
    for key, name in _URI_PROPERTIES.items():
        if inputs.has(key):
            blessing.set_string_custom_property(name, inputs.uri(key))


def _overlaps(inputs: ExecutionInputs) -> dict[str, int] | None:
    """See `Verdict.overlaps`; None without the data report of our ExampleGens."""
    report = DataReport.load(inputs.uri("examples"))
    if report is None:
        return None
    return {
        pair: equal.number
        for pair, equal in report.overlaps.items()
        if SPLIT in pair.split(", ")
    }


@timeline.part("predicting")
def _predicted(
    models: dict[str, Predictor], split: Split, inputs: ExecutionInputs
) -> dict[str, Any]:
    """Predictions by role; a teacher without a model has its answers."""
    found = {
        _ROLES[key]: inference.predict(model, _ROLES[key], split)
        for key, model in models.items()
    }
    if "teacher" not in found:
        folder = inputs.uri(_LOGITS)
        found["teacher"] = inference.imported(folder, SPLIT, split)
    return found


def _evidence(
    gate: ResolvedGate,
    split: Split,
    models: dict[str, Predictor],
    inputs: ExecutionInputs,
    copies: PrivateCopies,
    exec_properties: dict[str, Any],
    *,
    confidence: float,
    values: image_values.Values,
    evaluation_dir: str,
) -> gate_decision.Evidence:
    """Everything that is measured without TFMA."""
    found = _predicted(models, split, inputs)
    classifiers = {
        _ROLES[key]: inference.classifier(model, _ROLES[key])
        for key, model in models.items()
    }
    further = further_tests.measure(gate, split, values, found, classifiers, confidence)
    served = inference.served_of(exec_properties, gate.against_served)
    if served is not None and not served.problem:
        served, found["served"] = inference.against_served(
            served, found["student"], split, inputs, copies, confidence
        )
    return gate_decision.Evidence(
        evaluation_dir=evaluation_dir,
        spec=inputs.spec,
        split=inputs.spec.split_name(SPLIT),
        predictions=Predictions.of(split.labels.astype(np.int64), found),
        served=served,
        has_baseline="baseline_model" in models,
        further=further,
        confidence=confidence,
    )


def _decision(
    gate: ResolvedGate, served: verdict.Served | None, blessing: types.Artifact
) -> tuple[str, ...]:
    """Notes whose decision it is to replace a model that cannot be compared."""
    if gate.decided_by is None or gate.reason is None:
        return ()
    blessing.set_string_custom_property(property_names.DECIDED_BY, gate.decided_by)
    blessing.set_string_custom_property(property_names.DECISION_REASON, gate.reason)
    if served is None or not served.problem:
        return ()
    return (
        f"The served model is replaced without a comparison, by decision of "
        f"{gate.decided_by}: {gate.reason}",
    )


def _bless(blessing: types.Artifact, outcome: verdict.Verdict) -> None:
    """Writes the decision; takes back a blessing of TFMA's that it does not share."""
    note_verdict(blessing, outcome)
    low = outcome.paired.get(OVERALL, {}).get("low")
    if low is not None:
        blessing.set_float_custom_property(property_names.PAIRED_DIFFERENCE_LOW, low)
    blessed_file = os.path.join(blessing.uri, constants.BLESSED_FILE_NAME)
    if outcome.blessed:
        if not fileio.exists(blessed_file):
            raise DistillError(
                "Evaluator: the verdict blesses the student, TensorFlow Model Analysis "
                "wrote no blessing. Report this; nothing was pushed."
            )
        return
    for reason in outcome.reasons:
        logger.warning("Student not blessed: %s", reason)
    if fileio.exists(blessed_file):
        fileio.remove(blessed_file)
    io_utils.write_string_file(
        os.path.join(blessing.uri, constants.NOT_BLESSED_FILE_NAME), ""
    )
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.NOT_BLESSED_VALUE
    )
    blessing.set_string_custom_property(
        property_names.REASON, refusal_reasons.joined(outcome.reasons)
    )
