"""What runs, in what order: the whole DAG on one page.

TfdsExampleGen ──┬─ StatisticsGen ─ SchemaGen ─ ExampleValidator ─ AnomalyGate
                 │                                                     ┊ first
                 ├──────────── Teacher ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘
                 │                │
                 ├─ DistillationTrainer
                 │                │
                 └──────────── Evaluator ─ Pusher
"""

from __future__ import annotations

from typing import Any

from tfx.components import (
    ExampleValidator,
    Pusher,
    SchemaGen,
    StatisticsGen,
    Trainer,
)
from tfx.dsl.components.base import executor_spec
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import pusher_pb2, trainer_pb2

from components.anomaly_gate.component import AnomalyGate
from components.distillation_trainer.component import DistillationTrainer
from components.evaluator.component import Evaluator
from components.pusher import executor as pusher_executor
from components.tfds_example_gen.component import TfdsExampleGen
from pipeline.config import PipelineConfig
from trainer import teacher as teacher_module


def create_pipeline(config: PipelineConfig, **arguments: Any) -> tfx_pipeline.Pipeline:
    """Builds the DAG from a configuration.

    Args:
        config: What to run.
        **arguments: Further arguments of TFX's Pipeline that depend on where it
            runs, such as `metadata_connection_config`.
    """
    example_gen = TfdsExampleGen(data=config.data)
    examples = example_gen.outputs["examples"]

    statistics_gen = StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = SchemaGen(statistics=statistics, infer_feature_shape=True)
    example_validator = ExampleValidator(
        statistics=statistics, schema=schema_gen.outputs["schema"]
    )
    anomaly_gate = AnomalyGate(anomalies=example_validator.outputs["anomalies"])

    teacher = Trainer(
        examples=examples,
        run_fn=f"{teacher_module.__name__}.{teacher_module.run_fn.__name__}",
        train_args=trainer_pb2.TrainArgs(),
        eval_args=trainer_pb2.EvalArgs(),
        custom_config={teacher_module.CONFIG_KEY: config.teacher.to_json()},
    ).with_id("Teacher")
    teacher.add_upstream_node(anomaly_gate)

    student = DistillationTrainer(
        examples=examples,
        teacher_model=teacher.outputs["model"],
        student=config.student,
        distillation=config.distillation,
    )
    evaluator = Evaluator(
        examples=examples,
        student_model=student.outputs["model"],
        teacher_model=teacher.outputs["model"],
        gate=config.gate,
    )
    pusher = Pusher(
        model=student.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(
                base_directory=str(config.serving_dir)
            )
        ),
        custom_executor_spec=executor_spec.ExecutorClassSpec(pusher_executor.Executor),
    )
    return tfx_pipeline.Pipeline(
        pipeline_name=config.pipeline_name,
        pipeline_root=str(config.artifacts_dir),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            example_validator,
            anomaly_gate,
            teacher,
            student,
            evaluator,
            pusher,
        ],
        enable_cache=config.pipeline.cache,
        beam_pipeline_args=list(config.beam.args),
        **arguments,
    )
