"""Runs the real Evaluator on real artifacts."""

import json
import os

from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from tfx_distill.components.evaluator import eval_config, executor
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.trainer.config.gate_config import GateConfig

BOUNDS = {"margin": 0.2, "class_margin": 0.6, "min_class_size": 20}
GATE = GateConfig(
    **BOUNDS,
    min_accuracy=0.85,
    max_accuracy_drop=0.1,
    min_class_accuracy=0.5,
    max_class_accuracy_drop=0.4,
)
# The paired bounds alone.
PAIRED = GateConfig(
    **BOUNDS,
    min_accuracy=None,
    max_accuracy_drop=None,
    min_class_accuracy=None,
    max_class_accuracy_drop=None,
)


class Evaluated:
    """What one evaluation left."""

    def __init__(self, blessing, evaluation):
        self.blessing, self.evaluation = blessing, evaluation
        self.verdict = Verdict.load(blessing.uri)
        self.files = sorted(set(os.listdir(blessing.uri)) - {"verdict.json"})

    @property
    def answers(self):
        return Predictions.load(self.evaluation.uri)


def evaluate(folder, examples, student, teachers, gate=GATE, logits=(), **properties):
    """Evaluates Model artifacts in `folder`, which must not hold an evaluation yet.

    `logits` holds the TeacherLogits of a teacher without a model.
    """
    evaluation = standard_artifacts.ModelEvaluation()
    blessing = standard_artifacts.ModelBlessing()
    for artifact, name in ((evaluation, "evaluation"), (blessing, "blessing")):
        artifact.uri = str(folder / name)
        os.makedirs(artifact.uri)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=[], tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    executor.Executor(context).Do(
        {
            "examples": [examples],
            "model": [student],
            "baseline_model": teachers,
            "teacher_logits": list(logits),
        },
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": proto_utils.proto_to_json(eval_config.eval_config()),
            "example_splits": json.dumps(["test"]),
            "gate": gate.to_json(),
            **properties,
        },
    )
    return Evaluated(blessing, evaluation)
