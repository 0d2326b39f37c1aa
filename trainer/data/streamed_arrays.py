"""Arrays too large for memory: their rows are read, and decoded, on access.

They have the small interface of an array that training and evaluation need, so that
neither asks which kind it has: `shape`, `len`, and indexing by an array or a slice.
"""

from __future__ import annotations

import abc
import copy
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.data import augmentation
from tfx_distill.trainer.data.spool import Spool

_SMALL_BYTES = 2**14  # of one image's pixels, such as 72 x 72 in colour


class StreamedArray(abc.ABC):
    """An array in a spool, one item for each row.

    Attributes:
        row_shape: Shape of one row.
        dtype: Of the values.
        spool: The rows, encoded.
    """

    def __init__(self, row_shape: Sequence[int], dtype: np.dtype) -> None:
        self.row_shape, self.dtype = tuple(row_shape), dtype
        self.spool = Spool()
        self._places: np.ndarray | None = None  # of the rows in the spool

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self), *self.row_shape

    def __getitem__(self, key: Any) -> np.ndarray:
        """Rows as a new array.

        Args:
            key: An integer, a slice, or an array of integers.
        """
        places = self._rows[key]
        rows = self._decode(self.spool.read(places.reshape(-1).tolist()))
        return rows.reshape(*places.shape, *self.row_shape)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("Too large for memory: read a slice at a time")

    @property
    def _rows(self) -> np.ndarray:
        if self._places is None:
            self._places = np.arange(len(self.spool))
        return self._places

    def _append(self, items: Iterable[bytes]) -> None:
        self.spool.append(items)
        self._places = None

    @abc.abstractmethod
    def _decode(self, items: list[bytes]) -> np.ndarray: ...


class StreamedRows(StreamedArray):
    """Rows as their bytes in memory."""

    def append(self, rows: np.ndarray) -> None:
        """Adds rows at the end."""
        rows = np.ascontiguousarray(rows, self.dtype)
        self._append(row.tobytes() for row in rows)

    def taken(self, rows: np.ndarray) -> StreamedRows:
        """The same rows in another order; one may be there several times.

        Args:
            rows: int `(num_rows,)`, places in this array.
        """
        other = copy.copy(self)
        other._places = self._rows[rows]
        return other

    def _decode(self, items: list[bytes]) -> np.ndarray:
        values = np.frombuffer(b"".join(items), self.dtype)
        return values.reshape(len(items), *self.row_shape)


class StreamedImages(StreamedArray):
    """Images in serialized examples, decoded by several threads.

    Of small images, the pixels themselves are spooled: they take little more space, and
    reading them takes less time than decoding.
    """

    def __init__(
        self, image_shape: Sequence[int], decode: Callable[[tf.Tensor], tf.Tensor]
    ) -> None:
        """Makes an array without images.

        Args:
            image_shape: (height, width, channels) in pixels.
            decode: From serialized examples, string `(batch,)`, to their images,
                uint8 `(batch, height, width, channels)`.
        """
        super().__init__(image_shape, np.dtype(np.uint8))
        self._decode_examples = decode
        self._keeps_pixels = math.prod(image_shape) <= _SMALL_BYTES
        self._digests = [np.empty(0, np.uint64)]

    def append(self, records: Sequence[bytes], images: np.ndarray) -> None:
        """Adds serialized examples at the end; `images` is what they decode to."""
        pixels = (image.tobytes() for image in images)
        self._append(pixels if self._keeps_pixels else records)
        self._digests.append(augmentation.digests(images))

    @property
    def digests(self) -> np.ndarray:
        """uint64 `(num_images,)`, see `augmentation.digests`."""
        return np.concatenate(self._digests)

    def _decode(self, items: list[bytes]) -> np.ndarray:
        if self._keeps_pixels:
            return np.frombuffer(b"".join(items), np.uint8)
        # Without the copy that `numpy()` makes.
        return np.asarray(memoryview(self._function(tf.constant(items, tf.string))))

    @functools.cached_property
    def _function(self) -> Any:
        decode = self._decode_examples
        signature = [tf.TensorSpec([None], tf.string)]
        return tf.function(lambda records: decode(records), input_signature=signature)

    def __getstate__(self) -> dict[str, Any]:
        # TensorFlow's function stays in its process.
        return {k: v for k, v in vars(self).items() if k != "_function"}
