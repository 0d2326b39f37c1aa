"""The run behind a served version: its models, its data, and its answers on `test`."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.pipeline import hints
from tfx_distill.pipeline.inspection import artifact_files
from tfx_distill.pipeline.mlmd.records import ArtifactRecord, Graph
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DistillError

SPLIT = "test"
# Pixels of `test` that are read, at most.
_MAX_PIXEL_BYTES = 2**28


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServedRun:
    """What a served version is compared with.

    Attributes:
        version: Its number.
        run: Name of the run that pushed it.
        student_dir: SavedModel, where it is served or as ML Metadata keeps it.
        teacher_dir: SavedModel; None if there is none here.
        spec: The data.
        examples: The artifact.
        predictions: Of both models on `test`.
    """

    version: str
    run: str
    student_dir: str
    teacher_dir: str | None
    spec: DataSpec
    examples: ArtifactRecord
    predictions: Predictions


def find(store: Store, pipeline: str, version: int | None) -> ServedRun:
    """The run behind a version.

    Args:
        store: Where it is recorded.
        pipeline: Name of the pipeline that pushed it.
        version: Its number; None: the newest.

    Raises:
        DistillError: If there is none, or its files are gone.
    """
    model, run = _pushed(store, pipeline, version)
    graph = store.graph_of_runs([store.run(run)])
    given = _tested(graph, run)
    try:
        with artifact_files.opened(given["evaluation"]) as folder:
            predictions = Predictions.load(str(folder))
        with artifact_files.opened(given["examples"]) as folder:
            spec = DataSpec.load(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise DistillError(
            f"Run {run}, which pushed version {model.version}, has no predictions of the "
            f"test split any more ({error}). Run `{hints.command('run')}` again, or give "
            "another --version."
        ) from error
    teacher = given.get("baseline_model")
    return ServedRun(
        version=model.version,
        run=run,
        student_dir=model.folder if os.path.isdir(model.folder) else model.uri,
        teacher_dir=_existing(teacher),
        spec=spec,
        examples=given["examples"],
        predictions=predictions,
    )


def test_images(served: ServedRun) -> np.ndarray | None:
    """Images of `test`, uint8; None if they are gone."""
    import tensorflow as tf

    from tfx_distill.trainer.data import example_reader, example_records

    spec = served.spec
    size = max(1, _MAX_PIXEL_BYTES // int(np.prod(spec.image_shape)))
    try:
        with artifact_files.opened(served.examples) as folder:
            records = example_reader.sample_records(str(folder), SPLIT, spec, size)
    except (OSError, DistillError, tf.errors.OpError):
        return None
    return example_records.decode_examples(tf.constant(records), spec).numpy()


def _pushed(
    store: Store, pipeline: str, version: int | None
) -> tuple[PushedModel, str]:
    """A pushed model of a pipeline, and the run that pushed its content first."""
    newest_first = store.pushed_models().pushed_models()
    for place, model in enumerate(newest_first):
        if version is not None and model.version != str(version):
            continue
        first = model
        for earlier in newest_first[place + 1 :]:
            if earlier.version == first.rolled_back_to:
                first = earlier
        made = store.around_artifact(first.artifact_id).artifacts[first.artifact_id]
        if made.run and made.pipeline == pipeline:
            return model, made.run
    asked = "no version" if version is None else f"no version {version}"
    versions = ", ".join(model.version for model in newest_first[:3]) or "none"
    raise DistillError(
        f"The pipeline {pipeline} has pushed {asked}; the newest of all pipelines: "
        f"{versions}. Give --version, or run `{hints.command('run')}` first."
    )


def _tested(graph: Graph, run: str) -> dict[str, Any]:
    """What the gate of a run read, and its evaluation."""
    for execution in graph.of_run(run):
        outputs = dict(graph.outputs(execution.id))
        if "evaluation" in outputs:
            return {**dict(graph.inputs(execution.id)), **outputs}
    return {}


def _existing(teacher: ArtifactRecord | None) -> str | None:
    folder = teacher.saved_model_dir if teacher else ""
    return folder if os.path.isdir(folder) else None
