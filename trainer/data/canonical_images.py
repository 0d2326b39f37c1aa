"""Brings any image to the one form in which all of a data set's images are stored.

That is one PNG or JPEG file, upright, of 8 bits, of exactly the data set's shape. Files
that are so already pass through byte for byte. What is found out in passing becomes a
`Fact` for the data report.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from tfx_distill.trainer import progress
from tfx_distill.trainer.data import image_fitting, photo_normaliser
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.data.raw_images import (
    NO_LABEL,
    UNLABELLED,
    Chunk,
    Item,
    RawImage,
)

_MAX_THREADS = 4
# Mean size of files below which threads only get into each other's way: Python's own
# part is then larger than the decoder's.
_MIN_BYTES_FOR_THREADS = 4096
# Images that a thread gets at once: one by one, handing them over would cost more than
# the decoding of a small one. Bounded in bytes, since a few are enormous.
_BATCH_IMAGES = 64
_BATCH_BYTES = 4 * 2**20
_REPORTED = 1000  # images between two reports of progress


@dataclasses.dataclass(frozen=True)
class Form:
    """What images are brought to.

    Attributes:
        image_shape: (height, width, channels) in pixels.
        fit: See `image_fitting.fit`.
        cut: Splits that are cut out of `train`, with their shares in (0, 1).
        labelled: Names of the images of `train` that keep their label; None: all.
    """

    image_shape: tuple[int, int, int]
    fit: str
    cut: tuple[tuple[str, float], ...] = ()
    labelled: frozenset[str] | None = None

    def place(self, name: str, raw: RawImage, digest: int) -> tuple[str, int]:
        """The split and the label of an image."""
        split = self._split(raw.split, digest)
        if split == "train" and self.labelled is not None and name not in self.labelled:
            return UNLABELLED, NO_LABEL
        return split, raw.label

    def _split(self, split: str, digest: int) -> str:
        """Decided by the pixels alone where a split is cut out.

        So a new image moves no other, and duplicates stay together.
        """
        if split != "train":
            return split
        place = digest / 2**64
        for name, share in self.cut:
            if place < share:
                return name
            place -= share
        return split


class Fact(NamedTuple):
    """What reading one image found out.

    Attributes:
        name: Of the image.
        split: One of `raw_images.ALL_SPLITS`; empty for a bad one.
        label: Class index, or `raw_images.NO_LABEL`.
        height: Before it was fitted, in pixels.
        width: As `height`.
        digest: Hash of its pixels, uint64.
        conversions: Kinds of conversion; see `photo_normaliser`.
        bad: Why it cannot be used; empty: it can.
    """

    name: str
    split: str = ""
    label: int = -1
    height: int = 0
    width: int = 0
    digest: int = 0
    conversions: tuple[str, ...] = ()
    bad: str = ""


def canonical(item: Item, form: Form) -> tuple[Fact, bytes]:
    """Reads one image and converts it; returns its facts and its file.

    A bad image has facts, too, and no bytes.
    """
    try:
        return _canonical(item.name, item.open(), form)
    except UnreadableImage as error:
        return Fact(item.name, bad=str(error)), b""


def _canonical(name: str, raw: RawImage, form: Form) -> tuple[Fact, bytes]:
    photo = photo_normaliser.read(raw.encoded)
    encoded, kinds = raw.encoded, photo.conversions
    channels = 1 if photo.image.mode == "L" else 3
    shape = (photo.height, photo.width, channels)
    is_plain = photo.is_plain and shape == form.image_shape
    if is_plain and not _is_sound(encoded):
        is_plain, kinds = False, (*kinds, photo_normaliser.OTHER_FORMAT)
    if not is_plain:
        pixels, more = fitted(photo.image, form)
        encoded, kinds = _png(pixels), kinds + more
    split, label = form.place(name, raw, photo.digest)
    fact = Fact(name, split, label, photo.height, photo.width, photo.digest, kinds)
    return fact, encoded


def _is_sound(encoded: bytes) -> bool:
    """Whether TensorFlow decodes a file, too: Pillow overlooks some damage."""
    try:
        tf.io.decode_image(encoded, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return False
    return True


def fitted(image: Image.Image, form: Form) -> tuple[np.ndarray, tuple[str, ...]]:
    """Brings an image to the form's channels and size.

    Args:
        image: Mode `L` or `RGB`.
        form: Says the shape, and how to fit to it.

    Returns:
        uint8 `form.image_shape`, and the kinds of conversion that this took.
    """
    height, width, channels = form.image_shape
    kinds: tuple[str, ...] = ()
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        is_grey = image.mode == "L"
        kinds = (photo_normaliser.TO_COLOUR if is_grey else photo_normaliser.TO_GREY,)
        image = image.convert(mode)
    pixels = np.asarray(image).reshape(image.height, image.width, channels)
    if image.size != (width, height):
        kinds += (photo_normaliser.FITTED,)
        pixels = _fit(form.image_shape, form.fit)(pixels).numpy()
    return pixels, kinds


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
        file, "PNG"
    )
    return file.getvalue()


@functools.lru_cache(maxsize=4)
def _fit(image_shape: tuple[int, int, int], how: str) -> Callable[..., tf.Tensor]:
    signature = tf.TensorSpec((None, None, image_shape[2]), tf.uint8)
    return tf.function(
        lambda image: image_fitting.fit(image, image_shape, how),
        input_signature=[signature],
    )


def convert_chunk(chunk: Chunk, form: Form) -> Iterator[tuple[Fact, bytes]]:
    """As `convert`, of a whole chunk; reports progress.

    Raises:
        DataError: If the file that holds its images is damaged.
    """
    for number, converted in enumerate(convert(chunk.items(), form), start=1):
        yield converted
        if number % _REPORTED == 0 or number == chunk.size:
            done = chunk.first + number
            progress.report(progress.Progress("reading images", done, chunk.total))


def convert(items: Iterable[Item], form: Form) -> Iterator[tuple[Fact, bytes]]:
    """Yields `canonical` of each image, in order; several threads do large ones.

    Memory holds no more than a few batches at a time.
    """
    workers = min(_MAX_THREADS, os.cpu_count() or 1)
    pending: deque[Callable[[], list[tuple[Fact, bytes]]]] = deque()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for batch in _batches(items):
            if sum(item.size_bytes for item in batch) < _MIN_BYTES_FOR_THREADS * len(
                batch
            ):
                pending.append(functools.partial(_convert_batch, batch, form))
            else:
                pending.append(pool.submit(_convert_batch, batch, form).result)
            if len(pending) > 2 * workers:
                yield from pending.popleft()()
        while pending:
            yield from pending.popleft()()


def _convert_batch(batch: list[Item], form: Form) -> list[tuple[Fact, bytes]]:
    return _plain_pngs(batch, form) or [canonical(item, form) for item in batch]


def _plain_pngs(batch: list[Item], form: Form) -> list[tuple[Fact, bytes]]:
    """As `canonical` for PNGs that are all in the form already; else nothing.

    TensorFlow decodes them together in half of Pillow's time.
    """
    raws = []
    try:
        for item in batch:
            raw = item.open()
            if not photo_normaliser.is_plain_png(raw.encoded, form.image_shape):
                return []
            raws.append(raw)
        decode = _png_decoder(form.image_shape)
        images = decode([raw.encoded for raw in raws]).numpy()
    except (UnreadableImage, tf.errors.InvalidArgumentError):
        return []
    height, width, _ = form.image_shape
    result = []
    for item, raw, pixels in zip(batch, raws, images, strict=True):
        digest = photo_normaliser.digest(pixels)
        split, label = form.place(item.name, raw, digest)
        fact = Fact(item.name, split, label, height, width, digest)
        result.append((fact, raw.encoded))
    return result


@functools.lru_cache(maxsize=4)
def _png_decoder(image_shape: tuple[int, int, int]) -> Callable[..., tf.Tensor]:
    shape = tf.TensorSpec(image_shape, tf.uint8)

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.io.decode_png(encoded), image_shape)

    return tf.function(
        lambda encoded: tf.map_fn(decode, encoded, fn_output_signature=shape),
        input_signature=[tf.TensorSpec((None,), tf.string)],
    )


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size_bytes = 0
    for item in items:
        batch.append(item)
        size_bytes += item.size_bytes
        if len(batch) >= _BATCH_IMAGES or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
