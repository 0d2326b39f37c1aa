"""Images as their source has them: what every source gives to ExampleGen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

SPLITS = ("train", "eval", "test")
UNLABELLED = "unlabelled"  # optional: images whose labels nothing reads
ALL_SPLITS = (*SPLITS, UNLABELLED)
NO_LABEL = -1


class RawImage(NamedTuple):
    """One encoded image.

    Attributes:
        encoded: The file.
        label: Class index; `NO_LABEL` of an unlabelled image.
        split: One of `ALL_SPLITS`.
    """

    encoded: bytes
    label: int
    split: str


class Item(Protocol):
    """One image that is not opened yet."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def size_bytes(self) -> int:
        """What it takes in memory before it is opened."""

    def open(self) -> RawImage:
        """Reads it; any thread may.

        Raises:
            UnreadableImage: If there is none.
        """


class Chunk(Protocol):
    """Consecutive images of a source: one piece of work, one output file for each split.

    Attributes:
        index: Number of this chunk among those whose files lie beside its own, from 0.
        num_chunks: How many those are.
        key: Names the chunk among all of the source.
        size: Number of images.
        first: Place of its first image among all of the source, from 0.
        total: Number of images of the source.
    """

    @property
    def index(self) -> int: ...
    @property
    def num_chunks(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def total(self) -> int: ...

    def items(self) -> Iterator[Item]:
        """Its images in order.

        Raises:
            DataError: If the file that holds them is damaged.
        """


class Source(Protocol):
    """A data set.

    Attributes:
        dataset: Its name.
        version: Of a TFDS data set; else empty.
        class_names: In label order.
        declared_shape: (height, width, channels) that the source promises; None where
            it promises nothing.
        cut: Splits that are cut out of `train` by the images' content, with their shares.
        ignored: Number of files that are taken for no image, by their suffix.
        num_test: Number of images in `test`; None if it is cut out of `train`.
    """

    @property
    def dataset(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def declared_shape(self) -> tuple[int | None, int | None, int | None]: ...
    @property
    def cut(self) -> tuple[tuple[str, float], ...]: ...
    @property
    def ignored(self) -> Mapping[str, int]: ...
    @property
    def num_test(self) -> int | None: ...

    def chunks(self, image_shape: tuple[int, int, int]) -> Sequence[Chunk]:
        """All images, cut so that the files of their output have a sensible size."""

    def items(self, split: str) -> Sequence[Item]:
        """The images that the source itself puts into a split, in order."""

    def sample(self, count: int) -> Iterator[Item]:
        """At most about `count` images, spread over the source, the same each time."""

    def fingerprint(self) -> str:
        """Hashes the content: equal data, equal text, on any machine."""
