"""A teacher's logits for examples and their views: computed once, stored, joined.

Logits are joined to examples by the content of the images, never by position: shuffled
shards, or examples left out, cannot give an image the logits of another.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data import augmentation
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models.teachers import Teachers
from tfx_distill.trainer.progress import Progress, report

_BATCH = 512
_INFO_FILE = "teacher_logits.json"
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class TeacherPredictions:
    """A teacher's predictions for the views of a split.

    Attributes:
        digests: uint64 `(num_examples,)`, `augmentation.digests` of the images.
        values: float32 `(num_views, num_examples, num_classes + widths)`: logits,
            then features, as `Teachers.predict` gives them.
    """

    digests: np.ndarray
    values: np.ndarray

    def aligned(self, split: Split, split_name: str) -> np.ndarray:
        """The values in the order of a split's examples.

        Returns:
            float32, as `values`.

        Raises:
            ModelError: If an example has no prediction.
        """
        wanted = augmentation.digests(split.images)
        order = np.argsort(self.digests, kind="stable")
        place = np.searchsorted(self.digests, wanted, sorter=order)
        found = order[np.minimum(place, len(order) - 1)]
        unknown = np.flatnonzero(self.digests[found] != wanted)
        if unknown.size:
            raise ModelError(
                f"Teacher logits lack {unknown.size} of {len(split)} examples of split "
                f"{split_name}, the first is record {unknown[0]}: they belong to other "
                "examples. Compute them again for these."
            )
        if np.array_equal(found, np.arange(len(self.digests))):
            return self.values
        return self.values[:, found]


def predict_splits(
    teachers: Teachers, splits: Mapping[str, Split], views: ViewsConfig
) -> dict[str, TeacherPredictions]:
    """Predictions for every view of `train` and for the originals of other splits."""
    originals = views.replace(count=1)
    return {
        name: compute(teachers, split, views if name == "train" else originals)
        for name, split in splits.items()
    }


def join(
    predictions: Mapping[str, TeacherPredictions],
    splits: Mapping[str, Split],
    views: ViewsConfig,
) -> dict[str, DistillationData]:
    """Joins examples and predictions.

    Raises:
        ModelError: If an example has no prediction.
    """
    return {
        name: DistillationData(
            split=split,
            predictions=predictions[name].aligned(split, name),
            views=views,
            digests=augmentation.digests(split.images),
        )
        for name, split in splits.items()
    }


def compute(
    teacher: Teachers,
    split: Split,
    views: ViewsConfig,
    task: str = "computing teacher logits",
) -> TeacherPredictions:
    """Runs the teacher once on every view of every example.

    Raises:
        ModelError: If a logit is not finite.
    """
    digests = augmentation.digests(split.images)
    size = len(split)
    width = teacher.num_classes + sum(teacher.feature_widths)
    values = np.empty((views.count, size, width), np.float32)
    for view in range(views.count):
        for start in range(0, size, _BATCH):
            batch = slice(start, start + _BATCH)
            number = np.full(len(digests[batch]), view)
            images = augmentation.make_views(
                split.images[batch], digests[batch], number, views
            )
            values[view, batch] = teacher.predict(images)
            done = view * size + min(start + _BATCH, size)
            report(
                Progress(
                    task, done, views.count * size, f"view {view + 1}/{views.count}"
                )
            )
    if not np.isfinite(values).all():
        raise ModelError(
            f"Teacher's logits are not finite for {int((~np.isfinite(values)).sum())} of "
            f"{values.size} values. Train the teacher again, with a lower learning rate."
        )
    return TeacherPredictions(digests, values)


def save(
    folder: str,
    splits: Mapping[str, TeacherPredictions],
    teacher: Teachers,
    views: ViewsConfig,
    fingerprint: str,
) -> None:
    """Writes predictions, and what they belong to.

    Args:
        folder: Created when missing.
        splits: Predictions by split name.
        teacher: Whose predictions.
        views: Of the split `train`; other splits have their originals only.
        fingerprint: Of the examples' data set.
    """
    file_system.make_folder(folder)
    for name, predictions in splits.items():
        digests, values = _paths(folder, name)
        file_system.save_array(digests, predictions.digests)
        file_system.save_array(values, predictions.values)
    info = {
        "format_version": FORMAT_VERSION,
        "teacher": teacher.digest,
        "views": views.model_dump(),
        "splits": sorted(splits),
        "num_classes": teacher.num_classes,
        "feature_widths": teacher.feature_widths,
        "data_fingerprint": fingerprint,
        "teacher_outputs": teacher.output_values,
    }
    with file_system.open_file(os.path.join(folder, _INFO_FILE), "w") as file:
        json.dump(info, file, indent=2, sort_keys=True)


def load(
    folder: str, teacher: Teachers, splits: Sequence[str]
) -> tuple[dict[str, TeacherPredictions], ViewsConfig]:
    """Reads predictions that must be this teacher's.

    Returns:
        Predictions by split name, and the views of the split `train`.

    Raises:
        ModelError: If they are another teacher's, or unreadable.
    """
    try:
        with file_system.open_file(os.path.join(folder, _INFO_FILE)) as file:
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
        name: TeacherPredictions(*map(file_system.load_array, _paths(folder, name)))
        for name in splits
    }
    return loaded, ViewsConfig.from_json(json.dumps(info["views"]))


def _paths(folder: str, split: str) -> tuple[str, str]:
    """The files of digests and values; their names are those of the first release."""
    return tuple(
        os.path.join(folder, f"{split}-{what}.npy") for what in ("names", "answers")
    )  # type: ignore[return-value]
