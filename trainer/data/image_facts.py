"""What was found out about many images, as columns that fit in memory and in a file."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable

import numpy as np

from tfx_distill.trainer import file_system
from tfx_distill.trainer.data.canonical_images import Fact
from tfx_distill.trainer.data.raw_images import ALL_SPLITS
from tfx_distill.trainer.errors import DataError

_NAMED = 3  # images that are named for each kind of conversion


@dataclasses.dataclass
class Facts:
    """Facts of images that can be used, row by row; and of those that cannot.

    Attributes:
        names: One for each image.
        splits: int8, indices into `ALL_SPLITS`.
        labels: int32; `raw_images.NO_LABEL` in the split `unlabelled`.
        heights: int32, in pixels.
        widths: int32, in pixels.
        digests: uint64.
        converted: Number of images by kind of conversion.
        examples: The first names of each kind.
        num_converted: Number of images that were converted in any way.
        bad: Name and reason of each image that cannot be used.
    """

    names: list[str]
    splits: np.ndarray
    labels: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    digests: np.ndarray
    converted: dict[str, int]
    examples: dict[str, list[str]]
    num_converted: int
    bad: list[tuple[str, str]]

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> Facts:
        """Collects single facts."""
        good, bad = [], []
        converted: collections.Counter[str] = collections.Counter()
        examples: dict[str, list[str]] = {}
        num_converted = 0
        for fact in facts:
            if fact.bad:
                bad.append((fact.name, fact.bad))
                continue
            good.append(fact)
            num_converted += bool(fact.conversions)
            for kind in fact.conversions:
                converted[kind] += 1
                if converted[kind] <= _NAMED:
                    examples.setdefault(kind, []).append(fact.name)
        return cls(
            names=[fact.name for fact in good],
            splits=np.array([ALL_SPLITS.index(fact.split) for fact in good], np.int8),
            labels=np.array([fact.label for fact in good], np.int32),
            heights=np.array([fact.height for fact in good], np.int32),
            widths=np.array([fact.width for fact in good], np.int32),
            digests=np.array([fact.digest for fact in good], np.uint64),
            converted=dict(converted),
            examples=examples,
            num_converted=num_converted,
            bad=bad,
        )

    @classmethod
    def joined(cls, parts: Iterable[Facts]) -> Facts:
        """Facts of several parts of a data set, in their order."""
        parts = list(parts)
        converted: collections.Counter[str] = collections.Counter()
        examples: dict[str, list[str]] = {}
        for part in parts:
            converted.update(part.converted)
            for kind, names in part.examples.items():
                examples[kind] = (examples.get(kind, []) + names)[:_NAMED]
        columns = {
            column: np.concatenate([getattr(part, column) for part in parts])
            for column in _COLUMNS
        }
        return cls(
            names=[name for part in parts for name in part.names],
            converted=dict(converted),
            examples=examples,
            num_converted=sum(part.num_converted for part in parts),
            bad=[row for part in parts for row in part.bad],
            **columns,
        )

    def save(self, path: str) -> None:
        """Writes them to a file."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        columns = {column: getattr(self, column) for column in _COLUMNS}
        file_system.save_arrays(path, plain=np.array(json.dumps(plain)), **columns)

    @classmethod
    def load(cls, path: str) -> Facts:
        """Reads what `save` wrote.

        Raises:
            DataError: If `save_error` wrote it.
        """
        content = file_system.load_arrays(path)
        plain = json.loads(str(content["plain"]))
        if "error" in plain:
            raise DataError(plain["error"])
        plain["bad"] = [tuple(row) for row in plain["bad"]]
        return cls(**plain, **{column: content[column] for column in _COLUMNS})


def save_error(path: str, error: DataError) -> None:
    """Writes, in the place of facts, why there are none."""
    plain = np.array(json.dumps({"error": str(error)}))
    file_system.save_arrays(path, plain=plain)


_COLUMNS = ("splits", "labels", "heights", "widths", "digests")
_PLAIN = ("names", "converted", "examples", "num_converted", "bad")
