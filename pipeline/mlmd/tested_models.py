"""The student that was tested last, and its teacher."""

from __future__ import annotations

import os

from tfx_distill.pipeline import hints
from tfx_distill.pipeline.config.pipeline_places import Places
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.mlmd.records import CACHED, COMPLETE
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.trainer.errors import DistillError

_EVALUATOR = "Evaluator"  # id of the node that tests a student against its teacher


def latest(config: Places) -> tuple[str | None, str]:
    """SavedModel folders of the teacher and the student that were tested last.

    The teacher's is None if it was answers without a model.

    Raises:
        DistillError: If none was tested, or its files are gone.
    """
    store = Store(store_connection.open_store(config))
    for run, graph in store.runs_of(config.pipeline_name):
        for execution in graph.of_run(run.name):
            # A cached one stands for the models that an earlier run tested.
            if execution.node == _EVALUATOR and execution.state in (COMPLETE, CACHED):
                tested = dict(graph.inputs(execution.id))
                teacher = tested.get("baseline_model")
                return (
                    _existing(teacher.saved_model_dir) if teacher else None,
                    _existing(tested["model"].saved_model_dir),
                )
    raise DistillError(
        f"No student has been tested in {config.pipeline_dir}. "
        f"Run `{hints.command('run')}` first, or give --teacher and --student."
    )


def _existing(folder: str) -> str:
    if not os.path.isdir(folder):
        raise DistillError(
            f"Model folder {folder} is gone. Run `{hints.command('run')}` again, or "
            "give --teacher and --student."
        )
    return folder
