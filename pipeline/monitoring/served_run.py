"""The run behind a served version: its models, its data, and its answers on `test`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.pipeline import hints
from tfx_distill.pipeline.inspection import artifact_files
from tfx_distill.pipeline.mlmd.records import SAVED_MODEL, ArtifactRecord, Graph
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.trainer import file_system
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
        served_in: Its folder in the serving folder, which may be out of reach.
        student: The artifact, which has a copy of it.
        teacher: The artifact; None if no model of the teacher was tested.
        spec: The data.
        examples: The artifact.
        predictions: Of both models on `test`.
    """

    version: str
    run: str
    served_in: str
    student: ArtifactRecord
    teacher: ArtifactRecord | None
    spec: DataSpec
    examples: ArtifactRecord
    predictions: Predictions

    @contextlib.contextmanager
    def opened_models(self, with_teacher: bool = True) -> Iterator[dict[str, str]]:
        """Folders of the SavedModels: `student` and, if it can be read, `teacher`.

        Raises:
            DistillError: If the student cannot be read.
        """
        with contextlib.ExitStack() as opened:
            folders = {"student": self._student_dir(opened)}
            if with_teacher and self.teacher is not None:
                with contextlib.suppress(OSError):
                    files = artifact_files.opened(self.teacher, whole="")
                    teacher = opened.enter_context(files) / SAVED_MODEL
                    if teacher.is_dir():
                        folders["teacher"] = str(teacher)
            yield folders

    def _student_dir(self, opened: contextlib.ExitStack) -> str:
        """The folder that is served, or else the artifact's copy."""
        if file_system.is_folder(self.served_in):
            return self.served_in
        try:
            files = artifact_files.opened(self.student, whole="")
            return str(opened.enter_context(files))
        except OSError as error:
            raise DistillError(
                f"Version {self.version} cannot be read: {self.served_in} is not here, "
                f"and of the copy in its artifact: {error}."
            ) from error


def find(store: Store, pipeline: str, version: int | None) -> ServedRun:
    """The run behind a version.

    Args:
        store: Where it is recorded.
        pipeline: Name of the pipeline that pushed it.
        version: Its number; None: the newest.

    Raises:
        DistillError: If there is none, or its files are gone.
    """
    model, copy, run = _pushed(store, pipeline, version)
    graph = store.graph_of_runs([store.run(run)])
    given = _tested(graph, run)
    try:
        with artifact_files.opened(given["evaluation"], whole="") as folder:
            predictions = Predictions.load(str(folder))
        with artifact_files.opened(given["examples"]) as folder:
            spec = DataSpec.load(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise DistillError(
            f"Run {run}, which pushed version {model.version}, has no predictions of the "
            f"test split any more ({error}). Run `{hints.command('run')}` again, or give "
            "another --version."
        ) from error
    return ServedRun(
        version=model.version,
        run=run,
        served_in=model.folder,
        student=copy,
        teacher=given.get("baseline_model"),
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
        only = f"Split-{spec.split_name(SPLIT)}/"
        with artifact_files.opened(served.examples, whole=only) as folder:
            records = example_reader.sample_records(str(folder), SPLIT, spec, size)
    except (OSError, DistillError, tf.errors.OpError):
        return None
    return example_records.decode_examples(tf.constant(records), spec).numpy()


def _pushed(
    store: Store, pipeline: str, version: int | None
) -> tuple[PushedModel, ArtifactRecord, str]:
    """A pushed model of a pipeline, its artifact, and the run that pushed its content."""
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
            artifacts = store.around_artifact(model.artifact_id).artifacts
            return model, artifacts[model.artifact_id], made.run
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
