"""What a data set holds, and what is wrong with it: looked at before anything is trained.

An ExampleGen of ours writes it as `data_report.json` beside the examples; `distill data
check` makes it without a run.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tfx_distill.trainer import file_system, json_files
from tfx_distill.trainer.data.raw_images import (
    ALL_SPLITS,
    NO_LABEL,
    SPLITS,
    UNLABELLED,
)

if TYPE_CHECKING:  # TensorFlow would take longer than all else of what reads a report
    from tfx_distill.trainer.config.data_config import DataConfig
    from tfx_distill.trainer.data.image_facts import Facts
    from tfx_distill.trainer.data.raw_images import Source

FILE_NAME = "data_report.json"

_SHOWN = 5  # groups of equal images that are named, and names in each
_LABELS = "labels"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EqualImages:
    """Images with the same pixels.

    Attributes:
        number: Number of different images that occur more than once.
        groups: The first of them, each with the names of its copies.
    """

    number: int = 0
    groups: tuple[tuple[str, ...], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataReport:
    """One data set, looked at.

    Attributes:
        dataset: Its name.
        image_shape: (height, width, channels) of its examples, in pixels.
        shape_chosen: Whether the shape was chosen from the images' sizes.
        fit: How images of another shape are fitted.
        class_names: In label order.
        num_images: Number of images by labelled split, for each class.
        heights: Smallest, median and largest, in pixels, before fitting.
        widths: As `heights`.
        num_converted: Number of images that were converted in any way.
        conversions: Number of images by kind of conversion.
        examples: A few names for each kind of conversion.
        bad: Name and reason of each image that cannot be used.
        ignored: Number of files that are taken for no image, by their suffix.
        duplicates: Images that occur several times in a split, by split.
        overlaps: Images that occur in two splits, by the splits' names as `train, test`.
        conflicts: Images that occur with several labels.
        num_unlabelled: Number of images in the split `unlabelled`, which has no classes.
    """

    dataset: str
    image_shape: tuple[int, ...]
    shape_chosen: bool
    fit: str
    class_names: tuple[str, ...]
    num_images: dict[str, tuple[int, ...]]
    heights: tuple[int, ...]
    widths: tuple[int, ...]
    num_converted: int
    conversions: dict[str, int]
    examples: dict[str, tuple[str, ...]]
    bad: tuple[tuple[str, str], ...]
    ignored: dict[str, int]
    duplicates: dict[str, EqualImages]
    overlaps: dict[str, EqualImages]
    conflicts: EqualImages
    num_unlabelled: int = 0

    @property
    def num_examples(self) -> dict[str, int]:
        """Number of images by split, `unlabelled` only if there are any."""
        found = {split: sum(counts) for split, counts in self.num_images.items()}
        if self.num_unlabelled:
            found[UNLABELLED] = self.num_unlabelled
        return found

    def missing(self, split: str) -> tuple[str, ...]:
        """Classes without an image in a split."""
        counts = self.num_images[split]
        return tuple(
            n for n, count in zip(self.class_names, counts, strict=True) if not count
        )

    def save(self, examples_dir: str) -> None:
        json_files.save(self, os.path.join(examples_dir, FILE_NAME))

    @classmethod
    def load(cls, examples_dir: str) -> DataReport | None:
        """Reads the report beside some examples; None if there is none.

        Raises:
            OSError: If the file is unreadable.
            ValueError: If it holds a wrong value.
        """
        path = os.path.join(examples_dir, FILE_NAME)
        return json_files.load(cls, path) if file_system.exists(path) else None


def make(
    facts: Facts,
    source: Source,
    data: DataConfig,
    image_shape: tuple[int, int, int],
    *,
    shape_chosen: bool,
) -> DataReport:
    """Makes the report of all images of a data set.

    Args:
        facts: Of each image.
        source: Had them.
        data: How they were read.
        image_shape: See `DataReport`.
        shape_chosen: See `DataReport`.
    """
    counts = np.zeros((len(SPLITS), len(source.class_names)), np.int64)
    labelled = facts.splits < len(SPLITS)
    np.add.at(counts, (facts.splits[labelled], facts.labels[labelled]), 1)
    duplicates, overlaps, conflicts = _equal_images(facts)
    return DataReport(
        dataset=source.dataset,
        image_shape=tuple(image_shape),
        shape_chosen=shape_chosen,
        fit=data.fit,
        class_names=source.class_names,
        num_images=dict(zip(SPLITS, map(tuple, counts.tolist()), strict=True)),
        heights=_spread(facts.heights),
        widths=_spread(facts.widths),
        num_converted=facts.num_converted,
        conversions=dict(sorted(facts.converted.items())),
        examples={kind: tuple(names) for kind, names in sorted(facts.examples.items())},
        bad=tuple(sorted(facts.bad)),
        ignored=dict(sorted(source.ignored.items())),
        duplicates=duplicates,
        overlaps=overlaps,
        conflicts=conflicts,
        num_unlabelled=int((~labelled).sum()),
    )


def _spread(values: np.ndarray) -> tuple[int, ...]:
    if not len(values):
        return (0, 0, 0)
    return int(values.min()), int(np.median(values)), int(values.max())


def _equal_images(
    facts: Facts,
) -> tuple[dict[str, EqualImages], dict[str, EqualImages], EqualImages]:
    """Duplicates in each split, overlaps of two splits, and conflicts of labels."""
    found: dict[str, list[np.ndarray]] = {}
    for rows in _groups(facts.digests):
        inside, numbers = np.unique(facts.splits[rows], return_counts=True)
        for split in inside[numbers > 1]:
            copies = rows[facts.splits[rows] == split]
            found.setdefault(ALL_SPLITS[split], []).append(copies)
        for first, second in itertools.combinations(inside, 2):
            both = f"{ALL_SPLITS[first]}, {ALL_SPLITS[second]}"
            found.setdefault(both, []).append(rows)
        labels = facts.labels[rows]
        if len(np.unique(labels[labels != NO_LABEL])) > 1:
            found.setdefault(_LABELS, []).append(rows)

    def named(kind: str) -> EqualImages:
        groups = sorted(found.get(kind, []), key=lambda rows: int(rows[0]))
        names = [
            sorted(facts.names[i] for i in rows[:_SHOWN]) for rows in groups[:_SHOWN]
        ]
        return EqualImages(number=len(groups), groups=tuple(map(tuple, names)))

    kinds = sorted(found.keys() - {_LABELS})
    return (
        {kind: named(kind) for kind in kinds if kind in ALL_SPLITS},
        {kind: named(kind) for kind in kinds if kind not in ALL_SPLITS},
        named(_LABELS),
    )


def _groups(digests: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the rows of each digest that occurs more than once."""
    order = np.argsort(digests, kind="stable")
    is_new = np.diff(digests[order]) != 0
    starts = np.flatnonzero(np.concatenate([[True], is_new])[: len(digests)])
    sizes = np.diff(np.append(starts, len(digests)))
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        yield order[start : start + size]
