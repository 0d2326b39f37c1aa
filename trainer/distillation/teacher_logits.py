"""A teacher's logits for examples and their views: computed once, stored, joined.

They pass through memory in shards, each row with its image's digest, and are joined to
examples by it, never by position: shuffled shards, or examples left out, cannot give an
image the logits of another.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data import augmentation, memory_limit
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.data.streamed_arrays import StreamedRows
from tfx_distill.trainer.distillation.logits_files import Shard
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models.teachers import Teachers
from tfx_distill.trainer.progress import Progress, report

TASK = "computing teacher logits"
_SHARD_BYTES = 64 * 2**20


def predict_splits(
    teachers: Teachers, splits: Mapping[str, Split], views: ViewsConfig
) -> dict[str, Iterator[Shard]]:
    """Predictions for every view of `train` and for the originals of other splits.

    Each split's shards are computed as they are read. Fresh views are not predicted in
    advance.
    """
    return {
        name: compute(teachers, split, views_of(name, views))
        for name, split in splits.items()
        if is_predicted(name, views)
    }


def is_predicted(split: str, views: ViewsConfig) -> bool:
    """Whether a split is predicted in advance."""
    return not (split == "train" and views.fresh)


def views_of(split: str, views: ViewsConfig) -> ViewsConfig:
    """The views in which a split is predicted."""
    return views if split == "train" else views.replace(count=1)


class TeacherInLoop:
    """The teacher in the student's training, which predicts fresh views as they are made.

    As "consistent teaching" of Beyer et al. 2022 (arXiv:2106.05237): teacher and student
    see the same view of an image, in every epoch another one.

    Attributes:
        digest: Of the teacher, see `Teachers`.
        num_images: Number of images predicted so far.
        seconds: Time that took.
    """

    def __init__(self, teachers: Teachers) -> None:
        self._teachers, self.digest = teachers, teachers.digest
        self.num_images, self.seconds = 0, 0.0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        start = time.monotonic()
        values = self._teachers.predict(images)
        self.num_images += len(images)
        self.seconds += time.monotonic() - start
        return values


def join(
    predictions: Mapping[str, Iterable[Shard]],
    splits: Mapping[str, Split],
    views: ViewsConfig,
    teachers: Teachers | None = None,
) -> dict[str, DistillationData]:
    """Joins examples and predictions.

    Args:
        predictions: By split.
        splits: The examples.
        views: How views are made.
        teachers: Predict fresh views; None: nobody does.

    Raises:
        ModelError: If an example has no prediction, or an image has two.
    """
    joined = {}
    for name, split in splits.items():
        if name == "train" and views.fresh:
            answers: Any = TeacherInLoop(teachers) if teachers else None
        else:
            answers = aligned(predictions[name], split, name)
        joined[name] = DistillationData(split, answers, views)
    return joined


def compute(
    teacher: Teachers,
    split: Split,
    views: ViewsConfig,
    task: str = TASK,
) -> Iterator[Shard]:
    """Runs the teacher once on every view of every image; equal images are one.

    Raises:
        ModelError: If a logit is not finite.
    """
    return predicted(teacher, _batches(split, task), views)


def _batches(split: Split, task: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields a split's distinct images and their digests; reports what is done."""
    examples = split.distinct
    step = memory_limit.batch_size(split.images.shape[1:])
    for first in range(0, len(examples), step):
        rows = examples[first : first + step]
        yield split.images[rows], split.digests[rows]
        done = first + len(rows)
        detail = f"{done:,} of {len(examples):,} images"
        report(Progress(task, done, len(examples), detail))


def predicted(
    teacher: Teachers,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    views: ViewsConfig,
) -> Iterator[Shard]:
    """Runs the teacher on every view of every image, some at a time.

    Args:
        teacher: The teachers.
        batches: Images, uint8 `(batch, height, width, channels)`, and their digests.
        views: Which views.

    Returns:
        The predictions in the order of the images, in shards of at most 64 MiB, each
        computed when it is read.

    Raises:
        ModelError: If a logit is not finite.
    """
    row_bytes = 4 * views.count * (teacher.num_classes + sum(teacher.feature_widths))
    step = max(1, _SHARD_BYTES // row_bytes)
    return gathered(
        _predict(teacher, images[at : at + step], digests[at : at + step], views)
        for images, digests in batches
        for at in range(0, len(images), step)
    )


def gathered(shards: Iterable[Shard]) -> Iterator[Shard]:
    """Joins shards to ones of at most 64 MiB; one that is larger stays alone."""
    parts: list[Shard] = []
    size = 0
    for shard in shards:
        if parts and size + shard.values.nbytes > _SHARD_BYTES:
            yield _joined(parts)
            parts, size = [], 0
        parts.append(shard)
        size += shard.values.nbytes
    if parts:
        yield _joined(parts)


def _joined(shards: Sequence[Shard]) -> Shard:
    return Shard(
        np.concatenate([shard.digests for shard in shards]),
        np.concatenate([shard.values for shard in shards]),
    )


def _predict(
    teacher: Teachers, images: np.ndarray, digests: np.ndarray, views: ViewsConfig
) -> Shard:
    """The predictions for some images."""
    numbers = (np.full(len(images), view) for view in range(views.count))
    shown = (augmentation.make_views(images, digests, n, views) for n in numbers)
    values = np.stack([teacher.predict(view) for view in shown], axis=1)
    if broken := int((~np.isfinite(values)).sum()):
        raise ModelError(
            f"Teacher's logits are not finite for {broken} of {values.size} values. "
            "Train the teacher again, with a lower learning rate."
        )
    return Shard(digests, values)


def distinct(shards: Iterable[Shard]) -> Iterator[Shard]:
    """Yields shards without the images that were in one before, or twice in one."""
    known = np.empty(0, np.uint64)
    for shard in shards:
        first = np.sort(np.unique(shard.digests, return_index=True)[1])
        new = first[~np.isin(shard.digests[first], known)]
        known = np.concatenate([known, shard.digests[new]])
        yield Shard(shard.digests[new], shard.values[new])


def aligned(
    shards: Iterable[Shard], split: Split, split_name: str
) -> np.ndarray | StreamedRows:
    """Predictions in the order of a split's examples.

    Returns:
        float32 `(num_examples, num_views, num_classes + widths)`, streamed if large.

    Raises:
        ModelError: If an example has no prediction, or an image has two.
    """
    shards = iter(shards)
    first = next(shards, Shard(np.empty(0, np.uint64), np.empty((0, 1, 1), np.float32)))
    row_shape = first.values.shape[1:]
    is_large = 4 * len(split) * math.prod(row_shape) > memory_limit.max_bytes()
    streamed = StreamedRows(row_shape, np.dtype(np.float32)) if is_large else None
    digests, kept = [], []
    for shard in itertools.chain([first], shards):
        digests.append(shard.digests)
        if streamed is None:
            kept.append(shard.values)
        else:
            streamed.append(shard.values)
    rows = _rows(np.concatenate(digests), split, split_name)
    if streamed is not None:
        return streamed.taken(rows)
    values = np.concatenate(kept)
    return values if np.array_equal(rows, np.arange(len(values))) else values[rows]


def _rows(digests: np.ndarray, split: Split, split_name: str) -> np.ndarray:
    """For each example, the place of its digest; int `(num_examples,)`."""
    order = np.argsort(digests, kind="stable")
    inside = digests[order]
    if len(twice := np.flatnonzero(inside[1:] == inside[:-1])):
        raise ModelError(
            f"Teacher logits of split {split_name} hold {len(twice)} images twice, the "
            f"first has the digest {inside[twice[0]]:016x}: files of several "
            "computations are mixed. Compute them again."
        )
    place = np.searchsorted(inside, split.digests)
    found = np.append(inside, np.uint64(0))[place] == split.digests
    unknown = np.flatnonzero(~found | (place == len(inside)))
    if unknown.size:
        raise ModelError(
            f"Teacher logits lack {unknown.size} of {len(split)} examples of split "
            f"{split_name}, the first is record {unknown[0]}: they belong to other "
            "examples. Compute them again for these."
        )
    return order[place]
