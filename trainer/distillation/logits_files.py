"""The files of a TeacherLogits artifact.

`SPLIT-00000-of-00003.npz` holds `digests` and `values` of some images of a split;
`teacher_logits.json` says whose predictions they are.
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tfx_distill.trainer import file_system, structured_text
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.errors import ModelError

_INFO_FILE = "teacher_logits.json"
FORMAT_VERSION = 2
_FIRST_VERSION = 1
_ROWS = 2**14  # of one shard, when a file of the first version is read


class Author(Protocol):
    """Whose predictions they are; `Teachers` says what the attributes are."""

    @property
    def num_classes(self) -> int: ...
    @property
    def output_values(self) -> Sequence[str]: ...
    @property
    def digest(self) -> str: ...
    @property
    def feature_widths(self) -> Sequence[int]: ...


@dataclasses.dataclass(frozen=True)
class FileAuthor:
    """A teacher that is only a file; `digest` is that of its content."""

    num_classes: int
    output_values: Sequence[str]
    digest: str
    feature_widths: Sequence[int] = ()


@dataclasses.dataclass(frozen=True)
class Shard:
    """A teacher's predictions for the views of some images.

    Attributes:
        digests: uint64 `(num_images,)`, `augmentation.digests` of the images.
        values: float32 `(num_images, num_views, num_classes + widths)`: logits,
            then features, as `Teachers.predict` gives them. One view stands for all
            if the teacher has seen the originals alone.
    """

    digests: np.ndarray
    values: np.ndarray


def save(
    folder: str,
    splits: Mapping[str, Iterable[Shard]],
    teacher: Author,
    views: ViewsConfig,
    fingerprint: str,
) -> None:
    """Writes predictions, and what they belong to.

    Args:
        folder: Created when missing.
        splits: Predictions by split name; fresh views of `train` have none.
        teacher: Whose predictions.
        views: Of the split `train`; other splits have their originals only.
        fingerprint: Of the examples' data set.
    """
    file_system.make_folder(folder)
    info = {
        "format_version": FORMAT_VERSION,
        "teacher": teacher.digest,
        "views": views.model_dump(),
        "splits": sorted(splits),
        "num_shards": {name: _write(folder, name, splits[name]) for name in splits},
        "num_classes": teacher.num_classes,
        "feature_widths": teacher.feature_widths,
        "data_fingerprint": fingerprint,
        "teacher_outputs": teacher.output_values,
    }
    with file_system.open_file(os.path.join(folder, _INFO_FILE), "w") as file:
        json.dump(info, file, indent=2, sort_keys=True)


def _write(folder: str, split: str, shards: Iterable[Shard]) -> int:
    """Writes a split's shards; returns their number."""
    number = -1
    for number, shard in enumerate(shards):
        save_shard(_path(folder, split, number), shard)
    return number + 1


def save_shard(path: str, shard: Shard) -> None:
    """Writes the file of one shard."""
    file_system.save_arrays(path, digests=shard.digests, values=shard.values)


def load_shard(path: str) -> Shard:
    """Reads what `save_shard` wrote.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: If it is lost or damaged.
    """
    arrays = file_system.load_arrays(path)
    return Shard(arrays["digests"], arrays["values"])


def load(
    folder: str, teacher: Author | None, splits: Sequence[str]
) -> tuple[dict[str, Iterator[Shard]], ViewsConfig]:
    """Reads predictions that must be this teacher's.

    Args:
        folder: As `save` wrote it.
        teacher: Whose; None: there is no model that could have made them.
        splits: Names of those to read.

    Returns:
        Predictions by split name, each shard read when it is needed; and the views of
        the split `train`.

    Raises:
        ModelError: If they are another teacher's, or unreadable.
    """
    info = _info(folder)
    if info["format_version"] not in (_FIRST_VERSION, FORMAT_VERSION):
        raise ModelError(
            f"Teacher logits in {folder} have format {info['format_version']}, expected "
            f"{FORMAT_VERSION}. Compute them again."
        )
    if teacher is not None and info["teacher"] != teacher.digest:
        raise ModelError(
            f"Teacher logits in {folder} are of the teacher {info['teacher'][:12]}, "
            f"received the teacher {teacher.digest[:12]}. Compute them with this teacher."
        )
    views = ViewsConfig.from_json(json.dumps(info["views"]))
    if info["format_version"] == _FIRST_VERSION:
        return {name: _read_first_version(folder, name) for name in splits}, views
    numbers = info["num_shards"]
    missing = [name for name in splits if name not in numbers]
    if missing and not (views.fresh and missing == ["train"]):
        raise ModelError(
            f"Teacher logits in {folder} are of the splits {', '.join(numbers)}, "
            f"expected {', '.join(splits)}. Compute them again."
        )
    return {n: _read(folder, n, numbers[n]) for n in splits if n in numbers}, views


def _info(folder: str) -> dict[str, Any]:
    try:
        with file_system.open_file(os.path.join(folder, _INFO_FILE)) as file:
            return structured_text.from_json(file.read())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"No teacher logits in {folder} ({error}). Compute them again."
        ) from error


def _read(folder: str, split: str, num_shards: int) -> Iterator[Shard]:
    for number in range(num_shards):
        path = _path(folder, split, number)
        try:
            yield load_shard(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"Teacher logits in {path} are missing or damaged ({error}), expected "
                f"{num_shards} files of split {split}. Compute them again."
            ) from error


def _path(folder: str, split: str, number: int) -> str:
    return os.path.join(folder, f"{split}-{number:05d}.npz")


def _read_first_version(folder: str, split: str) -> Iterator[Shard]:
    """Reads files with one array for all images, `(num_views, num_images, …)`."""
    names, answers = (
        file_system.load_array(os.path.join(folder, f"{split}-{what}.npy"))
        for what in ("names", "answers")
    )
    # It held an image as often as the split did.
    places = np.sort(np.unique(names, return_index=True)[1])
    for at in range(0, len(places), _ROWS):
        rows = places[at : at + _ROWS]
        yield Shard(names[rows], np.moveaxis(answers[:, rows], 0, 1))
