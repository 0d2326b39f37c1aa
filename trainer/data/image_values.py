"""Values of single images, by which a slice of a split is chosen.

`brightness` is the mean of an image's pixels, in [0, 1]; `size` the pixels of the file that
an ExampleGen of ours read, before it was fitted; another name is a feature of the records.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.config.gate_config import SliceConfig
from tfx_distill.trainer.data import (
    example_reader,
    example_records,
    image_keys,
    memory_limit,
)
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.errors import DataError

BRIGHTNESS, SIZE = "brightness", "size"


class Values:
    """The values of a split's images, read when a slice needs them."""

    def __init__(
        self, split: Split, name: str, examples_dir: str, keys_dir: str, spec: DataSpec
    ) -> None:
        """Knows where they are.

        Args:
            split: The split.
            name: Its name, such as `test`.
            examples_dir: Folder with its records.
            keys_dir: Folder of the Examples artifact, with the list of keys.
            spec: Of the examples.
        """
        self._split, self._name, self._spec = split, name, spec
        self._examples_dir, self._keys_dir = examples_dir, keys_dir

    def rows(self, slices: Mapping[str, SliceConfig]) -> dict[str, np.ndarray]:
        """Which images are in each slice, bool `(num_examples,)`.

        Raises:
            DataError: If the images have no such value.
        """
        return {
            name: _inside(self._values(one.by), one) for name, one in slices.items()
        }

    def _values(self, by: str) -> np.ndarray:
        if by == BRIGHTNESS:
            return self._brightness
        if by == SIZE:
            keys = image_keys.load(self._keys_dir)
            return image_keys.sizes_of_split(keys, self._name)
        return self._feature(by)

    @functools.cached_property
    def _brightness(self) -> np.ndarray:
        step = memory_limit.batch_size(self._spec.image_shape)
        images = self._split.images
        means = [
            images[at : at + step].mean(axis=(1, 2, 3)) / 255
            for at in range(0, len(self._split), step)
        ]
        return np.concatenate(means)

    def _feature(self, name: str) -> np.ndarray:
        """A feature's values; None in a record without it."""
        files = example_reader.split_files(self._examples_dir, self._name, self._spec)
        found: list[int | float | str | None] = []
        known: set[str] = set()
        for record in example_records.read_records(files).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            known |= set(features)
            found.append(_value(features[name]) if name in features else None)
        if name not in known:
            raise DataError(
                f"gate.slices: the records of {self._spec.dataset} have no feature "
                f"{name}. They have {', '.join(sorted(known))}; {BRIGHTNESS} and {SIZE} "
                "need none."
            )
        return np.array(found, object)


def _value(feature: tf.train.Feature) -> int | float | str | None:
    """The only value of a feature; None if it has none or several."""
    kind = feature.WhichOneof("kind")
    values: Any = getattr(feature, kind).value if kind else ()
    if len(values) != 1:
        return None
    value = values[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _inside(values: np.ndarray, part: SliceConfig) -> np.ndarray:
    """Which values are in a slice; None, and text between numbers, are not."""
    if part.equals is not None:
        return np.array([str(value) == str(part.equals) for value in values])
    low = -np.inf if part.above is None else part.above
    high = np.inf if part.below is None else part.below
    return np.array(
        [not isinstance(v, str) and v is not None and low < v < high for v in values]
    )
