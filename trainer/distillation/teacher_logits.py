"""A teacher's answers to examples and their views: computed once, kept, matched.

Answers are joined to examples by the content of the images, never by position:
shuffled shards, or examples left out, cannot give an image another's answers.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data import augmentation
from tfx_distill.trainer.data.batches import Lesson
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models.teachers import Teachers
from tfx_distill.trainer.progress import Progress, report

_BATCH = 512
_INFO_FILE = "teacher_logits.json"
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class TeacherLogits:
    """A teacher's answers to the views of a split.

    Attributes:
        names: uint64 `(num_examples,)`, `augmentation.digests` of the images.
        answers: float32 `(num_views, num_examples, num_classes + widths)`: logits,
            then features, as `Teachers.answers` gives them.
    """

    names: np.ndarray
    answers: np.ndarray

    def aligned(self, split: Split, split_name: str) -> np.ndarray:
        """The answers in the order of a split's examples.

        Returns:
            float32, as `answers`.

        Raises:
            ModelError: If there is an example without an answer.
        """
        wanted = augmentation.digests(split.images)
        order = np.argsort(self.names, kind="stable")
        place = np.searchsorted(self.names, wanted, sorter=order)
        found = order[np.minimum(place, len(order) - 1)]
        unknown = np.flatnonzero(self.names[found] != wanted)
        if unknown.size:
            raise ModelError(
                f"Teacher logits lack {unknown.size} of {len(split)} examples of split "
                f"{split_name}, the first is record {unknown[0]}: they belong to other "
                "examples. Compute them again for these."
            )
        if np.array_equal(found, np.arange(len(self.names))):
            return self.answers
        return self.answers[:, found]


def ask(
    teachers: Teachers, splits: Mapping[str, Split], views: ViewsConfig
) -> dict[str, TeacherLogits]:
    """Answers to every view of `train`, and to the originals of other splits."""
    originals = dataclasses.replace(views, count=1)
    return {
        name: compute(teachers, split, views if name == "train" else originals)
        for name, split in splits.items()
    }


def lessons(
    answers: Mapping[str, TeacherLogits],
    splits: Mapping[str, Split],
    views: ViewsConfig,
) -> dict[str, Lesson]:
    """Joins examples and answers.

    Raises:
        ModelError: If an example has no answer.
    """
    return {
        name: Lesson(
            split=split,
            answers=answers[name].aligned(split, name),
            views=views,
            names=augmentation.digests(split.images),
        )
        for name, split in splits.items()
    }


def compute(
    teacher: Teachers,
    split: Split,
    views: ViewsConfig,
    task: str = "asking the teacher",
) -> TeacherLogits:
    """Asks the teacher about every view of every example, once each.

    Raises:
        ModelError: If a logit is not finite.
    """
    names = augmentation.digests(split.images)
    size = len(split)
    width = teacher.num_classes + sum(teacher.feature_widths)
    answers = np.empty((views.count, size, width), np.float32)
    for view in range(views.count):
        for start in range(0, size, _BATCH):
            batch = slice(start, start + _BATCH)
            number = np.full(len(names[batch]), view)
            images = augmentation.make_views(
                split.images[batch], names[batch], number, views
            )
            answers[view, batch] = teacher.answers(images)
            done = view * size + min(start + _BATCH, size)
            report(
                Progress(
                    task, done, views.count * size, f"view {view + 1}/{views.count}"
                )
            )
    if not np.isfinite(answers).all():
        raise ModelError(
            f"Teacher's logits are not finite for {int((~np.isfinite(answers)).sum())} of "
            f"{answers.size} values. Train the teacher again, with a lower learning rate."
        )
    return TeacherLogits(names, answers)


def save(
    folder: str,
    splits: Mapping[str, TeacherLogits],
    teacher: Teachers,
    views: ViewsConfig,
    fingerprint: str,
) -> None:
    """Writes answers, and what they are the answers of.

    Args:
        folder: Created when missing.
        splits: Answers by split name.
        teacher: Who answered.
        views: Of the split `train`; other splits have their originals only.
        fingerprint: Of the examples' data set.
    """
    os.makedirs(folder, exist_ok=True)
    for name, answers in splits.items():
        np.save(os.path.join(folder, f"{name}-names.npy"), answers.names)
        np.save(os.path.join(folder, f"{name}-answers.npy"), answers.answers)
    info = {
        "format_version": FORMAT_VERSION,
        "teacher": teacher.digest,
        "views": dataclasses.asdict(views),
        "splits": sorted(splits),
        "num_classes": teacher.num_classes,
        "feature_widths": teacher.feature_widths,
        "data_fingerprint": fingerprint,
    }
    with open(os.path.join(folder, _INFO_FILE), "w", encoding="utf-8") as file:
        json.dump(info, file, indent=2, sort_keys=True)


def load(
    folder: str, teacher: Teachers, splits: Sequence[str]
) -> tuple[dict[str, TeacherLogits], ViewsConfig]:
    """Reads answers that must be this teacher's.

    Returns:
        Answers by split name, and the views of the split `train`.

    Raises:
        ModelError: If they are another teacher's, or cannot be read.
    """
    try:
        with open(os.path.join(folder, _INFO_FILE), encoding="utf-8") as file:
            info = json.load(file)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"No teacher logits in {folder} ({error}). Compute them again."
        ) from error
    if info["format_version"] != FORMAT_VERSION:
        raise ModelError(
            f"Teacher logits in {folder} have format {info['format_version']}, expected "
            f"{FORMAT_VERSION}. Compute them again."
        )
    if info["teacher"] != teacher.digest:
        raise ModelError(
            f"Teacher logits in {folder} are of the teacher {info['teacher'][:12]}, "
            f"received the teacher {teacher.digest[:12]}. Compute them with this teacher."
        )
    loaded = {
        name: TeacherLogits(
            np.load(os.path.join(folder, f"{name}-names.npy")),
            np.load(os.path.join(folder, f"{name}-answers.npy"), mmap_mode="r"),
        )
        for name in splits
    }
    return loaded, ViewsConfig.from_json(json.dumps(info["views"]))
