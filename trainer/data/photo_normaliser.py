"""Any photo as upright pixels of 8 bits, grey or colour; decoded with Pillow.

What TensorFlow's decoders do in a serving signature is done here alike: alpha is
dropped, 16 bits lose the lower eight, CMYK is inverted where Adobe's marker says so.
They do not read the EXIF orientation; this does.
"""

from __future__ import annotations

import hashlib
import io
import struct
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, PngImagePlugin

# Formats that damaged files cannot make slow; content decides, not the extension.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
_PASSED_THROUGH = ("PNG", "JPEG", "MPO")  # MPO: a JPEG with further images behind it
# Read off the file and its header, before anything is decoded.
MAX_BYTES = 128 * 2**20
_MAX_PIXELS = 64 * 10**6
# A JPEG of twice this size or more is decoded at 1/2, 1/4 or 1/8 of it, never below.
_DRAFT_SIDE = 1024
_ORIENTATION = 0x0112  # EXIF
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH_AT = 24  # byte of a PNG file that holds the bits per channel

# Kinds of conversion.
TURNED = "turned upright"
ALPHA = "transparency dropped"
PALETTE = "palette to colour"
CMYK = "CMYK to RGB"
BILEVEL = "black and white to grey"
DEEP = "16 to 8 bits"
FRAME = "first frame taken"
OTHER_MODE = "other colours to RGB"
OTHER_FORMAT = "stored as PNG"
TO_COLOUR = "grey to colour"
TO_GREY = "colour to grey"
FITTED = "fitted to another size"


class UnreadableImage(ValueError):
    """A file that holds no image, or a damaged one. The text is the reason alone."""


class Photo(NamedTuple):
    """One decoded photo.

    Attributes:
        image: Mode `L` or `RGB`, upright.
        height: In the file, upright, in pixels.
        width: As `height`.
        conversions: Kinds of what was converted, in order.
        digest: Hash of the pixels, uint64: equal for equal ones, grey or grey in RGB.
        is_plain: Whether the file itself is such an image, as PNG or JPEG.
    """

    image: Image.Image
    height: int
    width: int
    conversions: tuple[str, ...]
    digest: int
    is_plain: bool


def read(encoded: bytes) -> Photo:
    """Decodes a file of any common format.

    Raises:
        UnreadableImage: If it is none, is damaged, or is too large.
    """
    if not encoded:
        raise UnreadableImage("the file is empty")
    if len(encoded) > MAX_BYTES:
        raise UnreadableImage(f"larger than {MAX_BYTES // 2**20} MiB")
    try:
        return _decoded(_open(encoded), encoded)
    except UnreadableImage:
        raise
    except Image.UnidentifiedImageError:
        raise UnreadableImage(_unidentified(encoded)) from None
    except Exception as error:  # Pillow's decoders raise whatever they meet
        detail = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImage(f"does not decode ({detail})") from None


def digest(pixels: np.ndarray) -> int:
    """Hashes the pixels of an image.

    Args:
        pixels: uint8 `(height, width)`, or with 1 or 3 channels behind.

    Returns:
        uint64: equal for equal images, also for grey in three channels.
    """
    if pixels.shape[2:] == (3,):
        red, green, blue = pixels[0, 0]  # differ in nearly every photo
        if red == green == blue and (pixels[..., :1] == pixels).all():
            pixels = pixels[..., 0]
    size = b"%dx%d" % pixels.shape[:2]
    content = np.ascontiguousarray(pixels)
    found = hashlib.blake2b(content, digest_size=8, person=size)  # type: ignore[arg-type]
    return int.from_bytes(found.digest(), "little")


def is_plain_png(encoded: bytes, image_shape: tuple[int, int, int]) -> bool:
    """Whether a file is surely a PNG of a shape that needs no conversion, if it is sound.

    Reads the header alone: 8 bits per channel, no palette and no metadata.
    """
    height, width, channels = image_shape
    header = struct.pack(">II", width, height) + (
        b"\x08\0" if channels == 1 else b"\x08\2"
    )
    return (
        encoded.startswith(_PNG)
        and encoded[16:26] == header
        and encoded[37:41] == b"IDAT"
        and b"eXIf" not in encoded
    )


def size_and_channels(encoded: bytes) -> tuple[int, int, int]:
    """Reads (height, width, channels) of the upright image off the file's header.

    Raises:
        UnreadableImage: If it has none.
    """
    try:
        file = _open(encoded)
        width, height = file.size
        if _orientation(file) >= 5:
            width, height = height, width
        return height, width, 1 if file.mode in _GREY else 3
    except Exception as error:
        raise UnreadableImage(str(error)) from None


_GREY = ("L", "1", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")


def _open(encoded: bytes) -> Image.Image:
    file = io.BytesIO(encoded)
    if encoded.startswith(_PNG):  # a tenth faster for small images
        return PngImagePlugin.PngImageFile(file)
    return Image.open(file, formats=_FORMATS)


def _decoded(file: Image.Image, encoded: bytes) -> Photo:
    width, height = file.size
    if width * height > _MAX_PIXELS:
        raise UnreadableImage(
            f"{width} x {height} pixels, more than {_MAX_PIXELS // 10**6} million"
        )
    kinds = []
    if file.format not in _PASSED_THROUGH:
        kinds.append(OTHER_FORMAT)
    elif file.format != "PNG" and min(width, height) >= 2 * _DRAFT_SIDE:
        file.draft(None, (_DRAFT_SIDE, _DRAFT_SIDE))
    if file.format != "MPO" and getattr(file, "is_animated", False):
        kinds.append(FRAME)
    file.load()
    image, orientation = file, _orientation(file)
    if orientation in _UPRIGHT:
        image = file.transpose(_UPRIGHT[orientation])
        image.info = file.info
        kinds.append(TURNED)
        if orientation >= 5:
            width, height = height, width
    is_deep_png = file.format == "PNG" and encoded[_PNG_DEPTH_AT] == 16
    image = _eight_bits(image, kinds, file.format or "", is_deep_png)
    pixels = digest(np.asarray(image))
    return Photo(image, height, width, tuple(kinds), pixels, not kinds)


def _orientation(file: Image.Image) -> int:
    """EXIF's, 1 to 8; 1 is upright, 5 and more lie on their side."""
    # Looking for EXIF takes as long as decoding a small PNG, which has no metadata.
    # A TIFF file is turned by Pillow when it is decoded.
    if not file.info or file.format == "TIFF":
        return 1
    try:
        found = file.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged metadata around an image that may be sound
        return 1
    return found if found in _UPRIGHT else 1


def _eight_bits(
    image: Image.Image, kinds: list[str], file_format: str, is_deep_png: bool
) -> Image.Image:
    """The image as `L` or `RGB`; adds what is converted to `kinds`."""
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    if has_alpha or "transparency" in image.info:
        kinds.append(ALPHA)
        image.info.pop("transparency", None)  # Pillow would warn
    if image.mode in ("L", "RGB"):
        if is_deep_png:  # of colour, Pillow has dropped the lower bits by itself
            kinds.append(DEEP)
        return image
    if image.mode in ("LA", "La"):
        return image.getchannel("L")
    if image.mode == "F":
        raise UnreadableImage("floating-point pixels, expected 8 or 16 bits")
    if image.mode.startswith("I"):
        kinds.append(DEEP)
        return _upper_bits(image)
    if image.mode == "1":
        kinds.append(BILEVEL)
        return image.convert("L")
    if image.mode == "CMYK":
        kinds.append(CMYK)
        if "adobe" not in image.info and file_format != "TIFF":
            image = ImageChops.invert(image)  # Pillow takes every such JPEG for Adobe's
    elif image.mode in ("P", "PA"):
        kinds.append(PALETTE)
    elif not has_alpha:
        kinds.append(OTHER_MODE)
    return image.convert("RGB")


def _upper_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)  # Pillow alone would clip at 255
    if values.min() < 0 or values.max() > 65535:
        raise UnreadableImage("32-bit pixels, expected 8 or 16 bits")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _unidentified(encoded: bytes) -> str:
    if encoded[4:8] == b"ftyp":
        return "HEIC, AVIF or a video, which is not read: save it as JPEG or PNG"
    return "not an image of a known format"
