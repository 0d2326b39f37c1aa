"""Does any damaged image give something other than an image or one line?

Files of every format that is read are damaged, and some are bombs: a small file with a
huge size in its header. An image that is accepted must be one for TensorFlow, too.
"""

from __future__ import annotations

import io
import pathlib
import random
import struct
import tempfile
import zlib
from typing import NamedTuple

import fuzzing
import numpy as np
import tensorflow as tf
from PIL import Image

from tfx_distill.pipeline.prediction import image_files
from tfx_distill.trainer.data import canonical_images
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_records import decode_image
from tfx_distill.trainer.data.raw_images import RawImage

_FORMS = {"L": Form((20, 24, 1), "crop"), "RGB": Form((20, 24, 3), "pad")}
_FOLDER = tempfile.TemporaryDirectory()
_MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "GIF": ("L", "P"),
    "BMP": ("1", "L", "P", "RGB"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "RGB", "CMYK", "I;16", "F"),
    "PPM": ("1", "L", "RGB"),
}


def _encoded(kind: str, mode: str, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    if mode in ("I;16", "F"):
        plain = pixels[..., 0].astype(np.uint16 if mode == "I;16" else np.float32)
        image = Image.fromarray(plain)
    else:
        image = Image.fromarray(pixels).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, content: bytes, extra: bytes = b"") -> bytes:
    """A grey PNG file of compressed rows that need not be what its header says."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        size, check = (
            struct.pack(">I", len(data)),
            struct.pack(">I", zlib.crc32(checked)),
        )
        return size + checked + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    text = chunk(b"zTXt", b"a\0\0" + extra) if extra else b""
    parts = (chunk(b"IHDR", header), text, chunk(b"IDAT", content), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


_ZEROS = zlib.compress(bytes(64 * 2**20), 9)
FILES = [
    *(_encoded(kind, mode) for kind, modes in _MODES.items() for mode in modes),
    _encoded("JPEG", "RGB", progressive=True),
    _encoded(
        "GIF", "P", save_all=True, append_images=[Image.new("P", (24, 20), 3)] * 3
    ),
    _encoded("TIFF", "RGB", compression="tiff_lzw"),
    png(60_000, 60_000, _ZEROS),
    png(24, 20, _ZEROS),
    png(24, 20, zlib.compress(bytes(25 * 20)), extra=_ZEROS),
    png(2**31 - 1, 1, b""),
]


class _Item(NamedTuple):
    """An image that is in memory."""

    content: bytes
    name: str = "x"

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def open(self) -> RawImage:
        return RawImage(self.content, 0, "train")


def attack(rng: random.Random) -> None:
    """Reads one image as ExampleGen and as `distill predict` do."""
    content = rng.choice(FILES)
    if rng.random() < 0.98:
        content = fuzzing.damaged(content, rng)
    mode = rng.choice(sorted(_FORMS))
    ((fact, encoded),) = canonical_images.convert([_Item(content)], _FORMS[mode])
    path = pathlib.Path(_FOLDER.name, "image")
    path.write_bytes(content)
    file = image_files.load(str(path))
    pixels, _ = image_files.pixels(file, _FORMS[mode].image_shape, "crop")
    assert not fact.bad, f"the one refuses what the other takes: {fact.bad}"
    shape = _FORMS[mode].image_shape
    spec = DataSpec(
        dataset="", version="", image_shape=shape, class_names=("a",), num_examples={}
    )
    decoded = decode_image(tf.constant(encoded), spec)
    assert decoded.shape == pixels.shape == shape


if __name__ == "__main__":
    fuzzing.main(__doc__, 4_000, attack, ("pillow", "tensorflow"))
