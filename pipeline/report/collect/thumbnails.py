"""Pictures small enough to be embedded in a page."""

from __future__ import annotations

import base64
import dataclasses
import io

from PIL import Image

_MAX_SIDE = 160  # pixels; larger images are shown smaller
_SHOWN_SIDE = 128  # pixels of the page; sharper than that on a screen of many pixels
_MAX_TINY = 64  # pixels; up to this size, each pixel of an image can be seen
_QUALITY = 80  # of a JPEG
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A picture as a page shows it.

    Attributes:
        url: A data URL of a PNG or JPEG.
        width: In the page, in pixels.
        height: As `width`.
        crisp: Whether its pixels are shown as squares.
    """

    url: str
    width: int
    height: int
    crisp: bool


def thumbnail(image: bytes) -> Thumbnail:
    """A picture for a page.

    A tiny one keeps its pixels and grows by an integer factor, so that all are of equal
    size. A larger one becomes a small JPEG.

    Raises:
        OSError: If it is not a picture (Pillow's UnidentifiedImageError).
        ValueError: If it is damaged, or too large to be opened.
    """
    try:
        with Image.open(io.BytesIO(image)) as opened:
            opened.load()
            return _of(image, opened)
    # Pillow's errors for a wrong checksum and for too many pixels.
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"picture cannot be shown: {error}") from None


def _of(image: bytes, opened: Image.Image) -> Thumbnail:
    side = max(opened.size)
    is_tiny = side <= _MAX_TINY
    factor = float(_SHOWN_SIDE // side) if is_tiny else _SHOWN_SIDE / side
    width, height = (max(1, round(factor * length)) for length in opened.size)
    kind = opened.format or ""
    is_plain = opened.mode in ("L", "RGB") or (kind == "PNG" and opened.mode in "1P")
    keeps = is_tiny or (kind == "JPEG" and side <= _MAX_SIDE)
    if not (keeps and is_plain and kind in _TYPES):
        kind = "PNG" if is_tiny else "JPEG"
        image = _encoded(opened, kind)
    url = f"data:{_TYPES[kind]};base64,{base64.b64encode(image).decode()}"
    return Thumbnail(url=url, width=width, height=height, crisp=is_tiny)


def _encoded(opened: Image.Image, kind: str) -> bytes:
    picture = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
    picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, kind, optimize=True, quality=_QUALITY)
    return buffer.getvalue()
