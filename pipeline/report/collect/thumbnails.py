"""Pictures small enough to be embedded in a page."""

from __future__ import annotations

import base64
import io

from PIL import Image

_MAX_SIDE = 96  # pixels; larger images are shown smaller
_PNG = b"\x89PNG\r\n\x1a\n"


def data_url(image: bytes) -> str:
    """A picture as a PNG in a data URL, no larger than a thumbnail.

    Raises:
        OSError: If it is not a picture (Pillow's UnidentifiedImageError).
        ValueError: If it is damaged, or too large to be opened.
    """
    try:
        return "data:image/png;base64," + base64.b64encode(_small(image)).decode()
    # Pillow's errors for a wrong checksum and for too many pixels.
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"picture cannot be shown: {error}") from None


def _small(image: bytes) -> bytes:
    """The picture itself if it is a small PNG, else one made from it."""
    with Image.open(io.BytesIO(image)) as opened:
        if image.startswith(_PNG) and max(opened.size) <= _MAX_SIDE:
            opened.verify()
            return image
        picture = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
        picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()
