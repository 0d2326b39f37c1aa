"""The `run_fn` for TFX's Trainer: trains and exports the teacher."""

from __future__ import annotations

import os
from typing import Any

from tfx_distill.trainer.config.training_config import TeacherConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import checkpoints, dry_run, training
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models import architectures

CONFIG_KEY = "teacher"  # in the Trainer's custom_config: TeacherConfig as JSON


def run_fn(fn_args: Any) -> None:
    """Trains the teacher on the split `train` and scores it on `eval`.

    Args:
        fn_args: TFX's `FnArgs`, of which it reads `train_files` (file patterns in an
            Examples artifact), `custom_config`, `serving_model_dir` (for the
            SavedModel) and `model_run_dir` (for TensorBoard logs).

    Raises:
        DistillError: If the examples or the architecture do not fit, or the model could
            not be exported and served; see `dry_run`.
    """
    config = TeacherConfig.from_json(fn_args.custom_config[CONFIG_KEY])
    examples_dir = _examples_dir(fn_args.train_files)
    spec = DataSpec.load(examples_dir)
    dry_run.check_teacher(config, spec)
    splits = example_reader.load_splits(examples_dir, spec)
    checkpoint = checkpoints.path(
        fn_args.model_run_dir, fn_args.train_files, dict(fn_args.custom_config)
    )
    trained = training.train_teacher(
        splits["train"],
        splits["eval"],
        spec,
        config,
        logs_dir=fn_args.model_run_dir,
        checkpoint=checkpoint,
    )
    saved_model.save(
        trained.model,
        fn_args.serving_model_dir,
        role="teacher",
        spec=spec,
        config={"teacher": config.model_dump()},
        history=trained.history,
        seconds=trained.seconds,
        source=architectures.source(config.model, config.options),
        precision=trained.precision,
    )
    checkpoints.forget(checkpoint)


def _examples_dir(patterns: list[str]) -> str:
    """`<examples>/Split-train/*` → `<examples>`."""
    return os.path.dirname(os.path.dirname(patterns[0]))
