"""A TFX pipeline as TFX's templates make it, with a student distilled in it.

Examples, schema and teacher are TFX's and the user's own: features and splits have the
user's names, and the teacher is whatever SavedModel the user's `run_fn` writes.

Usage: python foreign_pipeline.py DATA_DIR ROOT_DIR
"""

import os
import sys

from tfx.components import ImportExampleGen, SchemaGen, StatisticsGen, Trainer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.proto import example_gen_pb2, trainer_pb2

from tfx_distill.components.distillation_trainer.component import DistillationTrainer
from tfx_distill.components.evaluator.component import Evaluator
from tfx_distill.components.pusher.component import Pusher
from tfx_distill.components.servability_validator.component import ServabilityValidator
from tfx_distill.components.teacher_logits.component import TeacherLogits
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.examples_config import ExamplesConfig
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.config.training_config import StudentConfig

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = (
    "zero", "one", "two", "three", "four",
    "five", "six", "seven", "eight", "nine",
)  # fmt: skip
SPLITS = ("learn", "check", "exam")


GATE = GateConfig(
    margin=0.1,
    class_margin=0.6,
    min_class_size=20,
    min_accuracy=0.85,
    max_accuracy_drop=0.1,
    min_class_accuracy=0.5,
    max_class_accuracy_drop=0.4,
)


def create_pipeline(data_dir: str, root_dir: str) -> pipeline.Pipeline:
    """Builds the DAG over TFRecord files `DATA_DIR/SPLIT-*`."""
    nodes = create_teacher(data_dir)
    example_gen, _, schema_gen, teacher = nodes
    nodes += create_student(
        example_gen.outputs["examples"],
        schema_gen.outputs["schema"],
        teacher.outputs["model"],
        os.path.join(root_dir, "serving"),
    )
    return pipeline.Pipeline(
        pipeline_name="photos",
        pipeline_root=os.path.join(root_dir, "artifacts"),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            os.path.join(root_dir, "metadata.sqlite")
        ),
        components=nodes,
        enable_cache=True,
    )


def create_teacher(data_dir: str) -> list:
    """What was there before: TFX's own components, and a user's teacher."""
    splits = [example_gen_pb2.Input.Split(name=s, pattern=f"{s}-*") for s in SPLITS]
    example_gen = ImportExampleGen(
        input_base=data_dir, input_config=example_gen_pb2.Input(splits=splits)
    )
    examples = example_gen.outputs["examples"]
    statistics = StatisticsGen(examples=examples)
    schema_gen = SchemaGen(statistics=statistics.outputs["statistics"])
    teacher = Trainer(
        module_file=os.path.join(HERE, "foreign_trainer", "photo_classifier.py"),
        examples=examples,
        train_args=trainer_pb2.TrainArgs(splits=["learn"]),
        eval_args=trainer_pb2.EvalArgs(splits=["check"]),
    )
    return [example_gen, statistics, schema_gen, teacher]


def create_student(examples, schema, teacher_model, serving_dir: str) -> list:
    """What is added.

    The schema says which feature is the image and which the label; the classes are in
    the order of the teacher's outputs.
    """
    learn, check, exam = SPLITS
    given = {
        "examples": examples,
        "teacher_model": teacher_model,
        "schema": schema,
        "examples_config": ExamplesConfig(
            train_split=learn, eval_split=check, test_split=exam, class_names=CLASSES
        ),
    }
    logits = TeacherLogits(views=ViewsConfig(count=2, max_shift=1), **given)
    student = DistillationTrainer(
        teacher_logits=logits.outputs["teacher_logits"],
        student=StudentConfig(epochs=12, batch_size=64),
        distillation=DistillationConfig(),
        **given,
    )
    model = student.outputs["model"]
    evaluator = Evaluator(student_model=model, gate=GATE, **given)
    servability = ServabilityValidator(
        model=model, servability=ServabilityConfig(max_times_teacher=None), **given
    )
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=servability.outputs["blessing"],
        serving_dir=serving_dir,
    )
    return [logits, student, evaluator, servability, pusher]


if __name__ == "__main__":
    local_dag_runner.LocalDagRunner().run(create_pipeline(*sys.argv[1:]))
