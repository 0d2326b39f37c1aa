"""A data set of image files: a folder of classes, or a list of paths and labels."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import image_listing, photo_normaliser
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.data.raw_images import NO_LABEL, SPLITS, RawImage

# One chunk is one piece of work for Beam and one file of each split: large enough that
# fixed costs vanish, small enough that workers share the rest.
_MAX_CHUNK_PIXEL_BYTES = 256 * 2**20
_MAX_CHUNK_IMAGES = 10_000
_FINGERPRINT_THREADS = 16
_BLOCK_BYTES = 2**20


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image file; see `raw_images.Item`."""

    root: str
    relative: str  # its path
    label: int
    split: str
    size_bytes: int

    @property
    def name(self) -> str:
        # Names on Linux are bytes, which need not be text.
        return self.relative.encode("utf-8", "backslashreplace").decode()

    @property
    def path(self) -> str:
        return os.path.join(self.root, self.relative)

    def open(self) -> RawImage:
        try:
            with open(self.path, "rb") as file:
                content = file.read(photo_normaliser.MAX_BYTES + 1)
                return RawImage(content, self.label, self.split)
        except OSError as error:
            raise UnreadableImage(f"cannot be read: {error.strerror}") from None


@dataclasses.dataclass(frozen=True)
class FileChunk:
    """Some of the files; see `raw_images.Chunk`."""

    index: int
    num_chunks: int
    first: int
    total: int
    files: tuple[ImageFile, ...]

    @property
    def key(self) -> str:
        return f"{self.index:05d}"

    @property
    def size(self) -> int:
        return len(self.files)

    def items(self) -> Iterator[ImageFile]:
        return iter(self.files)


class ImageSource:
    """See `raw_images.Source`."""

    version = ""
    declared_shape = (None, None, None)

    def __init__(self, data: DataConfig) -> None:
        """Lists the files.

        Raises:
            DataError: If `data.images` holds none.
        """
        listing = image_listing.find(data)
        self.dataset = data.name
        self.class_names = listing.class_names
        self.ignored: Mapping[str, int] = listing.ignored
        shares = {"test": data.test_share, "eval": data.eval_share}
        self.cut = tuple(
            (split, share)
            for split, share in shares.items()
            if split not in listing.given
        )
        index = {name: label for label, name in enumerate(listing.class_names)}
        index[""] = NO_LABEL
        root = listing.root
        # A hash of the path mixes the classes, and keeps the others in their order when
        # an image comes in.
        self.files = tuple(
            sorted(
                (
                    ImageFile(root, i.path, index[i.label], i.split, i.size_bytes)
                    for i in listing.images
                ),
                key=_place,
            )
        )
        test = sum(file.split == "test" for file in self.files)
        self.num_test = None if "test" in dict(self.cut) else test

    def chunks(self, image_shape: tuple[int, int, int]) -> list[FileChunk]:
        fitting = max(1, _MAX_CHUNK_PIXEL_BYTES // math.prod(image_shape))
        number = math.ceil(len(self.files) / min(_MAX_CHUNK_IMAGES, fitting))
        bounds = [len(self.files) * i // number for i in range(number + 1)]
        return [
            FileChunk(i, number, start, len(self.files), self.files[start:end])
            for i, (start, end) in enumerate(itertools.pairwise(bounds))
        ]

    def items(self, split: str) -> list[ImageFile]:
        return [file for file in self.files if file.split == split]

    def sample(self, count: int) -> Iterator[ImageFile]:
        return iter(self.files[:count])  # their order is that of a hash

    def fingerprint(self) -> str:
        described = [self.dataset, self.class_names, list(self.cut), SPLITS]
        digest = hashlib.sha256(json.dumps(described).encode())
        with concurrent.futures.ThreadPoolExecutor(_FINGERPRINT_THREADS) as pool:
            for file, content in zip(
                self.files, pool.map(_content_digest, self.files), strict=True
            ):
                line = json.dumps([file.relative, file.label, file.split])
                digest.update(line.encode() + content)
        return digest.hexdigest()


def _place(file: ImageFile) -> tuple[bytes, int, str]:
    name = os.fsencode(file.relative)
    return hashlib.blake2b(name, digest_size=16).digest(), file.label, file.split


def _content_digest(file: ImageFile) -> bytes:
    """Hash of a file's bytes; of one that cannot be read, nothing."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(file.path, "rb") as content:
            while block := content.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return b""
    return digest.digest()
