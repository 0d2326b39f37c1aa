"""Images and labels straight from an Examples artifact's files.

Reads TFRecord files and `tf.train.Example` by their formats: importing TensorFlow
would take longer than all the rest of a report.
"""

from __future__ import annotations

import base64
import gzip
import io
import pathlib
import struct
from collections.abc import Iterable, Iterator

from PIL import Image

from tfx_distill.trainer.data.data_spec import IMAGE_FEATURE, LABEL_FEATURE

_MAX_SIDE = 96  # pixels; larger images are shown smaller
_PNG = b"\x89PNG\r\n\x1a\n"


def serialized(examples_dir: str, split: str) -> Iterator[bytes]:
    """Yields the records of a split in their order.

    Raises:
        ValueError: If a file ends amid a record.
        FileNotFoundError: If there are none.
    """
    folder = pathlib.Path(examples_dir, f"Split-{split}")
    files = sorted(folder.glob("*.gz"))
    if not files:
        raise FileNotFoundError(f"no records in {folder}")
    for path in files:
        with gzip.open(path, "rb") as file:
            # Each record: its length, a checksum, itself, a checksum.
            while header := file.read(12):
                (length,) = struct.unpack("<Q", header[:8].ljust(8, b"\0"))
                if len(header) < 12 or length > 2**31:
                    raise ValueError(f"{path} is damaged")
                record = file.read(length)
                if len(record) < length or len(file.read(4)) < 4:
                    raise ValueError(f"{path} ends amid a record")
                yield record


def read(
    examples_dir: str, split: str, wanted: Iterable[int]
) -> dict[int, tuple[bytes, int]]:
    """Image file and label of the records at some positions.

    Raises:
        ValueError: As `serialized`; also for a record without image or label.
    """
    missing, found = set(wanted), {}
    if not missing:
        return {}
    for position, record in enumerate(serialized(examples_dir, split)):
        if position in missing:
            found[position] = image_and_label(record)
            missing.discard(position)
            if not missing:
                break
    return found


def labels(examples_dir: str, split: str) -> Iterator[int]:
    """The labels of a split in the order of its records; errors as `read`."""
    for record in serialized(examples_dir, split):
        yield image_and_label(record)[1]


def image_and_label(record: bytes) -> tuple[bytes, int]:
    """What a serialized `tf.train.Example` holds.

    Raises:
        ValueError: If it does not hold both.
    """
    image, label = None, None
    for features in _fields(record, 1):
        for entry in _fields(features, 1):
            key = b"".join(_fields(entry, 1))
            for feature in _fields(entry, 2):
                if key == IMAGE_FEATURE.encode():
                    values = [
                        v for many in _fields(feature, 1) for v in _fields(many, 1)
                    ]
                    image = values[0] if values else None
                elif key == LABEL_FEATURE.encode():
                    label = _first_integer(feature)
    if image is None or label is None:
        raise ValueError("a record without image or label")
    return image, label


def _first_integer(feature: bytes) -> int | None:
    for integers in _fields(feature, 3):
        for packed in _fields(integers, 1):  # as writers do
            return _varint(packed, 0)[0]
        for value in _fields(integers, 1, packed=False):
            return _varint(value, 0)[0]
    return None


def _fields(message: bytes, number: int, packed: bool = True) -> Iterator[bytes]:
    """The contents of one field of a protobuf message.

    Args:
        message: Serialized.
        number: The field's.
        packed: Yield what has a length; false: the bytes of varints.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        start = place
        if kind == 0:
            _, place = _varint(message, place)
        elif kind == 1:
            place += 8
        elif kind == 5:
            place += 4
        elif kind == 2:
            length, start = _varint(message, place)
            place = start + length
        else:
            raise ValueError("a record that is no tf.train.Example")
        if place > len(message):
            raise ValueError("a record that ends too early")
        if key >> 3 == number and (kind == 2 if packed else kind == 0):
            yield message[start:place]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and the place after it."""
    value, shift = 0, 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError("a record that ends amid a number")


def data_url(image: bytes) -> str:
    """A picture as a PNG within a page, not larger than a thumbnail.

    Raises:
        OSError: If it is no picture (Pillow's UnidentifiedImageError).
        ValueError: If it is a damaged one, or too large to be opened.
    """
    try:
        return "data:image/png;base64," + base64.b64encode(_small(image)).decode()
    # What Pillow calls a PNG with a wrong checksum, and one of too many pixels.
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"a picture that cannot be shown: {error}") from None


def _small(image: bytes) -> bytes:
    """The picture itself, if it is a small PNG, or one made of it."""
    with Image.open(io.BytesIO(image)) as opened:
        if image.startswith(_PNG) and max(opened.size) <= _MAX_SIDE:
            opened.verify()
            return image
        picture = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
        picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()
