"""Answers of a file, joined to the examples by the key of each image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tfx_distill.trainer.data import image_keys
from tfx_distill.trainer.data.raw_images import ALL_SPLITS, UNLABELLED
from tfx_distill.trainer.distillation import answers_file
from tfx_distill.trainer.distillation.answers_file import Answers
from tfx_distill.trainer.distillation.logits_files import Shard
from tfx_distill.trainer.errors import DataError, ModelError
from tfx_distill.trainer.evaluation import chance

if TYPE_CHECKING:
    from tfx_distill.trainer.data.example_reader import Split

_SHARD_ROWS = 2**16


@dataclasses.dataclass(frozen=True)
class _Rows:
    """For each record of a split, its key, its label and the place of its answer."""

    keys: list[str]
    labels: np.ndarray
    places: np.ndarray


def _joined(first: _Rows, second: _Rows) -> _Rows:
    return _Rows(
        first.keys + second.keys,
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.places, second.places]),
    )


class KeyedAnswers:
    """The answers to all images of some examples.

    Attributes:
        num_unknown: Number of answers whose key is no image's.
        accuracy: On `eval`, in [0, 1].
    """

    def __init__(
        self, answers: Answers, keys: pa.Table, class_names: Sequence[str]
    ) -> None:
        """Joins them.

        Args:
            answers: The file's.
            keys: Of the examples, as `image_keys.load` returns them.
            class_names: Of the data, in label order.

        Raises:
            DataError: If an image has no answer.
            ModelError: If the accuracy on `eval` is near chance.
        """
        self._logits = answers.logits
        place_of = {key: place for place, key in enumerate(answers.keys)}
        self._rows = {}
        for split in ALL_SPLITS:
            names, labels = image_keys.of_split(keys, split)
            places = np.array([place_of.get(name, -1) for name in names], np.int64)
            if names:
                self._rows[split] = _Rows(names, labels, places)
        self._require_coverage()
        used = np.unique(np.concatenate([r.places for r in self._rows.values()]))
        self.num_unknown = len(answers.keys) - len(used)
        self.accuracy = self._require_above_chance(tuple(class_names))
        if UNLABELLED in self._rows:  # the student's, after those with labels
            parts = self._rows["train"], self._rows.pop(UNLABELLED)
            self._rows["train"] = _joined(*parts)

    def _require_coverage(self) -> None:
        lacking = []
        for split, rows in self._rows.items():
            missing = np.flatnonzero(rows.places < 0)
            if missing.size:
                names = answers_file.some([rows.keys[row] for row in missing])
                counts = f"{missing.size:,} of {len(rows.keys):,} images of {split}"
                lacking.append(f"{counts} ({names})")
        if lacking:
            raise DataError(
                f"teacher.answers has no answer for {', '.join(lacking)}. Answer each "
                "key that `distill data keys` lists."
            )

    def _require_above_chance(self, class_names: tuple[str, ...]) -> float:
        rows = self._rows["eval"]
        predicted = self._logits[rows.places].argmax(axis=1)
        found = chance.measure(predicted, rows.labels, len(class_names))
        if found.is_near_chance:
            raise ModelError(
                f"teacher.answers are correct for {found.accuracy:.3f} of the "
                f"{found.num_examples:,} images of eval, chance is {found.chance:.3f}. "
                f"{found.mistake(class_names)} Check that the columns are in the data's "
                "order of classes, or name them by class."
            )
        return found.accuracy

    def num_inconsistent(self, name: str, split: Split) -> int:
        """Number of images of a split whose equals have another answer.

        Logits are stored once for equal images: those of the first.
        """
        first, inverse = np.unique(
            split.digests, return_index=True, return_inverse=True
        )[1:]
        logits = self._logits[self._rows[name].places]
        return int((logits != logits[first[inverse]]).any(axis=1).sum())

    def shards(self, name: str, split: Split) -> Iterator[Shard]:
        """Yields the logits of a split's images, equal images once.

        The values have one view: every view gets the answer to its original.

        Raises:
            DataError: If keys and records do not belong together.
        """
        rows = self._rows[name]
        if not np.array_equal(rows.labels, split.labels):
            raise DataError(
                f"{image_keys.FILE_NAME} does not belong to the records of split {name}: "
                "their labels differ. Run ExampleGen again with caching off."
            )
        chosen = split.distinct
        for at in range(0, len(chosen), _SHARD_ROWS):
            images = chosen[at : at + _SHARD_ROWS]
            values = self._logits[rows.places[images]]
            yield Shard(split.digests[images], values[:, None, :])
