"""What Beam's workers do: predict the images of a file, and leave the logits in files.

Imports no TFX: a worker process that starts up loads this module.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.utils import shared

from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data import augmentation, example_reader, record_errors
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import logits_files, teacher_logits
from tfx_distill.trainer.distillation.logits_files import Shard
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.models.teacher_files import TeacherFiles
from tfx_distill.trainer.models.teachers import Teachers
from tfx_distill.trainer.progress import Progress, report

logger = logging.getLogger(__name__)

_FOLDER = ".predicted"  # in that of the TeacherLogits artifact


class SharedTeacher:
    """Teachers that a process loads once, for all its workers.

    Attributes:
        files: The teachers' files.
    """

    def __init__(self, files: TeacherFiles) -> None:
        self.files, self._handle = files, shared.Shared()

    def loaded(self) -> Teachers:
        """The same object as long as somebody in this process holds it."""
        return self._handle.acquire(self.files.load)


@dataclasses.dataclass(frozen=True)
class File:
    """One file of examples.

    Attributes:
        split: Of the logits: `train` for the images of `unlabelled`, too.
        source: Split of the examples.
        path: Of the TFRecord file.
        index: Its place among all files, from 0.
        total: Number of all files.
    """

    split: str
    source: str
    path: str
    index: int
    total: int

    def outcome_path(self, uri: str) -> str:
        """Of a JSON file that is there when the work is done."""
        return os.path.join(uri, _FOLDER, f"{self.index:05d}.json")


def large_files(examples_dir: str, spec: DataSpec, views: ViewsConfig) -> list[File]:
    """The files with images to predict; none if each split fits in memory."""
    sources = example_reader.training_sources(spec, unlabelled=True)
    sources = {
        k: v for k, v in sources.items() if teacher_logits.is_predicted(k, views)
    }
    sizes = [sum(spec.num_examples[s] for s in parts) for parts in sources.values()]
    if all(example_reader.fits_in_memory(size, spec) for size in sizes):
        return []
    found = [
        (split, source, path)
        for split, parts in sources.items()
        for source in parts
        for path in example_reader.split_files(examples_dir, source, spec)
    ]
    logger.info(
        "%s files are predicted by Beam's workers: a split exceeds "
        "pipeline.images_in_memory_mb",
        len(found),
    )
    return [File(*each, index, len(found)) for index, each in enumerate(found)]


class PredictFile(beam.DoFn):
    """Predicts the images of a `File`."""

    def __init__(self, uri: str, teacher: SharedTeacher, views: ViewsConfig) -> None:
        """Makes the work.

        Args:
            uri: Folder of the TeacherLogits artifact.
            teacher: Predicts them.
            views: Of the split `train`.
        """
        self._uri, self._teacher, self._views = uri, teacher, views

    def setup(self) -> None:
        self._loaded = self._teacher.loaded()

    def process(self, file: File) -> None:
        # Runners may do one piece of work twice, and at the same time.
        path = file.outcome_path(self._uri)
        attempt = f"{path}.{os.getpid()}-{id(self):x}"
        file_system.make_folder(os.path.dirname(path))
        try:
            outcome = self._predict(file, attempt)
        except DistillError as error:
            # Beam would bring it back inside a traceback inside a RuntimeError.
            outcome = {"error": str(error)}
        with file_system.open_file(attempt, "w") as opened:
            json.dump(outcome, opened)
        tf.io.gfile.rename(attempt, path, overwrite=True)
        done = file.index + 1
        detail = f"file {done} of {file.total}"
        report(Progress(teacher_logits.TASK, done, file.total, detail))

    def _predict(self, file: File, prefix: str) -> dict[str, Any]:
        """Writes the predictions; returns where, and of how many images."""
        files = self._teacher.files
        images = example_reader.image_batches(
            file.path, files.examples_dir, file.source, files.spec
        )
        batches = ((batch, augmentation.digests(batch)) for batch in images)
        views = teacher_logits.views_of(file.split, self._views)
        paths: list[str] = []
        number = 0
        for shard in teacher_logits.predicted(self._loaded, batches, views):
            paths.append(f"{prefix}-{len(paths):05d}.npz")
            logits_files.save_shard(paths[-1], shard)
            number += len(shard.digests)
        return {"shards": paths, "num_images": number}


def shards(
    uri: str, files: Sequence[File], spec: DataSpec
) -> dict[str, Iterator[Shard]]:
    """Reads what the workers wrote.

    Args:
        uri: Folder of the TeacherLogits artifact.
        files: All that they had to do.
        spec: What the examples look like.

    Returns:
        By split, the predictions in the order of the examples, equal images once.

    Raises:
        DistillError: If a file could not be predicted; the first one's, whatever the
            order in which Beam did them.
        DataError: If a split has another number of records than `spec` says.
    """
    paths: dict[str, list[str]] = collections.defaultdict(list)
    numbers = collections.Counter[str]()
    for file in files:
        outcome = _outcome(file.outcome_path(uri))
        paths[file.split] += outcome["shards"]
        numbers[file.source] += outcome["num_images"]
    for source, number in numbers.items():
        if number != spec.num_examples[source]:
            expected = spec.num_examples[source]
            raise record_errors.wrong_number(source, number, expected, spec)
    return {
        split: teacher_logits.gathered(
            teacher_logits.distinct(map(logits_files.load_shard, written))
        )
        for split, written in paths.items()
    }


def _outcome(path: str) -> Mapping[str, Any]:
    with file_system.open_file(path) as file:
        outcome = json.load(file)
    if "error" in outcome:
        raise DistillError(outcome["error"])
    return outcome


def remove_shards(uri: str) -> None:
    """Removes what the workers wrote."""
    tf.io.gfile.rmtree(os.path.join(uri, _FOLDER))
